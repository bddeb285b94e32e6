package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"os"
	"sync"
	"time"

	"scalenet/internal/outbound"
)

// silence is the time without data after which a connection is cut.
const silence = 10 * time.Second

// guard is an HTTP proxy for a child process. It connects only to addresses that pass a check, and cuts connections that give no data. The child process
// does not learn why a connection failed: the guard keeps the reason.
type guard struct {
	url    string
	server http.Server
	dialer *net.Dialer
	wait   time.Duration

	mu     sync.Mutex
	failed error // of the newest connection; nil if it was made and gave data
}

func newGuard(check func(netip.AddrPort) error, wait time.Duration) (*guard, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	g := &guard{url: "http://" + listener.Addr().String(), dialer: outbound.Dialer(check), wait: wait}
	transport := outbound.Client(check).Transport.(*http.Transport)
	transport.DialContext = g.dial
	forward := &httputil.ReverseProxy{
		Rewrite:       func(*httputil.ProxyRequest) {}, // the request names the host
		Transport:     transport,
		FlushInterval: -1,
		ErrorHandler:  g.fail,
		ErrorLog:      log.New(io.Discard, "", 0),
	}
	g.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodConnect {
			g.tunnel(w, r)
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

// fail answers a request whose connection failed.
func (g *guard) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == nil { // the child process is still there
		g.keep(refused(err))
	}
	w.WriteHeader(http.StatusBadGateway)
}

func (g *guard) keep(failed error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.failed = failed
}

// reason returns why the newest connection failed, or err if it did not. A nil guard returns err.
func (g *guard) reason(err error) error {
	if g == nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.failed != nil {
		return g.failed
	}
	return err
}

// dial connects to an address.
func (g *guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := g.dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	g.keep(nil)
	return &watched{c, g}, nil
}

// watched is a connection that fails if it gives no data while some is wanted.
type watched struct {
	net.Conn
	guard *guard
}

func (c *watched) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.guard.wait)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("no data for %v", c.guard.wait)
		c.guard.keep(err)
	}
	return n, err
}

// tunnel connects a client with the host that it asks for.
func (g *guard) tunnel(w http.ResponseWriter, r *http.Request) {
	remote, err := g.dial(r.Context(), "tcp", r.Host)
	if err != nil {
		g.fail(w, r, err)
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
