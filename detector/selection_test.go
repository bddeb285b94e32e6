package detector

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"scalenet/engine"
	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/roi"
)

func noise(random *rand.Rand, w, h int) *imaging.Image {
	im := imaging.New(w, h)
	for i := range im.Pix {
		im.Pix[i] = uint8(random.Uint32())
	}
	return im
}

// A Choice gives what filtering all detections gives, also if other classes have many boxes of higher scores.
func TestSelection(t *testing.T) {
	m := newModel(t, smallConfig())
	all := m.Settings()
	all.Detections.Score, all.Detections.PerImage = 0, maxPerImage
	own := m.Settings().Detections.PerImage
	im := noise(rand.New(rand.NewPCG(1, 2)), 90, 64)
	onDevices(t, func(t *testing.T, dev engine.Device) {
		d := NewDetector(m, dev, Options{})
		defer d.Close()
		everything, _, err := d.DetectEach(Query{Image: im, Settings: all})
		require.NoError(t, err)
		require.Greater(t, len(everything[0]), 20)
		for class := range m.Classes {
			for _, most := range []int{0, 1, 3, 1000} {
				s, err := Choice{Threshold: SameThreshold(0), Classes: []string{m.Classes[class]}, Max: most}.For(m)
				require.NoError(t, err)
				settings := m.Settings()
				s.Apply(&settings)
				found, _, err := d.DetectEach(Query{Image: im, Settings: settings})
				require.NoError(t, err)
				want := []roi.Detection{}
				limit := most
				if most == 0 {
					limit = own
				}
				for _, x := range everything[0] {
					if int(x.Class) == class+1 && len(want) < limit {
						want = append(want, x)
					}
				}
				require.Equal(t, want, append([]roi.Detection{}, s.Keep(found[0])...), "class %d, %d", class, most)
			}
		}
	})
}

func TestChoice(t *testing.T) {
	m := newModel(t, smallConfig())
	m.Classes = []string{"RBC", "WBC", "Platelets"}
	nms := 0.0
	s, err := Choice{Classes: []string{"1", "platelets"}, Max: 2, NMS: &nms}.For(m)
	require.NoError(t, err)
	settings := m.Settings()
	s.Apply(&settings)
	assert.Zero(t, settings.Detections.NMSIoU)
	assert.InDelta(t, 0.5, settings.Detections.Score, 1e-6)
	found := []roi.Detection{{Class: 1, Score: 0.9}, {Class: 2, Score: 0.9}, {Class: 3, Score: 0.8}, {Class: 1, Score: 0.7}, {Class: 1, Score: 0.3}}
	assert.Equal(t, []roi.Detection{{Class: 1, Score: 0.9}, {Class: 3, Score: 0.8}}, s.Keep(found))

	assert.Equal(t, []bool{true, false, false}, []bool{s.Wanted(1, 0.5), s.Wanted(1, 0.4), s.Wanted(2, 1)})
	low := s.Lowered(0.1)
	assert.Equal(t, []bool{true, true, false}, []bool{low.Wanted(1, 0.5), low.Wanted(1, 0.1), low.Wanted(2, 1)})
	assert.False(t, s.Wanted(1, 0.4), "unchanged")

	s, err = Choice{}.For(m)
	require.NoError(t, err)
	settings = m.Settings()
	s.Apply(&settings)
	want := m.Settings()
	want.Detections.Score = settings.Detections.Score
	assert.Equal(t, want, settings, "the model's own")

	many := make([]roi.Detection, s.most+1)
	for i := range many {
		many[i] = roi.Detection{Class: 1, Score: 0.9}
	}
	assert.Len(t, s.Keep(many), len(many)-1)
	assert.Len(t, s.Merged().Keep(many), len(many), "the model's own limit is one of each tile")
	assert.Len(t, s.Merged().AtMost(2).Keep(many), 2)
	assert.Len(t, s.AtMost(2).Merged().Keep(many), 2)
	s, err = Choice{Max: 3}.For(m)
	require.NoError(t, err)
	assert.Len(t, s.Merged().Keep(many), 3, "the user's is one of the picture")

	wide := 1.5
	for _, c := range []struct {
		choice Choice
		want   string
	}{
		{Choice{Max: -1}, "max = -1: must be from 0 to 65536"},
		{Choice{Max: 1 << 20}, "max = 1048576: must be from 0 to 65536"},
		{Choice{NMS: &wide}, "nms = 1.5: must be from 0 to 1"},
		{Choice{Classes: []string{"platelet"}}, `no class "platelet"; did you mean "Platelets"?; there are RBC, WBC, Platelets`},
		{Choice{Classes: []string{"0"}}, `no class "0"`},
		{Choice{Classes: []string{"RBC", ""}}, `no class ""`},
		{Choice{Threshold: SameThreshold(2)}, "2: want a number from 0 to 1"},
	} {
		_, err := c.choice.For(m)
		assert.ErrorContains(t, err, c.want)
	}
}

func TestParseClasses(t *testing.T) {
	for text, want := range map[string][]string{"a": {"a"}, " a, b c ,2": {"a", "b c", "2"}, `"a,b",c`: {"a,b", "c"}} {
		got, err := ParseClasses(text)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for _, text := range []string{"", "a,", ",", "a\nb"} {
		_, err := ParseClasses(text)
		assert.ErrorContains(t, err, "want class names, separated by commas", text)
	}
}

// Test-time augmentation gives what separate runs of the views give, merged here by hand.
func TestTTA(t *testing.T) {
	m := newModel(t, smallConfig())
	settings := m.Settings()
	settings.Detections.Score = 0
	random := rand.New(rand.NewPCG(3, 4))
	images := []*imaging.Image{noise(random, 90, 64), noise(random, 64, 90)}
	onDevices(t, func(t *testing.T, dev engine.Device) {
		d := NewDetector(m, dev, Options{})
		defer d.Close()
		for _, text := range []string{"", "flip", "1", "1.5", "scales", "0.5,flip,1"} {
			tta, err := ParseTTA(text)
			require.NoError(t, err)
			var queries []Query
			for _, im := range images {
				s := settings
				s.TTA = tta
				queries = append(queries, Query{Image: im, Settings: s})
			}
			found, _, err := d.DetectEach(queries...)
			require.NoError(t, err)
			require.Len(t, found, len(images))
			for i, im := range images {
				sameDetections(t, byHand(t, d, im, settings, tta), found[i], text)
			}
		}
		queries := []Query{{Image: images[0], Settings: settings}}
		queries[0].Settings.TTA = TTA{Scales: []float64{0}}
		_, err := d.Start(queries...)
		require.ErrorContains(t, err, "scales[0] = 0: must be in [0.1, 10]")
	})
}

func byHand(t *testing.T, d *Detector, im *imaging.Image, s Settings, tta TTA) []roi.Detection {
	scales := tta.Scales
	if len(scales) == 0 {
		scales = []float64{1}
	}
	var all []roi.Detection
	for _, scale := range scales {
		resized := s
		resized.Shorter, resized.Longest = scaled(s.Shorter, scale), scaled(s.Longest, scale)
		found, _, err := d.DetectEach(Query{Image: im, Settings: resized})
		require.NoError(t, err)
		all = append(all, found[0]...)
		if !tta.Flip {
			continue
		}
		found, _, err = d.DetectEach(Query{Image: im.FlipHorizontal(), Settings: resized})
		require.NoError(t, err)
		for _, x := range found[0] {
			x.Box.X1, x.Box.X2 = float32(im.W)-x.Box.X2, float32(im.W)-x.Box.X1
			all = append(all, x)
		}
	}
	var kept []roi.Detection
	for len(all) > 0 && len(kept) < s.Detections.PerImage {
		best := 0
		for i := range all {
			if all[i].Score > all[best].Score {
				best = i
			}
		}
		x := all[best]
		kept = append(kept, x)
		var rest []roi.Detection
		for i, y := range all {
			if i != best && (y.Class != x.Class || float64(geom.Continuous.IoU(x.Box, y.Box)) <= s.Detections.NMSIoU) {
				rest = append(rest, y)
			}
		}
		all = rest
	}
	return kept
}

// sameDetections compares detections of batches of different sizes.
func sameDetections(t *testing.T, want, got []roi.Detection, what string) {
	t.Helper()
	require.Len(t, got, len(want), what)
	for i := range want {
		require.InDelta(t, want[i].Score, got[i].Score, 1e-4, what)
		require.Equal(t, want[i].Class, got[i].Class, what)
		require.InDelta(t, want[i].Box.X1, got[i].Box.X1, 0.02, what)
		require.InDelta(t, want[i].Box.Y2, got[i].Box.Y2, 0.02, what)
	}
}

func TestParseTTA(t *testing.T) {
	for text, want := range map[string]TTA{
		"": {}, "flip": {Flip: true}, "scales": {Scales: []float64{0.83, 1, 1.2}}, " flip , scales": {Flip: true, Scales: []float64{0.83, 1, 1.2}},
		"1,0.5": {Scales: []float64{1, 0.5}},
	} {
		got, err := ParseTTA(text)
		require.NoError(t, err)
		assert.Equal(t, want, got, text)
	}
	assert.Equal(t, []int{1, 2, 6}, []int{TTA{}.Views(), TTA{Flip: true}.Views(), TTA{Flip: true, Scales: defaultScales()}.Views()})
	for text, want := range map[string]string{
		"flop": `"flop": want flip, scales (0.83, 1 and 1.2), both, or scales of your own such as flip,0.8,1`,
		"1,":   `"": want flip`, "0": "scales[0] = 0: must be in [0.1, 10]", "11": "scales[0] = 11", "nan": "scales[0] = NaN",
		"scales,1": "scales: 1 occurs twice",
	} {
		_, err := ParseTTA(text)
		assert.ErrorContains(t, err, want, text)
	}
}
