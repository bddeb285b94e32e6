package web

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalenet/examples"
)

func get(t *testing.T, address string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, address, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w
}

func TestHandler(t *testing.T) {
	for _, c := range []struct {
		address, contentType, has string
		status                    int
	}{
		{"/", "text/html; charset=utf-8", "<h2>Detect objects", 200},
		{"/?from=elsewhere", "text/html; charset=utf-8", "<h2>Detect objects", 200},
		{"/docs", "text/html; charset=utf-8", "openapi.yaml", 200},
		{"/js/main.js", "text/javascript; charset=utf-8", "import", 200},
		{"/css/base.css", "text/css; charset=utf-8", ":root", 200},
		{"/icon.svg", "image/svg+xml", "<svg", 200},
		{"/examples/BloodImage_00014.jpg", "image/jpeg", "JFIF", 200},
		{"/examples/LICENSE.bccd", "text/plain; charset=utf-8", "MIT", 200},
		{"/examples/LICENSE.photographs", "text/plain; charset=utf-8", "CC0", 200},
		{"/swagger/swagger-ui.css", "text/css; charset=utf-8", ".swagger-ui", 200},
		{"/swagger/LICENSE.txt", "text/plain; charset=utf-8", "Apache License", 200},
		{"/swagger/swagger-ui.css.gz", "application/json; charset=utf-8", "not_found", 404},
		{"/index.html", "application/json; charset=utf-8", "not_found", 404},
		{"/examples/", "application/json; charset=utf-8", "not_found", 404},
		{"/examples/examples.go", "application/json; charset=utf-8", "not_found", 404},
		{"/docs/x", "application/json; charset=utf-8", "not_found", 404},
		{"/js", "application/json; charset=utf-8", "not_found", 404},
		{"/js/../../web.go", "application/json; charset=utf-8", "not_found", 404},
		{"/%2e%2e/web.go", "application/json; charset=utf-8", "not_found", 404},
	} {
		t.Run(c.address, func(t *testing.T) {
			w := get(t, c.address)
			assert.Equal(t, c.status, w.Code)
			assert.Equal(t, c.contentType, w.Header().Get("Content-Type"))
			assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
			assert.Contains(t, w.Body.String(), c.has)
		})
	}
}

// TestDocsSlash: the page with a slash is that without it, also below the prefix of a proxy.
func TestDocsSlash(t *testing.T) {
	for _, prefix := range []string{"", "/detector"} {
		s := httptest.NewServer(http.StripPrefix(prefix, Handler()))
		defer s.Close()
		a, err := http.Get(s.URL + prefix + "/docs/")
		require.NoError(t, err)
		defer a.Body.Close()
		assert.Equal(t, http.StatusOK, a.StatusCode)
		assert.Equal(t, prefix+"/docs", a.Request.URL.Path)
		assert.Equal(t, "text/html; charset=utf-8", a.Header.Get("Content-Type"))
	}
}

func TestHandlerCaches(t *testing.T) {
	first := get(t, "/js/main.js")
	etag := first.Header().Get("ETag")
	require.NotEmpty(t, etag)
	assert.Equal(t, "no-cache", first.Header().Get("Cache-Control"))
	again := get(t, "/js/main.js", "If-None-Match", etag)
	assert.Equal(t, http.StatusNotModified, again.Code)
	assert.Empty(t, again.Body.Bytes())
	other := get(t, "/css/base.css", "If-None-Match", etag)
	assert.Equal(t, http.StatusOK, other.Code)
}

// TestHandlerEncodings: compressed files are sent as they are to clients that read gzip.
func TestHandlerEncodings(t *testing.T) {
	plain := get(t, "/swagger/swagger-ui-bundle.js")
	require.Equal(t, http.StatusOK, plain.Code)
	tags := map[string]bool{plain.Header().Get("ETag"): true}
	for accepted, compressed := range map[string]bool{"": false, "gzip": true, "deflate, gzip;q=1.0, br": true, "GZIP": true, "gzip;q=0": false, "gzip; q=0.000": false, "identity": false, "xgzip": false} {
		w := get(t, "/swagger/swagger-ui-bundle.js", "Accept-Encoding", accepted)
		require.Equal(t, http.StatusOK, w.Code)
		assert.Equal(t, "Accept-Encoding", w.Header().Get("Vary"))
		tags[w.Header().Get("ETag")] = true
		body := w.Body.Bytes()
		if compressed {
			require.Equal(t, "gzip", w.Header().Get("Content-Encoding"), accepted)
			assert.Less(t, len(body), plain.Body.Len()/3)
			r, err := gzip.NewReader(w.Body)
			require.NoError(t, err)
			body, err = io.ReadAll(r)
			require.NoError(t, err)
		}
		assert.Equal(t, plain.Body.Len(), len(body), accepted)
	}
	assert.Len(t, tags, 2)
	assert.Empty(t, get(t, "/js/main.js", "Accept-Encoding", "gzip").Header().Get("Content-Encoding"))
}

func TestHandlerMethods(t *testing.T) {
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, httptest.NewRequest(http.MethodHead, "/", nil))
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Empty(t, w.Body.Bytes())

	w = httptest.NewRecorder()
	w.Header().Set("X-Request-ID", "r-1")
	Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	assert.Equal(t, http.StatusMethodNotAllowed, w.Code)
	var body struct{ Error map[string]string }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
	assert.Equal(t, map[string]string{"code": "method_not_allowed", "message": "POST is not a method of this URL", "request_id": "r-1"}, body.Error)
}

// TestAssetsKeepThePolicy: what the Content-Security-Policy forbids is not there to begin with, and all addresses are the server's own.
func TestAssetsKeepThePolicy(t *testing.T) {
	for _, address := range []string{"/", "/docs", "/js/main.js", "/swagger/LICENSE.txt"} {
		p := get(t, address).Header().Get("Content-Security-Policy")
		assert.Contains(t, p, "default-src 'none'; script-src 'self'; style-src 'self'")
		assert.NotContains(t, p, "unsafe")
	}
	inline := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|<script(?:[^>]*>)\s*[^<\s]|innerHTML|document\.write|\beval\(`)
	elsewhere := regexp.MustCompile(`(?i)(?:src|href|import|fetch|url)\s*[=(]?\s*\(?["']?(?:https?:)?//[^"'\s)]*`)
	each(t, func(name, text string) {
		assert.NotRegexp(t, inline, text, name)
		assert.NotRegexp(t, elsewhere, text, name)
	})
}

// TestAssetsAreThere: every file that a page, a module or a style names is served, and every module and style is used.
func TestAssetsAreThere(t *testing.T) {
	named := regexp.MustCompile(`(?:src|href)="([^"#]+)"|from "(\./[^"]+)"`)
	used := map[string]bool{"/docs": true, "/": true}
	each(t, func(name, text string) {
		folder := "/"
		if path.Ext(name) == ".js" {
			folder = "/js"
		}
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			address := path.Join(folder, m[1]+m[2])
			if address == "/openapi.yaml" {
				continue // the API's
			}
			used[address] = true
			assert.Equal(t, http.StatusOK, get(t, address).Code, "%s names %s", name, address)
		}
	})
	each(t, func(name, _ string) {
		address := map[string]string{"index.html": "/", "docs.html": "/docs"}[name]
		if address == "" {
			address = "/" + name
		}
		assert.True(t, used[address], "nothing uses %s", name)
	})
	images, err := fs.Glob(examples.Files, "*.jpg")
	require.NoError(t, err)
	for _, image := range images {
		assert.True(t, used["/examples/"+image], "the page does not show examples/%s", image)
	}
}

// each calls f with our own files.
func each(t *testing.T, f func(name, text string)) {
	t.Helper()
	err := fs.WalkDir(assets, "assets", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Dir(name) == "assets/swagger" {
			return err
		}
		data, err := fs.ReadFile(assets, name)
		f(strings.TrimPrefix(name, "assets/"), string(data))
		return err
	})
	require.NoError(t, err)
}
