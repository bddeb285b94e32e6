package detector

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"scalenet/coco"
	"scalenet/engine"
	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/nn"
)

// With any ground truth, including none, a step has finite losses and gradients. Without boxes, the box losses are 0.
func TestStepEdges(t *testing.T) {
	noProposals := func(c *Config) { c.RPN.Proposals.MinSize = 1000 }
	plain := func(*Config) {}
	box := func(x1, y1, x2, y2 float32) geom.Box { return geom.Box{X1: x1, Y1: y1, X2: x2, Y2: y2} }
	for _, v := range []struct {
		name   string
		change func(*Config)
		boxes  []geom.Box
		crowd  bool
		empty  bool // nothing to regress
	}{
		{"no boxes", plain, nil, false, true},
		{"no boxes, no proposals", noProposals, nil, false, true},
		{"no proposals", noProposals, []geom.Box{box(20, 16, 48, 40)}, false, false},
		{"box of no area", plain, []geom.Box{box(20, 16, 20, 40)}, false, true},
		{"one pixel", plain, []geom.Box{box(30, 30, 31, 31)}, false, false},
		{"a corner of a pixel", plain, []geom.Box{box(63.9, 63.9, 64, 64)}, false, false},
		{"outside", plain, []geom.Box{box(-50, -50, -20, -20)}, false, false},
		{"the whole image", plain, []geom.Box{box(0, 0, 64, 64)}, false, false},
		{"a crowd", plain, []geom.Box{box(10, 10, 30, 30)}, true, true},
		{"all crowd", plain, []geom.Box{box(-200, -200, 300, 300)}, true, true},
		{"all crowd, no proposals", noProposals, []geom.Box{box(-200, -200, 300, 300)}, true, true},
		{"one box on top of another", plain, []geom.Box{box(20, 16, 48, 40), box(20, 16, 48, 40)}, false, false},
		{"pyramid, one pixel", pyramid, []geom.Box{box(30, 30, 31, 31)}, false, false},
		{"pyramid, no boxes, no proposals", func(c *Config) { pyramid(c); noProposals(c) }, nil, false, true},
		{"pyramid, the whole image", pyramid, []geom.Box{box(0, 0, 64, 64)}, false, false},
		{"paper, one pixel", paper, []geom.Box{box(30, 30, 31, 31)}, false, false},
		{"paper, no boxes", paper, nil, false, true},
		{"paper, no anchor inside", func(c *Config) { paper(c); c.RPN.Anchors.Sizes = []float64{256} }, []geom.Box{box(20, 16, 48, 40)}, false, false},
	} {
		t.Run(v.name, func(t *testing.T) {
			onDevices(t, func(t *testing.T, dev engine.Device) {
				c := smallConfig()
				v.change(&c)
				m := newModel(t, c)
				batch := squares(1)
				s := &batch.Samples[0]
				s.Boxes, s.Classes, s.Crowd = v.boxes, make([]int, len(v.boxes)), make([]bool, len(v.boxes))
				for i := range v.boxes {
					s.Classes[i], s.Crowd[i] = 2, v.crowd
				}
				trainer, err := NewTrainer(m, dev, nil, rand.New(rand.NewPCG(1, 2)))
				require.NoError(t, err)
				defer trainer.Close()
				g, err := trainer.Backward(context.Background(), batch, 1)
				require.NoError(t, err)
				for _, l := range g.Losses {
					require.False(t, math.IsNaN(l.Value) || math.IsInf(l.Value, 0), "%s is %v", l.Name, l.Value)
					if v.empty && (l.Name == "box" || l.Name == "rpn_box") {
						require.Zero(t, l.Value, l.Name)
					}
				}
				for i, p := range trainer.Params() {
					if g.Grads[i] == nil {
						continue
					}
					sum, err := dev.SumSquares(g.Grads[i], p.Len)
					require.NoError(t, err)
					require.False(t, math.IsNaN(sum) || math.IsInf(sum, 0), "gradient of %s", p.Name)
				}
			})
		})
	}
}

func TestStepRefusesBrokenBoxes(t *testing.T) {
	m := newModel(t, smallConfig())
	for want, change := range map[string]func(*coco.Sample){
		"square.png: ground truth: box 0 is not finite": func(s *coco.Sample) { s.Boxes[0].X2 = float32(math.NaN()) },
		"square.png: ground truth: class 0 of box 0":    func(s *coco.Sample) { s.Classes[0] = 0 },
	} {
		batch := squares(1)
		change(&batch.Samples[0])
		_, err := m.examples(batch)
		require.ErrorContains(t, err, want)
	}
}

// Unused rows of the second graph repeat the sampled RoIs.
func TestRoIsAreRepeated(t *testing.T) {
	none := []float32{nn.NoImage, 0, 0, 0, 0}
	a, b := []float32{0, 1, 2, 3, 4}, []float32{1, 5, 6, 7, 8}
	join := func(rows ...[]float32) (all []float32) {
		for _, r := range rows {
			all = append(all, r...)
		}
		return all
	}
	for _, v := range [][2][]float32{
		{join(a, none, b, none, none), join(a, a, b, b, a)},
		{join(none, b), join(b, b)},
		{join(a, b), join(a, b)},
		{join(none, none), join(none, none)},
		{nil, nil},
	} {
		repeatRoIs(v[0])
		require.Equal(t, v[1], v[0])
	}
}

// Images of any shape: boxes are finite and within the image.
func TestDetectEdges(t *testing.T) {
	for _, v := range []struct {
		name   string
		change func(*Config)
		w, h   int
		none   bool
	}{
		{"one pixel", func(*Config) {}, 1, 1, false},
		{"a line", func(*Config) {}, 4000, 20, false}, // becomes 128x1
		{"a column", func(*Config) {}, 20, 4000, false},
		{"inclusive line", paper, 4000, 20, false},
		{"no proposals", func(c *Config) { c.RPN.Proposals.MinSize = 1000 }, 64, 64, true},
		{"no detections", func(c *Config) { c.RoI.Detections.Score = 1 }, 64, 64, true},
	} {
		t.Run(v.name, func(t *testing.T) {
			onDevices(t, func(t *testing.T, dev engine.Device) {
				c := smallConfig()
				c.RoI.Detections.Score = 0
				v.change(&c)
				d := NewDetector(newModel(t, c), dev, Options{})
				defer d.Close()
				all, _, err := d.Detect(imaging.New(v.w, v.h))
				require.NoError(t, err)
				require.Len(t, all, 1)
				require.Equal(t, v.none, len(all[0]) == 0)
				for _, x := range all[0] {
					require.True(t, x.Box.Finite())
					require.True(t, geom.Continuous.Inside(x.Box, geom.Size{W: v.w, H: v.h}), "%v", x.Box)
				}
			})
		})
	}
}

// For no image, and for images of several sizes, Detect returns one list per image, in order, the same as for single images.
func TestDetectSeveral(t *testing.T) {
	d := NewDetector(torchvisionModel(t, true), newCPU(t), Options{})
	defer d.Close()
	all, _, err := d.Detect()
	require.NoError(t, err)
	require.Empty(t, all)
	data := images(t)
	var images []*imaging.Image
	for _, i := range []int{2, 0, 3, 2, 1} { // 2 and 3 have one size
		im, err := imaging.Load(data.ImagePath(i), imaging.Limits{})
		require.NoError(t, err)
		images = append(images, im)
	}
	all, _, err = d.Detect(images...)
	require.NoError(t, err)
	require.Len(t, all, len(images))
	for i, im := range images {
		one, _, err := d.Detect(im)
		require.NoError(t, err)
		compareDetections(t, one, all[i:i+1])
	}
}

// Images of one batch with different settings have the same detections as alone.
func TestDetectEach(t *testing.T) {
	m := torchvisionModel(t, true)
	d := NewDetector(m, newCPU(t), Options{})
	defer d.Close()
	data := images(t)
	im, err := imaging.Load(data.ImagePath(2), imaging.Limits{})
	require.NoError(t, err)
	few, strict, large := m.Settings(), m.Settings(), m.Settings()
	few.Detections.PerImage = 1
	strict.Detections.NMSIoU = 0.1
	large.SetSize(large.Shorter*2, large.Longest*2)
	queries := []Query{{Image: im, Settings: m.Settings()}, {Image: im, Settings: few}, {Image: im, Settings: strict}, {Image: im, Settings: large}}
	all, _, err := d.DetectEach(queries...)
	require.NoError(t, err)
	require.Len(t, all, len(queries))
	require.Len(t, all[1], 1)
	require.Equal(t, all[0][0], all[1][0])
	require.NotEqual(t, all[0], all[2])
	for i, q := range queries {
		one, _, err := d.DetectEach(q)
		require.NoError(t, err)
		compareDetections(t, one, all[i:i+1])
	}
}
