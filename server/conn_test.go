package server

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dial connects to a server; what is read from the connection ends in time.
func (s *served) dial(t *testing.T) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	return c.(*net.TCPConn)
}

// answered reads an answer to a request of a connection.
func answered(t *testing.T, c io.Reader) (status int, text string) {
	t.Helper()
	a, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	defer a.Body.Close()
	data, err := io.ReadAll(a.Body)
	require.NoError(t, err)
	return a.StatusCode, string(data)
}

func detectRequest(body []byte, header string) []byte {
	return fmt.Appendf(nil, "POST /detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n%s\r\n%s", len(body), header, body)
}

// TestHalfClosed: a client that closes its sending half after the request has its
// answer, also when that takes longer than the server waits until it looks
// whether the client has gone.
func TestHalfClosed(t *testing.T) {
	for name, held := range map[string]time.Duration{"at once": 0, "a little later": firstProbe + nextProbe/2, "later": firstProbe + (2+time.Duration(len(responseStart)))*nextProbe} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, nil)
			s.hold()
			c := s.dial(t)
			_, err := c.Write(detectRequest(photo(t, 100, 70), ""))
			require.NoError(t, err)
			require.NoError(t, c.CloseWrite())
			go func() {
				time.Sleep(held)
				s.gate <- struct{}{}
			}()
			status, text := answered(t, c)
			assert.Equal(t, http.StatusOK, status)
			assert.NotEmpty(t, read[DetectResponse](t, text).Detections)
		})
	}
	t.Run("after half of a request", func(t *testing.T) {
		s := serve(t, nil)
		c := s.dial(t)
		whole := detectRequest(photo(t, 100, 70), "")
		_, err := c.Write(whole[:len(whole)-10])
		require.NoError(t, err)
		require.NoError(t, c.CloseWrite())
		status, text := answered(t, c)
		assert.Equal(t, http.StatusBadRequest, status)
		assert.Contains(t, errorOf(t, text).Message, "ended early")
	})
}

// TestClosed: a client that closes its connection is not taken for one that
// closed its sending half.
func TestClosed(t *testing.T) {
	s := serve(t, nil)
	s.hold()
	for range 2 { // one is with the worker
		c := s.dial(t)
		_, err := c.Write(detectRequest(photo(t, 100, 70), ""))
		require.NoError(t, err)
		require.NoError(t, c.CloseWrite())
		defer c.Close()
	}
	wait(t, "it is queued", func() bool { return s.queue.Depth() == 1 })
	time.Sleep(firstProbe + 2*nextProbe)
	assert.Equal(t, 1, s.queue.Depth(), "both wait for their answers")
	c := s.dial(t)
	_, err := c.Write(detectRequest(photo(t, 100, 70), ""))
	require.NoError(t, err)
	wait(t, "it is queued", func() bool { return s.queue.Depth() == 2 })
	c.Close()
	wait(t, "it leaves", func() bool { return s.queue.Depth() == 1 })
	s.gate <- struct{}{}
	s.gate <- struct{}{}
}

// TestTooLongIsAnswered: clients that send all of a body before they read have
// the answer that it is too long, or not wanted, and no reset, under load too.
func TestTooLongIsAnswered(t *testing.T) {
	s := serve(t, func(c *Config) { c.Limits.Body, c.Keys, c.Log = 100_000, []string{"secret"}, DefaultConfig().Log })
	body := bytes.Repeat([]byte("x"), 16<<20) // more than the buffers of a connection hold
	const key = "X-API-Key: secret\r\n"
	for name, c := range map[string]struct {
		header string
		status int
	}{
		"too long":        {key, 413},
		"too long, close": {key + "Connection: close\r\n", 413},
		"no key":          {"", 401},
		"no key, close":   {"Connection: close\r\n", 401},
		"encoding":        {key + "Content-Encoding: br\r\n", 415},
	} {
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				connection := s.dial(t)
				_, err := connection.Write(detectRequest(body, c.header))
				if !assert.NoError(t, err, name) {
					return
				}
				time.Sleep(50 * time.Millisecond)
				answer, err := io.ReadAll(connection)
				assert.NoError(t, err, name)
				assert.Contains(t, string(answer), fmt.Sprintf("HTTP/1.1 %d ", c.status), name)
			})
		}
		group.Wait() // fewer at a time than the server's limit of time allows for on a busy machine
	}
}

// TestConnectionStays: a small body that is not read does not end the connection.
func TestConnectionStays(t *testing.T) {
	s := serve(t, func(c *Config) { c.Keys = []string{"secret"} })
	c := s.dial(t)
	r := bufio.NewReader(c)
	for range 3 {
		_, err := c.Write(detectRequest(photo(t, 100, 70), ""))
		require.NoError(t, err)
		a, err := http.ReadResponse(r, nil)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, a.Body)
		require.NoError(t, err)
		assert.Equal(t, http.StatusUnauthorized, a.StatusCode)
		assert.False(t, a.Close)
	}
}

// TestHalfClosedTLS: the same where the connection has TLS.
func TestHalfClosedTLS(t *testing.T) {
	s := serve(t, nil)
	certificate := httptest.NewUnstartedServer(nil)
	certificate.StartTLS()
	defer certificate.Close()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: certificate.TLS.Certificates})
	require.NoError(t, err)
	h := s.server()
	defer h.Close()
	go h.Serve(clientListener{listener})

	c, err := tls.Dial("tcp", listener.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Write(detectRequest(photo(t, 100, 70), ""))
	require.NoError(t, err)
	require.NoError(t, c.CloseWrite())
	status, _ := answered(t, c)
	assert.Equal(t, http.StatusOK, status)

	a, err := http.Get("http://" + listener.Addr().String())
	require.NoError(t, err)
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	require.NoError(t, err)
	assert.Equal(t, http.StatusBadRequest, a.StatusCode)
	assert.Contains(t, string(text), "speaks HTTPS")
}

// TestHead: HEAD has the status and the header of GET, and no body.
func TestHead(t *testing.T) {
	s := serve(t, func(c *Config) {
		c.Page = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "page") })
	})
	version := s.config.Models.Acquire("first")
	defer version.Release()
	head := func(path string, want http.Header) int {
		a, err := http.Head(s.url + path)
		require.NoError(t, err)
		defer a.Body.Close()
		text, err := io.ReadAll(a.Body)
		require.NoError(t, err)
		assert.Equal(t, want.Get("Content-Type"), a.Header.Get("Content-Type"), path)
		assert.Empty(t, text, path)
		return a.StatusCode
	}
	for _, path := range []string{
		"/healthz", "/readyz", "/metrics", "/models", "/openapi.yaml", "/v1/vision/custom/list", "/v1/status/ping", "/v1/server/status/ping",
		"/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/first", "/v2/models/first/ready", "/v2/models/third",
		"/v2/models/first/versions/" + version.Version, "/v2/models/first/versions/" + version.Version + "/ready", "/v1/nothing", "/detect",
	} {
		status, header, _ := s.send(t, http.MethodGet, path, "", nil)
		assert.Equal(t, []int{status, status}, []int{head(path, header), head(path+"?x", header)}, path)
	}
	assert.Equal(t, http.StatusOK, head("/", http.Header{"Content-Type": {"text/plain; charset=utf-8"}}))
	methods := map[string][]string{}
	for _, route := range s.handler.(*gin.Engine).Routes() {
		methods[route.Path] = append(methods[route.Path], route.Method)
	}
	for path, list := range methods {
		assert.Equal(t, slices.Contains(list, http.MethodGet), slices.Contains(list, http.MethodHead), path)
	}
}
