// Package web has the web UI of the server: a page for object detection and the API
// reference. Both are embedded, consist of plain ES modules and CSS, and send requests
// only to their own server.
//
//	assets/index.html, css/detect.css, js/main.js   /
//	assets/docs.html, css/docs.css, js/docs.js      /docs
//	package examples                                /examples/
package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
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

// contentTypes maps extensions to types, independent of the table of the system.
var contentTypes = map[string]string{
	".html":        "text/html; charset=utf-8",
	".css":         "text/css; charset=utf-8",
	".js":          "text/javascript; charset=utf-8",
	".svg":         "image/svg+xml",
	".jpg":         "image/jpeg",
	".bccd":        "text/plain; charset=utf-8", // examples/LICENSE.bccd
	".photographs": "text/plain; charset=utf-8",
}

// file is the response at a URL path.
type file struct {
	contentType, etag string
	data              []byte
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
		files[address+strings.TrimPrefix(name, folder+"/")] = file{
			contentType: contentTypes[path.Ext(name)],
			etag:        `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`,
			data:        data,
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
	f, found := h[r.URL.Path]
	if !found {
		fail(w, http.StatusNotFound, "not_found", "there is nothing at this URL")
		return
	}
	header.Set("Content-Type", f.contentType)
	header.Set("ETag", f.etag)
	header.Set("Cache-Control", "no-cache") // revalidated each time, because names do not change with the content
	header.Set("Content-Security-Policy", policy)
	header.Set("Permissions-Policy", "camera=(self), microphone=(), geolocation=()")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.data))
}

func fail(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{
		"code": code, "message": message, "request_id": w.Header().Get("X-Request-ID"),
	}})
}
