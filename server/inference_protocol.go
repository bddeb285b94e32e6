package server

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"scalenet/server/models"
)

// The Open Inference Protocol, version 2, in its HTTP form with the extension for
// binary tensors: github.com/kserve/open-inference-protocol.

const lengthHeader = "Inference-Header-Content-Length"

// inferencePath reports whether a URL path is of the protocol.
func inferencePath(path string) bool { return path == "/v2" || strings.HasPrefix(path, "/v2/") }

// inferenceError is an error response of the protocol.
type inferenceError struct {
	Error string `json:"error"`
}

func (s *Server) inferenceRoutes(e *gin.Engine, api *gin.RouterGroup) {
	get(e, "/v2/health/live", func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"live": true}) })
	get(e, "/v2/health/ready", func(c *gin.Context) {
		if err := s.unready(); err != nil {
			s.fail(c, err)
			return
		}
		c.JSON(http.StatusOK, gin.H{"ready": true})
	})
	get(api, "/v2", func(c *gin.Context) {
		c.JSON(http.StatusOK, gin.H{"name": "scalenet", "version": s.config.Version, "extensions": []string{"binary_tensor_data"}})
	})
	for _, path := range []string{"/v2/models/:model", "/v2/models/:model/versions/:version"} {
		get(api, path, s.handleModelMetadata)
		get(api, path+"/ready", s.handleModelReady)
		api.POST(path+"/infer", s.leased(s.handleInfer))
	}
}

// modelMetadata describes the tensors of a model. A dimension of -1 is variable.
type modelMetadata struct {
	Name     string           `json:"name"`
	Versions []string         `json:"versions"`
	Platform string           `json:"platform"`
	Inputs   []tensorMetadata `json:"inputs"`
	Outputs  []tensorMetadata `json:"outputs"`
}

type tensorMetadata struct {
	Name     string `json:"name"`
	Datatype string `json:"datatype"`
	Shape    []int  `json:"shape"`
}

// inferenceResponse is the JSON part of a response.
type inferenceResponse struct {
	ModelName    string         `json:"model_name"`
	ModelVersion string         `json:"model_version"`
	ID           string         `json:"id,omitempty"`
	Outputs      []outputTensor `json:"outputs"`
}

// outputTensor has its data in the JSON or, if binary, after the JSON.
type outputTensor struct {
	tensorMetadata
	Parameters *binarySize `json:"parameters,omitempty"`
	Data       any         `json:"data,omitempty"`
}

type binarySize struct {
	Bytes int `json:"binary_data_size"`
}

// modelVersion returns the model in the URL, if it has the version in the URL. The
// caller must release it.
func (s *Server) modelVersion(c *gin.Context) (*models.Model, error) {
	m, err := s.model(c.Param("model"))
	if err != nil {
		return nil, err
	}
	if v := c.Param("version"); v != "" && v != m.Version {
		m.Release()
		return nil, &Error{Status: http.StatusNotFound, Code: "model_not_found", Message: "model \"" + m.Name + "\" serves as version " + m.Version + " only"}
	}
	return m, nil
}

func (s *Server) handleModelMetadata(c *gin.Context) {
	m, err := s.modelVersion(c)
	if err != nil {
		s.fail(c, err)
		return
	}
	defer m.Release()
	c.JSON(http.StatusOK, modelMetadata{
		Name: m.Name, Versions: []string{m.Version}, Platform: "scalenet",
		Inputs: []tensorMetadata{{inputImage, "BYTES", []int{1}}},
		Outputs: []tensorMetadata{
			{outputBoxes, "FP32", []int{-1, 4}}, {outputScores, "FP32", []int{-1}},
			{outputIDs, "INT64", []int{-1}}, {outputLabels, "BYTES", []int{-1}},
		},
	})
}

func (s *Server) handleModelReady(c *gin.Context) {
	m, err := s.modelVersion(c)
	if err == nil {
		defer m.Release()
		err = s.unready()
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	c.JSON(http.StatusOK, gin.H{"name": m.Name, "ready": true})
}

func (s *Server) handleInfer(ctx context.Context, c *gin.Context, l *lease) error {
	r, err := s.readInference(c, l)
	if err != nil {
		return err
	}
	if r.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.timeout)
		defer cancel()
	}
	m, err := s.modelVersion(c)
	if err != nil {
		return err
	}
	defer m.Release()
	q, err := parseQuery(r.values, m, protocolParameters, s.config.Threshold)
	if err != nil {
		return err
	}
	one, err := s.detectSingle(ctx, l, m, r.upload, q)
	if err != nil {
		return err
	}
	body, jsonLength, err := writeInference(r, m, one)
	if err != nil {
		return err
	}
	if jsonLength == len(body) {
		c.Data(http.StatusOK, "application/json; charset=utf-8", body)
		return nil
	}
	c.Header(lengthHeader, strconv.Itoa(jsonLength))
	c.Data(http.StatusOK, "application/octet-stream", body)
	return nil
}

// readInference reads and parses a request. A parameter in the body replaces that of
// the same name in the query string.
func (s *Server) readInference(c *gin.Context, l *lease) (inferenceRequest, error) {
	body, err := s.readBody(c, l)
	if err != nil {
		return inferenceRequest{}, err
	}
	if !l.take(int64(len(body))) { // for the data in base64
		return inferenceRequest{}, errMemory
	}
	query, err := addressQuery(c.Request.URL.RawQuery)
	if err != nil {
		return inferenceRequest{}, err
	}
	r, err := parseInference(body, c.GetHeader(lengthHeader), s.config.Limits.Image, l.take)
	for key, list := range query {
		if _, set := r.values[key]; !set && err == nil {
			r.values[key] = list
		}
	}
	return r, err
}

// writeInference returns the body of a response, and the length of the JSON at its
// start.
func writeInference(r inferenceRequest, m *models.Model, f found) (body []byte, jsonLength int, err error) {
	n := len(f.detections)
	boxes, scores, ids, labels := make([]float32, 0, 4*n), make([]float32, n), make([]int64, n), make([]string, n)
	for i, d := range f.detections {
		boxes = append(boxes, d.Box.X1, d.Box.Y1, d.Box.X2, d.Box.Y2)
		scores[i], ids[i], labels[i] = d.Score, int64(d.Class), label(m, d)
	}
	a := inferenceResponse{ModelName: m.Name, ModelVersion: m.Version, ID: r.id, Outputs: []outputTensor{}}
	var data []byte
	for _, o := range r.outputs {
		t := outputTensor{tensorMetadata: tensorMetadata{Name: o.name, Shape: []int{n}}}
		switch o.name {
		case outputBoxes:
			t.Datatype, t.Data, t.Shape = "FP32", boxes, []int{n, 4}
		case outputScores:
			t.Datatype, t.Data = "FP32", scores
		case outputIDs:
			t.Datatype, t.Data = "INT64", ids
		case outputLabels:
			t.Datatype, t.Data = "BYTES", labels
		}
		if o.binary {
			before := len(data)
			if data, err = appendTensor(data, t.Data); err != nil {
				return nil, 0, err
			}
			t.Data, t.Parameters = nil, &binarySize{len(data) - before}
		}
		a.Outputs = append(a.Outputs, t)
	}
	text, err := json.Marshal(a)
	return append(text, data...), len(text), err
}

// appendTensor appends a tensor in binary form: little-endian values, or strings with
// their length in four bytes before each.
func appendTensor(to []byte, values any) ([]byte, error) {
	labels, ok := values.([]string)
	if !ok {
		return binary.Append(to, binary.LittleEndian, values)
	}
	for _, s := range labels {
		to = append(binary.LittleEndian.AppendUint32(to, uint32(len(s))), s...)
	}
	return to, nil
}
