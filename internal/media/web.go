package media

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"path"
	"path/filepath"
	"strings"

	"scalenet/internal/outbound"
)

// address expands a URL: an image, a video or a stream.
func (l *lister) address(text string) ([]Source, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: not a URL", text)
	}
	shown := text // as it was given: Redacted writes "rtsp:" for "rtsp://"
	if u.User != nil {
		shown = u.Redacted()
	}
	w := webSource{u, l.options, outbound.Client(l.options.check())}
	switch u.Scheme {
	case "http", "https":
		if err := outbound.CheckURL(u); err != nil {
			return nil, fmt.Errorf("%s: %w", shown, err)
		}
	case "rtsp":
		if err := w.checkHost(l.ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", shown, err)
		}
		return []Source{w.video(true)}, nil
	default:
		return nil, fmt.Errorf("%s: want an http, https or rtsp URL", shown)
	}
	if isImage(u.Path) {
		return []Source{w.image()}, nil
	}
	if isVideo(u.Path) {
		return []Source{w.video(extension(u.Path) == ".m3u8")}, nil
	}
	kind, err := w.kind(l.ctx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", shown, err)
	case strings.HasPrefix(kind, "video/"):
		return []Source{w.video(false)}, nil
	case kind == "multipart/x-mixed-replace", strings.HasSuffix(kind, "mpegurl"):
		return []Source{w.video(true)}, nil
	}
	return []Source{w.image()}, nil
}

// webSource makes sources of a URL.
type webSource struct {
	url     *url.URL
	options Options
	client  *http.Client
}

func (w webSource) image() Source {
	name := w.url.Redacted()
	place := w.place()
	return Source{Name: name, Path: place, Folder: filepath.Dir(place), read: func(ctx context.Context) ([]byte, error) {
		response, err := w.get(ctx)
		if err != nil {
			return nil, err
		}
		defer response.Body.Close()
		return readLimited(response.Body)
	}}
}

func (w webSource) video(live bool) Source {
	s := videoSource(w.url.String(), w.url.Redacted(), "", w.options, live)
	s.File, s.Path, s.count = "", w.place(), nil
	s.Folder = filepath.Dir(s.Path)
	return s
}

// place is the path of an output: the host and path of the URL, with the query in the name of the file.
func (w webSource) place() string {
	name := path.Base(path.Clean("/" + w.url.Path))
	if name == "/" {
		name = w.url.Hostname()
	}
	if w.url.RawQuery != "" {
		name += "?" + w.url.RawQuery
	}
	if name = url.PathEscape(name); len(name) > 100 {
		name = name[len(name)-100:]
	}
	return filepath.Join(w.url.Hostname(), filepath.FromSlash(path.Dir(path.Clean("/"+w.url.Path))), name)
}

// kind asks for the media type.
func (w webSource) kind(ctx context.Context) (string, error) {
	response, err := w.get(ctx)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	return kind, nil
}

func (w webSource) get(ctx context.Context) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url.String(), nil)
	if err != nil {
		return nil, err
	}
	response, err := w.client.Do(request)
	if err != nil {
		return nil, refused(err)
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return nil, fmt.Errorf("the server's response is HTTP %s", response.Status)
	}
	return response, nil
}

// refused returns an error of a request without the URL, which callers add.
func refused(err error) error {
	if errors.Is(err, outbound.ErrNotPublic) {
		return fmt.Errorf("%w; --private allows addresses of this machine and its networks", outbound.ErrNotPublic)
	}
	return outbound.Reason(err)
}
