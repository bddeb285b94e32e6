package coco

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// filePair is an annotation file with its images: files of one name and one folder with different extensions.
type filePair struct {
	annotation string
	images     []string // JPEGs first
}

// fileMatch says which annotation files belong to which images.
type fileMatch struct {
	pairs   []filePair // sorted by image
	alone   []string   // annotation files without image
	unclear []error
	example string // an annotation file that has an image, if it is clear or not
}

// sameNamed are images or annotation files that have the same folder and, but for the extension, the same name.
type sameNamed struct {
	files   []string
	dir     string
	folders []string // of dir, in lower case, splits by their usual name; sorted
	split   string
	taken   bool
}

// matchFiles finds the images of annotation files: those of the same name. If several files have the name, those belong together
// whose paths share most folders, or if equal, have the fewest others. Files of different splits never do.
func matchFiles(images, annotations []string) *fileMatch {
	imagesByName, annotationsByName := byName(images), byName(annotations)
	names := make([]string, 0, len(annotationsByName))
	for name := range annotationsByName {
		names = append(names, name)
	}
	slices.Sort(names)
	m := new(fileMatch)
	for _, name := range names {
		m.match(imagesByName[name], annotationsByName[name])
	}
	sortPairs(m.pairs)
	slices.Sort(m.alone)
	return m
}

// sortPairs sorts by image.
func sortPairs(pairs []filePair) {
	slices.SortFunc(pairs, func(a, b filePair) int { return strings.Compare(a.images[0], b.images[0]) })
}

// byName groups files by name and then by folder.
func byName(files []string) map[string][]*sameNamed {
	all := make(map[string][]*sameNamed)
	byFolder := make(map[string]*sameNamed)
	for _, file := range files {
		name := norm.NFC.String(stem(file)) // macOS has other bytes for the same letters
		at := filepath.Join(filepath.Dir(file), name)
		if byFolder[at] == nil {
			byFolder[at] = newSameNamed(file)
			all[name] = append(all[name], byFolder[at])
		}
		byFolder[at].files = append(byFolder[at].files, file)
	}
	return all
}

func newSameNamed(file string) *sameNamed {
	s := &sameNamed{dir: filepath.Dir(file), split: splitOf(file), folders: folders(file)}
	for i, name := range s.folders {
		s.folders[i] = strings.ToLower(norm.NFC.String(name))
		if split := splitWord(name); split != "" {
			s.folders[i] = split
		}
	}
	slices.Sort(s.folders)
	return s
}

// match pairs the files of one name. A pair is made as long as there are two that are each other's only best. Two annotation files
// that only differ in their extension are never clear.
func (m *fileMatch) match(images, annotations []*sameNamed) {
	c := newClosest(images, annotations)
	for again := true; again; {
		again = false
		for _, a := range annotations {
			image, ok := c.best(a, images)
			if !ok || len(a.files) > 1 {
				continue
			}
			if back, ok := c.best(image, annotations); ok && back == a {
				jpegFirst(image.files)
				m.pairs = append(m.pairs, filePair{a.files[0], image.files})
				m.example = cmp.Or(m.example, a.files[0])
				a.taken, image.taken, again = true, true, true
			}
		}
	}
	m.rest(c, images, annotations)
}

// rest sorts out the files of one name that are not in pairs: an annotation file has no image, or it is unclear which.
func (m *fileMatch) rest(c *closest, images, annotations []*sameNamed) {
	var unclear []string
	for _, a := range annotations {
		if a.taken {
			continue
		}
		open := slices.DeleteFunc(slices.Clone(images), func(i *sameNamed) bool { return i.taken || c.of(i, a) < 0 })
		if len(open) == 0 {
			m.alone = append(m.alone, a.files...)
			continue
		}
		m.example = cmp.Or(m.example, a.files[0])
		unclear = append(unclear, a.files...)
		for _, i := range open {
			unclear = append(unclear, i.files...)
		}
	}
	if len(unclear) > 0 {
		slices.Sort(unclear)
		m.unclear = append(m.unclear, fmt.Errorf("it is unclear which of these files belong together: %s", cutList(slices.Compact(unclear))))
	}
}

// closest measures how close images and annotation files of one name are.
type closest struct {
	only   bool // there is only one of each
	common int  // folders that all files have
	fewest int  // other folders of the closest pair
}

// manyFolders is more than a path has.
const manyFolders = 1 << 12

func newClosest(images, annotations []*sameNamed) *closest {
	c := &closest{only: len(images) == 1 && len(annotations) == 1, fewest: manyFolders}
	if c.only || len(images) == 0 {
		return c
	}
	common := images[0].folders
	for _, s := range slices.Concat(images, annotations) {
		common = sharedFolders(common, s.folders)
	}
	c.common = len(common)
	for _, i := range images {
		for _, a := range annotations {
			if compatible(i, a) {
				shared := sharedCount(i.folders, a.folders)
				c.fewest = min(c.fewest, len(i.folders)+len(a.folders)-2*shared)
			}
		}
	}
	return c
}

func compatible(a, b *sameNamed) bool { return a.split == "" || b.split == "" || a.split == b.split }

// of returns how close an image and an annotation file are, or -1 if they cannot belong together. Where several files have the
// name, those cannot that share no folder of their own and have more others than the closest: video1/7.jpg and video2/7.xml.
func (c *closest) of(a, b *sameNamed) int {
	if !compatible(a, b) {
		return -1
	}
	shared := sharedCount(a.folders, b.folders)
	others := len(a.folders) + len(b.folders) - 2*shared
	if !c.only && shared <= c.common && others > c.fewest {
		return -1
	}
	near := 2 * (shared*manyFolders - others + manyFolders)
	if a.dir == b.dir { // closer than a folder of the same names in another order
		near++
	}
	return near
}

// best returns the closest file that is not taken. ok is false if there is none or more than one.
func (c *closest) best(s *sameNamed, list []*sameNamed) (best *sameNamed, ok bool) {
	highest := -1
	for _, other := range list {
		if other.taken {
			continue
		}
		switch near := c.of(s, other); {
		case near > highest:
			best, highest, ok = other, near, true
		case near == highest:
			ok = false
		}
	}
	return best, ok && best != nil
}

// sharedFolders returns what two sorted lists share, repeated names as often as both have them.
func sharedFolders(a, b []string) (shared []string) {
	for len(a) > 0 && len(b) > 0 {
		switch order := strings.Compare(a[0], b[0]); {
		case order < 0:
			a = a[1:]
		case order > 0:
			b = b[1:]
		default:
			shared, a, b = append(shared, a[0]), a[1:], b[1:]
		}
	}
	return shared
}

// sharedCount is the length of sharedFolders, for the many pairs of frames of videos.
func sharedCount(a, b []string) (n int) {
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			n, i, j = n+1, i+1, j+1
		case a[i] < b[j]:
			i++
		default:
			j++
		}
	}
	return n
}
