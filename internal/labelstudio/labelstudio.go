// Package labelstudio has what tasks of Label Studio are written with: regions, and the addresses of images.
package labelstudio

import (
	"net/url"
	"path"
	"path/filepath"
	"strings"
)

// Region is a box, for a labeling configuration with <Image name="image"> and <RectangleLabels name="label" toName="image">.
type Region struct {
	ID       string   `json:"id"`
	Type     string   `json:"type"`
	From     string   `json:"from_name"`
	To       string   `json:"to_name"`
	Width    int      `json:"original_width"` // of the image, in pixels
	Height   int      `json:"original_height"`
	Rotation int      `json:"image_rotation"`
	Score    *float32 `json:"score,omitempty"` // of a prediction
	Value    Value    `json:"value"`
}

// Value is a box in percent of the image.
type Value struct {
	X        float64  `json:"x"`
	Y        float64  `json:"y"`
	Width    float64  `json:"width"`
	Height   float64  `json:"height"`
	Rotation int      `json:"rotation"`
	Labels   []string `json:"rectanglelabels"`
}

// NewRegion returns the region of a box x, y, width, height in an image of w x h pixels.
func NewRegion(id string, box [4]float64, label string, w, h int) Region {
	width, height := float64(w), float64(h)
	return Region{ID: id, Type: "rectanglelabels", From: "label", To: "image", Width: w, Height: h,
		Value: Value{X: 100 * box[0] / width, Y: 100 * box[1] / height, Width: 100 * box[2] / width, Height: 100 * box[3] / height, Labels: []string{label}}}
}

// Address returns the address of an image: http(s) addresses as they are, files as those of its local storage, whose document root
// (LOCAL_FILES_DOCUMENT_ROOT) is the folder that relative paths start from, or / for absolute paths.
func Address(file string) string {
	if strings.HasPrefix(file, "http://") || strings.HasPrefix(file, "https://") {
		return file
	}
	name := strings.TrimPrefix(path.Clean(filepath.ToSlash(file)), "/")
	return "/data/local-files/?d=" + strings.ReplaceAll(url.QueryEscape(name), "%2F", "/")
}
