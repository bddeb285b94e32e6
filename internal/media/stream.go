package media

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"scalenet/imaging"
	"scalenet/internal/outbound"
	"scalenet/internal/video"
)

// checkHost checks all addresses of the host of a URL that ffmpeg connects to itself.
func (w webSource) checkHost(ctx context.Context) error {
	if w.url.Hostname() == "" {
		return errors.New("no host in the URL")
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", w.url.Hostname())
	if err != nil {
		return err
	}
	for _, a := range found {
		if err := w.options.check()(netip.AddrPortFrom(a, 0)); err != nil {
			return w.refused(err)
		}
	}
	return nil
}

// videoStream gives the frames of a video that has an end.
type videoStream struct {
	*video.Decoder
	rate  float64
	guard *guard
}

// openVideo opens a video. Connections to http and https addresses go through a guard.
func openVideo(ctx context.Context, in video.Input, o Options, live bool) (stream, error) {
	var g *guard
	if strings.HasPrefix(in.Path, "http://") || strings.HasPrefix(in.Path, "https://") {
		var err error
		if g, err = newGuard(o.check()); err != nil {
			return nil, err
		}
		in.Proxy = g.url
	}
	if live {
		return &liveStream{video.Follow(ctx, in, func(err error, again time.Duration) {
			if o.Lost != nil {
				o.Lost(fmt.Errorf("%s: lost: %w; again in %v", shownPath(in.Path), err, again))
			}
		}), g}, nil
	}
	info, err := video.Probe(ctx, in)
	if err == nil && info.Duration == 0 && in.Proxy != "" { // a stream
		g.close()
		return openVideo(ctx, video.Input{Path: in.Path, Stride: in.Stride}, o, true)
	}
	if err != nil {
		g.close()
		return nil, err
	}
	if info.Duration > 0 && in.From >= info.Duration {
		g.close()
		return nil, fmt.Errorf("--from %v is behind the end at %v", in.From, info.Duration.Round(10*time.Millisecond))
	}
	d, err := video.Open(ctx, in, info)
	if err != nil {
		g.close()
		return nil, err
	}
	return &videoStream{d, info.Rate / float64(max(1, in.Stride)), g}, nil
}

// shownPath is an address without its password.
func shownPath(path string) string {
	if u, err := url.Parse(path); err == nil {
		return u.Redacted()
	}
	return path
}

func (s *videoStream) next() (*imaging.Image, Frame, error) {
	f, err := s.Next()
	if fault := new(video.FaultError); errors.As(err, &fault) {
		err = &faultError{err}
	}
	return f.Image, Frame{f.Number, f.Time, s.rate}, err
}

func (s *videoStream) close() {
	s.Close()
	s.guard.close()
}

// liveStream gives the newest frames of a camera.
type liveStream struct {
	*video.Live
	guard *guard
}

func (s *liveStream) next() (*imaging.Image, Frame, error) {
	f, err := s.Next()
	return f.Image, Frame{f.Number, f.Time, 0}, err
}

func (s *liveStream) close() {
	s.Close()
	s.guard.close()
}

// guard is an HTTP proxy for a child process. It connects only to addresses that pass a check.
type guard struct {
	url    string
	server http.Server
}

func newGuard(check func(netip.AddrPort) error) (*guard, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	dialer := outbound.Dialer(check)
	forward := &httputil.ReverseProxy{
		Rewrite:       func(*httputil.ProxyRequest) {}, // the request names the host
		Transport:     outbound.Client(check).Transport,
		FlushInterval: -1,
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, err error) { w.WriteHeader(http.StatusForbidden) },
	}
	g := &guard{url: "http://" + listener.Addr().String()}
	g.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodConnect {
			tunnel(w, r, dialer)
			return
		}
		if !r.URL.IsAbs() {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		forward.ServeHTTP(w, r)
	})
	go g.server.Serve(listener)
	return g, nil
}

// tunnel connects a client with the host that it asks for.
func tunnel(w http.ResponseWriter, r *http.Request, dialer *net.Dialer) {
	remote, err := dialer.DialContext(r.Context(), "tcp", r.Host)
	if err != nil {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	defer remote.Close()
	local, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer local.Close()
	if _, err := local.Write([]byte("HTTP/1.1 200 OK\r\n\r\n")); err != nil {
		return
	}
	done := make(chan error, 2)
	go func() {
		_, err := io.Copy(remote, buffered)
		done <- err
	}()
	go func() {
		_, err := io.Copy(local, remote)
		done <- err
	}()
	<-done
}

func (g *guard) close() {
	if g != nil {
		g.server.Close()
	}
}

// errorOf is the error of a stream with its name.
func errorOf(s Source, last Frame, begun bool, err error) error {
	if of := new(namedError); errors.As(err, &of) {
		return err
	}
	return fmt.Errorf("%s: %w", cmp.Or(placeOf(s, last, begun), s.Name), err)
}

func placeOf(s Source, last Frame, begun bool) string {
	if !begun {
		return s.Name
	}
	return strings.Replace(s.frameName(last), s.Name, s.Name+" after", 1)
}
