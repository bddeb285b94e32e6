package server

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"scalenet/detector"
	"scalenet/internal/config"
	"scalenet/roi"
	"scalenet/server/models"
)

// The API of DeepStack and CodeProject.AI, used by camera and home automation
// software: one image in a form, boxes in whole pixels, detections in descending score
// order.

// DeepStack configures the API of DeepStack and CodeProject.AI.
type DeepStack struct {
	// Labels rename classes; "" drops a class. Other classes keep their names.
	Labels map[string]string
	// Most is the maximum number of detections per response, for clients with a
	// fixed number of rows; 0 is no limit.
	Most int
}

// validate returns an error for unknown classes, which would otherwise be ignored.
func (d DeepStack) validate(classes []string) error {
	if d.Most < 0 {
		return fmt.Errorf("server: %w", config.Invalid("deepstack-max", d.Most, "at least 0"))
	}
	for class := range d.Labels {
		if !slices.Contains(classes, class) {
			return fmt.Errorf("server: deepstack-label = %s: no model has that class; there are %s", class, someOf(classes))
		}
	}
	return nil
}

// label returns the name of a class for the clients, "" if the class is dropped.
func (d DeepStack) label(class string) string {
	if label, ok := d.Labels[class]; ok {
		return label
	}
	return class
}

// narrow drops the classes without a label, before detections are counted.
func (d DeepStack) narrow(s detector.Selection, classes []string) detector.Selection {
	labelled := make([]bool, len(classes))
	for i, class := range classes {
		labelled[i] = d.label(class) != ""
	}
	if s = s.Only(labelled); d.Most > 0 {
		s = s.AtMost(d.Most)
	}
	return s
}

// deepStackResponse is the response. Times are in whole milliseconds.
type deepStackResponse struct {
	Success     bool                  `json:"success"`
	Message     string                `json:"message"`
	Predictions []deepStackPrediction `json:"predictions"`
	Count       int                   `json:"count"`
	Code        int                   `json:"code"`
	InferenceMS int64                 `json:"inferenceMs"`
	ProcessMS   int64                 `json:"processMs"`
}

// deepStackPrediction has its box in whole pixels within the image.
type deepStackPrediction struct {
	Label      string  `json:"label"`
	Confidence float32 `json:"confidence"`
	XMin       int     `json:"x_min"`
	YMin       int     `json:"y_min"`
	XMax       int     `json:"x_max"`
	YMax       int     `json:"y_max"`
}

// deepStackError is an error response of this API.
type deepStackError struct {
	Success   bool   `json:"success"` // false
	Error     string `json:"error"`
	Code      int    `json:"code"` // the HTTP status
	RequestID string `json:"request_id"`
}

// deepStackPath reports whether a URL path is of this API.
func deepStackPath(path string) bool {
	return strings.HasPrefix(path, "/v1/vision/") || strings.HasPrefix(path, "/v1/status/") || strings.HasPrefix(path, "/v1/server/")
}

// deepStackStatus is 400 for all errors of an image, as these clients expect.
func deepStackStatus(e *Error) int {
	if e.Status == http.StatusUnsupportedMediaType || e.Status == http.StatusUnprocessableEntity {
		return http.StatusBadRequest
	}
	return e.Status
}

func (s *Server) deepStackRoutes(e *gin.Engine) {
	for _, path := range []string{"/v1/status/ping", "/v1/server/status/ping"} {
		get(e, path, s.handlePing)
		e.POST(path, s.handlePing)
	}
	// These handlers check the API key themselves, because clients also send it in the form.
	vision := e.Group("/v1/vision", s.limited)
	vision.POST("/detection", s.leased(s.handleDeepStack))
	vision.POST("/custom/:model", s.leased(s.handleDeepStack))
	get(vision, "/custom/list", s.handleCustomList)
	vision.POST("/custom/list", s.handleCustomList)
}

func (s *Server) handlePing(c *gin.Context) {
	if err := s.unready(); err != nil {
		s.fail(c, err)
		return
	}
	c.JSON(http.StatusOK, gin.H{"success": true})
}

func (s *Server) handleCustomList(c *gin.Context) {
	if err := s.checkKey(c, c.Query("api_key")); err != nil {
		s.fail(c, err)
		return
	}
	c.JSON(http.StatusOK, gin.H{"success": true, "models": s.config.Models.Names()})
}

// handleDeepStack runs the default model or the named model on an image.
func (s *Server) handleDeepStack(ctx context.Context, c *gin.Context, l *lease) error {
	start := time.Now()
	if err := s.checkFormKey(c); err != nil {
		return err
	}
	f, err := s.readForm(c, l, 1)
	if err != nil {
		return err
	}
	m, err := s.model(c.Param("model"))
	if err != nil {
		return err
	}
	defer m.Release()
	q, err := s.deepStackQuery(f.values, m)
	if err != nil {
		return err
	}
	one, err := s.detectSingle(ctx, l, m, f.uploads[0], q)
	if err != nil {
		return err
	}
	a := s.config.DeepStack.response(one, m)
	a.ProcessMS = time.Since(start).Milliseconds()
	c.JSON(http.StatusOK, a)
	return nil
}

// keyWithin is the number of bytes at the start of a form that may contain the API key.
const keyWithin = 16 << 10

// checkFormKey looks for the API key in a header, in the URL, and in the form before
// the image, where DeepStack clients send it. Without a key no image is read.
func (s *Server) checkFormKey(c *gin.Context) error {
	if s.checkKey(c, c.Query("api_key")) == nil {
		return nil
	}
	_, boundary, err := contentType(c.GetHeader("Content-Type"))
	if err != nil {
		return s.checkKey(c, "")
	}
	body := bufio.NewReaderSize(c.Request.Body, keyWithin)
	start, _ := body.Peek(keyWithin) // an error is reported when the body is read
	c.Request.Body = struct {
		io.Reader
		io.Closer
	}{body, c.Request.Body}
	if r, err := decompressor(contentEncoding(c.Request.Header), bytes.NewReader(start)); err == nil {
		start, _ = io.ReadAll(io.LimitReader(r, keyWithin)) // what can be decoded so far
	}
	return s.checkKey(c, formKey(start, boundary))
}

// formKey returns the field api_key in the start of a form, "" if there is none before
// the first file.
func formKey(start []byte, boundary string) string {
	for r := multipart.NewReader(bytes.NewReader(start), boundary); ; {
		part, err := r.NextRawPart()
		if err != nil || part.FileName() != "" {
			return ""
		}
		if part.FormName() != "api_key" {
			continue
		}
		key, err := io.ReadAll(part)
		if err != nil {
			return ""
		}
		return string(key)
	}
}

// deepStackQuery parses min_confidence and the parameters of /detect. It ignores all
// other fields, such as api_key.
func (s *Server) deepStackQuery(sent url.Values, m *models.Model) (query, error) {
	values := url.Values{}
	for _, key := range deepStackParameters.all() {
		if list, ok := sent[key]; ok {
			values[key] = list
		}
	}
	q, err := parseQuery(values, m, deepStackParameters, s.config.Threshold)
	if err != nil {
		return q, err
	}
	q.selection = s.config.DeepStack.narrow(q.selection, m.Classes())
	return q, nil
}

func (d DeepStack) response(f found, m *models.Model) deepStackResponse {
	a := deepStackResponse{
		Success: true, Code: http.StatusOK, Count: len(f.detections), Predictions: []deepStackPrediction{},
		InferenceMS: f.timing.Inference.Milliseconds(), Message: "No objects found",
	}
	var labels []string
	for _, found := range f.detections {
		p := d.prediction(found, m, f.size.W, f.size.H)
		a.Predictions = append(a.Predictions, p)
		if !slices.Contains(labels, p.Label) {
			labels = append(labels, p.Label)
		}
	}
	if len(labels) > 0 {
		a.Message = "Found " + strings.Join(labels, ", ")
	}
	return a
}

func (d DeepStack) prediction(found roi.Detection, m *models.Model, w, h int) deepStackPrediction {
	pixel := func(v float32, most int) int { return max(0, min(most, int(math.Round(float64(v))))) }
	return deepStackPrediction{
		Label: d.label(label(m, found)), Confidence: found.Score,
		XMin: pixel(found.Box.X1, w), YMin: pixel(found.Box.Y1, h), XMax: pixel(found.Box.X2, w), YMax: pixel(found.Box.Y2, h),
	}
}
