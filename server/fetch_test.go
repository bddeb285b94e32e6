package server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalenet/internal/outbound"
)

// TestURL runs the server with --allow-url against a machine of its own, whose
// address stands for a public one; every other address of this machine is
// private.
func TestURL(t *testing.T) {
	image := photo(t, 100, 70)
	var privateAsked atomic.Int32
	private := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		privateAsked.Add(1)
		w.Write(image)
	}))
	defer private.Close()
	mux := http.NewServeMux()
	public := httptest.NewServer(mux)
	defer public.Close()
	mux.HandleFunc("/photo", func(w http.ResponseWriter, _ *http.Request) { w.Write(image) })
	mux.HandleFunc("/secret", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "secret text") })
	mux.HandleFunc("/gone", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "gone", 410) })
	mux.HandleFunc("/endless", func(w http.ResponseWriter, _ *http.Request) {
		for range 100 {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/once", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/photo", 302) })
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", 302) })
	mux.HandleFunc("/inside", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, private.URL, 302) })
	mux.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "file:///etc/passwd", 302) })
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })

	s := serve(t, func(c *Config) {
		c.AllowURL, c.Limits.Body, c.Limits.Image.Bytes, c.Timeout = true, 1<<20, 1<<20, 8*time.Second
	})
	port := func(address string) string { u, _ := url.Parse(address); return u.Port() }
	s.fetch = newFetcher(1<<20, func(a netip.AddrPort) error {
		if fmt.Sprint(a.Port()) == port(public.URL) {
			return nil
		}
		return outbound.Public(a)
	})
	for name, c := range map[string]struct {
		url    string
		status int
		code   string
	}{
		"a photo":              {public.URL + "/photo", 200, ""},
		"a redirect":           {public.URL + "/once", 200, ""},
		"no image":             {public.URL + "/secret", 415, "unsupported_image"},
		"not there":            {public.URL + "/gone", 422, "url_failed"},
		"too long":             {public.URL + "/endless", 422, "url_failed"},
		"redirects for ever":   {public.URL + "/loop", 422, "url_failed"},
		"a redirect inside":    {public.URL + "/inside", 422, "url_failed"},
		"a redirect to a file": {public.URL + "/file", 422, "url_failed"},
		"slow":                 {public.URL + "/slow", 504, "deadline_exceeded"},
		"loopback":             {private.URL, 422, "url_failed"},
		"loopback by name":     {"http://localhost:" + port(private.URL), 422, "url_failed"},
		"loopback, decimal":    {"http://2130706433:" + port(private.URL), 422, "url_failed"},
		"loopback, IPv6":       {"http://[::ffff:127.0.0.1]:" + port(private.URL), 422, "url_failed"},
		"every address":        {"http://0.0.0.0:" + port(private.URL), 422, "url_failed"},
		"metadata of clouds":   {"http://169.254.169.254/latest/meta-data/", 422, "url_failed"},
		"a file":               {"file:///etc/passwd", 400, "bad_request"},
		"another scheme":       {"gopher://example.org/", 400, "bad_request"},
		"a password":           {"http://user:pass@example.org/", 400, "bad_request"},
		"no host":              {"http:///x", 400, "bad_request"},
		"no address":           {"http://exa mple", 400, "bad_request"},
	} {
		t.Run(name, func(t *testing.T) {
			status, _, text := s.post(t, "/detect", "application/json", fmt.Sprintf(`{"url": %q}`, c.url))
			require.Equal(t, c.status, status, text)
			if c.status == 200 {
				assert.Equal(t, ImageSize{100, 70}, read[DetectResponse](t, text).Image)
				return
			}
			assert.Equal(t, c.code, errorOf(t, text).Code)
			assert.NotContains(t, text, "secret")
			assert.NotContains(t, text, "127.0.0.1")
		})
	}
	assert.Zero(t, privateAsked.Load(), "nothing inside was ever asked")
	t.Run("all connections busy", func(t *testing.T) {
		require.True(t, s.fetch.slots.TryAcquire(fetches))
		defer s.fetch.slots.Release(fetches)
		status, _, _ := s.post(t, "/detect", "application/json", `{"url": "`+public.URL+`/photo"}`)
		assert.Equal(t, 503, status)
	})
	t.Run("in a form", func(t *testing.T) {
		kind, body := parts(t, [3]string{"url", "", public.URL + "/photo"})
		status, _, text := s.post(t, "/detect", kind, body)
		assert.Equal(t, 200, status, text)
	})
	assert.False(t, strings.Contains(s.log.String(), "panic"))
}
