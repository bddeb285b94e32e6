package detector

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/coco/threshold"
	"scalenet/imaging"
	"scalenet/roi"
)

// chosenFor are stored thresholds, 0 for none.
func chosenFor(classes []string, thresholds ...float64) *threshold.Chosen {
	chosen := &threshold.Chosen{Rule: "f1", Images: 4, Resamples: 10}
	for k, v := range thresholds {
		c := threshold.Class{Name: classes[k], Reason: "no objects"}
		if v > 0 {
			c = threshold.Class{Name: classes[k], Objects: 3, Fulfilled: 10, Point: &threshold.Point{Threshold: threshold.Estimate{Value: v, High: 1}}}
		}
		chosen.Classes = append(chosen.Classes, c)
	}
	return chosen
}

func TestThresholds(t *testing.T) {
	classes := []string{"RBC", "WBC", "a=b", "left, upper", `5" disc`}
	stored := &Model{Classes: classes, Thresholds: chosenFor(classes, .6, .7, 0, .9, .1)}
	for text, want := range map[string]MinScores{
		"0.4":                       {.4, .4, .4, .4, .4},
		" 1 ":                       {1, 1, 1, 1, 1},
		"best":                      {.6, .7, .5, .9, .1},
		"RBC=0.4":                   {.4, .5, .5, .5, .5},
		"rbc=0.4, WBC=best":         {.4, .7, .5, .5, .5},
		"RBC=0.4,*=0.3":             {.4, .3, .3, .3, .3},
		"0.3,RBC=best":              {.6, .3, .3, .3, .3},
		"best,RBC=0":                {0, .7, .5, .9, .1},
		"a=b=0.2":                   {.5, .5, .2, .5, .5},
		`"left, upper=0.2",WBC=0.1`: {.5, .1, .5, .2, .5},
		`5" disc=0.2`:               {.5, .5, .5, .5, .2},
		`"5"" disc=0.2",best`:       {.6, .7, .5, .9, .2},
	} {
		parsed, err := ParseThreshold(text)
		require.NoError(t, err, text)
		got, err := parsed.For(stored)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
		again, err := ParseThreshold(parsed.String())
		require.NoError(t, err, parsed)
		require.Equal(t, parsed.Classes(), again.Classes())
		got, err = again.For(stored)
		require.NoError(t, err, parsed)
		require.Equal(t, want, got, "%s is read back", parsed)
	}
	got, err := Threshold{}.For(stored)
	require.NoError(t, err)
	require.Equal(t, MinScores{.5, .5, .5, .5, .5}, got)
	require.Equal(t, "0.5", Threshold{}.String())
}

func TestThresholdErrors(t *testing.T) {
	m := &Model{Classes: []string{"RBC", "WBC", "Platelets"}}
	const want = "want a number from 0 to 1, best, or a list by class such as RBC=0.4,WBC=best"
	for text, message := range map[string]string{
		"": want, "2": want, "-0.1": want, "NaN": want, "Best": want, "RBC=": want, "0.4\n0.5": want,
		"RBC=2,WBC=0.4":                     `"RBC=2": ` + want,
		"0.4,,":                             `"": ` + want,
		"RBC=0.4,RBC=0.5":                   `two thresholds for the class "RBC"`,
		"0.3,*=0.4":                         "two thresholds for the other classes",
		"RBD=0.4":                           `no class "RBD"; did you mean "RBC"?; there are RBC, WBC, Platelets`,
		"=0.4":                              `no class ""; there are RBC`,
		"best":                              "best: no thresholds are stored in the model's file; `scalenet eval --model FILE --data PATH --choose-threshold f1` chooses and stores them",
		"0.3,WBC=best":                      "best: no thresholds are stored",
		strings.Repeat("x", 1<<16) + "=0.4": "no class",
	} {
		parsed, err := ParseThreshold(text)
		if err == nil {
			_, err = parsed.For(m)
		}
		require.ErrorContains(t, err, message, "%.100s", text)
		require.Less(t, len(err.Error()), 600)
	}
}

// Upper and lower case are the same, unless classes differ in nothing else.
func TestThresholdCase(t *testing.T) {
	for _, c := range []struct {
		classes []string
		text    string
		want    MinScores
		wrong   string
	}{
		{[]string{"bowl"}, "BOWL=0.2", MinScores{.2}, ""},
		{[]string{"bowl"}, "bowl=0.2,BOWL=0.99", nil, `two thresholds for the class "bowl", as "bowl" and "BOWL"`},
		{[]string{"bowl"}, "Bowl=0.2,BOWL=0.99", nil, `two thresholds for the class "bowl", as "Bowl" and "BOWL"`},
		{[]string{"bowl", "BOWL"}, "bowl=0.2,BOWL=0.99", MinScores{.2, .99}, ""},
		{[]string{"bowl", "BOWL"}, "BOWL=0.99", MinScores{.5, .99}, ""},
		{[]string{"bowl", "BOWL"}, "Bowl=0.2", nil, `no class "Bowl"; did you mean`},
	} {
		parsed, err := ParseThreshold(c.text)
		require.NoError(t, err)
		got, err := parsed.For(&Model{Classes: c.classes})
		if c.wrong != "" {
			require.ErrorContains(t, err, c.wrong)
			continue
		}
		require.NoError(t, err, "%s of %v", c.text, c.classes)
		require.Equal(t, c.want, got, "%s of %v", c.text, c.classes)
	}
}

// What a request does not give, the server's own threshold does.
func TestThresholdOr(t *testing.T) {
	m := &Model{Classes: []string{"RBC", "WBC", "Platelets"}}
	for _, c := range []struct {
		given, otherwise string
		want             MinScores
	}{
		{"0.4", "0.1,RBC=0.2", MinScores{.4, .4, .4}},
		{"RBC=0.4", "0.1,rbc=0.2,WBC=0.3", MinScores{.4, .3, .1}},
		{"RBC=0.4", "WBC=0.3", MinScores{.4, .3, .5}},
		{"WBC=0.4", "queen=0.3", MinScores{.5, .4, .5}},
		{"WBC=0.4", "RBC=0.3,rbc=0.2", MinScores{.3, .4, .5}}, // rbc is of another model
	} {
		given, err := ParseThreshold(c.given)
		require.NoError(t, err)
		otherwise, err := ParseThreshold(c.otherwise)
		require.NoError(t, err)
		got, err := given.Or(otherwise.Among(m.Classes)).For(m)
		require.NoError(t, err)
		require.Equal(t, c.want, got, "%s or %s", c.given, c.otherwise)
	}
}

// One run at the lowest threshold gives the detections of one run per class, also where the number per image cuts them off.
func TestThresholdsEqualOneRunPerClass(t *testing.T) {
	for _, perImage := range []int{100, 12} {
		d := evaluator(t, func(c *Config) { c.RoI.Detections.PerImage = perImage })
		data := images(t)
		for i := range data.Images {
			image, err := imaging.Load(data.ImagePath(i), imaging.Limits{})
			require.NoError(t, err)
			run := func(s MinScores) []roi.Detection {
				settings := d.Model().Settings()
				s.Narrow(&settings.Detections)
				found, _, err := d.DetectEach(Query{Image: image, Settings: settings})
				require.NoError(t, err)
				return found[0]
			}
			all := run(make(MinScores, 4))
			require.NotEmpty(t, all)
			scores := MinScores{all[len(all)/2].Score, all[len(all)/4].Score, all[3*len(all)/4].Score, 1}
			var want []roi.Detection
			for k, score := range scores {
				for _, x := range run(slices.Repeat(MinScores{score}, 4)) {
					if int(x.Class) == k+1 {
						want = append(want, x)
					}
				}
			}
			require.ElementsMatch(t, want, scores.Keep(run(scores)), "image %d, %d per image", i, perImage)
			require.Less(t, len(want), len(all))
		}
	}
}

func FuzzThreshold(f *testing.F) {
	for _, text := range []string{"0.4", "best", "RBC=0.4,WBC=best", `"left, upper=0.4",*=1`, `a"b=0.1`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := ParseThreshold(text)
		if err != nil {
			return
		}
		again, err := ParseThreshold(parsed.String())
		require.NoError(t, err, "%q of %q", parsed, text)
		require.Equal(t, parsed, again, "%q of %q", parsed, text)
	})
}
