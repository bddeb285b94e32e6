package published

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/checkpoint"
	"scalenet/detector"
	"scalenet/engine"
	"scalenet/engine/cpu"
	"scalenet/imaging"
	"scalenet/internal/goldentest"
	"scalenet/roi"
)

func readGolden(t *testing.T, name string) (d goldentest.Detector) {
	goldentest.Read(t, filepath.Join("testdata", name+".json.gz"), &d)
	return d
}

func converted(t *testing.T, g goldentest.Detector) *Conversion {
	c, err := Convert(g.File(), g.Model+".pth", g.SHA256(), Options{})
	require.NoError(t, err)
	require.Equal(t, "torchvision "+g.Model, c.Family)
	return c
}

func newCPU(t *testing.T) *cpu.Device {
	dev, err := cpu.New(cpu.Options{Threads: runtime.GOMAXPROCS(0)})
	require.NoError(t, err)
	t.Cleanup(func() { dev.Close() })
	return dev
}

// variants are the detectors with golden values.
func variants(t *testing.T) (names []string) {
	paths, err := filepath.Glob("testdata/*net*.json.gz") // resnet50_fpn, ..., mobilenet_v3_large_fpn, ...
	require.NoError(t, err)
	for _, p := range paths {
		names = append(names, filepath.Base(p[:len(p)-len(".json.gz")]))
	}
	require.NotEmpty(t, names)
	return names
}

// Converted detectors find what torchvision's own find.
func TestDetectionsEqualTorchvision(t *testing.T) {
	dev := newCPU(t)
	for _, name := range variants(t) {
		t.Run(name, func(t *testing.T) {
			g := readGolden(t, name)
			switch {
			case os.Getenv("SCALENET_SLOW") != "" || name[0] == 'm':
			case name == "resnet50_fpn":
				g.Images = g.Images[2:4]
			default: // its other normalizations
				g.Images = g.Images[3:4]
			}
			compareDetections(t, converted(t, g).Model, dev, g)
		})
	}
}

// compareDetections wants boxes within 0.02 pixels, scores within 1e-4, and the same labels.
func compareDetections(t *testing.T, m *detector.Model, dev engine.Device, g goldentest.Detector) {
	d := detector.NewDetector(m, dev, detector.Options{PlanBytes: 1})
	defer d.Close()
	for _, im := range g.Images {
		found, _, err := d.Detect(&imaging.Image{W: im.Width, H: im.Height, Pix: goldentest.Picture(im.Width, im.Height)})
		require.NoError(t, err)
		require.Len(t, found[0], len(im.Scores), "%dx%d", im.Width, im.Height)
		worst, off := 0.0, 0.0
		for i := range im.Scores {
			if i >= 99 {
				continue // rounding decides which of two similar ones is the hundredth
			}
			box, score := nearest(found[0], im.Boxes[i], im.Scores[i], im.Labels[i])
			worst, off = math.Max(worst, box), math.Max(off, score)
		}
		t.Logf("%dx%d: %d detections, boxes within %.2g pixels, scores within %.2g", im.Width, im.Height, len(im.Scores), worst, off)
		require.LessOrEqual(t, worst, 0.02)
		require.LessOrEqual(t, off, 1e-4)
	}
}

// nearest returns by how much the most similar detection of a label differs: the largest difference of a corner, and of the score. Order is not compared,
// because scores that differ by less than rounding may change places.
func nearest(found []roi.Detection, box [4]float64, score float64, label int32) (corner, off float64) {
	corner, off = math.Inf(1), math.Inf(1)
	for _, d := range found {
		if d.Class != label {
			continue
		}
		worst := 0.0
		for k, v := range [4]float32{d.Box.X1, d.Box.Y1, d.Box.X2, d.Box.Y2} {
			worst = math.Max(worst, math.Abs(float64(v)-box[k]))
		}
		if worst < corner {
			corner, off = worst, math.Abs(float64(d.Score)-score)
		}
	}
	return corner, off
}

// A converted detector, written for torchvision, is the file that it came from.
func TestToTorchvisionIsTheReverse(t *testing.T) {
	for _, name := range variants(t) {
		t.Run(name, func(t *testing.T) {
			g := readGolden(t, name)
			c := converted(t, g)
			back, notes, err := ToTorchvision(c.Model)
			require.NoError(t, err)
			require.Contains(t, notes[0], g.Model)
			want := tensorsOf(g.File())
			require.Len(t, back.Tensors, len(want))
			exact := g.Eps == 1e-5 // otherwise weights were changed for another epsilon
			for _, x := range back.Tensors {
				w, ok := want[x.Name]
				require.True(t, ok, x.Name)
				require.Equal(t, w.Shape, x.Shape, x.Name)
				a, err := w.Float32s()
				require.NoError(t, err)
				b, err := x.Float32s()
				require.NoError(t, err)
				if exact && name[0] == 'r' {
					require.Equal(t, a, b, x.Name)
				}
			}
		})
	}
}

// What torchvision's model does otherwise is noted, and a network that it does not have is an error.
func TestToTorchvisionSaysWhatDiffers(t *testing.T) {
	convert := func(golden, file string) *detector.Model {
		c, err := Convert(readGolden(t, golden).File(), file, "", Options{})
		require.NoError(t, err)
		return c.Model
	}
	detectron2 := convert("detectron2_fpn", "model_final_0.pkl")
	_, _, err := ToTorchvision(detectron2)
	require.EqualError(t, err, "backbone.stride_in_1x1 = true: torchvision's resnet50 is another network")
	_, _, err = ToTorchvision(convert("mmdetection_caffe", "caffe.pth"))
	require.ErrorContains(t, err, "backbone.stride_in_1x1 = true")

	_, notes, err := ToTorchvision(convert("mmdetection_pytorch", "m.pth"))
	require.NoError(t, err)
	for _, want := range []string{
		"load_state_dict of fasterrcnn_resnet50_fpn with num_classes=81",
		"roi.align.aligned = true: the builder's default is false",
		`roi.align.level_formula = "mmdetection": the builder's default is "torchvision"`,
		`input.resize = "opencv": the builder's default is none`, `input.rounding = "round-once": the builder's default is none`,
	} {
		require.Contains(t, notes, want)
	}
	all := strings.Join(notes, "\n")
	for _, key := range []string{"rpn.anchors.rounding", "roi.align.sampling_ratio", "rpn.proposals.min_size"} {
		require.Contains(t, all, key+" = ")
	}
	for _, key := range []string{"train.", "frozen.", "batch"} {
		require.NotContains(t, all, "\n"+key)
	}
}

func TestBuilder(t *testing.T) {
	for _, c := range []struct{ family, network, want string }{
		{"fasterrcnn_resnet50_fpn", "resnet50", "load_state_dict of fasterrcnn_resnet50_fpn with num_classes=3"},
		{"fasterrcnn_resnet50_fpn_v2", "resnet101", `load_state_dict of fasterrcnn_resnet50_fpn_v2 with num_classes=3, around resnet_fpn_backbone(backbone_name="resnet101", weights=None)`},
		{"fasterrcnn_resnet50_fpn", "resnext50", `load_state_dict of fasterrcnn_resnet50_fpn with num_classes=3, around resnet_fpn_backbone(backbone_name="resnext50_32x4d", weights=None)`},
		{"fasterrcnn_mobilenet_v3_large_fpn", "mobilenet_v3_large", "load_state_dict of fasterrcnn_mobilenet_v3_large_fpn with num_classes=3"},
	} {
		require.Equal(t, c.want, builder(c.family, c.network, 3))
	}
}

// What does not fit is an error that names the tensor.
func TestConvertErrors(t *testing.T) {
	g := readGolden(t, variants(t)[0])
	for _, c := range []struct {
		name   string
		change func(f *checkpoint.File)
		want   string
	}{
		{"nothing", func(f *checkpoint.File) { f.Tensors = nil }, "not a detector of a known family"},
		{"another network", func(f *checkpoint.File) { f.Tensors = f.Tensors[:3]; f.Tensors[0].Name = "x" }, "its first tensors are"},
		{"missing", func(f *checkpoint.File) { f.Tensors = without(f.Tensors, "rpn.head.bbox_pred.bias") }, "rpn.head.bbox_pred.bias"},
		{"unexpected", func(f *checkpoint.File) {
			f.Tensors = append(f.Tensors, checkpoint.Float32Tensor("roi_heads.mask_head.weight", []int{1}, []float32{1}))
		}, `"roi_heads.mask_head.weight" does not belong`},
		{"no predictor", func(f *checkpoint.File) { f.Tensors = without(f.Tensors, "roi_heads.box_predictor.cls_score.weight") }, "cls_score.weight is missing"},
		{"not finite", func(f *checkpoint.File) {
			last := &f.Tensors[len(f.Tensors)-1]
			if last.Name == "backbone.body.bn1.num_batches_tracked" {
				last = &f.Tensors[len(f.Tensors)-2]
			}
			v, _ := last.Float32s()
			v[0] = float32(math.NaN())
			*last = checkpoint.Float32Tensor(last.Name, last.Shape, v)
		}, "must be finite"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := g.File()
			c.change(f)
			_, err := Convert(f, "model.pth", "", Options{})
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "model.pth")
		})
	}
	_, err := Convert(g.File(), "model.pth", "", Options{Family: "yolo"})
	require.ErrorContains(t, err, `family "yolo" is unknown`)
	_, err = Convert(g.File(), "model.pth", "", Options{Classes: []string{"a"}})
	require.ErrorContains(t, err, "1 class names for a detector of 90 classes")
}

func without(list []checkpoint.Tensor, name string) (out []checkpoint.Tensor) {
	for _, x := range list {
		if x.Name != name {
			out = append(out, x)
		}
	}
	return out
}
