package config_test

import (
	"math"
	"regexp"
	"strings"
	"testing"

	"scalenet/internal/brief"
	"scalenet/internal/config"
	"scalenet/train"

	"github.com/stretchr/testify/require"
)

// whole is a configuration with one key of each kind.
type whole struct {
	Train  train.Config `yaml:"train"`
	Sizes  []int        `yaml:"sizes"`
	Mean   [3]float32   `yaml:"mean,flow"`
	Flip   bool         `yaml:"flip"`
	Count  uint         `yaml:"count"`
	Scales [][]int      `yaml:"scales"`
}

func TestMergeErrors(t *testing.T) {
	for text, want := range map[string]string{
		"train: {epochs: ten}":             `f.yaml: line 1: train.epochs is "ten": want a whole number`,
		"train: {epochs: 1.5}":             "train.epochs is 1.5: want a whole number",
		"train: {epochs: 1e30}":            "train.epochs is 1e30: want a whole number",
		"train: {epochs: .nan}":            "train.epochs is .nan: want a whole number",
		"train: {epochs: [1]}":             "train.epochs is [1]: want a whole number",
		"train: {epochs: }":                "train.epochs is empty: want a whole number",
		"train: {lr: fast}":                `train.lr is "fast": want a number`,
		"train: {lr: {a: 1}}":              "train.lr is {a: 1}: want a number",
		"train: {nope: 1}":                 "train.nope: unknown key; want epochs, budget, lr, schedule",
		"train: {epoch: 1}":                "train.epoch: unknown key; did you mean train.epochs?",
		"train: {Epochs: 1}":               "train.Epochs: unknown key; did you mean train.epochs?",
		"trian: {epochs: 1}":               "trian: unknown key; did you mean train?",
		"lr: 1":                            "lr: unknown key; did you mean train.lr?",
		"warmup_steps: 1":                  "warmup_steps: unknown key; did you mean train.schedule.warmup_steps?",
		"train: {warmup_steps: 1}":         "train.warmup_steps: unknown key; did you mean train.schedule.warmup_steps?",
		"train: {schedule: {kind: [1]}}":   "train.schedule.kind is [1]: want text",
		"train: {groups: [{math: a}]}":     "train.groups[0].math: unknown key; did you mean train.groups[0].match?",
		"train: {groups: [{lr_scale: a}]}": `train.groups[0].lr_scale is "a": want a number`,
		"train: {groups: {match: a}}":      `train.groups is {match: "a"}: want a list`,
		"train: {epochs: 1, epochs: 2}":    "train.epochs: occurs twice",
		"train: 3":                         "train is 3: want keys such as epochs, budget, lr",
		"sizes: 600":                       "sizes is 600: want a list of whole numbers",
		"sizes: [600, x]":                  `sizes[1] is "x": want a whole number`,
		"sizes: [600, ~]":                  "sizes[1] is empty: want a whole number",
		"mean: [1, 2]":                     "mean is [1, 2]: want a list of numbers, 3 of them",
		"mean: ~":                          "mean is empty: want a list of numbers, 3 of them",
		"flip: 2":                          "flip is 2: want true or false",
		"count: -1":                        "count is -1: want a whole number from 0",
		"scales: [[1], 2]":                 "scales[1] is 2: want a list of whole numbers",
		"flip: true\nmean: [1,\n  x, 2]\n": `f.yaml: line 3: mean[1] is "x"`,
		"flip: true\ntrain:\n  lrr: 2\n":   `f.yaml: line 3: train.lrr: unknown key; did you mean train.lr?`,
		"- 1":                              "is [1]: want keys such as train, sizes",
		"text":                             `is "text": want keys such as train`,
		"a: [":                             "f.yaml: not YAML: line 1: did not find expected node content",
		"a: b: c":                          "f.yaml: not YAML: line 1: mapping values are not allowed in this context",
		"flip: true\n---\nflip: false":     "more than one YAML document",
		"flip: *none":                      "not YAML: line 1: unknown anchor 'none' referenced",
		"train: &a {schedule: *a}":         "train.schedule.schedule: unknown key",
		"train: {groups: &a [*a]}":         "train.groups[0] is",
		"<<: {flip: 3}":                    "flip is 3",
		"? [a]\n: 1":                       "want keys such as train",
		"sizes: [" + strings.Repeat("7,", 500) + "x]":                                `sizes[500] is "x"`,
		"flip: " + strings.Repeat("x", 9000):                                         `xxx...: want true or false`,
		strings.Repeat("x", 900) + ": 1":                                             "xxx...: unknown key",
		"train: {best: " + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "}": "want text",
	} {
		c := whole{Train: train.DefaultConfig(), Flip: true, Sizes: []int{1}}
		before := config.YAML(c)
		err := config.Merge(&c, []byte(text), "f.yaml")
		require.ErrorContains(t, err, want, brief.Text(text))
		require.Less(t, len(err.Error()), 400)
		require.NotRegexp(t, `!!|unmarshal|train\.Config|[^.]yaml: |\n`, err.Error())
		require.Equal(t, before, config.YAML(c), "nothing is changed: %s", brief.Text(text))
	}
}

func TestMergeNamesLines(t *testing.T) {
	for text, want := range map[string]string{
		"\tflip: true":             "f.yaml: not YAML: line 1: begins with a tab: YAML takes only blanks there",
		"flip: true\n\tcount: 1\n": "f.yaml: not YAML: line 2: begins with a tab: YAML takes only blanks there",
		"train:\n\tlr: 1\n":        "f.yaml: not YAML: line 2: begins with a tab: YAML takes only blanks there",
		"flip: @x":                 "f.yaml: not YAML: line 1: found character that cannot start any token",
		"flip: true\ncount: @x":    "f.yaml: not YAML: line 2: found character that cannot start any token",
	} {
		err := config.Merge(&whole{Train: train.DefaultConfig()}, []byte(text), "f.yaml")
		require.EqualError(t, err, want, text)
	}
}

// What is out of range in a file is said with its name and line; what other keys may mend is not.
func TestMergeChecksRanges(t *testing.T) {
	for text, want := range map[string]string{
		"open: 0":                       "f.yaml: line 1: open = 0: must be in (0, 1]",
		"count: 3\nopen: 1\nshare: 1.5": "f.yaml: line 3: share = 1.5: must be in [0, 1)",
		"list: [1, 0]":                  "f.yaml: line 1: list[1] = 0: must be above 0",
		"list: [1, 1, 1, 1]":            "f.yaml: line 1: list = [1 1 1 1]: must be a list of 1 to 3 values",
		"kind: d":                       "f.yaml: line 1: kind = d: must be a, b or c",
		"inner: [{deep: 1}, {deep: 5}]": "f.yaml: line 1: inner[1].deep = 5: must be below 5",
		"<<: {count: 0}":                "f.yaml: count = 0: must be from 1 to 9",
		"low: 1":                        "",
		"list: []":                      "",
		"share: 0.5":                    "",
	} {
		r := ranges{Open: 0.5} // Count, Kind and others are out of range: they are not the file's
		err := config.Merge(&r, []byte(text), "f.yaml")
		if want == "" {
			require.NoError(t, err, text)
			continue
		}
		require.EqualError(t, err, want, text)
	}
	c := whole{Train: train.DefaultConfig()}
	require.EqualError(t, config.Merge(&c, []byte("flip: true\ntrain:\n  epochs: 3\n  lr: 0\n"), "f.yaml"), "f.yaml: line 4: train.lr = 0: must be above 0 and finite")
	var apart struct { // as configurations of networks have it
		Train train.Config `yaml:"train" validate:"-"`
	}
	require.EqualError(t, config.Merge(&apart, []byte("train:\n  lr: 0\n"), "f.yaml"), "f.yaml: line 2: train.lr = 0: must be above 0 and finite")
}

func TestMergeTakes(t *testing.T) {
	for _, text := range []string{
		"", "# nothing", "~", "train:\n", "train: {groups: ~, epochs: 3}", "sizes: ~", "train: {epochs: 1e1}", "count: 4.0", "train: {lr: 1}",
		"train: {best: 50}", "sizes: [0x10, 1_000]", "mean: [1, 2.5, 1e-3]", "train: &t {schedule: {kind: cosine}}\n", "<<: {flip: true}",
		"sizes: &s [1, 2]\nscales: [*s, *s]",
	} {
		c := whole{Train: train.DefaultConfig()}
		require.NoError(t, config.Merge(&c, []byte(text), "f.yaml"), text)
	}
}

func TestMergeBoundsAliases(t *testing.T) {
	text := "scales:\n - &a0 [1,1,1,1,1,1,1,1,1,1]\n"
	for i := range 9 {
		text += strings.Replace(" - &aN [*aM,*aM,*aM,*aM,*aM,*aM,*aM,*aM,*aM,*aM]\n", "N", string(rune('1'+i)), 1)
		text = strings.ReplaceAll(text, "aM", "a"+string(rune('0'+i)))
	}
	var c whole
	require.Error(t, config.Merge(&c, []byte(text), "f.yaml"))
	var deep struct {
		Any []any `yaml:"any"`
	}
	require.ErrorContains(t, config.Merge(&deep, []byte(strings.Replace(text, "scales", "any", 1)), "f.yaml"), "f.yaml: ")
}

func TestAssign(t *testing.T) {
	c := whole{Train: train.DefaultConfig()}
	for _, text := range []string{"train.lr=0.5", "train.schedule={kind: cosine}", "sizes=[1, 2]", "train.schedule.warmup_steps = 7", "train.best=a=b"} {
		require.NoError(t, config.Assign(&c, text), text)
	}
	require.Equal(t, []any{0.5, "cosine", 7, "a=b"}, []any{c.Train.LR, c.Train.Schedule.Kind, c.Train.Schedule.WarmupSteps, c.Train.Best})
	require.Equal(t, []int{1, 2}, c.Sizes)
	for text, want := range map[string]string{
		"train.lr":         "--set train.lr: want key=value",
		"=3":               "want key=value",
		"train.lr=":        "--set train.lr=: train.lr is empty: want a number",
		"train.lr=fast":    `train.lr is "fast": want a number`,
		"train.lr=[1":      "--set train.lr=[1: the value is not YAML",
		"train.lr: 1=2":    "train.lr: 1: unknown key; want epochs",
		"lr=3":             "did you mean train.lr?",
		"train..lr=3":      "train.: unknown key",
		"train.lr.x=3":     "train.lr is {x: 3}: want a number",
		"train.groups[0]=": "unknown key; did you mean train.groups?",
	} {
		require.ErrorContains(t, config.Assign(&c, text), want, text)
	}
}

func TestGiven(t *testing.T) {
	for text, want := range map[string][]string{
		"": nil, "train: {lr: 1, schedule: {kind: cosine}}\nflip: true": {"train.lr", "train.schedule.kind", "flip"},
		"sizes: [1, 2]": {"sizes"}, "train:": {"train"}, "a: &x {flip: true}\n<<: *x": {"a.flip", "flip"},
	} {
		require.Equal(t, want, config.Given([]byte(text)), text)
	}
}

func TestUnchanged(t *testing.T) {
	a, b := whole{Train: train.DefaultConfig()}, whole{Train: train.DefaultConfig()}
	b.Train.Epochs, b.Train.LR = 99, 0.5
	require.EqualError(t, config.Unchanged(a, b, "train.epochs"), "the run has train.lr = 0.01, now it is 0.5")
	require.NoError(t, config.Unchanged(a, b, "train.epochs", "train.lr", "nothing.there"))
}

// What check lets through, the library decodes.
func FuzzMerge(f *testing.F) {
	quoted := regexp.MustCompile(`"(\\.|[^"\\])*"`) // what the file says, whatever it is
	for _, text := range []string{"train: {epochs: 1.5}", "mean: [1,2]", "<<: [{flip: true}]", "sizes: &a [*a]", "? [a]\n: 1", "train: {groups: [{match: a, lr_scale: 1}]}"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var c whole
		if err := config.Merge(&c, text, "f.yaml"); err != nil {
			require.NotRegexp(t, `!!(str|int|float|bool|seq|map|null)\b|unmarshal|train\.Config|reflect`, quoted.ReplaceAllString(strings.ReplaceAll(err.Error(), string(text), ""), ""))
			require.Less(t, len(err.Error()), 1000)
		}
	})
}

func TestDifference(t *testing.T) {
	a := whole{Train: train.DefaultConfig(), Mean: [3]float32{0.1, 0.2, 0.3}}
	for want, edit := range map[string]func(*whole){
		": ":                                    func(*whole) {},
		"train.lr: 0.01 0.5":                    func(w *whole) { w.Train.LR = 0.5 },
		"mean: [0.1, 0.2, 0.3] [0.1, 0.2, 0.4]": func(w *whole) { w.Mean[2] = 0.4 },
		"train.schedule.milestones: [4, 8] [4, 9]":               func(w *whole) { w.Train.Schedule.Milestones = []int{4, 9} },
		"train.schedule.milestones: [4, 8] none":                 func(w *whole) { w.Train.Schedule.Milestones = nil },
		"train.groups[0].frozen: none true":                      func(w *whole) { w.Train.Groups[0].Frozen = true },
		`train.best: "AP" "AP50"`:                                func(w *whole) { w.Train.Best = "AP50" },
		"flip: false true":                                       func(w *whole) { w.Flip = true },
		"sizes: none [1]":                                        func(w *whole) { w.Sizes = []int{1} },
		"train.ema_decay: 0 0.9":                                 func(w *whole) { w.Train.EMADecay = 0.9 },
		`train.groups: [{match: "*bias", weight_decay: 0}] none`: func(w *whole) { w.Train.Groups = []train.Group{} },
	} {
		b := whole{Train: train.DefaultConfig(), Mean: a.Mean}
		edit(&b)
		key, was, now := config.Difference(a, b)
		require.Equal(t, want, strings.TrimRight(key+": "+was+" "+now, " ")+map[bool]string{true: " "}[key == ""])
	}
	b := whole{Train: train.DefaultConfig(), Mean: a.Mean, Flip: true, Sizes: []int{1}}
	b.Train.LR = 0.5
	require.ElementsMatch(t, []config.Change{{"flip", "false", "true"}, {"sizes", "none", "[1]"}}, config.Differences(a, b, "train"))
	require.Len(t, config.Differences(a, b), 3)
	long := whole{Sizes: make([]int, 9000)}
	_, was, _ := config.Difference(long, a)
	require.Less(t, len(was), 100)
	require.False(t, math.IsNaN(a.Train.LR))
}
