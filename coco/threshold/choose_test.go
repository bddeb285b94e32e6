package threshold

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// object and detection are entries of a problem: on image 1 to 3, of class 1 or 2, at a place of their own.
type object struct{ image, class, place, crowd int }

type detection struct {
	image, class, place int
	score               float64
}

func problemOf(t *testing.T, objects []object, detections []detection) (gt, dt string) {
	var annotations, results []string
	for i, o := range objects {
		annotations = append(annotations, fmt.Sprintf(`{"id": %d, "image_id": %d, "category_id": %d, "iscrowd": %d, "bbox": [%d, 0, 10, 10]}`, i+1, o.image, o.class, o.crowd, 20*o.place))
	}
	for _, d := range detections {
		results = append(results, fmt.Sprintf(`{"image_id": %d, "category_id": %d, "bbox": [%d, 0, 10, 10], "score": %v}`, d.image, d.class, 20*d.place, d.score))
	}
	return `{"images": [{"id": 1}, {"id": 2}, {"id": 3}], "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}], "annotations": [` +
		strings.Join(annotations, ",") + `]}`, "[" + strings.Join(results, ",") + "]"
}

func TestChoose(t *testing.T) {
	three := []object{{1, 1, 0, 0}, {2, 1, 0, 0}, {3, 1, 0, 0}}
	mixed := []detection{{1, 1, 0, .9}, {2, 1, 5, .8}, {2, 1, 0, .7}, {3, 1, 5, .6}, {3, 1, 0, .5}, {3, 1, 6, .4}}
	for name, c := range map[string]struct {
		objects    []object
		detections []detection
		rule       string
		threshold  float64 // 0: none
		reason     string
	}{
		"highest F1":                    {three, mixed, "f1", .5, ""},
		"precision":                     {three, mixed, "precision=0.65", .7, ""},
		"precision, exactly":            {three, mixed, "precision=0.6", .5, ""},
		"precision, dips before":        {three, mixed, "precision=0.6666", .7, ""},
		"recall":                        {three, mixed, "recall=0.5", .7, ""},
		"all of them":                   {three, mixed, "recall=1", .5, ""},
		"precision not reached":         {three, mixed[1:], "precision=0.9", 0, "precision 0.9 is not reached, the highest is 0.500"},
		"recall not reached":            {three, mixed[:3], "recall=0.9", 0, "recall 0.9 is not reached, the highest is 0.667"},
		"no detections":                 {three, nil, "f1", 0, "no detections"},
		"nothing right":                 {three, []detection{{1, 1, 3, .9}}, "precision=0.1", 0, "no detection is right"},
		"no objects":                    {nil, mixed, "f1", 0, "no objects"},
		"nothing":                       {nil, nil, "precision=0.5", 0, "no objects"},
		"all crowd":                     {[]object{{1, 1, 0, 1}, {2, 1, 0, 1}}, mixed, "f1", 0, "no objects"},
		"a crowd beside":                {append([]object{{1, 1, 5, 1}}, three...), append([]detection{{1, 1, 5, .95}}, mixed...), "recall=0.5", .7, ""},
		"one image":                     {three[:1], mixed[:1], "f1", .9, ""},
		"equal scores are one":          {three, []detection{{1, 1, 0, .5}, {1, 1, 3, .5}, {2, 1, 0, .5}, {2, 1, 3, .5}}, "precision=0.5", .5, ""},
		"equal scores cannot be parted": {three, []detection{{1, 1, 0, .5}, {1, 1, 3, .5}, {2, 1, 3, .5}}, "precision=0.5", 0, "precision 0.5 is not reached, the highest is 0.333"},
		"of equal F1 the highest":       {three[:1], []detection{{1, 1, 0, .9}, {1, 1, 0, .9}}, "f1", .9, ""},
	} {
		t.Run(name, func(t *testing.T) {
			gt, dt := problemOf(t, c.objects, c.detections)
			truth, results := open(t, gt, dt)
			r, err := ParseRule(c.rule)
			require.NoError(t, err)
			require.Equal(t, c.rule, r.String())
			chosen, err := Choose(truth, results, r, Options{Resamples: 200, Seed: 1})
			require.NoError(t, err)
			require.Equal(t, "no objects", chosen.Classes[1].Reason)
			require.Equal(t, c.reason, chosen.Classes[0].Reason)
			if c.reason != "" {
				require.Nil(t, chosen.Classes[0].Point)
				require.Zero(t, chosen.Count())
				return
			}
			require.Equal(t, 1, chosen.Count())
			require.Equal(t, c.threshold, chosen.Classes[0].Point.Threshold.Value)
			require.Equal(t, chosen.All.Point, chosen.Classes[0].Point, "the other class has neither objects nor detections")
			require.Positive(t, chosen.Classes[0].Fulfilled)

			again, err := Choose(truth, results, r, Options{Resamples: 200, Seed: 1})
			require.NoError(t, err)
			require.Equal(t, chosen, again, "the seed decides")
			text, err := json.Marshal(chosen)
			require.NoError(t, err)
			var read Chosen
			require.NoError(t, json.Unmarshal(text, &read))
			require.Equal(t, *chosen, read)
		})
	}
}

// A resample of three images without the only one with an object has no recall.
func TestIntervals(t *testing.T) {
	gt, dt := problemOf(t, []object{{1, 1, 0, 0}}, []detection{{1, 1, 0, .9}, {2, 1, 0, .8}})
	truth, results := open(t, gt, dt)
	r, err := ParseRule("recall=1")
	require.NoError(t, err)
	chosen, err := Choose(truth, results, r, Options{Resamples: 2000})
	require.NoError(t, err)
	a := chosen.Classes[0]
	require.InDelta(t, 2000*19/27., float64(a.Fulfilled), 100, "one minus (2/3)^3 of the resamples")
	require.Equal(t, Point{Estimate{.9, .9, .9}, Estimate{1, 1, 1}, Estimate{1, 1, 1}, Estimate{1, 1, 1}}, *a.Point)

	_, err = Choose(truth, results, r, Options{})
	require.EqualError(t, err, "resamples: want at least 1")
}

func TestParseRule(t *testing.T) {
	for text, want := range map[string]string{
		"": "want f1, precision=P or recall=R", "F2": "want f1", "f1=1": "want f1", "precision": `precision "": want a number above 0 and at most 1`,
		"precision=": "want a number", "precision=0": "want a number", "precision=1.01": `precision "1.01"`, "recall=NaN": `recall "NaN"`, "recall=-1": `recall "-1"`,
	} {
		_, err := ParseRule(text)
		require.ErrorContains(t, err, want, text)
	}
}
