package server

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalenet/detector"
)

// locked is a log that several goroutines write to.
type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func logTo(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(&locked{w: w}, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func fixture(t testing.TB, name string) string {
	data, err := os.ReadFile("../imaging/testdata/" + name)
	require.NoError(t, err)
	return string(data)
}

// TestRefused: everything that is wrong with a request has its status, its code
// and a message that says what to do, in one form.
func TestRefused(t *testing.T) {
	s := serve(t, func(c *Config) {
		c.Limits.Body, c.Limits.Images = 1<<20, 3
		c.Limits.Image.Pixels, c.Limits.Image.Side, c.Limits.Image.Bytes = 100_000, 3000, 1<<20
	})
	good := string(photo(t, 100, 70))
	multi := func(list ...[3]string) [2]string {
		kind, body := parts(t, list...)
		return [2]string{kind, body}
	}
	jpegKind := func(body string) [2]string { return [2]string{"image/jpeg", body} }
	jsonKind := func(body string) [2]string { return [2]string{"application/json", body} }
	file := [3]string{"image", "x.jpg", good}
	for name, c := range map[string]struct {
		path    string
		body    [2]string
		status  int
		code    string
		message string
	}{
		"no kind":                {"/detect", [2]string{"", good}, 415, "unsupported_media_type", "Content-Type is missing"},
		"a form's kind":          {"/detect", [2]string{"application/x-www-form-urlencoded", good}, 415, "unsupported_media_type", "image/jpeg"},
		"empty":                  {"/detect", jpegKind(""), 422, "corrupt_image", "no data"},
		"no image":               {"/detect", jpegKind("hello"), 415, "unsupported_image", "known are JPEG"},
		"cut off":                {"/detect", jpegKind(good[:len(good)-100]), 422, "corrupt_image", "JPEG"},
		"a bomb of pixels":       {"/detect", jpegKind(fixture(t, "huge.png")), 422, "image_too_large", "pixels"},
		"a bomb of sides":        {"/detect", jpegKind(fixture(t, "huger.png")), 422, "image_too_large", "a side may have"},
		"a long side":            {"/detect", jpegKind(fixture(t, "4000x20.png")), 422, "image_too_large", "4000x20"},
		"long":                   {"/detect", jpegKind(strings.Repeat("x", 1<<20+1)), 413, "body_too_large", "1048576 bytes"},
		"no boundary":            {"/detect", [2]string{"multipart/form-data", "x"}, 400, "bad_request", "no boundary"},
		"multipart, unsound":     {"/detect", [2]string{"multipart/form-data; boundary=x", "--x\r\nfoo"}, 400, "bad_request", "invalid multipart body"},
		"multipart, empty":       {"/detect", multi(), 400, "bad_request", `"image" is needed`},
		"another field":          {"/detect", multi([3]string{"photo", "x.jpg", good}), 400, "bad_request", `"photo": images go into the field "image"`},
		"too many images":        {"/detect", multi(file, file, file, file), 400, "bad_request", "3 images"},
		"a long value":           {"/detect", multi(file, [3]string{"model", "", strings.Repeat("x", 5000)}), 400, "bad_request", "longer than"},
		"JSON, unsound":          {"/detect", jsonKind("{"), 400, "bad_request", "JSON"},
		"JSON, a list":           {"/detect", jsonKind("[]"), 400, "bad_request", "JSON"},
		"JSON, no image":         {"/detect", jsonKind("{}"), 400, "bad_request", "no image"},
		"JSON, a number":         {"/detect", jsonKind(`{"image": 1}`), 400, "bad_request", "base64"},
		"JSON, not base64":       {"/detect", jsonKind(`{"image": "?"}`), 400, "bad_request", "not base64"},
		"JSON, another data":     {"/detect", jsonKind(`{"image": "data:image/png,x"}`), 400, "bad_request", "base64"},
		"JSON, an object":        {"/detect", jsonKind(`{"image": "", "max": {"a": 1}}`), 400, "bad_request", `"max"`},
		"unknown parameter":      {"/detect?treshold=1", jpegKind(good), 400, "bad_request", "threshold"},
		"threshold, a word":      {"/detect?threshold=high", jpegKind(good), 400, "bad_request", "threshold"},
		"threshold above 1":      {"/detect?threshold=1.5", jpegKind(good), 400, "bad_request", "threshold"},
		"threshold, no number":   {"/detect?threshold=NaN", jpegKind(good), 400, "bad_request", "threshold"},
		"nms":                    {"/detect?nms=-1", jpegKind(good), 400, "bad_request", "nms"},
		"max":                    {"/detect?max=0", jpegKind(good), 400, "bad_request", "max"},
		"size":                   {"/detect?size=1x1", jpegKind(good), 400, "bad_request", "600/1000"},
		"class":                  {"/detect?classes=cow", jpegKind(good), 400, "bad_request", "cat, dog, first"},
		"class number":           {"/detect?classes=4", jpegKind(good), 400, "bad_request", "no class"},
		"format":                 {"/detect?format=xml", jpegKind(good), 400, "bad_request", "json, coco or image"},
		"one image of two":       {"/detect?format=image", multi(file, file), 400, "bad_request", "one image"},
		"COCO with a failure":    {"/detect?format=coco", multi(file, [3]string{"image", "y", "text"}), 415, "unsupported_image", ""},
		"model":                  {"/detect?model=../etc/passwd", jpegKind(good), 404, "model_not_found", `no model "../etc/passwd"`},
		"url":                    {"/detect", jsonKind(`{"url": "http://example.org/x.jpg"}`), 403, "url_not_allowed", "--allow-url"},
		"no such address":        {"/v1/nothing", jpegKind(good), 404, "not_found", ""},
		"no such page":           {"/nothing", jpegKind(good), 404, "not_found", ""},
		"a method of its own":    {"/models", jpegKind(good), 405, "method_not_allowed", "POST"},
		"a chunk flood of parts": {"/detect", multi(append([][3]string{file}, make([][3]string, 200)...)...), 400, "bad_request", "parts"},
	} {
		t.Run(name, func(t *testing.T) {
			status, header, text := s.post(t, c.path, c.body[0], c.body[1])
			assert.Equal(t, c.status, status, text)
			e := errorOf(t, text)
			assert.Equal(t, c.code, e.Code)
			assert.Contains(t, e.Message, c.message)
			assert.Contains(t, header.Get("Content-Type"), "application/json")
			assert.NotContains(t, text, "/root", "no path")
			assert.NotContains(t, text, "safetensors")
			assert.NotContains(t, text, ".go:")
		})
	}
	t.Run("a chunked body without end", func(t *testing.T) {
		status, _, text := s.send(t, http.MethodPost, "/detect", "image/jpeg", endless{})
		assert.Equal(t, 413, status)
		assert.Equal(t, "body_too_large", errorOf(t, text).Code)
	})
}

// endless is a body that never ends and has no length.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// TestTruncatedShowsNothing: a JPEG that ends early is refused, whatever was
// decoded before; it never shows pixels of another request.
func TestTruncatedShowsNothing(t *testing.T) {
	s := serve(t, nil)
	secret := string(photo(t, 640, 480))
	for cut := 200; cut < len(secret); cut += len(secret) / 12 {
		status, _, text := s.post(t, "/detect?format=image", "image/jpeg", secret)
		require.Equal(t, 200, status, text)
		status, _, text = s.post(t, "/detect?format=image", "image/jpeg", secret[:cut])
		assert.Equal(t, 422, status, "cut at %d", cut)
		assert.Equal(t, "corrupt_image", errorOf(t, text).Code)
	}
}

// TestInternalErrors: what fails inside is in the log, not in the answer.
func TestInternalErrors(t *testing.T) {
	s := serve(t, nil)
	s.config.Page = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("secret detail") })
	status, _, text := s.send(t, http.MethodGet, "/page", "", nil, "X-Request-ID", "bad id\t")
	assert.Equal(t, 500, status)
	e := errorOf(t, text)
	assert.Equal(t, "internal", e.Code)
	assert.NotContains(t, text, "secret")
	assert.NotContains(t, e.RequestID, " ", "an unsound id is replaced")
	assert.Contains(t, s.log.String(), "secret detail")
	assert.Contains(t, s.log.String(), e.RequestID)
}

func TestKeys(t *testing.T) {
	s := serve(t, func(c *Config) { c.Keys = []string{"alpha", "beta"} })
	for name, c := range map[string]struct {
		path   string
		header []string
		status int
	}{
		"none":    {"/models", nil, 401},
		"wrong":   {"/models", []string{"X-API-Key", "alph"}, 401},
		"key":     {"/models", []string{"X-API-Key", "alpha"}, 200},
		"bearer":  {"/models", []string{"Authorization", "Bearer beta"}, 200},
		"basic":   {"/models", []string{"Authorization", "Basic beta"}, 401},
		"metrics": {"/metrics", nil, 401},
		"health":  {"/healthz", nil, 200},
		"ready":   {"/readyz", nil, 200},
	} {
		t.Run(name, func(t *testing.T) {
			status, header, text := s.send(t, http.MethodGet, c.path, "", nil, c.header...)
			assert.Equal(t, c.status, status, text)
			if status == 401 {
				assert.Equal(t, "unauthorized", errorOf(t, text).Code)
				assert.Equal(t, "Bearer", header.Get("WWW-Authenticate"))
			}
		})
	}
	assert.NotContains(t, s.log.String(), "alpha")
}

func TestHosts(t *testing.T) {
	s := serve(t, func(c *Config) { c.Hosts = LoopbackHosts("127.0.0.1:0") })
	for host, status := range map[string]int{"localhost": 200, "LOCALHOST:81": 200, "127.0.0.1:99": 200, "[::1]:8080": 200, "evil.example": 403, "127.0.0.1.evil.example": 403} {
		got, _, text := s.send(t, http.MethodGet, "/healthz", "", nil, "Host", host)
		assert.Equal(t, status, got, host)
		if status == 403 {
			assert.Equal(t, "forbidden_host", errorOf(t, text).Code)
		}
	}
	assert.Nil(t, LoopbackHosts(":8080"))
	assert.Nil(t, LoopbackHosts("0.0.0.0:8080"))
	assert.NotNil(t, LoopbackHosts("[::1]:8080"))
	assert.NotNil(t, LoopbackHosts("localhost:1"))
}

func TestRate(t *testing.T) {
	s := serve(t, func(c *Config) { c.Rate, c.Burst, c.TrustedProxies = 0.01, 2, []string{"127.0.0.0/8"} })
	get := func(client string) int {
		status, header, _ := s.send(t, http.MethodGet, "/models", "", nil, "X-Forwarded-For", client)
		if status == 429 {
			assert.Equal(t, "100", header.Get("Retry-After"))
		}
		return status
	}
	assert.Equal(t, []int{200, 200, 429}, []int{get("192.0.2.1"), get("192.0.2.1"), get("192.0.2.1")})
	assert.Equal(t, 200, get("192.0.2.2"), "another client")
	for _, path := range []string{"/healthz", "/readyz", "/health", "/labelstudio/second/health", "/v1/status/ping", "/v2/health/live", "/v2/health/ready"} {
		status, _, _ := s.send(t, http.MethodGet, path, "", nil, "X-Forwarded-For", "192.0.2.1")
		assert.Equal(t, 200, status, path)
	}
}

// No proxy is believed unless it is named.
func TestProxiesAreNotTrusted(t *testing.T) {
	s := serve(t, func(c *Config) { c.Rate, c.Burst = 0.01, 1 })
	status, _, _ := s.send(t, http.MethodGet, "/models", "", nil, "X-Forwarded-For", "192.0.2.1")
	assert.Equal(t, 200, status)
	status, _, _ = s.send(t, http.MethodGet, "/models", "", nil, "X-Forwarded-For", "192.0.2.2")
	assert.Equal(t, 429, status)
}

func TestCORS(t *testing.T) {
	s := serve(t, func(c *Config) { c.Origins, c.Keys = []string{"https://example.org"}, []string{"k"} })
	status, header, _ := s.send(t, http.MethodOptions, "/detect", "", nil, "Origin", "https://example.org",
		"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization")
	assert.Equal(t, 204, status)
	assert.Equal(t, "https://example.org", header.Get("Access-Control-Allow-Origin"))
	image := string(photo(t, 100, 70))
	for origin, allowed := range map[string]string{
		"https://example.org": "https://example.org", "https://evil.example": "", "http://example.org": "", "https://example.org.evil.example": "", "null": "", "": "",
	} {
		for _, path := range []string{"/healthz", "/models"} {
			status, header, text := s.send(t, http.MethodGet, path, "", nil, "Origin", origin, "X-API-Key", "k")
			assert.Equal(t, 200, status, text)
			assert.Equal(t, allowed, header.Get("Access-Control-Allow-Origin"), "%q", origin)
			assert.Equal(t, "Origin", header.Get("Vary"))
		}
		status, header, text := s.post(t, "/detect", "image/jpeg", image, "Origin", origin, "X-API-Key", "k")
		assert.Equal(t, 200, status, text)
		assert.Equal(t, allowed, header.Get("Access-Control-Allow-Origin"), "%q", origin)
	}
	status, header, text := s.send(t, http.MethodOptions, "/detect", "", nil, "Origin", "https://evil.example", "Access-Control-Request-Method", "POST")
	assert.Equal(t, 405, status)
	assert.Equal(t, "method_not_allowed", errorOf(t, text).Code)
	assert.Empty(t, header.Get("Access-Control-Allow-Origin"))
	s = serve(t, func(c *Config) { c.Origins = []string{"*"} })
	_, header, _ = s.send(t, http.MethodGet, "/models", "", nil, "Origin", "https://example.com")
	assert.Equal(t, "*", header.Get("Access-Control-Allow-Origin"))
}

func TestConfigErrors(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"models":        func(c *Config) { c.Models = nil },
		"queue = 0":     func(c *Config) { c.Queue.Places = 0 },
		"batch = -1":    func(c *Config) { c.Queue.Batch = -1 },
		"timeout = 0s":  func(c *Config) { c.Timeout = 0 },
		"threshold = 2": func(c *Config) { c.Threshold = detector.SameThreshold(2) },
		"max-images":    func(c *Config) { c.Limits.Images = 65 },
		"memory = 1000": func(c *Config) { c.Limits.Memory = 1000 },
		"burst = 0":     func(c *Config) { c.Rate = 1 },
		"API key":       func(c *Config) { c.Keys = []string{" x"} },
		"reload-every":  func(c *Config) { c.ReloadEvery = -time.Second },

		"cors = x: must be an origin":          func(c *Config) { c.Origins = []string{"https://example.org", "x"} },
		"cors = https://example.org/: must":    func(c *Config) { c.Origins = []string{"https://example.org/"} },
		"cors = https://*.example.org: must":   func(c *Config) { c.Origins = []string{"https://*.example.org"} },
		"cors = ftp://example.org: must be an": func(c *Config) { c.Origins = []string{"ftp://example.org"} },
	} {
		s := serve(t, nil)
		c := s.config
		change(&c)
		_, err := New(c)
		require.ErrorContains(t, err, want)
	}
}

// TestMemory: what does not fit is refused, and given back.
func TestMemory(t *testing.T) {
	s := serve(t, nil)
	s.memory.limit = 200_000
	for name, c := range map[string]struct {
		body   string
		status int
	}{
		"fits":          {string(photo(t, 100, 70)), 200},
		"a large body":  {strings.Repeat("x", 300_000), 503},
		"a large photo": {string(photo(t, 400, 300)), 503},
	} {
		t.Run(name, func(t *testing.T) {
			status, header, text := s.post(t, "/detect", "image/jpeg", c.body)
			require.Equal(t, c.status, status, text)
			if status == 503 {
				assert.Equal(t, "queue_full", errorOf(t, text).Code)
				assert.NotEmpty(t, header.Get("Retry-After"))
			}
		})
	}
}

func TestLeaseReads(t *testing.T) {
	b := &budget{limit: 1 << 20}
	l := b.lease()
	data, err := l.readAll(bytes.NewReader(make([]byte, 300_000)))
	require.NoError(t, err)
	assert.Len(t, data, 300_000)
	assert.EqualValues(t, 512<<10, b.used.Load())
	_, err = l.readAll(bytes.NewReader(make([]byte, 1<<20)))
	require.ErrorIs(t, err, errMemory)
	l.end()
	assert.Zero(t, b.used.Load())
	l = b.lease()
	_, err = l.readAll(io.MultiReader(strings.NewReader("abc"), broken{}))
	require.ErrorContains(t, err, "broken")
	l.end()
	assert.Zero(t, b.used.Load())
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, fmt.Errorf("broken") }
