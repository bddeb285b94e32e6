package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"scalenet/internal/labelstudio"
	"scalenet/server/models"
)

// The protocol of Label Studio's ML backends, by which it asks for predictions of tasks: /health, /setup, /predict and /webhook below the URL that
// is entered there. labelstudio_images.go finds the images of tasks.

const (
	maxTasks       = 10_000 // of one request
	maxConfigBytes = 1 << 20
)

// studioResponse has one result per task.
type studioResponse struct {
	Results      []studioResult `json:"results"`
	ModelVersion string         `json:"model_version"`
}

// studioResult is a prediction, or the error of a task. Label Studio stores nothing for results without Result, and asks for them again.
type studioResult struct {
	Result       *[]labelstudio.Region `json:"result,omitempty"`
	Score        *float64              `json:"score,omitempty"` // the mean of the regions, 0 without any
	ModelVersion string                `json:"model_version,omitempty"`
	Dropped      map[string]int        `json:"dropped,omitempty"` // detections of classes without a label
	Error        *Error                `json:"error,omitempty"`
}

// studioRequest is a parsed request of /predict.
type studioRequest struct {
	project string
	config  labelstudio.Config
	tasks   [][]byte // JSON
}

func (s *Server) labelStudioRoutes(e *gin.Engine) {
	studio := e.Group("", s.limited)
	for _, path := range []string{"", "/labelstudio/:model"} {
		get(e, path+"/health", s.handleStudioHealth) // without limits, as /readyz
		// These handlers accept an API key as the password of the backend, too.
		studio.POST(path+"/setup", s.leased(s.handleStudioSetup))
		studio.POST(path+"/predict", s.leased(s.handleStudioPredict))
		// Label Studio reports every change of a project, without the backend's password. Models do not learn from it.
		studio.POST(path+"/webhook", func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"status": "ignored"}) })
	}
}

func (s *Server) handleStudioHealth(c *gin.Context) {
	m, err := s.model(c.Param("model"))
	if err == nil {
		defer m.Release()
		err = s.unready()
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	c.JSON(http.StatusOK, gin.H{"status": "UP", "model_class": m.Name})
}

// studioModel checks the API key and returns the model of the URL, which the caller must release.
func (s *Server) studioModel(c *gin.Context) (*models.Model, error) {
	_, password, _ := c.Request.BasicAuth()
	if err := s.checkKey(c, password); err != nil {
		return nil, err
	}
	return s.model(c.Param("model"))
}

// studioVersion names a model and its version. Label Studio asks for predictions again when it changes.
func studioVersion(m *models.Model) string { return m.Name + "-" + m.Version }

// handleStudioSetup checks the configuration of a project, and keeps its token.
func (s *Server) handleStudioSetup(_ context.Context, c *gin.Context, l *lease) error {
	m, err := s.studioModel(c)
	if err != nil {
		return err
	}
	defer m.Release()
	object, err := s.readObject(c, l)
	if err != nil {
		return err
	}
	config, err := studioConfig(object, "schema")
	if err != nil {
		return err
	}
	if !anyTarget(config, m.Classes()) {
		return badRequest("schema: no label of its RectangleLabels is a class of the model %s, which has %s", m.Name, someOf(m.Classes()))
	}
	token, err := textOf(object, "access_token")
	if err != nil {
		return err
	}
	s.studio.keep(projectOf(object), token)
	c.JSON(http.StatusOK, gin.H{"model_version": studioVersion(m)})
	return nil
}

func anyTarget(config labelstudio.Config, classes []string) bool {
	for _, class := range classes {
		if _, _, ok := config.Target(class); ok {
			return true
		}
	}
	return false
}

// handleStudioPredict detects in the images of tasks, a few at a time. What fails for one task does not concern the others: predictions that were
// ready before the deadline are returned, and Label Studio asks for the rest again.
func (s *Server) handleStudioPredict(ctx context.Context, c *gin.Context, l *lease) error {
	m, err := s.studioModel(c)
	if err != nil {
		return err
	}
	defer m.Release()
	r, err := s.readStudio(c, l)
	if err != nil {
		return err
	}
	values, err := addressQuery(c.Request.URL.RawQuery)
	if err != nil {
		return err
	}
	q, err := parseQuery(values, m, studioParameters, s.config.Threshold)
	if err != nil {
		return err
	}
	response := studioResponse{Results: make([]studioResult, 0, len(r.tasks)), ModelVersion: studioVersion(m)}
	var failed error
	done := 0
	for start := 0; start < len(r.tasks); start += s.config.Limits.Images {
		group := r.tasks[start:min(start+s.config.Limits.Images, len(r.tasks))]
		for _, f := range s.detectTasks(ctx, m, r, group, q) {
			if f.err != nil && failed == nil {
				failed = f.err
			}
			if f.err == nil {
				done++
			}
			response.Results = append(response.Results, s.studioResult(c, r.config, m, f))
		}
	}
	if done == 0 && failed != nil {
		return failed
	}
	c.JSON(http.StatusOK, response)
	return nil
}

// detectTasks returns one result per task. It has a memory reservation of its own, so that the images of earlier tasks do not count.
func (s *Server) detectTasks(ctx context.Context, m *models.Model, r studioRequest, tasks [][]byte, q query) []found {
	l := s.memory.lease()
	defer l.end()
	all := s.taskImages(ctx, l, r, tasks)
	var uploads []upload
	var positions []int
	for i, t := range all {
		if t.err == nil {
			uploads, positions = append(uploads, t.upload), append(positions, i)
		}
	}
	results := make([]found, len(all))
	for i, t := range all {
		results[i].err = t.err
	}
	if len(uploads) == 0 {
		return results
	}
	for i, f := range s.detectInParts(ctx, l, m, uploads, q) {
		results[positions[i]] = f
	}
	return results
}

// detectInParts is detectEach for images that do not concern each other. Those that together need more runs or places than there are, are detected
// in two halves, so that only an image that needs too many alone has that error.
func (s *Server) detectInParts(ctx context.Context, l *lease, m *models.Model, uploads []upload, q query) []found {
	all, err := s.detectEach(ctx, l, m, uploads, q)
	half := len(uploads) / 2
	switch {
	case err == nil:
		return all
	case half == 0:
		return []found{{err: err}}
	}
	return append(s.detectInParts(ctx, l, m, uploads[:half], q), s.detectInParts(ctx, l, m, uploads[half:], q)...)
}

// studioResult returns the detections of a task in the labels of the configuration. It counts those without a label.
func (s *Server) studioResult(c *gin.Context, config labelstudio.Config, m *models.Model, f found) studioResult {
	if f.err != nil {
		return studioResult{Error: s.requestError(c, f.err)}
	}
	regions, dropped, sum := []labelstudio.Region{}, map[string]int{}, 0.0
	for _, d := range f.detections {
		control, name, ok := config.Target(label(m, d))
		if !ok {
			dropped[label(m, d)]++
			s.metrics.unlabelled.WithLabelValues(m.Name).Inc()
			continue
		}
		x, y := float64(d.Box.X1), float64(d.Box.Y1)
		r := labelstudio.NewRegion("box"+strconv.Itoa(len(regions)+1), [4]float64{x, y, float64(d.Box.X2) - x, float64(d.Box.Y2) - y}, name, f.size.W, f.size.H)
		r.From, r.To, r.Score = control, config.Image, &d.Score
		regions, sum = append(regions, r), sum+float64(d.Score)
	}
	score := sum / float64(max(1, len(regions)))
	return studioResult{Result: &regions, Score: &score, ModelVersion: studioVersion(m), Dropped: dropped}
}

// readObject reads a body that is a JSON object, whatever its Content-Type.
func (s *Server) readObject(c *gin.Context, l *lease) ([]field, error) {
	body, err := s.readBody(c, l)
	if err != nil {
		return nil, err
	}
	if !l.take(int64(len(body))) { // its parts are copied
		return nil, errMemory
	}
	if err := checkJSON(body); err != nil {
		return nil, err
	}
	object, err := fields(body)
	if err != nil {
		return nil, badRequest("the JSON body: %v", err)
	}
	return object, nil
}

func (s *Server) readStudio(c *gin.Context, l *lease) (r studioRequest, err error) {
	object, err := s.readObject(c, l)
	if err != nil {
		return r, err
	}
	if r.config, err = studioConfig(object, "label_config"); err != nil {
		return r, err
	}
	if r.tasks, err = listOf(object, "tasks", maxTasks); err != nil {
		return r, err
	}
	if len(r.tasks) == 0 {
		return r, badRequest("tasks: none in the request")
	}
	r.project = projectOf(object)
	return r, nil
}

// studioConfig parses a labeling configuration, a string in the field.
func studioConfig(object []field, key string) (labelstudio.Config, error) {
	var text string
	switch value := valueOf(object, key); {
	case value == nil:
		return labelstudio.Config{}, badRequest("%s: a labeling configuration is needed", key)
	case len(value) > maxConfigBytes:
		return labelstudio.Config{}, badRequest("%s: longer than %d bytes", key, maxConfigBytes)
	case json.Unmarshal(value, &text) != nil:
		return labelstudio.Config{}, badRequest("%s = %s: want a string", key, shown(value))
	}
	config, err := labelstudio.ParseConfig(text)
	if err != nil {
		return config, badRequest("%s: %v", key, err)
	}
	return config, nil
}

// projectOf returns the identifier of a project, a string or a number.
func projectOf(object []field) string {
	return strings.Trim(shown(valueOf(object, "project")), `"`)
}

// errNoStudio is the error of tasks whose images only Label Studio has.
var errNoStudio = &Error{Status: http.StatusForbidden, Code: "url_not_allowed",
	Message: "the image is with Label Studio, whose URL the server does not have: --label-studio gives it", cause: errors.New("no --label-studio")}
