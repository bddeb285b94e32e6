package server

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDeepStack holds its answers against those of /detect.
func TestDeepStack(t *testing.T) {
	s := serve(t, nil)
	image := string(photo(t, 100, 70))
	_, _, text := s.post(t, "/detect", "image/jpeg", image)
	want := read[DetectResponse](t, text).Detections
	require.Greater(t, len(want), 5)
	ask := func(t *testing.T, path string, fields ...[3]string) deepStackResponse {
		kind, body := parts(t, append(fields, [3]string{"image", "image", image})...)
		status, _, text := s.post(t, path, kind, body)
		require.Equal(t, http.StatusOK, status, text)
		a := read[deepStackResponse](t, text)
		assert.True(t, a.Success)
		assert.Equal(t, 200, a.Code)
		assert.Len(t, a.Predictions, a.Count)
		return a
	}
	all := ask(t, "/v1/vision/detection")
	require.Len(t, all.Predictions, len(want))
	for i, p := range all.Predictions {
		pixel := func(v float32) int { return int(math.Round(float64(v))) }
		b := want[i].Box
		assert.Equal(t, deepStackPrediction{want[i].Label, want[i].Score, pixel(b.X1), pixel(b.Y1), pixel(b.X2), pixel(b.Y2)}, p)
		assert.LessOrEqual(t, p.XMax, 100)
		assert.LessOrEqual(t, p.YMax, 70)
	}
	assert.Contains(t, all.Message, "Found ")
	assert.GreaterOrEqual(t, all.ProcessMS, all.InferenceMS)

	at := fmt.Sprint(want[2].Score)
	assert.Equal(t, all.Predictions[:3], ask(t, "/v1/vision/detection", [3]string{"min_confidence", "", at}, [3]string{"api_key", "", "any"}).Predictions)
	assert.Equal(t, all.Predictions[:2], ask(t, "/v1/vision/detection?max=2&typedet=x").Predictions)
	assert.Equal(t, all, withoutTimes(ask(t, "/v1/vision/custom/first"), all))
	assert.NotEqual(t, all, withoutTimes(ask(t, "/v1/vision/custom/second"), all))
	none := ask(t, "/v1/vision/detection", [3]string{"min_confidence", "", "1"})
	assert.Equal(t, "No objects found", none.Message)
	assert.NotNil(t, none.Predictions, "an empty list, not null")
	t.Run("other forms", func(t *testing.T) {
		for kind, body := range map[string]string{
			"image/jpeg":       image,
			"application/json": `{"image": "` + base64.StdEncoding.EncodeToString([]byte(image)) + `"}`,
		} {
			status, _, text := s.post(t, "/v1/vision/detection", kind, body)
			require.Equal(t, http.StatusOK, status, text)
			assert.Equal(t, all.Predictions, read[deepStackResponse](t, text).Predictions)
		}
	})
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		status, _, text := s.send(t, method, "/v1/vision/custom/list", "", nil)
		assert.Equal(t, http.StatusOK, status)
		assert.JSONEq(t, `{"success": true, "models": ["first", "second"]}`, text)
		for _, path := range []string{"/v1/status/ping", "/v1/server/status/ping"} {
			status, _, text := s.send(t, method, path, "", nil)
			assert.Equal(t, http.StatusOK, status)
			assert.JSONEq(t, `{"success": true}`, text)
		}
	}
}

// withoutTimes has the other's times.
func withoutTimes(a, other deepStackResponse) deepStackResponse {
	a.InferenceMS, a.ProcessMS = other.InferenceMS, other.ProcessMS
	return a
}

// TestDeepStackRefuses: whatever goes wrong, the answer has the clients' form.
func TestDeepStackRefuses(t *testing.T) {
	s := serve(t, func(c *Config) {
		c.Limits.Body, c.Hosts = 20_000, []string{"127.0.0.1"}
		c.Limits.Image.Pixels = 10_000
	})
	file := string(photo(t, 90, 70))
	form := func(fields ...[3]string) [2]string {
		kind, body := parts(t, fields...)
		return [2]string{kind, body}
	}
	image := func(data string) [2]string { return form([3]string{"image", "image", data}) }
	for name, c := range map[string]struct {
		method, path string
		body         [2]string
		status       int
		message      string
	}{
		"no image":       {"POST", "/v1/vision/detection", form([3]string{"min_confidence", "", "0.4"}), 400, "no image"},
		"two images":     {"POST", "/v1/vision/detection", form([3]string{"image", "a", file}, [3]string{"image", "b", file}), 400, "more than the 1 images"},
		"not an image":   {"POST", "/v1/vision/detection", image("hello"), 400, "unsupported"},
		"truncated":      {"POST", "/v1/vision/detection", image(file[:len(file)/2]), 400, "corrupt"},
		"too large":      {"POST", "/v1/vision/detection", image(string(photo(t, 200, 70))), 400, "14000 pixels"},
		"other kind":     {"POST", "/v1/vision/detection", [2]string{"text/plain", "hello"}, 400, "text/plain is not supported"},
		"long":           {"POST", "/v1/vision/detection", image(string(make([]byte, 30_000))), 413, "20000 bytes"},
		"min_confidence": {"POST", "/v1/vision/detection", form([3]string{"min_confidence", "", "40"}, [3]string{"image", "a", file}), 400, `min_confidence = "40"`},
		"url":            {"POST", "/v1/vision/detection", form([3]string{"url", "", "http://127.0.0.1/"}), 403, ""},
		"model":          {"POST", "/v1/vision/custom/third", image(file), 404, `no model "third"`},
		"face":           {"POST", "/v1/vision/face", image(file), 404, "nothing at this URL"},
		"method":         {"GET", "/v1/vision/detection", [2]string{}, 405, "GET"},
	} {
		t.Run(name, func(t *testing.T) {
			var status int
			var text string
			if c.method == "GET" {
				status, _, text = s.send(t, "GET", c.path, "", nil)
			} else {
				status, _, text = s.post(t, c.path, c.body[0], c.body[1])
			}
			e := read[deepStackError](t, text)
			assert.Equal(t, c.status, status)
			assert.Equal(t, c.status, e.Code)
			assert.False(t, e.Success)
			assert.Contains(t, e.Error, c.message)
			assert.NotEmpty(t, e.RequestID)
		})
	}
	t.Run("host", func(t *testing.T) {
		status, _, text := s.post(t, "/v1/vision/detection", "image/jpeg", file, "Host", "elsewhere")
		assert.Equal(t, 403, status)
		assert.Equal(t, 403, read[deepStackError](t, text).Code)
	})
	t.Run("queue full", func(t *testing.T) {
		tickets, err := s.queue.Reserve(s.config.Queue.Places)
		require.NoError(t, err)
		defer func() {
			for _, ticket := range tickets {
				ticket.Release()
			}
		}()
		kind, body := parts(t, [3]string{"image", "image", file})
		status, header, text := s.post(t, "/v1/vision/detection", kind, body)
		assert.Equal(t, 503, status)
		assert.Equal(t, 503, read[deepStackError](t, text).Code)
		assert.NotEmpty(t, header.Get("Retry-After"))
		status, header, text = s.post(t, "/v2/models/first/infer", "", `{"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, 1, 3], "data": [1, 2, 3]}]}`)
		assert.Equal(t, 503, status)
		assert.Contains(t, read[inferenceError](t, text).Error, "try again later")
		assert.NotEmpty(t, header.Get("Retry-After"))
	})
	t.Run("ending", func(t *testing.T) {
		s.draining.Store(true)
		defer s.draining.Store(false)
		status, _, text := s.send(t, "GET", "/v1/status/ping", "", nil)
		assert.Equal(t, 503, status)
		assert.False(t, read[deepStackError](t, text).Success)
	})
}

// TestDeepStackKey: it comes in the form, as its clients send it, or as everywhere.
func TestDeepStackKey(t *testing.T) {
	s := serve(t, func(c *Config) { c.Keys = []string{"secret"} })
	image := string(photo(t, 60, 60))
	for name, c := range map[string]struct {
		path, form, header string
		status             int
	}{
		"none":             {"/v1/vision/detection", "", "", 401},
		"wrong":            {"/v1/vision/detection", "guess", "", 401},
		"form":             {"/v1/vision/detection", "secret", "", 200},
		"header":           {"/v1/vision/custom/second", "", "secret", 200},
		"address":          {"/v1/vision/detection?api_key=secret", "", "", 200},
		"list":             {"/v1/vision/custom/list", "", "", 401},
		"list, address":    {"/v1/vision/custom/list?api_key=secret", "", "", 200},
		"list, header":     {"/v1/vision/custom/list", "", "secret", 200},
		"ping has no need": {"/v1/status/ping", "", "", 200},
	} {
		t.Run(name, func(t *testing.T) {
			kind, body := parts(t, [3]string{"api_key", "", c.form}, [3]string{"image", "image", image})
			status, _, text := s.post(t, c.path, kind, body, "X-API-Key", c.header)
			assert.Equal(t, c.status, status, text)
			if status == 401 {
				assert.False(t, read[deepStackError](t, text).Success)
			}
		})
	}
}

// TestDeepStackKeyComesFirst: an image without a key before it is not read.
func TestDeepStackKeyComesFirst(t *testing.T) {
	s := serve(t, func(c *Config) { c.Keys = []string{"secret"} })
	image, key := [3]string{"image", "image", string(photo(t, 60, 60))}, [3]string{"api_key", "", "secret"}
	for name, c := range map[string]struct {
		fields [][3]string
		status int
	}{
		"first":         {[][3]string{key, image}, 200},
		"after a field": {[][3]string{{"min_confidence", "", "0.4"}, key, image}, 200},
		"last":          {[][3]string{image, key}, 401},
		"far down":      {[][3]string{{"x", "", strings.Repeat("x", keyWithin)}, key, image}, 401},
		"no image":      {[][3]string{key}, 400},
	} {
		t.Run(name, func(t *testing.T) {
			kind, body := parts(t, c.fields...)
			status, _, text := s.post(t, "/v1/vision/detection", kind, body)
			assert.Equal(t, c.status, status, text)
		})
	}
	for kind, body := range map[string]string{"image/jpeg": image[2], "": image[2], "multipart/form-data": "x", "application/json": `{"image": "", "api_key": "secret"}`} {
		status, _, text := s.post(t, "/v1/vision/detection", kind, body)
		assert.Equal(t, 401, status, text)
	}
}

// What a key is found in begins like a form that has it.
func FuzzFormKey(f *testing.F) {
	for _, fields := range [][][3]string{
		{{"api_key", "", "secret"}, {"image", "a", "data"}}, {{"image", "a", "data"}, {"api_key", "", "secret"}}, {{"max", "", "1"}, {"api_key", "", ""}}, {},
	} {
		kind, body := parts(f, fields...)
		_, boundary, _ := strings.Cut(kind, "boundary=")
		f.Add([]byte(body), boundary)
		f.Add([]byte(body[:len(body)/2]), boundary)
	}
	f.Fuzz(func(t *testing.T, start []byte, boundary string) {
		key := formKey(start, boundary)
		if key != "" && (!bytes.Contains(start, []byte("api_key")) || !bytes.Contains(start, []byte(key))) {
			t.Fatalf("key %q", key)
		}
	})
}

// TestDeepStackLabels renames a class, leaves one out, and bounds what is left.
func TestDeepStackLabels(t *testing.T) {
	var all []deepStackPrediction
	kind, body := parts(t, [3]string{"image", "image", string(photo(t, 100, 70))})
	for _, d := range []DeepStack{{}, {Labels: map[string]string{"cat": "person", "dog": ""}}, {Labels: map[string]string{"cat": "person", "dog": ""}, Most: 4}} {
		s := serve(t, func(c *Config) { c.DeepStack = d })
		status, _, text := s.post(t, "/v1/vision/detection", kind, body)
		require.Equal(t, http.StatusOK, status, text)
		got := read[deepStackResponse](t, text).Predictions
		if all == nil {
			all = got
			continue
		}
		var want []deepStackPrediction
		for _, p := range all {
			if p.Label == "dog" {
				continue
			}
			if p.Label == "cat" {
				p.Label = "person"
			}
			want = append(want, p)
		}
		if d.Most > 0 {
			require.Greater(t, len(want), d.Most)
			want = want[:d.Most]
		}
		assert.Equal(t, want, got)
		_, _, text = s.post(t, "/v1/vision/detection?classes=dog", kind, body)
		assert.Empty(t, read[deepStackResponse](t, text).Predictions, "a class that is left out cannot be asked for")
	}
}

func TestDeepStackConfig(t *testing.T) {
	s := serve(t, nil)
	for want, d := range map[string]DeepStack{
		"deepstack-label = cta: no model has that class; there are cat, dog, first, second": {Labels: map[string]string{"cta": "person"}},
		"deepstack-max = -1: must be at least 0":                                            {Most: -1},
	} {
		c := s.config
		c.DeepStack = d
		_, err := New(c)
		assert.ErrorContains(t, err, want)
	}
}
