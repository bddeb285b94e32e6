package detector

import (
	"testing"

	"github.com/stretchr/testify/require"
	"scalenet/engine"
	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/nn"
	"scalenet/roi"
)

// ahead is an asynchronous device, like a GPU, that counts calls of Read.
type ahead struct {
	engine.Device
	reads int
}

func (d *ahead) Capabilities() engine.Capabilities {
	c := d.Device.Capabilities()
	c.Asynchronous, c.PreprocessesImages, c.WholeGraph = true, true, true
	return c
}

func (d *ahead) Read(dst any, src engine.Memory) error {
	d.reads++
	return d.Device.Read(dst, src)
}

// One graph gives the same detections as two graphs, for all settings. Settings need another plan only if they allow more detections than the plan
// has memory for. Each batch is read with one call.
func TestWholeGraph(t *testing.T) {
	m := torchvisionModel(t, true)
	twoGraphs := NewDetector(m, newCPU(t), Options{})
	defer twoGraphs.Close()
	im, err := imaging.Load(images(t).ImagePath(2), imaging.Limits{})
	require.NoError(t, err)
	own := m.Settings()
	few, strict, fewer, many := own, own, own, own
	few.Detections.PerImage = 1
	strict.Detections.NMSIoU, strict.Detections.Score = 0.1, 0.2
	fewer.Proposals.AfterNMS, fewer.Proposals.BeforeNMS = 5, 50
	many.Detections.PerImage, many.Detections.Score, many.Detections.NMSIoU = 1<<40, 0, 1
	onDevices(t, func(t *testing.T, dev engine.Device) {
		for _, atATime := range []int{0, 7} {
			counting := &ahead{Device: dev}
			d := NewDetector(m, counting, Options{RoIs: atATime})
			defer d.Close()
			detect := func(settings ...Settings) (want, got [][]roi.Detection) {
				var queries []Query
				for _, s := range settings {
					queries = append(queries, Query{Image: im, Settings: s})
				}
				want, _, err := twoGraphs.DetectEach(queries...)
				require.NoError(t, err)
				counting.reads = 0
				got, _, err = d.DetectEach(queries...)
				require.NoError(t, err)
				require.Equal(t, 1, counting.reads, "one read a batch")
				return want, got
			}
			want, got := detect(own, few)
			compareDetections(t, want, got)
			plan := d.streams[0].plans[0].plan
			for _, settings := range [][]Settings{{strict, fewer}, {own, own}, {few, few}} {
				want, got := detect(settings...)
				compareDetections(t, want, got)
				require.Same(t, plan, d.streams[0].plans[0].plan)
			}
			want, got = detect(many, own)
			require.Greater(t, len(got[0]), own.Detections.PerImage)
			compareDetections(t, want, got)
			require.Len(t, d.streams[0].plans, 1, "one with more capacity in the other's place")
			require.Equal(t, capacity{30, 200, minByteCapacity}, d.streams[0].plans[0].capacity)
		}
		if _, records := dev.(engine.Recorder); records { // from the second run on
			d := NewDetector(m, dev, Options{})
			defer d.Close()
			first, _, err := d.DetectEach(Query{Image: im, Settings: own})
			require.NoError(t, err)
			for range 2 {
				again, _, err := d.DetectEach(Query{Image: im, Settings: own})
				require.NoError(t, err)
				require.Equal(t, first, again)
			}
			other, _, err := d.DetectEach(Query{Image: im, Settings: few})
			require.NoError(t, err)
			require.Equal(t, first[0][:1], other[0])
		}
	})
}

// The same with a feature pyramid, whose proposals and RoIs are of several levels.
func TestWholeGraphOfPyramid(t *testing.T) {
	c := smallConfig()
	pyramid(&c)
	c.RPN.Proposals.MinScore = 0.3
	compareGraphs(t, c)
}

// The same with the resize and the poolings of jwyang's detector. The device does not preprocess, and boxes are divided by the factor before NMS.
func TestWholeGraphOfJwyangAlign(t *testing.T) { compareGraphs(t, jwyangConfig(nn.JwyangAlign)) }
func TestWholeGraphOfJwyangCrop(t *testing.T)  { compareGraphs(t, jwyangConfig(nn.JwyangCrop)) }

func jwyangConfig(points nn.RoIPoints) Config {
	c := smallConfig()
	c.Boxes, c.Input.Resize, c.Input.Rounding, c.Input.Divisor = geom.Inclusive, imaging.OpenCVFactor, imaging.FitRoundEven, 1
	c.RoI.Align.Points = points
	return c
}

// compareGraphs wants the same detections from one graph on every device as from two graphs, with parameters for which scores spread.
func compareGraphs(t *testing.T, c Config) {
	m := newModel(t, c)
	for _, name := range []string{"roi_heads.box_predictor.cls_score.weight", "roi_heads.box_predictor.bbox_pred.weight", "rpn.head.cls_logits.weight"} {
		for i, v := range m.Params.Get(name).Data {
			m.Params.Get(name).Data[i] = 100 * v
		}
	}
	twoGraphs := NewDetector(m, newCPU(t), Options{})
	defer twoGraphs.Close()
	im, err := imaging.Load(images(t).ImagePath(2), imaging.Limits{})
	require.NoError(t, err)
	want, _, err := twoGraphs.Detect(im, im)
	require.NoError(t, err)
	require.Greater(t, len(want[0]), 5)
	onDevices(t, func(t *testing.T, dev engine.Device) {
		d := NewDetector(m, &ahead{Device: dev}, Options{})
		defer d.Close()
		got, _, err := d.Detect(im, im)
		require.NoError(t, err)
		compareDetections(t, want, got)
	})
}
