package server

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalenet/detector"
	"scalenet/imaging"
	"scalenet/server/models"
)

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
		dogsOf := func(found []Detection) []Detection {
			return slices.DeleteFunc(slices.Clone(found), func(d Detection) bool { return d.Label != "dog" })
		}
		dogs := dogsOf(detections(t, "?max=1000"))
		assert.Greater(t, len(dogs), len(dogsOf(all)), "other classes do not crowd out those that are wanted")
		assert.Equal(t, dogs, detections(t, "?classes=DOG"))
		assert.Equal(t, dogs, detections(t, "?classes=2"))
		assert.Equal(t, dogs, detections(t, "?classes=2&max=4611686018427387904"))
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

// TestLargePhotograph: a JPEG is decoded at an eighth of its size for a network of 64 x 128 pixels. Boxes and drawings are in pixels of the whole.
func TestLargePhotograph(t *testing.T) {
	s := serve(t, nil)
	file := photo(t, 1600, 1200)
	m := s.config.Models.Acquire("")
	defer m.Release()
	settings := m.Detector.Model().Settings()
	im, size, err := imaging.DecodeReduced(file, imaging.Limits{}, m.Detector.Model().Needed(settings))
	require.NoError(t, err)
	require.Equal(t, [2]int{200, 150}, [2]int{im.W, im.H})
	settings.Detections.Score = 0
	want, _, err := m.Detector.DetectEach(detector.Query{Image: im, Settings: settings, Original: size})
	require.NoError(t, err)
	require.NotEmpty(t, want[0])

	status, _, text := s.post(t, "/detect", "image/jpeg", string(file))
	require.Equal(t, http.StatusOK, status, text)
	a := read[DetectResponse](t, text)
	assert.Equal(t, ImageSize{1600, 1200}, a.Image)
	require.Len(t, a.Detections, len(want[0]))
	furthest := float32(0)
	for i, d := range want[0] {
		assert.Equal(t, Box{d.Box.X1, d.Box.Y1, d.Box.X2, d.Box.Y2}, a.Detections[i].Box)
		furthest = max(furthest, d.Box.X2)
	}
	assert.Greater(t, furthest, float32(200))

	status, _, text = s.post(t, "/detect?format=image", "image/jpeg", string(file))
	require.Equal(t, http.StatusOK, status)
	drawn, err := imaging.Decode([]byte(text), imaging.Limits{})
	require.NoError(t, err)
	assert.Equal(t, [2]int{1600, 1200}, [2]int{drawn.W, drawn.H})
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
