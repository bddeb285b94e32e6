package results

import (
	"fmt"
	"math"
	"path"
	"slices"
	"strings"
	"unicode"

	"scalenet/geom"
	"scalenet/imaging"
)

// Crops cuts objects out of images and writes them as JPEGs: CLASS/NAME-N.jpg for object N, from 1, of the image NAME. In a video NAME ends with the
// frame's index.
type Crops struct {
	// Classes are the names of the model's classes 1..K.
	Classes []string
	// Put writes a file. name is its path below the folder of crops, with slashes.
	Put func(name string, data []byte) error

	folders []string // by class, from 0
}

// Add writes the objects of an image. No two files have the same name if no two images have the same Image.Out. Images with an empty Out write nothing.
func (c *Crops) Add(m Image, pixels *imaging.Image) error {
	if m.Out == "" {
		return nil
	}
	if c.folders == nil {
		c.folders = classFolders(c.Classes)
	}
	for i, x := range m.Objects {
		left, top, w, h := crop(x.Box, pixels)
		data, err := pixels.Crop(left, top, w, h).Encode(".jpg")
		if err != nil {
			return fmt.Errorf("%s: %w", m.File, err)
		}
		name := fmt.Sprintf("%s-%d.jpg", numbered(m.Out, m.Frame), i+1)
		if err := c.Put(path.Join(c.folders[x.Class-1], name), data); err != nil {
			return err
		}
	}
	return nil
}

// crop returns the pixels that a box touches, at least one.
func crop(b geom.Box, m *imaging.Image) (left, top, w, h int) {
	side := func(from, to float32, size int) (first, n int) {
		first = min(max(int(math.Floor(float64(from))), 0), size-1)
		return first, max(min(int(math.Ceil(float64(to))), size)-first, 1)
	}
	left, w = side(b.X1, b.X2, m.W)
	top, h = side(b.Y1, b.Y2, m.H)
	return left, top, w, h
}

// classFolders returns a folder name per class. Characters that file systems or shells treat specially become "_". Names that are then the same, also
// in upper and lower case, get the class id.
func classFolders(classes []string) []string {
	folders := make([]string, len(classes))
	var taken []string
	for i, class := range classes {
		name := strings.Trim(strings.Map(func(r rune) rune {
			if unicode.IsControl(r) || r == unicode.ReplacementChar || strings.ContainsRune(`/\:*?"<>|`, r) {
				return '_'
			}
			return r
		}, class), " .")
		name = cutName(name)
		for name == "" || slices.Contains(taken, strings.ToLower(name)) {
			name += fmt.Sprintf("_%d", i+1)
		}
		folders[i], taken = name, append(taken, strings.ToLower(name))
	}
	return folders
}

// cutName shortens a name that is longer than file systems take.
func cutName(name string) string {
	const longest = 200 // bytes; 255 with what is added to it
	if len(name) <= longest {
		return name
	}
	return strings.ToValidUTF8(name[:longest], "")
}
