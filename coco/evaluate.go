package coco

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// Evaluator has the options of an evaluation. Evaluate uses the zero value.
type Evaluator struct {
	// ReferenceQuirks reproduces defects of pycocotools (see the package comment), for identical metrics.
	ReferenceQuirks bool
	// Ranking requests Evaluation.Rankings.
	Ranking bool
}

// Evaluation is the result of an evaluation. A metric without any ground-truth object is -1, as in pycocotools.
type Evaluation struct {
	Stats    Stats
	Classes  []ClassFigures // in the order of Dataset.Categories
	Rankings []Ranking      // per class, if Evaluator.Ranking
	Images   int
	Unlisted int // detections of categories that are no classes of the ground truth: dropped, as in pycocotools
	Ignored  int // objects that are left out because of "ignore": 1; crowds are not counted
}

// ClassFigures are the metrics of one category.
type ClassFigures struct {
	Category
	Objects    int // that are not ignored
	Detections int // all of the category, including those beyond 100 per image
	Stats      Stats
}

// Evaluate computes the metrics of pycocotools' COCOeval for boxes. The package comment lists the few differences. It uses
// GOMAXPROCS threads; the metrics do not depend on their number.
func Evaluate(gt *Dataset, dt *Results) (*Evaluation, error) { return Evaluator{}.Evaluate(gt, dt) }

// Evaluate evaluates detections against the ground truth, with the options of the Evaluator.
func (v Evaluator) Evaluate(gt *Dataset, dt *Results) (*Evaluation, error) {
	p, err := v.arrange(gt, dt, cocoAreas())
	if err != nil {
		return nil, err
	}
	p.match()
	classes, rankings := p.accumulate(v.Ranking)

	e := &Evaluation{Stats: summarise(classes), Rankings: rankings, Images: len(gt.Images), Unlisted: p.unlisted}
	for i := range gt.Annotations {
		if a := &gt.Annotations[i]; p.ignored(a) && !a.Crowd {
			e.Ignored++
		}
	}
	for k := range classes {
		e.Classes = append(e.Classes, ClassFigures{
			Category:   gt.Categories[k],
			Objects:    classes[k].objects[allAreas],
			Detections: int(p.dtFrom[k+1] - p.dtFrom[k]),
			Stats:      summarise(classes[k : k+1]),
		})
	}
	return e, nil
}

// EvaluateFiles evaluates a COCO results file against a COCO instances file.
func EvaluateFiles(gtPath, dtPath string) (*Evaluation, error) {
	v := Evaluator{}
	gt, dt, err := v.ReadFiles(gtPath, dtPath)
	if err != nil {
		return nil, err
	}
	return v.Evaluate(gt, dt)
}

// ReadFiles reads a COCO instances file and a COCO results file in parallel.
func (v Evaluator) ReadFiles(gtPath, dtPath string) (gt *Dataset, dt *Results, err error) {
	var g errgroup.Group
	g.Go(func() (err error) { gt, err = readCOCO(gtPath, Options{quirks: v.ReferenceQuirks}); return err })
	g.Go(func() (err error) { dt, err = ReadResults(dtPath); return err })
	return gt, dt, g.Wait()
}

// problem is the input as columns, ordered by class, then by image id, then as in the files. A cell is the run of rows of
// one class and image.
type problem struct {
	gt       *Dataset
	dt       *Results
	quirks   bool
	areas    [numAreas]AreaRange
	unlisted int

	// Row p of class k, dtFrom[k] <= p < dtFrom[k+1]:
	dtFrom  []int32
	dtRow   []int32 // index into dt's columns; match sorts each cell by score
	dtImage []int32 // rank of the image by id; imageAt has its index
	imageAt []int32
	rank    []uint8     // place among the scores of the cell; maxDetections: cut off
	verdict [][4]uint32 // by area: bits 0-9 matched at threshold t, bits 16-25 ignored at threshold t

	gtFrom  []int32
	gtRow   []int32 // index into gt.Annotations
	gtImage []int32
}

// ignored reports whether an object counts neither as found nor as missed.
func (p *problem) ignored(a *Annotation) bool { return a.Crowd || a.Ignore && !p.quirks }

// arrange resolves ids and sorts both sides by class and image.
func (v Evaluator) arrange(gt *Dataset, dt *Results, areas [numAreas]AreaRange) (*problem, error) {
	if err := dt.check(); err != nil {
		return nil, err
	}
	imageAt, rank, rankOfID := rankImages(gt)
	p := &problem{gt: gt, dt: dt, quirks: v.ReferenceQuirks, areas: areas, imageAt: imageAt}

	class := make(map[int64]int32, len(gt.Categories))
	for i, c := range gt.Categories {
		class[c.ID] = int32(i)
	}
	n := dt.Len()
	images, classes, rows := make([]int32, 0, n), make([]int32, 0, n), make([]int32, 0, n)
	lastID, lastRank, known := int64(0), int32(0), false
	for i, id := range dt.Image {
		if !known || id != lastID { // a detector writes image by image
			lastID = id
			if lastRank, known = rankOfID[id]; !known {
				return nil, fmt.Errorf("%s: [%d].image_id: the ground truth has no image with the id %d", dt.name(), i, id)
			}
		}
		k, ok := class[dt.Category[i]]
		if !ok {
			p.unlisted++
			continue
		}
		images, classes, rows = append(images, lastRank), append(classes, k), append(rows, int32(i))
	}
	p.dtRow, p.dtImage, p.dtFrom = order(rows, images, classes, len(gt.Images), len(gt.Categories))
	p.rank = make([]uint8, len(rows))
	p.verdict = make([][4]uint32, len(rows))

	m := len(gt.Annotations)
	images, classes, rows = make([]int32, m), make([]int32, m), make([]int32, m)
	for i := range gt.Annotations {
		a := &gt.Annotations[i]
		images[i], classes[i], rows[i] = rank[a.Image], int32(a.Class-1), int32(i)
	}
	p.gtRow, p.gtImage, p.gtFrom = order(rows, images, classes, len(gt.Images), len(gt.Categories))
	return p, nil
}

// rankImages returns the rank of each image by ascending id, which breaks ties of scores. byID is the inverse.
func rankImages(gt *Dataset) (byID, rank []int32, ofID map[int64]int32) {
	byID = make([]int32, len(gt.Images))
	for i := range byID {
		byID[i] = int32(i)
	}
	slices.SortStableFunc(byID, func(a, b int32) int {
		switch x, y := gt.Images[a].ID, gt.Images[b].ID; {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	rank, ofID = make([]int32, len(byID)), make(map[int64]int32, len(byID))
	for r, i := range byID {
		rank[i] = int32(r)
		ofID[gt.Images[i].ID] = int32(r)
	}
	return byID, rank, ofID
}

// order sorts rows by class, then image, stable: two passes of a counting sort, so that memory does not grow with classes times
// images. It returns the sorted rows, their images, and where each class begins (with the end as the last element).
func order(rows, images, classes []int32, numImages, numClasses int) (sorted, sortedImages, from []int32) {
	byImage, _ := countingSort(images, numImages)
	ofClass := make([]int32, len(rows))
	for i, at := range byImage {
		ofClass[i] = classes[at]
	}
	byClass, from := countingSort(ofClass, numClasses)
	sorted, sortedImages = ofClass, byClass // both are read before they are overwritten
	for i, at := range byClass {
		at = byImage[at]
		sorted[i], sortedImages[i] = rows[at], images[at]
	}
	return sorted, sortedImages, from
}

// countingSort returns the positions of keys (0 <= key < n) in ascending order, stable, and where each key begins.
func countingSort(keys []int32, n int) (positions, from []int32) {
	from = make([]int32, n+1)
	for _, k := range keys {
		from[k+1]++
	}
	for k := range n {
		from[k+1] += from[k]
	}
	next := slices.Clone(from)
	positions = make([]int32, len(keys))
	for i, k := range keys {
		positions[next[k]] = int32(i)
		next[k]++
	}
	return positions, from
}

// parallel runs work(scratch, i) for i in 0..n-1 on GOMAXPROCS goroutines, each with its own scratch.
func parallel[S any](n int, work func(scratch *S, i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			scratch := new(S)
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				work(scratch, i)
			}
		})
	}
	wg.Wait()
}
