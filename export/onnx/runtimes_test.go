package onnx

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/classify"
	"scalenet/detector"
	"scalenet/detector/published"
	"scalenet/engine/cpu"
	"scalenet/imaging"
	"scalenet/internal/goldentest"
)

// job is the input of testdata/check.py.
type job struct {
	Model   string   `json:"model"`
	Classes []string `json:"classes"`
	Images  []image  `json:"images"`
	// The largest differences allowed, and the score and the number at which the lists of detections end.
	Pixels float64 `json:"pixels"`
	Scores float64 `json:"scores"`
	// OpenVINOScores is Scores for OpenVINO, if not 0.
	OpenVINOScores float64 `json:"openvino_scores"`
	Logits         float64 `json:"logits"`
	Threshold      float64 `json:"threshold"`
	Limit          int     `json:"limit"`
	// Resized bytes differ by at most Bytes, and a Share of them by one.
	Bytes float64 `json:"bytes"`
	Share float64 `json:"share"`
}

// image is an image of a job and what we find in it.
type image struct {
	File   string       `json:"file"`
	Width  int          `json:"width"`
	Height int          `json:"height"`
	Boxes  [][4]float32 `json:"boxes"`
	Labels []int32      `json:"labels"`
	Scores []float32    `json:"scores"`
	Logits []float64    `json:"logits,omitempty"`
	// Expected is a file of float32 values (Shape), of a resized image.
	Expected string `json:"expected,omitempty"`
	Shape    []int  `json:"shape,omitempty"`
}

const runtimes = "../../build/runtimes"

func requireRuntimes(t *testing.T) {
	if _, err := os.Stat(filepath.Join(runtimes, "onnxruntime")); err != nil {
		t.Skip("ONNX Runtime not found in build/runtimes: scripts/pypi.sh puts it there")
	}
}

// Exported models find in ONNX Runtime and OpenVINO what ours find.
func TestRuntimes(t *testing.T) {
	requireRuntimes(t)
	dev, err := cpu.New(cpu.Options{Threads: 2})
	require.NoError(t, err)
	t.Cleanup(func() { dev.Close() })
	for _, name := range []string{"bccd", "cards", "everyday"} {
		t.Run(name, func(t *testing.T) {
			m, err := detector.Load("../../models/" + name + ".safetensors")
			require.NoError(t, err)
			pictures := photographs(t)
			empty := checkDetector(t, m, dev, pictures)
			require.Positive(t, empty, "of %d pictures one is to be without detections", len(pictures))
		})
	}
	for _, tiny := range tinyDetectors() {
		t.Run(tiny.name, func(t *testing.T) { checkDetector(t, tiny.model(t), dev, synthetic(sizes)) })
	}
	for _, name := range goldenDetectors(t) {
		t.Run(name, func(t *testing.T) {
			m, pictures := golden(t, name)
			checkDetector(t, m, dev, pictures)
		})
	}
	for _, tiny := range tinyClassifiers() {
		t.Run(tiny.name, func(t *testing.T) { checkClassifier(t, tiny.model(t), dev, synthetic(sizes[:4])) })
	}
}

// sizes have sides at which roundings differ, and one size three times.
var sizes = [][2]int{{160, 120}, {120, 160}, {333, 211}, {97, 143}, {64, 64}, {400, 90}, {160, 120}, {160, 120}}

// synthetic are smooth random pictures.
func synthetic(sizes [][2]int) (list []*imaging.Image) {
	for _, s := range sizes {
		list = append(list, &imaging.Image{W: s[0], H: s[1], Pix: goldentest.Picture(s[0], s[1])})
	}
	return list
}

// photographs are pictures of blood cells and cards at several sizes, and an empty one.
func photographs(t *testing.T) (list []*imaging.Image) {
	read := func(path string) *imaging.Image {
		m, err := imaging.Load(path, imaging.Limits{})
		require.NoError(t, err)
		return m
	}
	cells, cards, page := read("../../examples/BloodImage_00014.jpg"), read("../../detector/testdata/images/IMG_2385.png"), read("../../docs/images/demo.jpg")
	for _, s := range [][2]int{{640, 480}, {480, 640}, {333, 333}, {97, 143}} {
		list = append(list, cells.Resample(s[0], s[1]))
	}
	for _, s := range [][2]int{{640, 480}, {799, 421}} {
		list = append(list, cards.Resample(s[0], s[1]))
	}
	return append(list, page, imaging.Uniform(640, 480, [3]uint8{230, 230, 230}))
}

// golden is a detector of another project with the pictures of its golden file.
func golden(t *testing.T, name string) (*detector.Model, []*imaging.Image) {
	var g goldentest.Detector
	goldentest.Read(t, "../../detector/published/testdata/"+name+".json.gz", &g)
	c, err := published.Convert(g.File(), g.Model+".pth", g.SHA256(), published.Options{})
	require.NoError(t, err)
	m := c.Model
	if g.Size != [2]int{} {
		m = m.WithTestSize(g.Size[0], g.Size[1])
	}
	var sizes [][2]int
	for _, im := range g.Images {
		sizes = append(sizes, [2]int{im.Width, im.Height})
	}
	return m, synthetic(sizes)
}

// checkDetector compares a detector with its export, and returns the number of pictures without detections.
func checkDetector(t *testing.T, m *detector.Model, dev *cpu.Device, pictures []*imaging.Image) (empty int) {
	exported, err := Detector(m)
	require.NoError(t, err)
	d := detector.NewDetector(m, dev, detector.Options{PlanBytes: 1})
	defer d.Close()
	dir := t.TempDir()
	c := m.Config.RoI.Detections
	j := job{Classes: m.Classes, Pixels: 0.05, Scores: 1e-3, Threshold: c.Score, Limit: c.PerImage}
	if c := m.Config; c.Input.Resize == imaging.OpenCV && c.RPN.Channels == tinyChannels {
		j.OpenVINOScores = 5e-3 // it resizes up to 0.1 % of the bytes otherwise by 1, and spread makes scores steep
	}
	for i, p := range pictures {
		found, _, err := d.Detect(p)
		require.NoError(t, err)
		of := rgb(t, dir, i, p)
		for _, x := range found[0] {
			of.Boxes = append(of.Boxes, [4]float32{x.Box.X1, x.Box.Y1, x.Box.X2, x.Box.Y2})
			of.Labels, of.Scores = append(of.Labels, x.Class-1), append(of.Scores, x.Score)
		}
		if len(of.Scores) == 0 {
			empty++
		}
		j.Images = append(j.Images, of)
	}
	check(t, dir, exported, j)
	return empty
}

// rgb writes the bytes of a picture, red first.
func rgb(t *testing.T, dir string, i int, p *imaging.Image) image {
	bytes := make([]byte, len(p.Pix))
	for k := range bytes {
		bytes[k] = p.Pix[k-k%3+2-k%3]
	}
	path := filepath.Join(dir, fmt.Sprintf("%d.rgb", i))
	require.NoError(t, os.WriteFile(path, bytes, 0o600))
	return image{File: path, Width: p.W, Height: p.H, Boxes: [][4]float32{}, Labels: []int32{}, Scores: []float32{}}
}

// check runs testdata/check.py.
func check(t *testing.T, dir string, m *Model, j job) {
	j.Model = filepath.Join(dir, "model.onnx")
	require.NoError(t, m.Save(j.Model))
	text, err := json.Marshal(j)
	require.NoError(t, err)
	path := filepath.Join(dir, "job.json")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	c := exec.Command("python3", "testdata/check.py", path)
	c.Env = append(os.Environ(), "PYTHONPATH="+runtimes)
	out, err := c.CombinedOutput()
	t.Logf("%s", out)
	require.NoError(t, err)
}

// checkClassifier compares a classifier with its export: the logarithms of the probabilities, which are the logits apart from one term.
func checkClassifier(t *testing.T, m *classify.Model, dev *cpu.Device, pictures []*imaging.Image) {
	exported, err := Classifier(m)
	require.NoError(t, err)
	c := classify.NewClassifier(m, dev, classify.Options{})
	defer c.Close()
	dir := t.TempDir()
	j := job{Classes: m.Classes, Logits: 1e-4}
	for i, p := range pictures {
		of := rgb(t, dir, i, p)
		found, err := c.Classify(p)
		require.NoError(t, err)
		of.Logits = make([]float64, len(found))
		for _, x := range found {
			of.Logits[x.Class] = math.Log(x.Probability)
		}
		j.Images = append(j.Images, of)
	}
	check(t, dir, exported, j)
}
