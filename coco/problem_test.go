package coco

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
)

// oddProblem is a ground truth and results as the files have them, made to hit what evaluators get wrong: ties, IoUs and areas on
// the limits, duplicates, crowds, more than 100 detections, boxes of no and of negative area, ids from 0, below it and with
// gaps, categories and images without anything.
type oddProblem struct {
	gt, dt string
	// defects: an id 0, ids that are there twice or unknown, "ignore", names that are there twice: pycocotools differs from us.
	defects bool
	areas   []AreaRange
}

type oddSource struct {
	*rand.Rand
	spec struct {
		defects, extreme, busy, tight bool
		crowds                        float64
		digits                        int
	}
	images, categories []int64
	annotations        []string
	detections         []string
	usedIDs            map[int64]bool
}

func newOddProblem(seed uint64, defects bool) oddProblem {
	s := &oddSource{Rand: rand.New(rand.NewPCG(seed, 5)), usedIDs: map[int64]bool{}}
	s.spec.defects, s.spec.extreme, s.spec.busy, s.spec.tight = defects, s.one(12), s.one(25), s.one(2)
	s.spec.crowds = float64(s.IntN(3)) / 8
	s.spec.digits = []int{4, 10, 1000, 1000000}[s.IntN(4)]
	s.images, s.categories = s.ids(1+s.IntN(5)), s.ids(1+s.IntN(3))
	annotated := s.images[:1+s.IntN(len(s.images))] // the others have no objects
	for _, image := range annotated {
		for range s.IntN(8) {
			s.object(image)
		}
	}
	for len(s.detections) == 0 { // pycocotools raises on an empty list
		for _, image := range s.images {
			if s.one(8) {
				continue
			}
			for range s.IntN(12) {
				s.detection(image, s.box(), s.category())
			}
		}
	}
	if s.spec.busy {
		for range 130 {
			s.detection(s.images[0], s.box(), s.categories[0])
		}
	}
	if s.one(2) {
		s.Shuffle(len(s.detections), func(i, j int) { s.detections[i], s.detections[j] = s.detections[j], s.detections[i] })
	}
	if s.one(2) {
		s.Shuffle(len(s.annotations), func(i, j int) { s.annotations[i], s.annotations[j] = s.annotations[j], s.annotations[i] })
	}
	p := oddProblem{gt: s.instances(), dt: "[" + strings.Join(s.detections, ", ") + "]", defects: defects}
	if seed%5 == 0 {
		p.areas = []AreaRange{{0, 100}, {100, 1024}, {50, 1e5}, {1e4, 1e4}, {0, 1e10}}
	}
	return p
}

func (s *oddSource) one(in int) bool { return s.IntN(in) == 0 }

// ids draws n ids, from 0 or below it, with gaps, in any order.
func (s *oddSource) ids(n int) []int64 {
	id := []int64{0, 1, -3, 139, 1 << 40}[s.IntN(5)]
	ids := make([]int64, n)
	for i := range ids {
		ids[i] = id
		id += 1 + int64(s.IntN(2)*s.IntN(500))
	}
	if s.one(2) {
		s.Shuffle(n, func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	}
	return ids
}

func (s *oddSource) category() int64 { return s.categories[s.IntN(len(s.categories))] }

func (s *oddSource) box() [4]float64 {
	side := []float64{32, 96, 10, float64(1 + s.IntN(300)), 100000}[s.IntN(4)]
	b := [4]float64{float64(s.IntN(800))/4 - 20, float64(s.IntN(800)) / 7, side, side}
	if s.one(2) {
		b[3] = side * float64(1+s.IntN(9)) / 5
	}
	if s.one(25) {
		b[2+s.IntN(2)] *= float64(s.IntN(2) - 1) // 0 or negative
	}
	if s.spec.extreme && s.one(3) {
		scale := math.Pow(10, []float64{160, -170, 300, 20, 307}[s.IntN(5)])
		for i := range b {
			b[i] = finite(b[i] * scale)
		}
	}
	return b
}

func finite(v float64) float64 { return min(max(v, -1e308), 1e308) }

// object draws an annotation and detections around it.
func (s *oddSource) object(image int64) {
	box, category := s.box(), s.category()
	area := box[2] * box[3]
	switch s.IntN(4) {
	case 0:
		area *= s.Float64()
	case 1:
		area = []float64{0, 1024, 9216, 1e10, math.Nextafter(1024, 0), math.Nextafter(9216, 1e9), -5}[s.IntN(7)]
	}
	id := int64(1 + s.IntN(1000))
	if s.one(20) {
		id = -id
	}
	for s.usedIDs[id] {
		id++
	}
	objectImage, objectCategory, extra := image, category, ""
	if s.spec.defects {
		switch s.IntN(12) {
		case 0:
			id = 0
		case 1, 2:
			if n := s.IntN(1000); s.usedIDs[int64(n)] {
				id = int64(n)
			} else if len(s.usedIDs) > 0 {
				id = s.anyUsedID()
			}
		case 3:
			extra = fmt.Sprintf(`, "ignore": %d`, s.IntN(2))
		case 4:
			objectImage = 987654321
		case 5:
			objectCategory = 987654321
		}
	}
	s.usedIDs[id] = true
	crowd := 0
	if s.Float64() < s.spec.crowds {
		crowd = 1
	}
	s.annotations = append(s.annotations, fmt.Sprintf(`{"id": %d, "image_id": %d, "category_id": %d, "bbox": %s, "area": %s, "iscrowd": %d%s}`,
		id, objectImage, objectCategory, appendBox(nil, box), appendNumber(nil, finite(area)), crowd, extra))
	for range s.IntN(5) {
		near := box
		switch s.IntN(4) {
		case 0: // the same box
		case 1: // IoU on a threshold
			near[2] *= []float64{0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95}[s.IntN(10)]
		default:
			part := 9.0
			if s.spec.tight {
				part = 40
			}
			for i := range near {
				near[i] += float64(s.IntN(7)-3) * box[2+i%2] / part
			}
		}
		of := category
		if s.one(8) {
			of = s.category()
		}
		s.detection(image, near, of)
	}
}

// anyUsedID is the least of the ids that were drawn: maps have no order.
func (s *oddSource) anyUsedID() int64 {
	least := int64(math.MaxInt64)
	for id := range s.usedIDs {
		least = min(least, id)
	}
	return least
}

func (s *oddSource) detection(image int64, box [4]float64, category int64) {
	for i, v := range box {
		box[i] = finite(v)
	}
	if s.one(40) {
		category = 123456789 // not listed
	}
	score := float64(s.IntN(s.spec.digits+1)) / float64(s.spec.digits)
	if s.one(30) {
		score = []float64{0, math.Copysign(0, -1), -1.5, 7, 1e-300}[s.IntN(5)]
	}
	s.detections = append(s.detections, fmt.Sprintf(`{"image_id": %d, "category_id": %d, "bbox": %s, "score": %s, "id": %d}`,
		image, category, appendBox(nil, box), appendNumber(nil, score), s.IntN(9)))
}

// instances is the ground truth's file.
func (s *oddSource) instances() string {
	var images, categories []string
	for _, id := range s.images {
		images = append(images, fmt.Sprintf(`{"id": %d}`, id))
	}
	for i, id := range s.categories {
		name := i
		if s.spec.defects && s.one(4) {
			name = 0
		}
		categories = append(categories, fmt.Sprintf(`{"id": %d, "name": "c%d"}`, id, name))
	}
	if s.spec.defects && s.one(4) {
		images, categories = append(images, images[0]), append(categories, categories[0])
	}
	return fmt.Sprintf(`{"images": [%s], "categories": [%s], "annotations": [%s]}`,
		strings.Join(images, ", "), strings.Join(categories, ", "), strings.Join(s.annotations, ", "))
}
