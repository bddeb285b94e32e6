package server

import (
	"bytes"
	"encoding/json"
	"image"
	"image/jpeg"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"scalenet/backbone"
	"scalenet/detector"
	"scalenet/engine/cpu"
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
