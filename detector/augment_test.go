package detector

import (
	"testing"

	"scalenet/internal/config"

	"github.com/stretchr/testify/require"
)

// Every key of the augmentation reaches the loader, and none is set in a preset that had none.
func TestAugmentationKeys(t *testing.T) {
	c := cellConfig()
	for _, set := range []string{"input.contrast=0.1", "input.saturation=0.2", "input.hue=0.3", "input.scale_jitter=[0.5, 2]", "input.rotation=4", "input.mosaic=0.5",
		"input.mosaic_epochs=6", "input.repeat_threshold=0.7"} {
		require.NoError(t, config.Assign(&c, set))
	}
	got := newModel(t, c).LoaderConfig(true)
	want := newModel(t, cellConfig()).LoaderConfig(true)
	want.Contrast, want.Saturation, want.Hue, want.ScaleJitter, want.Rotation, want.Mosaic = 0.1, 0.2, 0.3, [2]float64{0.5, 2}, 4, 0.5
	want.MosaicEpochs, want.RepeatThreshold = 6, 0.7
	require.Equal(t, want, got)
	for _, set := range []string{"train.budget=15m", "train.epochs=8", "train.schedule.kind=cosine"} {
		require.NoError(t, config.Assign(&c, set))
	}
	want.MosaicEpochs, want.MosaicUntil = 0, 0.75
	require.Equal(t, want, newModel(t, c).LoaderConfig(true), "with a budget, the share counts")
	for _, name := range Presets().Names() {
		c, err := Presets().Get(name)
		require.NoError(t, err)
		off := Input{Contrast: c.Input.Contrast, Saturation: c.Input.Saturation, Hue: c.Input.Hue, ScaleJitter: c.Input.ScaleJitter, Rotation: c.Input.Rotation,
			Mosaic: c.Input.Mosaic, MosaicEpochs: c.Input.MosaicEpochs, RepeatThreshold: c.Input.RepeatThreshold}
		require.Equal(t, Input{}, off, name)
		require.NotContains(t, c.YAML(), "mosaic", "a model file without augmentation has no new keys")
	}
}

func TestAugmentationRanges(t *testing.T) {
	for set, want := range map[string]string{
		"input.contrast=1":              "input.contrast = 1: must be in [0, 1)",
		"input.hue=0.6":                 "input.hue = 0.6: must be in [0, 0.5]",
		"input.rotation=-1":             "input.rotation = -1: must be in [0, 180]",
		"input.mosaic=2":                "input.mosaic = 2: must be in [0, 1]",
		"input.mosaic_epochs=-1":        "input.mosaic_epochs = -1",
		"input.repeat_threshold=-0.1":   "input.repeat_threshold = -0.1: must be in [0, 1]",
		"input.scale_jitter=[0.5]":      "input.scale_jitter = ",
		"input.scale_jitter=[0, 1]":     "input.scale_jitter[0] = 0",
		"input.scale_jitter=[2, 1]":     "must be the lowest factor and then the highest",
		"input.scale_jitter=[1, 17]":    "input.scale_jitter[1] = 17",
		"input.saturation=.nan":         "input.saturation",
		"input.scale_jitter=[1, .nan]":  "input.scale_jitter",
		"input.scale_jitter=[1, large]": "want a number",
	} {
		c := Default()
		err := config.Assign(&c, set)
		if err == nil {
			_, err = c.Resolve()
		}
		require.ErrorContains(t, err, want, set)
	}
}
