package media

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
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
		return outbound.Reason(err)
	}
	for _, a := range found {
		if err := w.options.check()(netip.AddrPortFrom(a, 0)); err != nil {
			return refused(err)
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
		if g, err = newGuard(o.check(), cmp.Or(o.silence, silence)); err != nil {
			return nil, err
		}
		in.Proxy = g.url
	}
	if live {
		return follow(ctx, in, o, g), nil
	}
	info, err := video.Probe(ctx, in)
	if err == nil && info.Duration == 0 && in.Proxy != "" { // a stream
		if err := g.reason(nil); err != nil { // of which nothing more comes
			g.close()
			return nil, err
		}
		g.close()
		return openVideo(ctx, video.Input{Path: in.Path, Stride: in.Stride}, o, true)
	}
	if err != nil {
		g.close()
		return nil, g.reason(err)
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

// follow opens a live source.
func follow(ctx context.Context, in video.Input, o Options, g *guard) *liveStream {
	return &liveStream{video.Follow(ctx, in, func(err error, again time.Duration) {
		if o.Lost != nil {
			o.Lost(fmt.Errorf("%s: lost: %w; again in %v", shownPath(in.Path), g.reason(err), again))
		}
	}), g}
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
	} else if err != nil && !errors.Is(err, io.EOF) {
		err = s.guard.reason(err)
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
	if err != nil && !errors.Is(err, context.Canceled) {
		err = s.guard.reason(err)
	}
	return f.Image, Frame{f.Number, f.Time, 0}, err
}

func (s *liveStream) close() {
	s.Close()
	s.guard.close()
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
