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

// Bounds of what is read, and thrown away, of a request that was answered before
// its end. A connection that is closed with bytes to read is reset, and the answer
// is lost with it for a client that sends first and reads then.
const (
	lingerBytes = 512 << 20
	lingerTime  = 30 * time.Second
	lingerIdle  = 5 * time.Second // without a byte
)

// A client that closes its sending half waits for its answer; one that has gone
// looks the same. Only what is sent to it tells them apart: the system of one that
// has gone resets the connection, which the write after it fails on. What is sent
// are the bytes that every answer begins with, one by one, once the answer takes
// long.
const (
	answerStart = "HTTP/1."
	firstProbe  = time.Second
	nextProbe   = 250 * time.Millisecond
)

// clients is a listener for connections of clients.
type clients struct{ net.Listener }

func (l clients) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &clientConn{Conn: c}, nil
}

// clientConn is a client's connection.
type clientConn struct {
	net.Conn
	unread atomic.Bool // the client may be sending still

	mu      sync.Mutex
	waiting bool // for the answer, of which nothing is sent but its start
	started int  // bytes of its start that are sent
}

type connKey struct{}

// connOf is the connection of a request, nil where clients was not asked.
func connOf(ctx context.Context) *clientConn {
	c, _ := ctx.Value(connKey{}).(*clientConn)
	return c
}

// wait tells that the whole request is there.
func (c *clientConn) wait() {
	if c == nil {
		return
	}
	c.mu.Lock()
	c.waiting = true
	c.mu.Unlock()
}

// gone waits until the client, whose sending half is closed, turns out to have
// gone. It is false when it cannot be told, or when the context ends.
func (c *clientConn) gone(ctx context.Context) bool {
	if c == nil {
		return true
	}
	after := firstProbe
	for range answerStart {
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
	if !c.waiting || c.started == len(answerStart) {
		return nil
	}
	_, err := c.Conn.Write([]byte{answerStart[c.started]})
	c.started++
	return err
}

// Write leaves out what the client has of the answer.
func (c *clientConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	sent := min(c.started, len(p))
	c.waiting, c.started = false, 0
	n, err := c.Conn.Write(p[sent:])
	return sent + n, err
}

// Read tells a client that speaks HTTP to a server of HTTPS so.
func (c *clientConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	var record tls.RecordHeaderError
	if errors.As(err, &record) && record.Conn != nil && slices.Contains([]string{"GET /", "HEAD ", "POST ", "OPTIO"}, string(record.RecordHeader[:])) {
		_, _ = io.WriteString(record.Conn, "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\n\r\nthe server speaks HTTPS, this request is HTTP\n")
	}
	return n, err
}

// CloseWrite is what net/http calls where it did not read a request to its end.
func (c *clientConn) CloseWrite() error {
	c.unread.Store(false)
	c.linger()
	return nil
}

// Close lets a client read its answer that was sending still.
func (c *clientConn) Close() error {
	if c.unread.Swap(false) {
		c.linger()
	}
	return c.Conn.Close()
}

// linger reads on until the client closes, within bounds.
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

// watchedBody notes whether it was read to its end.
type watchedBody struct {
	io.ReadCloser
	ended bool
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.ended = b.ended || errors.Is(err, io.EOF)
	return n, err
}

// watch makes the connection of a request that is not read to its end linger.
func (c *clientConn) watch(r *http.Request) (watched *http.Request, done func()) {
	body := &watchedBody{r.Body, r.ContentLength == 0}
	watched = r.WithContext(r.Context()) // net/http looks at the body of its own
	watched.Body = body
	return watched, func() { c.unread.Store(!body.ended) }
}
