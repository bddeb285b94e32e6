package server

import (
	"bytes"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// description is openapi.yaml as kin-openapi reads it.
var description = sync.OnceValues(func() (routers.Router, error) {
	for _, kind := range []string{"image/jpeg", "image/png"} {
		openapi3filter.RegisterBodyDecoder(kind, openapi3filter.FileBodyDecoder)
	}
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(openapi)
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(loader.Context); err != nil {
		return nil, err
	}
	return gorillamux.NewRouter(doc)
})

// checkDescribed holds an exchange against openapi.yaml: every answer, and every
// request that was taken.
func checkDescribed(t testing.TB, r *http.Request, body []byte, status int, header http.Header, answer string) {
	t.Helper()
	router, err := description()
	require.NoError(t, err)
	r = r.Clone(r.Context())
	r.Host = ""
	route, path, err := router.FindRoute(r)
	switch {
	case r.Method == http.MethodOptions:
		return // CORS is a matter between browser and server
	case err != nil:
		assert.GreaterOrEqual(t, status, 400, "%s %s is not described", r.Method, r.URL.Path)
		return
	}
	if r.Header.Get("Content-Type") == "" && len(body) > 0 {
		// As HTTP has it without one; JSON is read for what it is.
		r.Header.Set("Content-Type", "application/octet-stream")
		if r.Header.Get(lengthHeader) == "" && r.Header.Get("Content-Encoding") == "" {
			r.Header.Set("Content-Type", "application/json")
		}
	}
	if status < 300 { // described is what is within the encoding
		body, err = decompress(contentEncoding(r.Header), body, 1<<30, (&budget{limit: 1 << 40}).lease())
		require.NoError(t, err)
	}
	r.Body, r.GetBody = io.NopCloser(bytes.NewReader(body)), nil
	options := &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, MultiError: true}
	in := &openapi3filter.RequestValidationInput{Request: r, PathParams: path, Route: route, Options: options}
	if status < 300 {
		assert.NoError(t, openapi3filter.ValidateRequest(r.Context(), in), "%s %s", r.Method, r.URL)
	}
	assert.NoError(t, openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: status, Header: header, Body: io.NopCloser(strings.NewReader(answer)), Options: options,
	}), "%s %s: %d", r.Method, r.URL, status)
}

// TestDescribed: openapi.yaml names the routes that there are, the parameters of
// /detect, and is served.
func TestDescribed(t *testing.T) {
	s := serve(t, nil)
	status, header, text := s.send(t, http.MethodGet, "/openapi.yaml", "", nil)
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, "application/yaml", header.Get("Content-Type"))
	assert.Equal(t, string(openapi), text)

	doc, err := openapi3.NewLoader().LoadFromData(openapi)
	require.NoError(t, err)
	var described, there []string
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
		}
	}
	names := regexp.MustCompile(`:(\w+)`)
	for _, route := range s.handler.(*gin.Engine).Routes() {
		if route.Method == http.MethodHead { // TestHead holds it against GET
			continue
		}
		there = append(there, route.Method+" "+names.ReplaceAllString(route.Path, "{$1}"))
	}
	assert.ElementsMatch(t, there, described)

	for path, want := range map[string][]string{
		"/detect": append(detectParameters.all(), "url"), "/v1/detect": append(detectParameters.all(), "url"),
		"/v2/models/{model}/infer": protocolParameters.all(), "/v2/models/{model}/versions/{version}/infer": protocolParameters.all(),
		"/predict": studioParameters.all(), "/labelstudio/{model}/predict": studioParameters.all(),
		"/v1/vision/detection": append(deepStackParameters.all(), "api_key"), "/v1/vision/custom/{model}": append(deepStackParameters.all(), "api_key"),
	} {
		var listed []string
		for _, p := range doc.Paths.Find(path).Post.Parameters {
			if p.Value.In == openapi3.ParameterInQuery {
				listed = append(listed, p.Value.Name)
			}
		}
		assert.ElementsMatch(t, want, listed, path)
	}
}

// TestKeysDescribed: what openapi.yaml describes as without security needs no key, everything else does.
func TestKeysDescribed(t *testing.T) {
	s := serve(t, func(c *Config) { c.Keys = []string{"secret"} })
	doc, err := openapi3.NewLoader().LoadFromData(openapi)
	require.NoError(t, err)
	names := regexp.MustCompile(`\{\w+\}`)
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			want := http.StatusUnauthorized
			if operation.Security != nil && len(*operation.Security) == 0 {
				want = http.StatusOK
			}
			status, _, text := s.send(t, method, names.ReplaceAllString(path, "second"), "", nil)
			assert.Equal(t, want, status, "%s %s: %s", method, path, text)
		}
	}
}

// The description finds fault with what the server does not do.
func TestDescriptionIsStrict(t *testing.T) {
	r, err := http.NewRequest(http.MethodPost, "/detect", nil)
	require.NoError(t, err)
	r.Header.Set("Content-Type", "image/jpeg")
	header := http.Header{"Content-Type": {"application/json"}}
	for _, answer := range []string{
		`{}`, `{"error": {"code": "bad_request", "message": "m", "request_id": "r"}}`,
		`{"id": "x", "model": {"name": "a", "version": "b"}, "image": {"width": 1, "height": 1}, "detections": null, "timing_ms": {}}`,
	} {
		fake := &testing.T{}
		checkDescribed(fake, r, []byte("data"), http.StatusOK, header, answer)
		assert.True(t, fake.Failed(), answer)
	}
	for _, status := range []int{http.StatusTeapot, http.StatusServiceUnavailable} { // 503 comes with Retry-After
		fake := &testing.T{}
		checkDescribed(fake, r, []byte("data"), status, header, `{"error": {"code": "queue_full", "message": "m", "request_id": "r"}}`)
		assert.True(t, fake.Failed(), status)
	}
}
