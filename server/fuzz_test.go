package server

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"net/url"
	"strings"
	"testing"

	"scalenet/imaging"
)

// The three forms of a body. Whatever the bytes: an error that is the client's,
// or no more images than allowed, names without a path, values that are short.
func fuzzForm(f *testing.F, kind string) {
	f.Fuzz(func(t *testing.T, body []byte, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		const most = 3
		got, err := parseForm(kind, body, values, most)
		if err != nil {
			if e := asError(err); e.Status < 400 || e.Status >= 500 || e.Message == "" {
				t.Fatalf("%d %q: %v", e.Status, e.Message, err)
			}
			return
		}
		if n := len(got.uploads); n < 1 || n > most {
			t.Fatalf("%d images", n)
		}
		total := 0
		for _, u := range got.uploads {
			total += len(u.data)
			if strings.ContainsAny(u.name, "/\\\x00\n") || len([]rune(u.name)) > 100 {
				t.Fatalf("name %q", u.name)
			}
		}
		if total > len(body) {
			t.Fatalf("%d bytes of images in %d", total, len(body))
		}
	})
}

func FuzzMultipart(f *testing.F) {
	for _, list := range [][][3]string{
		{{"image", "a.jpg", "data"}},
		{{"image", `..\..\a.jpg`, "data"}, {"image", "", "data"}, {"threshold", "", "0.5"}},
		{{"photo", "a", "data"}},
		{{"image", "a", "--x"}, {"", "", ""}},
		{},
	} {
		_, body := parts(f, list...)
		boundary, _, _ := strings.Cut(strings.TrimPrefix(body, "--"), "\r\n")
		body = strings.ReplaceAll(body, strings.TrimSuffix(boundary, "--"), "boundary")
		f.Add([]byte(body), "threshold=0.1")
		f.Add([]byte(body[:len(body)/2]), "url=http://x")
	}
	fuzzForm(f, "multipart/form-data; boundary=boundary")
}

func FuzzJSON(f *testing.F) {
	data := base64.StdEncoding.EncodeToString([]byte("data"))
	for _, body := range []string{
		`{"image": "` + data + `"}`, `{"images": ["` + data + `", ""], "threshold": 0.5, "classes": ["a", 2]}`,
		`{"image": null}`, `{"url": "http://x", "max": {}}`, `{"image": "data:image/png;base64,` + data + `"}`, `[]`, `{`, `{"image": "é"}`,
	} {
		f.Add([]byte(body), "")
	}
	fuzzForm(f, "application/json")
}

func FuzzRaw(f *testing.F) {
	f.Add([]byte("data"), "max=1")
	f.Add([]byte{}, "url=x&format=image")
	fuzzForm(f, "image/jpeg")
}

func FuzzBase64(f *testing.F) {
	for _, data := range []string{"", "a", "ab", "abc", "\xff\xfe\xfd"} {
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, text := range []string{
			base64.StdEncoding.EncodeToString(data), base64.URLEncoding.EncodeToString(data), base64.RawURLEncoding.EncodeToString(data),
			"data:x;base64," + base64.StdEncoding.EncodeToString(data),
		} {
			got, err := decodeBase64([]byte(text))
			if err != nil || !bytes.Equal(got, data) {
				t.Fatalf("%q: %q, %v", text, got, err)
			}
		}
		_, _ = decodeBase64(data)
	})
}

// Whatever the bytes: an error that is the client's, or an image within the
// limits, whose memory was asked for.
func FuzzInference(f *testing.F) {
	limits := imaging.Limits{Side: 40, Pixels: 1000, Bytes: 1 << 20}
	file := `{"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": ["aGVsbG8="]}], "outputs": [{"name": "boxes"}], "parameters": {"max": 1, "timeout": 5}}`
	inBinary := `{"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, 1, 3], "parameters": {"binary_data_size": 3}}]}`
	f.Add([]byte(file), "")
	f.Add([]byte(inBinary+"abc"), fmt.Sprint(len(inBinary)))
	f.Add([]byte(`{"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, 2, 3], "data": [[[1, 2, 3], [4, 5, 255]]]}]}`), "")
	f.Add([]byte(`{"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 5}}]}`+"\x01\x00\x00\x00a"), "105")
	f.Fuzz(func(t *testing.T, body []byte, length string) {
		taken := int64(0)
		got, err := parseInference(body, length, limits, func(n int64) bool { taken += n; return true })
		if err != nil {
			if e := asError(err); e.Status < 400 || e.Status >= 500 || e.Message == "" {
				t.Fatalf("%d %q: %v", e.Status, e.Message, err)
			}
			return
		}
		if im := got.upload.image; im != nil {
			if err := limits.Check(im.W, im.H); err != nil || int64(len(im.Pix)) > taken {
				t.Fatalf("%dx%d: %v, %d bytes asked for", im.W, im.H, err, taken)
			}
		} else if len(got.upload.data) > len(body) {
			t.Fatalf("%d bytes of %d", len(got.upload.data), len(body))
		}
		if len(got.outputs) < 1 || len(got.outputs) > len(outputNames) || got.timeout < 0 {
			t.Fatalf("%d outputs, time-out %v", len(got.outputs), got.timeout)
		}
	})
}

// What unpacks within the limit is what was packed; nothing takes more memory
// than that.
func FuzzUnpack(f *testing.F) {
	f.Add("gzip", []byte(gzipped(f, strings.Repeat("a", 3000))))
	f.Add("deflate", []byte(deflated(f, "hello")))
	f.Add("", []byte("hello"))
	f.Add("br", []byte{})
	f.Fuzz(func(t *testing.T, encoding string, body []byte) {
		const limit = 2000
		b := &budget{limit: 1 << 20}
		l := b.lease()
		defer l.end()
		got, err := decompress(encoding, body, limit, l)
		if err != nil {
			if e := asError(err); e.Status < 400 || e.Status >= 500 {
				t.Fatalf("%d: %v", e.Status, err)
			}
			return
		}
		if len(got) > max(limit, len(body)) || b.used.Load() > math.MaxUint16+1 {
			t.Fatalf("%d bytes, %d taken", len(got), b.used.Load())
		}
	})
}
