// Package web has the web UI of the server: a page for object detection and the API
// reference. Both are embedded and send requests only to their own server. The first
// consists of plain ES modules and CSS, the second is Swagger UI (scripts/swagger-ui.sh).
//
//	assets/index.html, css/detect.css, js/main.js          /
//	assets/docs.html, css/docs.css, js/docs.js, swagger/   /docs
//	package examples                                       /examples/
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"scalenet/examples"
)

//go:embed assets
var assets embed.FS

// policy is the Content-Security-Policy. The pages may load files of their own server
// and show images from memory, and nothing else. HTML has no inline script or style.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; media-src 'self' blob:; " +
	"form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// docsPolicy is that of the API reference. Swagger UI writes HTML from strings, which it sanitizes, and its CSS has images. Neither can run a script.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; media-src 'self' blob:; " +
	"form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

// contentTypes maps extensions to types, independent of the table of the system.
var contentTypes = map[string]string{
	".html":        "text/html; charset=utf-8",
	".css":         "text/css; charset=utf-8",
	".js":          "text/javascript; charset=utf-8",
	".svg":         "image/svg+xml",
	".txt":         "text/plain; charset=utf-8",
	".jpg":         "image/jpeg",
	".bccd":        "text/plain; charset=utf-8", // examples/LICENSE.bccd
	".photographs": "text/plain; charset=utf-8",
}

// file is the response at a URL path.
type file struct {
	contentType, etag, policy string
	data                      []byte
	compressed                bool // data is in gzip
}

// Handler serves the pages and their files. Other URLs get 404 as an API error, with
// the id of the X-Request-ID header that the caller has set.
func Handler() http.Handler {
	files := map[string]file{}
	add(files, "/", assets, "assets")
	add(files, "/examples/", examples.Files, ".")
	for _, page := range []struct{ address, file string }{{"/", "/index.html"}, {"/docs", "/docs.html"}} {
		files[page.address] = files[page.file]
		delete(files, page.file)
	}
	docs := files["/docs"]
	docs.policy = docsPolicy
	files["/docs"] = docs
	return handler(files)
}

// add adds every file below a folder at its URL. Reading cannot fail, because the
// files are embedded.
func add(files map[string]file, address string, from fs.FS, folder string) {
	err := fs.WalkDir(from, folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(from, name)
		sum := sha256.Sum256(data)
		served, compressed := strings.CutSuffix(name, ".gz")
		files[address+strings.TrimPrefix(served, folder+"/")] = file{
			contentType: contentTypes[path.Ext(served)],
			etag:        `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`,
			policy:      policy,
			data:        data,
			compressed:  compressed,
		}
		return err
	})
	if err != nil {
		panic("web: " + err.Error())
	}
}

type handler map[string]file

func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		fail(w, http.StatusMethodNotAllowed, "method_not_allowed", r.Method+" is not a method of this URL")
		return
	}
	if r.URL.Path == "/docs/" {
		header.Set("Location", "../docs") // relative, because a proxy may serve all this below a prefix
		w.WriteHeader(http.StatusMovedPermanently)
		return
	}
	f, found := h[r.URL.Path]
	if !found {
		fail(w, http.StatusNotFound, "not_found", "there is nothing at this URL")
		return
	}
	header.Set("Content-Type", f.contentType)
	header.Set("ETag", f.etag)
	header.Set("Cache-Control", "no-cache") // revalidated each time, because names do not change with the content
	header.Set("Content-Security-Policy", f.policy)
	header.Set("Permissions-Policy", "camera=(self), microphone=(), geolocation=()")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	if f.compressed {
		header.Set("Vary", "Accept-Encoding")
		if f.data = f.encoded(header, r.Header.Get("Accept-Encoding")); f.data == nil {
			fail(w, http.StatusInternalServerError, "internal", "the file could not be unpacked")
			return
		}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.data))
}

// encoded returns the data for a client, in gzip if it accepts that, as every browser does. It returns nil for data that is not gzip.
func (f file) encoded(header http.Header, accepted string) []byte {
	for part := range strings.SplitSeq(accepted, ",") {
		name, weight, weighted := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(name, "gzip") && (!weighted || strings.Trim(weight, " q=0.") != "") {
			header.Set("Content-Encoding", "gzip")
			return f.data
		}
	}
	header.Set("ETag", strings.TrimSuffix(f.etag, `"`)+`-plain"`)
	r, err := gzip.NewReader(bytes.NewReader(f.data))
	if err != nil {
		return nil
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return nil
	}
	return data
}

func fail(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{
		"code": code, "message": message, "request_id": w.Header().Get("X-Request-ID"),
	}})
}
