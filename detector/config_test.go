package detector

import (
	"testing"

	"scalenet/internal/config"

	"github.com/stretchr/testify/require"
)

func TestPresetsResolve(t *testing.T) {
	for _, name := range Presets().Names() {
		t.Run(name, func(t *testing.T) {
			c, err := Presets().Get(name)
			require.NoError(t, err)
			c, err = c.Resolve()
			require.NoError(t, err)
			again, err := Parse([]byte(c.YAML()), "again")
			require.NoError(t, err)
			again, err = again.Resolve()
			require.NoError(t, err)
			require.Equal(t, c, again, "the resolved configuration survives a file")
		})
	}
	_, err := Presets().Get("none")
	require.EqualError(t, err, `preset "none": want one of default, paper, bccd, cards, fpn, fpn_small`)
}

func TestSet(t *testing.T) {
	for assignment, want := range map[string]string{
		"train.lr=0.02":             "",
		"input.shorter=[480, 512]":  "",
		"train.lrr=0.02":            "--set train.lrr=0.02: train.lrr: unknown key; did you mean train.lr?",
		"train.lr":                  "--set train.lr: want key=value, such as train.lr=0.02",
		"train.lr=fast":             `--set train.lr=fast: train.lr is "fast": want a number`,
		"input.shorter=[480, wide]": `--set input.shorter=[480, wide]: input.shorter[1] is "wide": want a whole number`,
	} {
		c := Default()
		err := config.Assign(&c, assignment)
		if want == "" {
			require.NoError(t, err)
		} else {
			require.EqualError(t, err, want)
		}
	}
	c := Default()
	require.NoError(t, config.Assign(&c, "train.lr=0.5"))
	require.NoError(t, config.Assign(&c, "input.shorter=[480, 512]"))
	require.Equal(t, 0.5, c.Train.LR)
	require.Equal(t, []int{480, 512}, c.Input.Shorter)
	require.NoError(t, config.Assign(&c, "input.divisor=0"))
	_, err := c.Resolve()
	require.EqualError(t, err, "input.divisor = 0: must be from 1 to 1024")
}

func TestScaleJitterOff(t *testing.T) {
	c := smallConfig()
	c.Input.ScaleJitter = []float64{}
	r, err := c.Resolve()
	require.NoError(t, err)
	require.Nil(t, r.Input.ScaleJitter)
	c.Input.ScaleJitter = []float64{1}
	_, err = c.Resolve()
	require.EqualError(t, err, "input.scale_jitter = [1]: must be a list of 2 values")
}
