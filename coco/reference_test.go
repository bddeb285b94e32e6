package coco

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// reference runs testdata/reference.py on problems. The test is skipped where scripts/pypi.sh (make test) did not run.
func reference(t *testing.T, problems []oddProblem) []referenceFigures {
	t.Helper()
	modules, err := filepath.Abs(filepath.Join("..", "build", "pycocotools"))
	require.NoError(t, err)
	if _, err := os.Stat(filepath.Join(modules, "pycocotools")); err != nil {
		t.Skip("pycocotools not found in build/pycocotools: scripts/pypi.sh puts it there")
	}
	var in bytes.Buffer
	for _, p := range problems {
		areas := make([][2]float64, len(p.areas))
		for i, r := range p.areas {
			areas[i] = [2]float64{r.Min, r.Max}
		}
		list, err := json.Marshal(areas)
		require.NoError(t, err)
		fmt.Fprintf(&in, `{"gt": %s, "dt": %s, "areas": %s}`+"\n", p.gt, p.dt, list)
	}
	c := exec.Command("python3", filepath.Join("testdata", "reference.py"))
	c.Env = append(os.Environ(), "PYTHONPATH="+modules, "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1", "PYTHONDONTWRITEBYTECODE=1")
	c.Stdin = &in
	var complaints bytes.Buffer
	c.Stderr = &complaints
	out, err := c.Output()
	require.NoError(t, err, complaints.String())
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	var figures []referenceFigures
	for lines.Scan() {
		var f referenceFigures
		require.NoError(t, json.Unmarshal(lines.Bytes(), &f))
		figures = append(figures, f)
	}
	require.Len(t, figures, len(problems), complaints.String())
	return figures
}

type referenceFigures struct {
	Stats     []float64
	Classes   [][]float64
	Precision [][3][]float64 // at IoU 0.5, 0.75, 0.95
	Areas     []float64
}

func (p oddProblem) read(t *testing.T, quirks bool) (*Dataset, *Results) {
	t.Helper()
	gt, err := readInstances(strings.NewReader(p.gt), int64(len(p.gt)), Options{quirks: quirks})
	require.NoError(t, err)
	dt, err := readResults(strings.NewReader(p.dt), int64(len(p.dt)))
	require.NoError(t, err)
	return gt, dt
}

// TestReference compares random problems with pycocotools, run here and now: 400, or SCALENET_PROBLEMS of them. A third has
// what pycocotools treats as nobody would want; there its figures are those with ReferenceQuirks.
func TestReference(t *testing.T) {
	count := 400
	if text := os.Getenv("SCALENET_PROBLEMS"); text != "" {
		var err error
		count, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	problems := make([]oddProblem, count)
	for i := range problems {
		problems[i] = newOddProblem(uint64(i), i%3 == 0)
	}
	defects := 0
	for i, want := range reference(t, problems) {
		p := problems[i]
		gt, dt := p.read(t, p.defects)
		requireReference(t, want, Evaluator{ReferenceQuirks: true}, gt, dt, p, "problem %d, with quirks", i)
		if !p.defects {
			requireReference(t, want, Evaluator{}, gt, dt, p, "problem %d", i)
			continue
		}
		gt, err := readInstances(strings.NewReader(p.gt), int64(len(p.gt)), Options{})
		if err != nil {
			defects++
			continue
		}
		e, err := Evaluate(gt, dt)
		require.NoError(t, err)
		if math.Abs(e.Stats.AP()-want.Stats[0]) > exact {
			defects++
		}
	}
	require.Greater(t, defects, count/8, "problems that we see otherwise")
}

// TestReferenceSample is real data: photos with crowds and without boxes. The detections are its own boxes, some moved, some of
// another class, and some twice.
func TestReferenceSample(t *testing.T) {
	path := shared(t, "data", "coco-sample", "annotations", "instances_val2017.json")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	gt, err := ReadCOCO(path, "")
	require.NoError(t, err)
	var list []string
	for i, a := range gt.Annotations {
		box, category := a.Box, gt.Categories[a.Class-1].ID
		switch i % 5 {
		case 1:
			box[0] += box[2] * float64(i%7) / 20
		case 2:
			box[3] *= 0.8
		case 3:
			category = gt.Categories[(a.Class+i)%80].ID
		}
		for n := range 1 + i%2 {
			list = append(list, fmt.Sprintf(`{"image_id": %d, "category_id": %d, "bbox": %s, "score": %v}`,
				gt.Images[a.Image].ID, category, appendBox(nil, box), float64(1+i*7%23-n)/25))
		}
	}
	p := oddProblem{gt: strings.ReplaceAll(string(text), "\n", " "), dt: "[" + strings.Join(list, ", ") + "]", areas: []AreaRange{{0, 256}, {256, 1e10}}}
	want := reference(t, []oddProblem{p})[0]
	truth, dt := p.read(t, false)
	for _, v := range []Evaluator{{}, {ReferenceQuirks: true}} {
		requireReference(t, want, v, truth, dt, p, "coco-sample")
	}
}

func requireReference(t *testing.T, want referenceFigures, v Evaluator, gt *Dataset, dt *Results, p oddProblem, name string, args ...any) {
	t.Helper()
	name = fmt.Sprintf(name, args...)
	v.Ranking = true
	e, err := v.Evaluate(gt, dt)
	require.NoError(t, err, name)
	equal := func(want, got []float64, what string) {
		t.Helper()
		require.Len(t, got, len(want), name)
		for i := range want {
			require.InDelta(t, want[i], got[i], exact, "%s: %s %d\n%s\n%s", name, what, i, p.gt, p.dt)
		}
	}
	equal(want.Stats, e.Stats[:], "figure")
	require.Len(t, e.Classes, len(want.Classes), name)
	for k, c := range e.Classes {
		equal(want.Classes[k], c.Stats[:], fmt.Sprintf("class %d, figure", c.ID))
		for i, threshold := range []int{0, 5, 9} {
			if c.Objects > 0 {
				curve := e.Rankings[k].Curve(threshold, c.Objects, dt)
				equal(want.Precision[k][i], curve.Precision[:], fmt.Sprintf("class %d, threshold %d, precision", c.ID, threshold))
			}
		}
		ones := make([]int32, len(gt.Images))
		for i := range ones {
			ones[i] = 1
		}
		require.InDelta(t, c.Stats.AP(), new(Weigher).AP(&e.Rankings[k], c.Objects, ones), exact, name)
	}
	areas, err := v.ByArea(gt, dt, p.areas) // of every fifth problem
	require.NoError(t, err)
	for i, a := range areas {
		equal(want.Areas[i:i+1], []float64{a.AP}, fmt.Sprintf("areas %v, AP", a.AreaRange))
	}
}
