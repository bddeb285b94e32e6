package results

import (
	"errors"
	"net/url"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// studioWriter writes tasks with predictions for Label Studio, for a labeling configuration with <Image name="image"> and
// <RectangleLabels name="label" toName="image">.
type studioWriter struct {
	array jsonArray
}

type studioTask struct {
	Data        studioData         `json:"data"`
	Predictions []studioPrediction `json:"predictions"`
}

type studioData struct {
	Image string `json:"image"`
}

type studioPrediction struct {
	Score  float64        `json:"score"` // the mean of the regions; 0 without any
	Result []studioRegion `json:"result"`
}

type studioRegion struct {
	ID       string      `json:"id"`
	Type     string      `json:"type"`
	From     string      `json:"from_name"`
	To       string      `json:"to_name"`
	Width    int         `json:"original_width"`
	Height   int         `json:"original_height"`
	Rotation int         `json:"image_rotation"`
	Score    float32     `json:"score"`
	Value    studioValue `json:"value"`
}

// studioValue is a box in percent of the image.
type studioValue struct {
	X        float64  `json:"x"`
	Y        float64  `json:"y"`
	Width    float64  `json:"width"`
	Height   float64  `json:"height"`
	Rotation int      `json:"rotation"`
	Labels   []string `json:"rectanglelabels"`
}

func (w *studioWriter) Add(m Image) error {
	if m.Frame != nil {
		return errors.New("format labelstudio takes images, not frames of a video")
	}
	p := studioPrediction{Result: []studioRegion{}}
	for i, x := range m.Objects {
		box, width, height := xywh(x.Box), float64(m.Width), float64(m.Height)
		p.Score += float64(x.Score) / float64(len(m.Objects))
		p.Result = append(p.Result, studioRegion{
			ID: "box" + strconv.Itoa(i+1), Type: "rectanglelabels", From: "label", To: "image", Width: m.Width, Height: m.Height, Score: x.Score,
			Value: studioValue{X: 100 * box[0] / width, Y: 100 * box[1] / height, Width: 100 * box[2] / width, Height: 100 * box[3] / height,
				Labels: []string{x.Label}},
		})
	}
	return w.array.add(studioTask{studioData{studioAddress(m.File)}, []studioPrediction{p}})
}

func (w *studioWriter) Close() error { return w.array.close() }

// studioAddress returns the address of an image for Label Studio: http(s) addresses as they are, files as those of its local storage, whose document
// root (LOCAL_FILES_DOCUMENT_ROOT) is the folder that relative paths start from, or / for absolute paths.
func studioAddress(file string) string {
	if strings.HasPrefix(file, "http://") || strings.HasPrefix(file, "https://") {
		return file
	}
	name := strings.TrimPrefix(path.Clean(filepath.ToSlash(file)), "/")
	return "/data/local-files/?d=" + strings.ReplaceAll(url.QueryEscape(name), "%2F", "/")
}
