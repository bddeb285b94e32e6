package server

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAddresses: an address drops nothing of what is asked for.
func TestAddresses(t *testing.T) {
	s := serve(t, nil)
	image := string(photo(t, 100, 70))
	for query, want := range map[string]string{
		"threshold=0.99;max=1":              `the query has a semicolon in "threshold=0.99;max=1"`,
		"max=1&;":                           `the query has a semicolon in ";"`,
		"threshold=0.99&%zz=1":              `the query has "%zz=1"`,
		"max=%":                             `the query has "max=%"`,
		"max=%4":                            `the query has "max=%4"`,
		"threshold=0.1&threshold=0.99":      `threshold is given 2 times, as "0.1" and "0.99"`,
		"max=1&max=1":                       `max is given 2 times`,
		"max=1&m%61x=2":                     `max is given 2 times`,
		"model=first&model=second":          `model is given 2 times`,
		"format=json&format=image":          `format is given 2 times`,
		"nms=0.5&nms=0.5":                   `nms is given 2 times`,
		"size=model&size=600/1000":          `size is given 2 times`,
		"size=640/480":                      `size = "640/480"`,
		"size=640%5C480":                    `size = "640\\480"`,
		"max=1/2":                           `max = "1/2"`,
		"threshold=1/2":                     `threshold = "1/2"`,
		"format=a/b":                        `format = "a/b"`,
		"classes=a/b":                       `no class "a/b"`,
		"a/b=c":                             `parameter "a/b" is not known`,
		"=1":                                `parameter "" is not known`,
		"size=" + strings.Repeat("x", 9000): `xxx..."`,
	} {
		status, _, text := s.post(t, "/detect?"+query, "image/jpeg", image)
		assert.Equal(t, http.StatusBadRequest, status, query)
		e := errorOf(t, text)
		assert.Contains(t, e.Message, want)
		assert.Less(t, len(e.Message), 400)
	}
	for query, want := range map[string]string{
		"max=1;": "semicolon", "min_confidence=0.1&min_confidence=0.2": "min_confidence is given 2 times", "max=1&max=2": "max is given 2 times", "%zz": "%zz",
	} {
		status, _, text := s.post(t, "/v1/vision/detection?"+query, "image/jpeg", image)
		assert.Equal(t, http.StatusBadRequest, status, query)
		assert.Contains(t, read[deepStackError](t, text).Error, want)
	}
	pixel := `{"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, 1, 3], "data": [1, 2, 3]}]}`
	for query, want := range map[string]string{"max=1;": "semicolon", "max=1&max=2": "max is given 2 times", "%zz": "%zz", "size=1/2": `size = "1/2"`,
		"model=second": `parameter "model" is not known; known are classes, max`, "format=image": `parameter "format" is not known`} {
		status, _, text := s.post(t, "/v2/models/first/infer?"+query, "application/json", pixel)
		assert.Equal(t, http.StatusBadRequest, status, query)
		assert.Contains(t, read[inferenceError](t, text).Error, want)
	}
	status, _, text := s.post(t, "/detect?&max=%31&&classes=cat&classes=dog", "image/jpeg", image)
	assert.Equal(t, http.StatusOK, status, text)
	t.Run("form", func(t *testing.T) {
		kind, body := parts(t, [3]string{"max", "", "1"}, [3]string{"image", "a", image}, [3]string{"max", "", "2"})
		status, _, text := s.post(t, "/detect", kind, body)
		assert.Equal(t, http.StatusBadRequest, status)
		assert.Contains(t, errorOf(t, text).Message, `max is given 2 times, as "1" and "2"`)
	})
}

// TestContentTypes: boundaries and dispositions as clients write them.
func TestContentTypes(t *testing.T) {
	s := serve(t, nil)
	image := string(photo(t, 100, 70))
	form := func(boundary, disposition string) string {
		return "--" + boundary + "\r\n" + disposition + "\r\n\r\n" + image + "\r\n--" + boundary + "--\r\n"
	}
	const sound = `Content-Disposition: form-data; name="image"; filename="a.jpg"`
	for name, c := range map[string]struct{ kind, body, message string }{
		"Java's mail":            {"multipart/form-data; boundary=----=_Part_1_23.45", form("----=_Part_1_23.45", sound), ""},
		"Java's mail, charset":   {"multipart/form-data; boundary=----=_Part_1_23.45; charset=utf-8", form("----=_Part_1_23.45", sound), ""},
		"in quotes":              {`Multipart/Form-Data; charset=utf-8; Boundary="a=b;c"`, form("a=b;c", sound), ""},
		"other characters":       {"multipart/form-data;boundary=a/b:c?(d)@,e", form("a/b:c?(d)@,e", sound), ""},
		"no boundary":            {"multipart/form-data; boundary=", form("x", sound), "no boundary"},
		"two boundaries":         {"multipart/form-data; boundary=x; boundary=y", form("x", sound), "has the same parameter twice"},
		"another boundary":       {"multipart/form-data; boundary=y", form("x", sound), "invalid multipart body: it ends before the boundary that closes part 1"},
		"a parameter of blanks":  {"image/jpeg; name=my photo.jpg", image, ""},
		"unsound":                {"image jpeg; a=b=c", image, `the Content-Type "image jpeg; a=b=c" has no valid media type`},
		"a file with a blank":    {"multipart/form-data; boundary=x", form("x", "Content-Disposition: form-data; name=image; filename=my photo.jpg"), ""},
		"a file in UTF-8":        {"multipart/form-data; boundary=x", form("x", "Content-Disposition: form-data; name=image; filename=été 1.jpg"), ""},
		"a path of Windows":      {"multipart/form-data; boundary=x", form("x", `Content-Disposition: form-data; name="image"; filename="C:\a\b.jpg"`), ""},
		"an open quote":          {"multipart/form-data; boundary=x", form("x", `Content-Disposition: form-data; name="image"; filename="a.jpg`), ""},
		"no disposition":         {"multipart/form-data; boundary=x", form("x", "X: y"), `part 1 of the form: its Content-Disposition "" names no field`},
		"no name":                {"multipart/form-data; boundary=x", form("x", "Content-Disposition: form-data; filename=a b"), `Content-Disposition "form-data; filename=a b" names no field`},
		"two names":              {"multipart/form-data; boundary=x", form("x", "Content-Disposition: form-data; name=image; name=max"), `names no field`},
		"a long disposition":     {"multipart/form-data; boundary=x", form("x", sound+strings.Repeat("; a=b", 10_000)), `part 1 of the form: its Content-Disposition is longer than 4096 bytes`},
		"a header of megabytes":  {"multipart/form-data; boundary=x", form("x", strings.Repeat("x", 3<<20)), `the header of part 1 cannot be read`},
		"many lines of a header": {"multipart/form-data; boundary=x", form("x", strings.Repeat("a: b\r\n", 20_000)+sound), `the header of part 1 cannot be read`},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/detect", strings.NewReader(c.body))
			require.NoError(t, err)
			r.Header.Set("Content-Type", c.kind)
			a, err := http.DefaultClient.Do(r)
			require.NoError(t, err)
			defer a.Body.Close()
			data, err := io.ReadAll(a.Body)
			require.NoError(t, err)
			if c.message == "" {
				assert.Equal(t, http.StatusOK, a.StatusCode, string(data))
				return
			}
			assert.Contains(t, []int{http.StatusBadRequest, http.StatusUnsupportedMediaType}, a.StatusCode)
			e := errorOf(t, string(data))
			assert.Contains(t, e.Message, c.message)
			assert.Less(t, len(e.Message), 400)
		})
	}
}

// TestEncodedBodies sends every form in every encoding, to every address.
func TestEncodedBodies(t *testing.T) {
	s := serve(t, func(c *Config) { c.Limits.Body, c.Keys = 100_000, []string{"secret"} })
	image := string(photo(t, 100, 70))
	form, multi := parts(t, [3]string{"api_key", "", "secret"}, [3]string{"image", "a", image})
	encoded := `{"image": "` + base64.StdEncoding.EncodeToString([]byte(image)) + `"}`
	raw := func(_ testing.TB, text string) string {
		var b bytes.Buffer
		w, err := flate.NewWriter(&b, 5)
		require.NoError(t, err)
		_, err = io.WriteString(w, text)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		return b.String()
	}
	for _, e := range []struct {
		name string
		pack func(testing.TB, string) string
	}{{"gzip", gzipped}, {"deflate", deflated}, {"deflate", raw}, {"identity", func(_ testing.TB, text string) string { return text }}} {
		for kind, body := range map[string]string{"image/jpeg": image, "application/json": encoded} {
			for _, path := range []string{"/detect", "/v1/detect", "/v1/vision/detection", "/v1/vision/custom/second"} {
				status, _, text := s.post(t, path, kind, e.pack(t, body), "Content-Encoding", e.name, "X-API-Key", "secret")
				assert.Equal(t, http.StatusOK, status, "%s %s %s: %s", path, kind, e.name, text)
			}
		}
		status, _, text := s.post(t, "/v1/vision/detection", form, e.pack(t, multi), "Content-Encoding", e.name)
		assert.Equal(t, http.StatusOK, status, "the key is in the form: %s", text)
	}
	for _, encoding := range []string{"GZIP", "x-gzip", " Gzip "} {
		assert.Equal(t, "gzip", contentEncoding(http.Header{"Content-Encoding": {encoding}}))
	}
	assert.Equal(t, "gzip, br", contentEncoding(http.Header{"Content-Encoding": {"gzip", "br"}}))
	post := func(encoding, body string) (int, http.Header, Error) {
		status, header, text := s.post(t, "/detect", "image/jpeg", body, "Content-Encoding", encoding, "X-API-Key", "secret")
		return status, header, errorOf(t, text)
	}
	for _, encoding := range []string{"br", "zstd", "gzip, gzip", "aws-chunked"} {
		status, header, e := post(encoding, image)
		assert.Equal(t, http.StatusUnsupportedMediaType, status)
		assert.Equal(t, "Content-Encoding "+encoding+" is not supported: send gzip, deflate or none", e.Message)
		assert.Equal(t, "gzip, deflate", header.Get("Accept-Encoding"))
	}
	status, _, e := post("gzip", gzipped(t, strings.Repeat("x", 200_000)))
	assert.Equal(t, []any{http.StatusRequestEntityTooLarge, "body_too_large"}, []any{status, e.Code}, "a bomb")
	packed := gzipped(t, image)
	for _, body := range []string{image, packed[:len(packed)/2], packed + "rest", ""} {
		status, _, e := post("gzip", body)
		assert.Equal(t, http.StatusBadRequest, status)
		assert.Contains(t, e.Message, "gzip form")
	}
}

// FuzzAddress: whatever the query, an error that is the client's, or all of it.
func FuzzAddress(f *testing.F) {
	for _, query := range []string{"threshold=0.5&max=1", "a;b", "%zz=1", "a=%2", "&&=&", "a=b+c%20d", "a=1&a=2"} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		values, err := addressQuery(query)
		if err != nil {
			if e := asError(err); e.Status != http.StatusBadRequest || len(e.Message) > 600 {
				t.Fatalf("%d %q", e.Status, e.Message)
			}
			return
		}
		n := 0
		for _, list := range values {
			n += len(list)
		}
		want := 0
		for part := range strings.SplitSeq(query, "&") {
			if part != "" {
				want++
			}
		}
		if n != want {
			t.Fatalf("%d values of %d", n, want)
		}
	})
}

// FuzzContentType: with a type there is no error, or one of the client's.
func FuzzContentType(f *testing.F) {
	for _, header := range []string{"image/jpeg", "multipart/form-data; boundary=----=_Part_1_23.45", `form-data; name="a"; filename=b c`, `a; b="c`, ";=;", "a;b;c=d"} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		kind, boundary, err := contentType(header)
		if err != nil {
			if e := asError(err); e.Status != http.StatusUnsupportedMediaType || len(e.Message) > 700 {
				t.Fatalf("%d %q", e.Status, e.Message)
			}
		} else if kind == "" || !strings.Contains(header, boundary) && !strings.ContainsAny(header, `\*%=`) {
			t.Fatalf("kind %q, boundary %q", kind, boundary)
		}
		_, _, _ = contentDisposition(header)
	})
}

// TestLongValues: neither an answer nor a line of the log repeats more of a
// client's value than tells which it is.
func TestLongValues(t *testing.T) {
	s := serve(t, nil)
	long := strings.Repeat("x", 40_000)
	for _, r := range [][4]string{
		{http.MethodPost, "/detect?model=" + long, "image/jpeg"},
		{http.MethodPost, "/detect?" + long + "=1", "image/jpeg"},
		{http.MethodPost, "/detect", long + "/" + long[:10_000]},
		{http.MethodPost, "/detect", "multipart/form-data; boundary=" + long},
		{http.MethodPost, "/detect", "image/jpeg", long},
		{http.MethodPost, "/v1/vision/custom/" + long, "image/jpeg"},
		{http.MethodGet, "/v2/models/" + long},
		{http.MethodGet, "/" + long},
		{long, "/detect"},
	} {
		request, err := http.NewRequestWithContext(t.Context(), r[0], s.url+r[1], strings.NewReader("image"))
		require.NoError(t, err)
		request.Header.Set("Content-Type", r[2])
		request.Header.Set("Content-Encoding", r[3])
		a, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		text, err := io.ReadAll(a.Body)
		require.NoError(t, err)
		a.Body.Close()
		assert.GreaterOrEqual(t, a.StatusCode, 400)
		assert.Less(t, len(text), 1500, string(text[:100]))
	}
	for line := range strings.Lines(s.log.String()) {
		assert.Less(t, len(line), 3000)
	}
}
