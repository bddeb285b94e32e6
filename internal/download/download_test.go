package download

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// content returns n bytes that a seed decides.
func content(seed uint64, n int) []byte {
	r, b := rand.New(rand.NewPCG(seed, 0)), make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func sumOf(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// publisher is a server of one file.
type publisher struct {
	mu       sync.Mutex
	data     []byte
	etag     string // "" is no validator at all
	cut      []int  // bytes after which the next responses end, 0 is not at all
	whole    bool   // ignores Range
	unsized  bool   // no Content-Length
	requests []*http.Request
}

func (p *publisher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = append(p.requests, r)
	if p.etag != "" {
		w.Header().Set("ETag", p.etag)
	}
	if p.whole {
		r.Header.Del("Range")
	}
	if len(p.cut) > 0 && p.cut[0] > 0 {
		w = &cutting{w, p.cut[0]}
	}
	if len(p.cut) > 0 {
		p.cut = p.cut[1:]
	}
	if p.unsized {
		w.Write(p.data)
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(p.data))
}

// cutting ends the connection after some bytes.
type cutting struct {
	http.ResponseWriter
	left int
}

func (c *cutting) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b[:min(len(b), c.left)])
	if c.left -= n; c.left == 0 && err == nil {
		c.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, err
}

// serve starts a server and returns a request for its file that does not wait long.
func serve(t *testing.T, h http.Handler) Request {
	s := httptest.NewServer(h)
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		s.Close()
	})
	return Request{URL: s.URL + "/m.pth", Path: filepath.Join(t.TempDir(), "sub", "m.pth"), Pause: time.Millisecond, Transport: transport}
}

// ranges returns the Range headers of all requests.
func (p *publisher) ranges() (all []string) {
	for _, r := range p.requests {
		all = append(all, r.Header.Get("Range"))
	}
	return all
}

// requireFile checks that the folder has the file and nothing else.
func requireFile(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got))
	requireFolder(t, path, filepath.Base(path))
}

func requireFolder(t *testing.T, path string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	require.Equal(t, append([]string{}, want...), names)
}

func TestWhole(t *testing.T) {
	data := content(1, 3<<20+7)
	p := &publisher{data: data, etag: `"a"`}
	r := serve(t, p)
	var told []int64
	r.Progress = func(done, total int64) {
		require.Equal(t, int64(len(data)), total)
		told = append(told, done)
	}
	r.Sum = sumOf(data)[:8]
	sum, err := Get(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, sumOf(data), sum)
	requireFile(t, r.Path, data)
	require.Equal(t, int64(0), told[0])
	require.Equal(t, int64(len(data)), told[len(told)-1])
	require.Equal(t, "identity", p.requests[0].Header.Get("Accept-Encoding"))

	_, err = Get(t.Context(), r) // is there
	require.NoError(t, err)
	require.Len(t, p.requests, 1)
	r.Sum = "0123"
	_, err = Get(t.Context(), r)
	require.EqualError(t, err, fmt.Sprintf("%s: the SHA-256 is %s, want one that begins with 0123", r.Path, sumOf(data)))
	requireFile(t, r.Path, data)
}

func TestCutAndResumed(t *testing.T) {
	data := content(2, 2<<20)
	p := &publisher{data: data, etag: `"a"`, cut: []int{300_000, 500_000}}
	r := serve(t, p)
	var notes []string
	r.Note, r.Sum = func(text string) { notes = append(notes, text) }, sumOf(data)
	_, err := Get(t.Context(), r)
	require.NoError(t, err)
	requireFile(t, r.Path, data)
	require.Equal(t, []string{"", "bytes=300000-", "bytes=800000-"}, p.ranges())
	require.Equal(t, `"a"`, p.requests[1].Header.Get("If-Range"))
	require.Len(t, notes, 2)
	require.Regexp(t, `^http://127\S+/m.pth: cut after 300000 bytes: unexpected EOF; next attempt in 1ms$`, notes[0])
}

func TestResumedByTheNextRun(t *testing.T) {
	data := content(3, 100_000)
	p := &publisher{data: data, etag: `"a"`, cut: []int{30_000}}
	r := serve(t, p)
	r.Attempts = 1
	_, err := Get(t.Context(), r)
	require.ErrorContains(t, err, "/m.pth: cut after 30000 bytes: unexpected EOF; gave up after 1 attempts, the same command continues after 30000 bytes")
	requireFolder(t, r.Path, "m.pth.part", "m.pth.part.json")
	_, err = Get(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, []string{"", "bytes=30000-"}, p.ranges())
	requireFile(t, r.Path, data)
}

// A download that was complete when the process was killed needs no request.
func TestCompletePart(t *testing.T) {
	data := content(4, 1000)
	p := &publisher{data: data, etag: `"a"`}
	r := serve(t, p)
	require.NoError(t, os.MkdirAll(filepath.Dir(r.Path), 0o755))
	require.NoError(t, os.WriteFile(r.Path+".part", data, 0o644))
	require.NoError(t, os.WriteFile(r.Path+".part.json", fmt.Appendf(nil, `{"url": %q, "etag": "\"a\"", "size": 1000}`, r.URL), 0o644))
	_, err := Get(t.Context(), r)
	require.NoError(t, err)
	require.Empty(t, p.requests)
	requireFile(t, r.Path, data)
}

func TestStartsAgain(t *testing.T) {
	old, now := content(5, 60_000), content(6, 50_000)
	for name, c := range map[string]struct {
		first, then *publisher
		ranges      []string
	}{
		"no ranges":         {&publisher{etag: `"a"`}, &publisher{etag: `"a"`, whole: true}, []string{""}},
		"changed":           {&publisher{etag: `"a"`}, &publisher{etag: `"b"`}, []string{"bytes=20000-"}},
		"no validator":      {&publisher{}, &publisher{etag: `"b"`}, []string{""}},
		"weak validator":    {&publisher{etag: `W/"a"`}, &publisher{etag: `W/"a"`}, []string{""}},
		"no length":         {&publisher{unsized: true, etag: `"a"`}, &publisher{unsized: true, etag: `"a"`}, []string{"bytes=20000-"}},
		"shorter, same tag": {&publisher{etag: `"a"`}, &publisher{etag: `"a"`}, []string{"bytes=20000-", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			p := c.first
			p.data, p.cut = old, []int{20_000}
			r := serve(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { p.ServeHTTP(w, q) }))
			r.Attempts = 1
			_, err := Get(t.Context(), r)
			require.ErrorContains(t, err, "cut after 20000 bytes")
			p, r.Attempts, r.Sum = c.then, 3, sumOf(now)
			p.data = now
			_, err = Get(t.Context(), r)
			require.NoError(t, err)
			requireFile(t, r.Path, now)
			if name != "no ranges" { // there the server drops the header
				require.Equal(t, c.ranges, p.ranges())
			}
		})
	}
}

// A server that ignores If-Range and sends the end of another file.
func TestRangeOfAnotherFile(t *testing.T) {
	now := content(7, 50_000)
	p := &publisher{data: now, etag: `"b"`}
	r := serve(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		q.Header.Del("If-Range")
		p.ServeHTTP(w, q)
	}))
	require.NoError(t, os.MkdirAll(filepath.Dir(r.Path), 0o755))
	require.NoError(t, os.WriteFile(r.Path+".part", content(8, 20_000), 0o644))
	require.NoError(t, os.WriteFile(r.Path+".part.json", fmt.Appendf(nil, `{"url": %q, "etag": "\"a\"", "size": 50000}`, r.URL), 0o644))
	_, err := Get(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, []string{"bytes=20000-", ""}, p.ranges())
	requireFile(t, r.Path, now)
}

// Until a response has arrived, the part of another URL stays, and that URL continues it.
func TestOtherURLKeepsThePart(t *testing.T) {
	data := content(15, 40_000)
	p := &publisher{data: data, etag: `"a"`, cut: []int{10_000}}
	r := serve(t, p)
	r.Attempts = 1
	_, err := Get(t.Context(), r)
	require.ErrorContains(t, err, "the same command continues after 10000 bytes")
	for name, h := range map[string]http.HandlerFunc{
		"404":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
		"416":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusRequestedRangeNotSatisfiable) },
		"web page": func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>log in</html>")) },
		"too large": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "50000")
			w.Write(make([]byte, 50_000))
		},
	} {
		other := serve(t, h)
		other.Path, other.Attempts, other.MaxBytes = r.Path, 1, 45_000
		_, err = Get(t.Context(), other)
		require.ErrorContains(t, err, other.URL)
		require.FileExists(t, r.Path+".part", name)
	}
	refused := r
	refused.URL = "http://127.0.0.1:1/m.pth"
	_, err = Get(t.Context(), refused)
	require.ErrorContains(t, err, "connection refused; gave up after 1 attempts, the same command starts again")

	_, err = Get(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, []string{"", "bytes=10000-"}, p.ranges())
	requireFile(t, r.Path, data)
}

// Data of which nothing is known, such as that of a browser with the same ending, stays.
func TestUnknownPart(t *testing.T) {
	for name, state := range map[string]string{"missing": "", "damaged": `{"url": "htt`} {
		t.Run(name, func(t *testing.T) {
			p := &publisher{data: content(16, 1000), etag: `"a"`}
			r := serve(t, p)
			require.NoError(t, os.MkdirAll(filepath.Dir(r.Path), 0o755))
			require.NoError(t, os.WriteFile(r.Path+".part", []byte("theirs"), 0o644))
			if state != "" {
				require.NoError(t, os.WriteFile(r.Path+".part.json", []byte(state), 0o644))
			}
			_, err := Get(t.Context(), r)
			require.EqualError(t, err, r.Path+".part: is no download that can continue: "+r.Path+".part.json is missing or damaged; move it or remove it")
			got, err := os.ReadFile(r.Path + ".part")
			require.NoError(t, err)
			require.Equal(t, "theirs", string(got))
			require.Empty(t, p.requests)
		})
	}
}

// The part of another URL is not continued, whatever its validator.
func TestOtherURL(t *testing.T) {
	data := content(9, 40_000)
	p := &publisher{data: data, etag: `"a"`, cut: []int{10_000}}
	r := serve(t, p)
	r.Attempts = 1
	_, err := Get(t.Context(), r)
	require.Error(t, err)
	r.URL += "?mirror"
	_, err = Get(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, []string{"", ""}, p.ranges())
	requireFile(t, r.Path, data)
}

func TestWrongSum(t *testing.T) {
	data := content(10, 1000)
	r := serve(t, &publisher{data: data, etag: `"a"`})
	r.Sum = "258fb6c6"
	_, err := Get(t.Context(), r)
	require.ErrorContains(t, err, r.URL+": the SHA-256 is "+sumOf(data)+", want one that begins with 258fb6c6; the downloaded file was removed")
	requireFolder(t, r.Path)
	r.Sum = strings.Repeat("0", 64)
	_, err = Get(t.Context(), r)
	require.ErrorContains(t, err, "want "+r.Sum+";")
}

func TestLastModified(t *testing.T) {
	data := content(11, 40_000)
	cut := []int{10_000, 0}
	var ranges []string
	r := serve(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		ranges = append(ranges, q.Header.Get("Range")+q.Header.Get("If-Range"))
		if cut[0] > 0 {
			w = &cutting{w, cut[0]}
		}
		cut = cut[1:]
		http.ServeContent(w, q, "", time.Date(2021, 5, 4, 3, 2, 1, 0, time.UTC), bytes.NewReader(data))
	}))
	_, err := Get(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, []string{"", "bytes=10000-Tue, 04 May 2021 03:02:01 GMT"}, ranges)
	requireFile(t, r.Path, data)
}

// A server that sends nothing more: the attempt ends, the next one continues.
func TestStall(t *testing.T) {
	data := content(12, 40_000)
	p := &publisher{data: data, etag: `"a"`}
	first := true
	r := serve(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if !first {
			p.ServeHTTP(w, q)
			return
		}
		first = false
		w.Header().Set("ETag", `"a"`)
		w.Header().Set("Content-Length", "40000")
		w.Write(data[:15_000])
		w.(http.Flusher).Flush()
		<-q.Context().Done()
	}))
	var notes []string
	r.Stall, r.Note = 2*time.Second, func(text string) { notes = append(notes, text) }
	_, err := Get(t.Context(), r)
	require.NoError(t, err)
	require.ErrorContains(t, fmt.Errorf("%s", notes), "cut after 15000 bytes: no data for 2s; next attempt")
	require.Equal(t, []string{"bytes=15000-"}, p.ranges())
	requireFile(t, r.Path, data)
}

func TestDeadline(t *testing.T) {
	r := serve(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("ETag", `"a"`)
		w.Header().Set("Content-Length", "40000")
		w.Write(content(13, 15_000))
		w.(http.Flusher).Flush()
		<-q.Context().Done()
	}))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err := Get(ctx, r)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.EqualError(t, err, r.URL+": stopped; the same command continues after 15000 bytes")
	requireFolder(t, r.Path, "m.pth.part", "m.pth.part.json")
}

func TestTwoAtATime(t *testing.T) {
	r := serve(t, &publisher{data: content(14, 100), etag: `"a"`})
	require.NoError(t, os.MkdirAll(filepath.Dir(r.Path), 0o755))
	other, err := openPart(r.Path, r.URL)
	require.NoError(t, err)
	_, err = Get(t.Context(), r)
	require.EqualError(t, err, r.Path+".part: another process downloads this file")
	require.NoError(t, other.close())
	_, err = Get(t.Context(), r)
	require.NoError(t, err)
}
