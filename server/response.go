package server

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/results"
	"scalenet/roi"
	"scalenet/server/models"
)

// DetectResponse is the response of /detect for one image. Boxes are in continuous pixel
// coordinates after applying the EXIF orientation. Detections are in descending score
// order.
type DetectResponse struct {
	ID    string   `json:"id"`
	Model ModelTag `json:"model"`
	ImageDetections
}

// DetectListResponse is the response of /detect for several images.
type DetectListResponse struct {
	ID      string        `json:"id"`
	Model   ModelTag      `json:"model"`
	Results []ImageResult `json:"results"`
}

// ImageResult is the result for one of several images, or its error.
type ImageResult struct {
	Name string `json:"name,omitempty"` // file name sent by the client
	*ImageDetections
	Error *Error `json:"error,omitempty"`
}

// ModelTag identifies the model that was used.
type ModelTag struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// ImageDetections has the detections of one image.
type ImageDetections struct {
	Image      ImageSize   `json:"image"`
	Detections []Detection `json:"detections"`
	TimingMS   TimingMS    `json:"timing_ms"`
}

// ImageSize is the size in pixels after applying the EXIF orientation.
type ImageSize struct {
	Width  int `json:"width"`
	Height int `json:"height"`
}

// Detection is a detected object.
type Detection struct {
	ClassID int32   `json:"class_id"`
	Label   string  `json:"label"`
	Score   float32 `json:"score"`
	Box     Box     `json:"box"`
}

// Box has the corners of a box, in pixels.
type Box struct {
	X1 float32 `json:"x1"`
	Y1 float32 `json:"y1"`
	X2 float32 `json:"x2"`
	Y2 float32 `json:"y2"`
}

// TimingMS has the time by phase, in milliseconds.
type TimingMS struct {
	Queue       float64 `json:"queue"`
	Decode      float64 `json:"decode"`
	Preprocess  float64 `json:"preprocess"`
	Inference   float64 `json:"inference"`
	Postprocess float64 `json:"postprocess"`
}

// cocoResult is an entry of a COCO results list. image_id is the index of the image
// in the request, from 0.
type cocoResult struct {
	ImageID    int        `json:"image_id"`
	CategoryID int32      `json:"category_id"`
	Box        [4]float32 `json:"bbox"` // x, y, width, height
	Score      float32    `json:"score"`
}

// The formats of a response.
const (
	formatJSON  = "json"
	formatCOCO  = "coco"
	formatImage = "image"
)

// responseFormat returns the format of the parameter, or that of the Accept header.
func responseFormat(f form, accept string) (string, error) {
	format := f.values.Get("format")
	if format == "" {
		format = formatJSON
		first, _, _ := strings.Cut(accept, ",")
		if first, _, _ = strings.Cut(first, ";"); strings.TrimSpace(first) == "image/jpeg" {
			format = formatImage
		}
	}
	switch {
	case !slices.Contains([]string{formatJSON, formatCOCO, formatImage}, format):
		return "", badRequest("format = %q: want json, coco or image", shown(format))
	case format == formatImage && f.several:
		return "", badRequest("format = image is for one image, the request has %d", len(f.uploads))
	}
	return format, nil
}

func (s *Server) respond(c *gin.Context, format string, m *models.Model, all []found, several bool) {
	switch {
	case format == formatImage:
		s.respondImage(c, m, all[0])
	case format == formatCOCO:
		s.respondCOCO(c, all)
	case several:
		a := DetectListResponse{ID: requestID(c), Model: tag(m)}
		for _, f := range all {
			r := ImageResult{Name: f.name}
			if f.err != nil {
				r.Error = s.requestError(c, f.err)
			} else {
				p := f.response(m)
				r.ImageDetections = &p
			}
			a.Results = append(a.Results, r)
		}
		c.JSON(http.StatusOK, a)
	default:
		c.JSON(http.StatusOK, DetectResponse{requestID(c), tag(m), all[0].response(m)})
	}
}

func tag(m *models.Model) ModelTag { return ModelTag{m.Name, m.Version} }

func (f found) response(m *models.Model) ImageDetections {
	p := ImageDetections{
		Image:      ImageSize{f.size.W, f.size.H},
		Detections: make([]Detection, len(f.detections)),
		TimingMS: TimingMS{
			milliseconds(f.timing.queue), milliseconds(f.timing.decode),
			milliseconds(f.timing.Preprocess), milliseconds(f.timing.Inference), milliseconds(f.timing.Postprocess),
		},
	}
	for i, d := range f.detections {
		p.Detections[i] = Detection{d.Class, label(m, d), d.Score, Box{d.Box.X1, d.Box.Y1, d.Box.X2, d.Box.Y2}}
	}
	return p
}

func label(m *models.Model, d roi.Detection) string { return m.Classes()[d.Class-1] }

// milliseconds converts to milliseconds, rounded to a microsecond.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (s *Server) respondCOCO(c *gin.Context, all []found) {
	list := []cocoResult{}
	for i, f := range all {
		if f.err != nil { // the COCO format cannot hold errors
			s.fail(c, f.err)
			return
		}
		for _, d := range f.detections {
			b := d.Box
			list = append(list, cocoResult{i, d.Class, [4]float32{b.X1, b.Y1, b.X2 - b.X1, b.Y2 - b.Y1}, d.Score})
		}
	}
	c.JSON(http.StatusOK, list)
}

// whole returns a copy of the image that is not reduced.
func (f found) whole(limits imaging.Limits) (*imaging.Image, error) {
	if f.size == (geom.Size{W: f.image.W, H: f.image.H}) {
		return f.image.Clone(), nil
	}
	return imaging.Decode(f.data, limits)
}

// respondImage responds with the image and its boxes, the highest score on top.
func (s *Server) respondImage(c *gin.Context, m *models.Model, f found) {
	drawn, err := f.whole(s.config.Limits.Image)
	if err == nil {
		err = drawn.Draw(results.Annotations(results.Objects(f.detections, m.Classes()))...)
	}
	var data []byte
	if err == nil {
		data, err = drawn.Encode(".jpg")
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	c.Data(http.StatusOK, "image/jpeg", data)
}
