package analysis

import (
	"cmp"
	"math"
	"slices"

	"scalenet/coco"
)

// Options of an analysis. The zero value has the defaults.
type Options struct {
	Evaluator coco.Evaluator
	Score     float64 // minimum score at the operating point; 0: the score of highest F1
}

// Analysis is the result of Analyse.
type Analysis struct {
	GroundTruth string         `json:"ground_truth"`
	Results     string         `json:"results"`
	Images      int            `json:"images"`
	Objects     int            `json:"objects"` // that are not ignored
	Detections  int            `json:"detections"`
	Unlisted    int            `json:"unlisted"` // detections of categories that are no classes of the ground truth
	Stats       coco.Stats     `json:"stats"`    // the twelve COCO metrics
	VOC         VOCFigures     `json:"voc"`      // at IoU 0.5
	Point       OperatingPoint `json:"operating_point"`
	Classes     []Class        `json:"classes"`
	Curves      []Curve        `json:"curves"`
	Sizes       []Size         `json:"sizes"`
	Confusion   []Confused     `json:"confusion"` // nonzero cells of the confusion matrix, at the operating point
	Errors      ErrorBreakdown `json:"errors"`
	PerImage    []Image        `json:"per_image"` // most mistakes first

	gt     *coco.Dataset
	scenes []scene
	matrix ConfusionMatrix
}

// OperatingPoint has the metrics at a score threshold, at IoU 0.5, over all classes together.
type OperatingPoint struct {
	Score     float64 `json:"score"`
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
}

// Class has the results of one class.
type Class struct {
	ID         int64      `json:"id"`
	Name       string     `json:"name"` // as of coco.UniqueNames
	Objects    int        `json:"objects"`
	Detections int        `json:"detections"`
	Stats      coco.Stats `json:"stats"`
	VOC        VOCFigures `json:"voc"`
	Found      int        `json:"found"` // at the operating point
	Missed     int        `json:"missed"`
	False      int        `json:"false"`
	Precision  []float64  `json:"precision,omitempty"` // at IoU 0.5 and recall 0, 0.01, ..., 1

	Errors [numKinds]int `json:"errors"` // per type, in the order of KindNames
}

// Curve is the precision at recall 0, 0.01, ..., 1, averaged over the classes with objects.
type Curve struct {
	IoU       float64   `json:"iou"` // 0 for the mean over IoU 0.50:0.95
	Precision []float64 `json:"precision"`
}

// Size has the metrics of objects whose size (square root of the area, in pixels) is in a range, without its upper bound unless it is the last.
type Size struct {
	From    float64 `json:"from"`
	To      float64 `json:"to"`
	Objects int     `json:"objects"`
	AP      float64 `json:"ap"`
	AP50    float64 `json:"ap50"`
	AR      float64 `json:"ar"`
}

// Confused is a cell of the confusion matrix. "" is background.
type Confused struct {
	Object    string `json:"object"`
	Detection string `json:"detection"`
	Count     int    `json:"count"`
}

// Analyse evaluates the detections dt against the ground truth gt and analyses the errors.
func Analyse(gt *coco.Dataset, dt *coco.Results, o Options) (*Analysis, error) {
	o.Evaluator.Ranking = true
	e, err := o.Evaluator.Evaluate(gt, dt)
	if err != nil {
		return nil, err
	}
	a := &Analysis{GroundTruth: gt.Path, Results: dt.Path, Images: e.Images, Detections: dt.Len(), Unlisted: e.Unlisted, Stats: e.Stats,
		gt: gt, scenes: scenes(gt, dt)}
	for _, c := range e.Classes {
		a.Objects += c.Objects
	}
	a.Point = operatingPoint(e, dt, o.Score)
	a.Errors = errorsOf(gt, a.scenes)
	a.matrix = confusionOf(gt, a.scenes, foundAt, a.Point.Score)
	a.Confusion = a.matrix.cells(coco.UniqueNames(gt.Categories))
	var byClass []Image
	a.PerImage, byClass = perImage(gt, a.scenes, a.Point.Score)
	slices.SortStableFunc(a.PerImage, func(p, q Image) int { return cmp.Compare(q.Mistakes(), p.Mistakes()) })
	a.addClasses(e, dt, byClass)
	a.addCurves(e, dt)
	return a, a.addSizes(o.Evaluator, dt)
}

// operatingPoint returns the operating point of highest F1, or that of the given score.
func operatingPoint(e *coco.Evaluation, dt *coco.Results, score float64) OperatingPoint {
	var all []point
	objects := 0
	for k := range e.Rankings {
		objects += e.Classes[k].Objects
		r := &e.Rankings[k]
		for i, row := range r.Row {
			if r.Ignored[i]&1 == 0 {
				all = append(all, point{dt.Score[row], r.Found[i]&1 != 0})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b point) int { return cmp.Compare(b.score, a.score) })
	best := OperatingPoint{Score: score}
	found := 0
	for i, p := range all {
		if p.correct {
			found++
		}
		if i+1 < len(all) && all[i+1].score == p.score { // equal scores cannot be separated
			continue
		}
		if score != 0 && p.score < score {
			break
		}
		at := OperatingPoint{Score: p.score, Precision: float64(found) / float64(i+1)}
		if objects > 0 {
			at.Recall = float64(found) / float64(objects)
		}
		at.F1 = 2 * float64(found) / float64(i+1+objects)
		if score != 0 {
			at.Score = score
			best = at
		} else if at.F1 > best.F1 {
			best = at
		}
	}
	return best
}

func (a *Analysis) addClasses(e *coco.Evaluation, dt *coco.Results, byClass []Image) {
	names := coco.UniqueNames(a.gt.Categories)
	mean, voc := vocOf(a.gt, a.scenes, foundAt)
	a.VOC = mean
	for k, c := range e.Classes {
		row := Class{ID: c.ID, Name: names[k], Objects: c.Objects, Detections: c.Detections, Stats: c.Stats, VOC: voc[k],
			Found: byClass[k].Found, Missed: byClass[k].Missed, False: byClass[k].False, Errors: a.Errors.ByClass[k]}
		if c.Objects > 0 {
			curve := e.Rankings[k].Curve(0, c.Objects, dt)
			row.Precision = curve.Precision[:]
		}
		a.Classes = append(a.Classes, row)
	}
}

// addCurves averages the curves of the classes: at IoU 0.5, 0.6, ..., 0.9 and over all thresholds.
func (a *Analysis) addCurves(e *coco.Evaluation, dt *coco.Results) {
	const thresholds = 10
	sums := make([][]float64, thresholds)
	counted := 0
	for t := range sums {
		sums[t] = make([]float64, coco.RecallPoints)
	}
	for k, c := range e.Classes {
		if c.Objects == 0 {
			continue
		}
		counted++
		for t := range sums {
			curve := e.Rankings[k].Curve(t, c.Objects, dt)
			for i, p := range curve.Precision {
				sums[t][i] += p
			}
		}
	}
	if counted == 0 {
		return
	}
	mean := Curve{Precision: make([]float64, coco.RecallPoints)}
	for t := range sums {
		for i := range sums[t] {
			sums[t][i] /= float64(counted)
			mean.Precision[i] += sums[t][i] / thresholds
		}
		if t%2 == 0 {
			a.Curves = append(a.Curves, Curve{IoU: float64(50+5*t) / 100, Precision: sums[t]})
		}
	}
	a.Curves = append(a.Curves, mean)
}

// addSizes evaluates by object size. A size on an edge belongs to the range above it: the evaluator's ranges have both of their bounds.
func (a *Analysis) addSizes(v coco.Evaluator, dt *coco.Results) error {
	edges := []float64{0, 16, 32, 64, 96, 128, 256, 512, 1e5}
	var ranges []coco.AreaRange
	for i, from := range edges[:len(edges)-1] {
		ranges = append(ranges, coco.AreaRange{Min: from * from, Max: math.Nextafter(edges[i+1]*edges[i+1], 0)})
	}
	ranges[len(ranges)-1].Max = edges[len(ranges)] * edges[len(ranges)] // the last range has its upper bound
	figures, err := v.ByArea(a.gt, dt, ranges)
	if err != nil {
		return err
	}
	for i, f := range figures {
		a.Sizes = append(a.Sizes, Size{edges[i], edges[i+1], f.Objects, f.AP, f.AP50, f.AR})
	}
	return nil
}

// cells returns the nonzero cells including the diagonal, in descending order.
func (m *ConfusionMatrix) cells(names []string) []Confused {
	names = append(slices.Clone(names), "")
	cells := []Confused{}
	for i, row := range m.Count {
		for j, n := range row {
			if n > 0 {
				cells = append(cells, Confused{names[i], names[j], n})
			}
		}
	}
	slices.SortStableFunc(cells, func(a, b Confused) int { return cmp.Compare(b.Count, a.Count) })
	return cells
}
