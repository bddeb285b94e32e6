package download

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// get downloads from a handler and returns the error and the number of requests.
func get(t *testing.T, change func(*Request), h http.HandlerFunc) (requests int, err error) {
	r := serve(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		requests++
		h(w, q)
	}))
	if change != nil {
		change(&r)
	}
	_, err = Get(t.Context(), r)
	if err != nil && !strings.Contains(err.Error(), r.Path) { // a name that could not be made a folder of
		require.ErrorContains(t, err, r.URL)
		require.NoFileExists(t, r.Path)
	}
	return requests, err
}

func TestStatuses(t *testing.T) {
	for status, c := range map[int]struct {
		requests int
		want     string
	}{
		404: {1, "the server's response is HTTP 404 Not Found"},
		403: {1, "HTTP 403 Forbidden"},
		503: {5, "HTTP 503 Service Unavailable; gave up after 5 attempts, the same command starts again"},
		206: {5, "the server's range is not the one that was asked for"},
		416: {5, "starting again; gave up"},
		304: {1, "HTTP 304 Not Modified"},
	} {
		n, err := get(t, nil, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		require.ErrorContains(t, err, c.want)
		require.Equal(t, c.requests, n, status)
	}
}

func TestBusyForAWhile(t *testing.T) {
	left := 3
	n, err := get(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		if left--; left >= 0 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		w.Write([]byte("\x00data"))
	})
	require.NoError(t, err)
	require.Equal(t, 4, n)
	require.Equal(t, 7, int(retryAfter(fmt.Errorf("x: %w", &statusError{after: 7e9})).Seconds()))
}

func TestWebPage(t *testing.T) {
	n, err := get(t, nil, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("\n<!DOCTYPE html><html>log in</html>")) })
	require.ErrorContains(t, err, "the server sent a web page (HTML) instead of the file")
	require.Equal(t, 1, n)
	_, err = get(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write([]byte("log in"))
	})
	require.ErrorContains(t, err, "web page")
}

func TestTooLarge(t *testing.T) {
	limit := func(r *Request) { r.MaxBytes = 1000 }
	_, err := get(t, limit, func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 1001)) })
	require.ErrorContains(t, err, "the file has 1001 bytes, want at most 1000 bytes")
	_, err = get(t, limit, func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush() // no length
		w.Write(make([]byte, 1001))
	})
	require.ErrorContains(t, err, "the server sends more than 1000 bytes")
	_, err = get(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(int64(1)<<60))
	})
	require.ErrorContains(t, err, "no space: 1099511627776.0 MiB are missing of the file, the disk has ")
}

func TestRedirects(t *testing.T) {
	data := content(20, 1000)
	file := &publisher{data: data, etag: `"a"`}
	hops := func(n int) http.HandlerFunc {
		return func(w http.ResponseWriter, q *http.Request) {
			if n--; n >= 0 {
				http.Redirect(w, q, fmt.Sprintf("/hop%d", n), http.StatusFound)
				return
			}
			file.ServeHTTP(w, q)
		}
	}
	n, err := get(t, nil, hops(10))
	require.NoError(t, err)
	require.Equal(t, 11, n)
	n, err = get(t, nil, hops(11))
	require.ErrorContains(t, err, "more than 10 redirects, the last one to http://127")
	require.Equal(t, 11, n)
	n, err = get(t, nil, func(w http.ResponseWriter, q *http.Request) {
		http.Redirect(w, q, q.URL.Path, http.StatusMovedPermanently)
	})
	require.ErrorContains(t, err, "more than 10 redirects")
	require.Equal(t, 11, n)
	_, err = get(t, nil, func(w http.ResponseWriter, q *http.Request) {
		http.Redirect(w, q, "ftp://example.org/m.pth", http.StatusFound)
	})
	require.ErrorContains(t, err, "a redirect to ftp://example.org/m.pth, want https or http")
	_, err = get(t, nil, func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/gone" {
			http.NotFound(w, q)
			return
		}
		http.Redirect(w, q, "/gone", http.StatusFound)
	})
	require.Regexp(t, `m.pth: the server's response is HTTP 404 Not Found from http://127\S+/gone$`, err.Error())
}

// https may redirect to https, and http to https, but https not to http.
func TestEncryptionIsKept(t *testing.T) {
	data := content(21, 1000)
	plain := serve(t, &publisher{data: data})
	to := plain.URL
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/file" {
			w.Write(data)
			return
		}
		http.Redirect(w, q, to, http.StatusFound)
	}))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // of clients that do not trust it
	secure.StartTLS()
	t.Cleanup(secure.Close)
	r := plain
	r.URL = secure.URL + "/m.pth"
	r.Transport = secure.Client().Transport
	_, err := Get(t.Context(), r)
	require.ErrorContains(t, err, "a redirect from https to "+plain.URL+", which is not encrypted, is not followed")
	to = secure.URL + "/file"
	_, err = Get(t.Context(), r)
	require.NoError(t, err)
	requireFile(t, r.Path, data)

	from := serve(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { http.Redirect(w, q, to, http.StatusFound) }))
	from.Transport = r.Transport
	_, err = Get(t.Context(), from)
	require.NoError(t, err)

	r.Path += "2"
	untrusting := &http.Transport{TLSClientConfig: &tls.Config{}}
	r.Transport = untrusting
	_, err = Get(t.Context(), r)
	require.ErrorContains(t, err, "certificate")
	require.NotContains(t, err.Error(), "attempts")
}

func TestAddresses(t *testing.T) {
	for _, address := range []string{"", "m.pth", "ftp://example.org/m.pth", "https:///m.pth", "file:///m.pth"} {
		_, err := Get(t.Context(), Request{URL: address, Path: filepath.Join(t.TempDir(), "m.pth")})
		require.ErrorContains(t, err, address+": want a URL that begins with https:// or http://")
	}
	_, err := Get(t.Context(), Request{URL: "http://user:secret@exa mple.org"})
	require.ErrorContains(t, err, "the URL is invalid")
	require.NotContains(t, err.Error(), "secret")
	r := serve(t, http.NotFoundHandler())
	r.URL = strings.Replace(r.URL, "http://", "http://user:secret@", 1)
	_, err = Get(t.Context(), r)
	require.ErrorContains(t, err, "404")
	require.NotContains(t, err.Error(), "secret")
}

func TestFolders(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	_, err := get(t, func(r *Request) { r.Path = filepath.Join(file, "m.pth") }, func(http.ResponseWriter, *http.Request) {})
	require.ErrorContains(t, err, "not a directory")
	if os.Getuid() == 0 {
		return // may write everywhere
	}
	closed := t.TempDir()
	require.NoError(t, os.Chmod(closed, 0o555))
	_, err = get(t, func(r *Request) { r.Path = filepath.Join(closed, "m.pth") }, func(http.ResponseWriter, *http.Request) {})
	require.ErrorContains(t, err, "permission denied")
}

// A device has no end, and a pipe may have no writer.
func TestCheckSumOfWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o666))
	for path, want := range map[string]string{"/dev/zero": ": is not a regular file", pipe: ": is not a regular file", dir: ": is a folder, want a file"} {
		_, err := CheckSum(path, "")
		require.EqualError(t, err, path+want)
	}
}

// Errors of connections are in words of our own.
func TestConnectionErrors(t *testing.T) {
	over := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	defer hanging.Close()
	defer close(over)
	transport := &http.Transport{ResponseHeaderTimeout: 50 * time.Millisecond}
	defer transport.CloseIdleConnections()
	for url, want := range map[string]string{
		"http://127.0.0.1:1/m.pth": "no connection to 127.0.0.1:1: connection refused; gave up",
		hanging.URL + "/m.pth":     "the server does not answer in time; gave up",
	} {
		_, err := Get(t.Context(), Request{URL: url, Path: filepath.Join(t.TempDir(), "m.pth"), Attempts: 1, Transport: transport})
		require.ErrorContains(t, err, url+": "+want)
	}
}
