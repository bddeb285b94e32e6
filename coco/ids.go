package coco

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"sort"
)

// idTables turn the ids in annotations into indices.
type idTables struct {
	data *Dataset
	refs []annotationRef // of each annotation
	opt  *Options

	lostImages, lostCategories *lostIDs
}

type annotationRef struct{ image, category int64 }

// resolve sorts the categories and looks up all ids. Unknown and duplicate ids are faults.
func (t *idTables) resolve() (err error) {
	d := t.data
	t.sortCategories()
	if d.Images, d.leftImages, err = unique(d.Images, t.imageIDs(), t.opt, "images", d.leftImages); err != nil {
		return err
	}
	if d.Categories, _, err = unique(d.Categories, t.categoryIDs(), t.opt, "categories", nil); err != nil {
		return err
	}
	t.dropSameNames()
	if err := t.checkNames(); err != nil {
		return err
	}
	images, categories, annotations := t.imageIDs(), t.categoryIDs(), t.annotationIDs()
	_, _, twice := annotations.duplicate()
	var drop []bool
	for i, ref := range t.refs {
		img, ok := images.find(ref.image)
		class, listed := categories.find(ref.category)
		first, lost := int32(i), false
		if twice {
			first, _ = annotations.find(d.Annotations[i].ID)
		}
		switch {
		case int(first) != i:
			err = fmt.Errorf("annotations[%d].id: %w", d.AnnotationPlace(i), duplicate(d.Annotations[i].ID, "annotations", d.AnnotationPlace(int(first))))
		case !ok:
			err = fmt.Errorf("annotations[%d].image_id: no image has the id %d", d.AnnotationPlace(i), ref.image)
			lost = t.lostImages.has(ref.image)
		case !listed:
			err = fmt.Errorf("annotations[%d].category_id: no category has the id %d", d.AnnotationPlace(i), ref.category)
			lost = t.lostCategories.has(ref.category)
		default:
			d.Annotations[i].Image, d.Annotations[i].Class = int(img), int(class)+1
			continue
		}
		if !lost {
			if err := t.opt.fault(err); err != nil {
				return err
			}
		}
		if drop == nil {
			drop = make([]bool, len(t.refs))
		}
		drop[i] = true
	}
	if drop != nil {
		d.Annotations, d.leftAnnotations = keep(d.Annotations, drop), d.leftAnnotations.and(drop)
	}
	return nil
}

// unique checks the ids of a list. With Options.Report, entries with a duplicate id are reported and left out.
func unique[T any](list []T, ids idTable, opt *Options, name string, left leftOut) ([]T, leftOut, error) {
	if _, _, twice := ids.duplicate(); !twice {
		return list, left, nil
	}
	drop := make([]bool, len(list))
	for i := range list {
		id := ids.id(int32(i))
		first, _ := ids.find(id)
		if int(first) == i {
			continue
		}
		drop[i] = true
		err := fmt.Errorf("%s[%d].id: %w", name, left.place(i), duplicate(id, name, left.place(int(first))))
		if name == "categories" { // sorted by then: the index would mislead
			err = &duplicateError{fmt.Sprintf("%s: the id %d occurs twice", name, id)}
		}
		if err := opt.fault(err); err != nil {
			return nil, nil, err
		}
	}
	return keep(list, drop), left.and(drop), nil
}

// duplicateError is an ErrDuplicateID with its own message.
type duplicateError struct{ msg string }

func (e *duplicateError) Error() string { return e.msg }
func (e *duplicateError) Unwrap() error { return ErrDuplicateID }

func duplicate(id int64, list string, first int) error {
	return &duplicateError{fmt.Sprintf("%d is the id of %s[%d] already", id, list, first)}
}

// resolveQuirks looks up ids as pycocotools does. The last of several images or categories with one id counts. Annotations of
// unknown images and categories are dropped. Annotations with one id are all replaced by the last of them, which then occurs
// several times: at the positions of the replaced ones, images in ascending id order. Only crowds are ignored.
func (t *idTables) resolveQuirks() {
	d := t.data
	t.sortCategories()
	d.Images = lastOfEachID(d.Images, t.imageIDs())
	d.Categories = lastOfEachID(d.Categories, t.categoryIDs())
	images, categories, annotations := t.imageIDs(), t.categoryIDs(), t.annotationIDs()

	rows := make([]int32, 0, len(t.refs))
	for i, ref := range t.refs {
		img, known := images.find(ref.image)
		if class, ok := categories.find(ref.category); known && ok {
			d.Annotations[i].Image, d.Annotations[i].Class = int(img), int(class)+1
			rows = append(rows, int32(i))
		}
	}
	slices.SortStableFunc(rows, func(a, b int32) int { return cmp.Compare(t.refs[a].image, t.refs[b].image) })
	kept := make([]Annotation, 0, len(rows))
	for _, row := range rows {
		last, _ := annotations.findLast(d.Annotations[row].ID)
		if a := d.Annotations[last]; a.Class > 0 { // 0: of an unknown image or category
			a.Ignore = false // pycocotools overwrites it by iscrowd
			kept = append(kept, a)
		}
	}
	d.Annotations = kept
}

func (t *idTables) sortCategories() {
	slices.SortStableFunc(t.data.Categories, func(a, b Category) int { return cmp.Compare(a.ID, b.ID) })
}

// dropSameNames leaves out categories without annotations that have the name of another. Roboflow's category 0 is the name of the
// project, which is often that of the only class.
func (t *idTables) dropSameNames() {
	d := t.data
	order := make([]int32, len(d.Categories))
	for i := range order {
		order[i] = int32(i)
	}
	name := func(k int) string { return d.Categories[order[k]].Name }
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(d.Categories[a].Name, d.Categories[b].Name) })
	var used, drop []bool
	for from, to := 0, 0; from < len(order); from = to {
		for to = from + 1; to < len(order) && name(to) == name(from); to++ {
		}
		if to-from < 2 || name(from) == "" {
			continue
		}
		if drop == nil {
			used, drop = t.usedCategories(), make([]bool, len(order))
		}
		same := order[from:to]
		kept := same[max(0, slices.IndexFunc(same, func(i int32) bool { return used[i] }))]
		for _, i := range same {
			if drop[i] = i != kept && !used[i]; drop[i] {
				d.Changes.Keep = t.opt.Names
				d.Changes.Add("category left out, another has its name and it has no annotations", "categories: ids %d and %d are both %s, and %d has no annotations",
					d.Categories[i].ID, d.Categories[kept].ID, cut(name(from)), d.Categories[i].ID)
			}
		}
	}
	if drop != nil {
		d.Categories = keep(d.Categories, drop)
	}
}

// usedCategories reports of each category whether it has annotations.
func (t *idTables) usedCategories() []bool {
	used, categories := make([]bool, len(t.data.Categories)), t.categoryIDs()
	for _, ref := range t.refs {
		if i, ok := categories.find(ref.category); ok {
			used[i] = true
		}
	}
	return used
}

// leaveOutProject leaves out the category that is the name of a Roboflow project. It has the id 0, no annotations and the
// "supercategory" "none", and is that of all others. It is no class.
func (d *Dataset) leaveOutProject(path string, opt *Options) {
	if len(d.Categories) < 2 || d.Categories[0].ID != 0 {
		return
	}
	for i := range d.Annotations {
		if d.Annotations[i].Class == 1 {
			return
		}
	}
	project, super := d.Categories[0].Name, supercategories(path)
	for i, c := range d.Categories {
		if i == 0 && super[c.ID] != "none" || i > 0 && super[c.ID] != project {
			return
		}
	}
	d.Changes.Keep = opt.Names
	d.Changes.Add("category left out, the name of a Roboflow project", "categories: id 0, %s, has no annotations and is the supercategory of all others", cut(project))
	d.Categories = d.Categories[1:]
	for i := range d.Annotations {
		d.Annotations[i].Class--
	}
}

// supercategories returns the "supercategory" of the categories of a COCO file, as far as they can be read.
func supercategories(path string) map[int64]string {
	super := make(map[int64]string)
	f, err := os.Open(path)
	if err != nil {
		return super
	}
	defer f.Close()
	s := newScanner(f, 0)
	if s.begin() != nil {
		return super
	}
	_ = s.object(func(key []byte) error { // the file was read before, with its errors
		if string(key) != "categories" {
			return s.skip()
		}
		if err := s.array(func(int) error { return s.supercategory(super) }); err != nil {
			return err
		}
		return io.EOF // the rest is not needed
	})
	return super
}

func (s *scanner) supercategory(super map[int64]string) error {
	var id int64
	var name string
	err := s.object(func(key []byte) (err error) {
		switch string(key) {
		case "id":
			id, err = s.integer()
		case "supercategory":
			name, err = s.text()
		default:
			err = s.skip()
		}
		return err
	})
	super[id] = name
	return err
}

// checkNames reports two categories with one name, because models identify classes by name.
func (t *idTables) checkNames() error {
	byName := slices.Clone(t.data.Categories)
	slices.SortStableFunc(byName, func(a, b Category) int { return cmp.Compare(a.Name, b.Name) })
	for i := 1; i < len(byName); i++ {
		if a, b := byName[i-1], byName[i]; a.Name == b.Name && a.Name != "" {
			if err := t.opt.fault(fmt.Errorf("categories: ids %d and %d have the same name %s", a.ID, b.ID, cut(a.Name))); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *idTables) imageIDs() idTable {
	return newIDTable(len(t.data.Images), func(i int32) int64 { return t.data.Images[i].ID })
}

func (t *idTables) categoryIDs() idTable {
	return newIDTable(len(t.data.Categories), func(i int32) int64 { return t.data.Categories[i].ID })
}

func (t *idTables) annotationIDs() idTable {
	return newIDTable(len(t.data.Annotations), func(i int32) int64 { return t.data.Annotations[i].ID })
}

// idTable finds items by id. It takes four bytes per item. A map takes ten times that, which is more than some files.
type idTable struct {
	byID []int32 // indices, ids ascending, equal ones in order
	id   func(i int32) int64
}

func newIDTable(n int, id func(i int32) int64) idTable {
	t := idTable{make([]int32, n), id}
	for i := range t.byID {
		t.byID[i] = int32(i)
	}
	ascending := func(a, b int32) int { return cmp.Compare(id(a), id(b)) }
	if !slices.IsSortedFunc(t.byID, ascending) {
		slices.SortStableFunc(t.byID, ascending)
	}
	return t
}

// duplicate returns the first item, by id, that has the id of an earlier item.
func (t idTable) duplicate() (i, first int32, twice bool) {
	for k := 1; k < len(t.byID); k++ {
		if first, i = t.byID[k-1], t.byID[k]; t.id(first) == t.id(i) {
			return i, first, true
		}
	}
	return 0, 0, false
}

// find returns the first item with the id.
func (t idTable) find(id int64) (i int32, ok bool) {
	k, ok := slices.BinarySearchFunc(t.byID, id, func(i int32, id int64) int { return cmp.Compare(t.id(i), id) })
	if !ok {
		return 0, false
	}
	return t.byID[k], true
}

// findLast returns the last item with the id.
func (t idTable) findLast(id int64) (i int32, ok bool) {
	k := sort.Search(len(t.byID), func(k int) bool { return t.id(t.byID[k]) > id })
	if k == 0 || t.id(t.byID[k-1]) != id {
		return 0, false
	}
	return t.byID[k-1], true
}

// lastOfEachID keeps the last item of each id, in the order of the list.
func lastOfEachID[T any](items []T, ids idTable) []T {
	if _, _, twice := ids.duplicate(); !twice {
		return items
	}
	drop := make([]bool, len(items))
	for i := range items {
		last, _ := ids.findLast(ids.id(int32(i)))
		drop[i] = int(last) != i
	}
	return keep(items, drop)
}
