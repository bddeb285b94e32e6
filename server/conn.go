package server

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of reading, and discarding, the rest of a request whose response was sent
// before its end. Closing a connection with unread bytes resets it. A client that
// sends its whole request before it reads would then lose the response. nginx calls
// this lingering_close.
const (
	lingerBytes = 512 << 20
	lingerTime  = 30 * time.Second
	lingerIdle  = 5 * time.Second // without a byte
)

// A client that has closed its sending half but waits for the response looks like one
// that has disconnected. Only a write tells them apart: the operating system of a
// disconnected client resets the connection, and the next write fails. If a response
// takes long, the server therefore sends the bytes that every response begins with,
// one at a time. They are called probes.
const (
	responseStart = "HTTP/1."
	firstProbe    = time.Second
	nextProbe     = 250 * time.Millisecond
)

// clientListener returns connections of type *clientConn.
type clientListener struct{ net.Listener }

func (l clientListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &clientConn{Conn: c}, nil
}

// clientConn is the connection of a client. It sends probes, and lingers on close.
type clientConn struct {
	net.Conn
	unread atomic.Bool // the client may still be sending a request

	mu      sync.Mutex
	probing bool // probes are allowed: the request was read, no response was written
	probed  int  // bytes of responseStart sent as probes
}

type connKey struct{}

// connOf returns the connection of a request, nil if it is not from a clientListener.
func connOf(ctx context.Context) *clientConn {
	c, _ := ctx.Value(connKey{}).(*clientConn)
	return c
}

// allowProbes is called when the whole request has been read.
func (c *clientConn) allowProbes() {
	if c == nil {
		return
	}
	c.mu.Lock()
	c.probing = true
	c.mu.Unlock()
}

// disconnected sends probes to a client whose sending half is closed. It returns true
// when one fails, and false if the context ends first or all probes were sent.
func (c *clientConn) disconnected(ctx context.Context) bool {
	if c == nil {
		return true
	}
	after := firstProbe
	for range responseStart {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(after):
		}
		if c.probe() != nil {
			return true
		}
		after = nextProbe
	}
	return false
}

func (c *clientConn) probe() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.probing || c.probed == len(responseStart) {
		return nil
	}
	_, err := c.Conn.Write([]byte{responseStart[c.probed]})
	c.probed++
	return err
}

// Write writes a response without the bytes that were sent as probes.
func (c *clientConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	sent := min(c.probed, len(p))
	c.probing, c.probed = false, 0
	n, err := c.Conn.Write(p[sent:])
	return sent + n, err
}

// Read responds with an explanation to plain HTTP on an HTTPS port.
func (c *clientConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	var record tls.RecordHeaderError
	if errors.As(err, &record) && record.Conn != nil && slices.Contains([]string{"GET /", "HEAD ", "POST ", "OPTIO"}, string(record.RecordHeader[:])) {
		_, _ = io.WriteString(record.Conn, "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\n\r\nthe server speaks HTTPS, this request is HTTP\n")
	}
	return n, err
}

// CloseWrite is called by net/http if it did not read a request to its end.
func (c *clientConn) CloseWrite() error {
	c.unread.Store(false)
	c.linger()
	return nil
}

// Close lingers if the client may still be sending, so that it can read the response.
func (c *clientConn) Close() error {
	if c.unread.Swap(false) {
		c.linger()
	}
	return c.Conn.Close()
}

// linger closes the sending half and discards input until the client closes or a
// limit is reached.
func (c *clientConn) linger() {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	buffer := make([]byte, 64<<10)
	end := time.Now().Add(lingerTime)
	for left := lingerBytes; left > 0 && time.Now().Before(end); {
		_ = c.Conn.SetReadDeadline(time.Now().Add(lingerIdle))
		n, err := c.Conn.Read(buffer)
		if err != nil {
			return
		}
		left -= n
	}
}

// watchedBody records whether it was read to its end.
type watchedBody struct {
	io.ReadCloser
	ended bool
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.ended = b.ended || errors.Is(err, io.EOF)
	return n, err
}

// watchBody returns a copy of the request. If the body of the copy is not read to its
// end before done is called, the connection lingers on close.
func (c *clientConn) watchBody(r *http.Request) (watched *http.Request, done func()) {
	body := &watchedBody{r.Body, r.ContentLength == 0}
	watched = r.WithContext(r.Context()) // a copy, because net/http checks the body of its own request
	watched.Body = body
	return watched, func() { c.unread.Store(!body.ended) }
}
