package server

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"image"
	"image/jpeg"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"scalenet/backbone"
	"scalenet/detector"
	"scalenet/engine/cpu"
	"scalenet/imaging"
	"scalenet/server/internal/schedule"
	"scalenet/server/models"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/golang/glog.(*fileSink).flushDaemon"))
}

// writeModel saves a detector with random parameters: it looks at images of 64
// pixels in a few milliseconds, and is never sure.
func writeModel(t testing.TB, path string, seed uint64, classes ...string) {
	c := detector.Default()
	c.Backbone = backbone.Config{Name: "scalenet", Stem: backbone.Stem{Channels: 8, Kernel: 3},
		Blocks: []int{1, 1, 1, 1}, Planes: []int{4, 4, 8, 8}, Scales: []int{1, 2},
		Structure: backbone.Structure{{3, 2, 16}, {3, 2, 8}, {6, 3, 4}, {6, 3, 2}}}
	c.RPN.Channels = 16
	c.RPN.Anchors.Sizes = []float64{16, 32}
	c.RPN.Proposals.Test.AfterNMS = 40
	c.RoI.Align.Size = 4
	c.Input.TestShorter, c.Input.TestLongest = 64, 128
	c.Frozen = detector.Frozen{Stages: -1}
	m, err := detector.New(c, classes, seed)
	require.NoError(t, err)
	require.NoError(t, m.Save(path))
}

// openCPU puts a model on one thread of the processor.
func openCPU(m *detector.Model) (*detector.Detector, func(), error) { return openThreads(m, 1) }

func openThreads(m *detector.Model, threads int) (*detector.Detector, func(), error) {
	dev, err := cpu.New(cpu.Options{Threads: threads})
	if err != nil {
		return nil, nil, err
	}
	d := detector.NewDetector(m, dev, detector.Options{})
	return d, func() { d.Close(); dev.Close() }, nil
}

// served is a server under test, with what it logged.
type served struct {
	*Server
	url   string
	files []string // of its models
	log   *bytes.Buffer
	gate  chan struct{} // if held, what the worker waits for before each batch
}

// serve starts a server with two models, "first" and "second", and an HTTP
// server before it. Nothing of it may be left at the end.
func serve(t testing.TB, change func(*Config)) *served {
	t.Helper()
	s := &served{log: &bytes.Buffer{}}
	folder := t.TempDir()
	var sources []models.Source
	for i, name := range []string{"first", "second"} {
		path := filepath.Join(folder, name+".safetensors")
		writeModel(t, path, uint64(i), "cat", "dog", name)
		s.files, sources = append(s.files, path), append(sources, models.Source{Name: name, Path: path})
	}
	registry, err := models.NewRegistry(t.Context(), sources, openCPU)
	require.NoError(t, err)
	c := DefaultConfig()
	c.Models, c.Log, c.Threshold = registry, logTo(s.log), detector.SameThreshold(0)
	if change != nil {
		change(&c)
	}
	s.Server, err = New(c)
	require.NoError(t, err)
	h := httptest.NewUnstartedServer(nil)
	h.Config, h.Listener = s.server(), clientListener{h.Listener} // as Run does
	h.Start()
	s.url = h.URL
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		h.Close()
		if s.gate != nil {
			close(s.gate)
		}
		s.Close()
		assert.Zero(t, s.memory.used.Load(), "memory is given back")
		assert.Zero(t, s.queue.Depth(), "places are given back")
	})
	return s
}

// hold makes the worker wait for s.gate before each batch.
func (s *served) hold() {
	s.gate = make(chan struct{})
	s.queue.Close()
	s.queue = schedule.New(s.config.Queue, func(k batchKey, batch []*job) (func() error, error) {
		<-s.gate
		return s.compute(k, batch)
	})
}

// photo is a JPEG with something to see.
func photo(t testing.TB, w, h int) []byte {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = uint8(i*i/7 + i)
	}
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, m, nil))
	return b.Bytes()
}

// parts makes a multipart body of name, file name and data, "" being no file.
func parts(t testing.TB, list ...[3]string) (contentType, body string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range list {
		disposition := `form-data; name="` + p[0] + `"`
		if p[1] != "" {
			disposition += `; filename="` + p[1] + `"`
		}
		part, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {disposition}})
		require.NoError(t, err)
		_, err = io.WriteString(part, p[2])
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return w.FormDataContentType(), b.String()
}

// post sends a body and returns the status, the header and the answer. Both have
// to be as openapi.yaml has them.
func (s *served) post(t testing.TB, path, contentType, body string, header ...string) (int, http.Header, string) {
	return s.send(t, http.MethodPost, path, contentType, strings.NewReader(body), header...)
}

func (s *served) send(t testing.TB, method, path, contentType string, body io.Reader, header ...string) (int, http.Header, string) {
	t.Helper()
	var sent bytes.Buffer
	if whole, ok := body.(*strings.Reader); ok { // its length is in the header
		_, err := whole.WriteTo(&sent)
		require.NoError(t, err)
		_, err = whole.Seek(0, io.SeekStart)
		require.NoError(t, err)
	} else if body != nil {
		body = io.TeeReader(body, &sent)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, body)
	require.NoError(t, err)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	a, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer a.Body.Close()
	data, err := io.ReadAll(a.Body)
	require.NoError(t, err)
	checkDescribed(t, r, sent.Bytes(), a.StatusCode, a.Header, string(data))
	return a.StatusCode, a.Header, string(data)
}

func read[T any](t testing.TB, text string) (v T) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&v), text)
	return v
}

// errorOf is the error of an answer.
func errorOf(t testing.TB, text string) Error {
	t.Helper()
	e := read[struct{ Error *Error }](t, text)
	require.NotNil(t, e.Error, text)
	assert.NotEmpty(t, e.Error.RequestID)
	return *e.Error
}

// TestForms sends one image in every form; each has the detector's own answer.
func TestForms(t *testing.T) {
	s := serve(t, nil)
	image := photo(t, 100, 70)
	m := s.config.Models.Acquire("")
	defer m.Release()
	im, err := imaging.Decode(image, imaging.Limits{})
	require.NoError(t, err)
	settings := m.Detector.Model().Settings()
	settings.Detections.Score = 0
	want, _, err := m.Detector.DetectEach(detector.Query{Image: im, Settings: settings})
	require.NoError(t, err)
	require.NotEmpty(t, want[0])

	encoded := base64.StdEncoding.EncodeToString(image)
	kind, body := parts(t, [3]string{"image", "photo.jpg", string(image)})
	for name, c := range map[string]struct{ kind, body string }{
		"multipart":      {kind, body},
		"raw":            {"image/jpeg", string(image)},
		"raw, no kind":   {"application/octet-stream", string(image)},
		"JSON":           {"application/json", `{"image": "` + encoded + `"}`},
		"JSON, charset":  {"application/json; charset=utf-8", `{"image": "` + encoded + `"}`},
		"data URL":       {"application/json", `{"image": "data:image/jpeg;base64,` + encoded + `"}`},
		"base64 for URL": {"application/json", `{"image": "` + base64.RawURLEncoding.EncodeToString(image) + `"}`},
	} {
		t.Run(name, func(t *testing.T) {
			status, header, text := s.post(t, "/detect", c.kind, c.body, "X-Request-ID", "my-id.7")
			require.Equal(t, http.StatusOK, status, text)
			assert.Equal(t, "my-id.7", header.Get("X-Request-ID"))
			a := read[DetectResponse](t, text)
			assert.Equal(t, "my-id.7", a.ID)
			assert.Equal(t, ModelTag{"first", m.Version}, a.Model)
			assert.Equal(t, ImageSize{100, 70}, a.Image)
			require.Len(t, a.Detections, len(want[0]))
			for i, d := range want[0] {
				assert.Equal(t, Detection{d.Class, m.Classes()[d.Class-1], d.Score, Box{d.Box.X1, d.Box.Y1, d.Box.X2, d.Box.Y2}}, a.Detections[i])
			}
			assert.Positive(t, a.TimingMS.Inference)
			assert.Positive(t, a.TimingMS.Decode)
		})
	}
}

// TestParameters sets each, in the query string, the form and the JSON body.
func TestParameters(t *testing.T) {
	s := serve(t, nil)
	image := string(photo(t, 100, 70))
	detections := func(t *testing.T, query string) []Detection {
		status, _, text := s.post(t, "/v1/detect"+query, "image/jpeg", image)
		require.Equal(t, http.StatusOK, status, text)
		return read[DetectResponse](t, text).Detections
	}
	all := detections(t, "")
	require.Greater(t, len(all), 5)
	for i := range all[1:] {
		assert.LessOrEqual(t, all[i+1].Score, all[i].Score, "sorted")
	}
	t.Run("threshold", func(t *testing.T) {
		at := all[3].Score
		text, err := json.Marshal(at)
		require.NoError(t, err)
		assert.Equal(t, all[:4], detections(t, "?threshold="+string(text)), "what is scored just so is in")
		assert.Empty(t, detections(t, "?threshold=1"))
	})
	t.Run("max", func(t *testing.T) { assert.Equal(t, all[:2], detections(t, "?max=2")) })
	t.Run("classes", func(t *testing.T) {
		var dogs []Detection
		for _, d := range all {
			if d.Label == "dog" {
				dogs = append(dogs, d)
			}
		}
		assert.Equal(t, dogs, detections(t, "?classes=DOG"))
		assert.Equal(t, dogs, detections(t, "?classes=2"))
		assert.Equal(t, all, detections(t, "?classes=2,cat&classes=first"))
	})
	t.Run("nms", func(t *testing.T) {
		assert.Less(t, len(detections(t, "?nms=0.01")), len(detections(t, "?nms=0.9")))
	})
	t.Run("size", func(t *testing.T) {
		assert.Equal(t, all, detections(t, "?size=model"))
		assert.NotEqual(t, all, detections(t, "?size=600/1000"))
	})
	t.Run("model", func(t *testing.T) { assert.NotEqual(t, all, detections(t, "?model=second")) })
	t.Run("form", func(t *testing.T) {
		kind, body := parts(t, [3]string{"max", "", "1"}, [3]string{"image", "x", image})
		_, _, text := s.post(t, "/detect?max=3", kind, body)
		assert.Equal(t, all[:1], read[DetectResponse](t, text).Detections, "the form comes before the query string")
	})
	t.Run("JSON", func(t *testing.T) {
		body := `{"image": "` + base64.StdEncoding.EncodeToString([]byte(image)) + `", "max": 1, "threshold": 0.01, "classes": ["dog", 1]}`
		_, _, text := s.post(t, "/detect", "application/json", body)
		assert.Len(t, read[DetectResponse](t, text).Detections, 1)
	})
}

// TestSeveral: a list of results, in order, those that failed among them.
func TestSeveral(t *testing.T) {
	s := serve(t, func(c *Config) { c.Queue.Batch = 4 })
	a, b := string(photo(t, 100, 70)), string(photo(t, 60, 90))
	kind, body := parts(t, [3]string{"image", `..\..\etc/a.jpg`, a}, [3]string{"image", "broken.jpg", a[:len(a)/2]}, [3]string{"image", "b.jpg", b})
	status, _, text := s.post(t, "/detect", kind, body)
	require.Equal(t, http.StatusOK, status, text)
	got := read[DetectListResponse](t, text)
	require.Len(t, got.Results, 3)
	assert.Equal(t, "a.jpg", got.Results[0].Name)
	assert.Equal(t, ImageSize{100, 70}, got.Results[0].Image)
	assert.Equal(t, ImageSize{60, 90}, got.Results[2].Image)
	assert.NotEmpty(t, got.Results[0].Detections)
	require.NotNil(t, got.Results[1].Error)
	assert.Equal(t, "corrupt_image", got.Results[1].Error.Code)
	assert.Nil(t, got.Results[1].ImageDetections)

	t.Run("a list of one", func(t *testing.T) {
		_, _, text := s.post(t, "/detect", "application/json", `{"images": ["`+base64.StdEncoding.EncodeToString([]byte(a))+`"]}`)
		assert.Len(t, read[DetectListResponse](t, text).Results, 1)
	})
	t.Run("COCO", func(t *testing.T) {
		kind, body := parts(t, [3]string{"image", "a.jpg", a}, [3]string{"image", "b.jpg", b})
		_, _, text := s.post(t, "/detect?format=coco&max=1", kind, body)
		list := read[[]cocoResult](t, text)
		require.Len(t, list, 2)
		assert.Equal(t, 0, list[0].ImageID)
		assert.Equal(t, 1, list[1].ImageID)
		d := got.Results[0].Detections[0]
		assert.Equal(t, cocoResult{0, d.ClassID, [4]float32{d.Box.X1, d.Box.Y1, d.Box.X2 - d.Box.X1, d.Box.Y2 - d.Box.Y1}, d.Score}, list[0])
	})
}

func TestAnnotatedImage(t *testing.T) {
	s := serve(t, nil)
	image := photo(t, 100, 70)
	for name, c := range map[string]struct{ query, accept string }{
		"parameter": {"?format=image", ""},
		"header":    {"", "image/jpeg, */*;q=0.5"},
	} {
		t.Run(name, func(t *testing.T) {
			status, header, text := s.post(t, "/detect"+c.query, "image/jpeg", string(image), "Accept", c.accept)
			require.Equal(t, http.StatusOK, status, text)
			assert.Equal(t, "image/jpeg", header.Get("Content-Type"))
			drawn, err := imaging.Decode([]byte(text), imaging.Limits{})
			require.NoError(t, err)
			assert.Equal(t, [2]int{100, 70}, [2]int{drawn.W, drawn.H})
		})
	}
}

func TestStatus(t *testing.T) {
	s := serve(t, nil)
	get := func(path string) (int, string) {
		status, _, text := s.send(t, http.MethodGet, path, "", nil)
		return status, text
	}
	status, text := get("/models")
	require.Equal(t, http.StatusOK, status)
	list := read[struct{ Models []ModelInfo }](t, text).Models
	require.Len(t, list, 2)
	assert.Equal(t, []ClassInfo{{ID: 1, Label: "cat"}, {ID: 2, Label: "dog"}, {ID: 3, Label: "first"}}, list[0].Classes)
	assert.Equal(t, InputInfo{64, 128}, list[0].Input)
	assert.True(t, list[0].Default)
	assert.False(t, list[1].Default)
	for _, path := range []string{"/healthz", "/readyz"} {
		status, _ := get(path)
		assert.Equal(t, http.StatusOK, status, path)
	}
	_, _, _ = s.post(t, "/detect", "image/jpeg", string(photo(t, 100, 70)))
	_, _, _ = s.post(t, "/detect", "image/jpeg", "no image")
	status, text = get("/metrics")
	require.Equal(t, http.StatusOK, status)
	for _, line := range []string{
		`scalenet_requests_total{endpoint="/detect",status="200"} 1`,
		`scalenet_requests_total{endpoint="/detect",status="415"} 1`,
		`scalenet_images_total{model="first",outcome="ok"} 1`,
		`scalenet_images_total{model="first",outcome="unsupported_image"} 1`,
		`scalenet_decode_failures_total{reason="unsupported_image"} 1`,
		`scalenet_batch_size_count{model="first"} 1`,
		`scalenet_compute_seconds_count{model="first"} 1`,
		`scalenet_queue_seconds_count{model="first"} 1`,
		`scalenet_queue_depth 0`, `scalenet_memory_bytes 0`, `scalenet_cancelled_total 0`, `scalenet_ready 1`,
	} {
		assert.Contains(t, text, "\n"+line+"\n")
	}
}

// TestModelThatShips finds in an example what the detector finds.
func TestModelThatShips(t *testing.T) {
	registry, err := models.NewRegistry(t.Context(), []models.Source{{Name: "bccd", Path: "../models/bccd.safetensors"}}, openCPU)
	require.NoError(t, err)
	c := DefaultConfig()
	c.Models = registry
	s, err := New(c)
	require.NoError(t, err)
	defer s.Close()
	data, err := os.ReadFile("../examples/BloodImage_00014.jpg")
	require.NoError(t, err)
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/detect", bytes.NewReader(data))
	r.Header.Set("Content-Type", "image/jpeg")
	s.Handler().ServeHTTP(w, r)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	a := read[DetectResponse](t, w.Body.String())
	labels := map[string]int{}
	for _, d := range a.Detections {
		labels[d.Label]++
		assert.GreaterOrEqual(t, d.Score, float32(0.5))
	}
	assert.Positive(t, labels["RBC"], labels)
	assert.Positive(t, labels["WBC"], labels)
}
