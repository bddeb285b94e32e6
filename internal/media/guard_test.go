package media

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalenet/internal/video"
)

// The reason why an address gives no frame is that of the connection, not that of ffmpeg, which sees only the guard.
func TestVideoConnectionFails(t *testing.T) {
	if video.Check() != nil {
		t.Skip("ffmpeg not found")
	}
	private := "not a public address; --private allows addresses of this machine and its networks"
	for _, c := range []struct {
		url, want string
		private   bool
	}{
		{"http://127.0.0.1:1/clip.mp4", "no connection to 127.0.0.1:1: connection refused", true},
		{"https://127.0.0.1:1/clip.mp4", "no connection to 127.0.0.1:1: connection refused", true},
		{"http://127.0.0.1:1/live.m3u8", "no connection to 127.0.0.1:1: connection refused", true},
		{"http://127.0.0.1:1/img", "no connection to 127.0.0.1:1: connection refused", true},
		{"http://127.0.0.1:1/clip.mp4", private, false},
		{"https://127.0.0.1:1/clip.mp4", private, false},
		{"http://127.0.0.1:1/live.m3u8", private, false},
	} {
		text := read(t, Options{Private: c.private}, c.url)
		require.Len(t, text, 1)
		require.Regexp(t, "^(error|refused): "+c.url+": "+c.want+"$", text[0])
	}
}

// stalling is a server whose videos stop after some bytes; the connection stays.
func stalling(t *testing.T, video []byte) string {
	over := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "video/mp2t")
		w.Write(video[:len(video)/map[string]int{"/little.ts": 100, "/half.ts": 2}[r.URL.Path]])
		w.(http.Flusher).Flush()
		select {
		case <-over:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(over) })
	return server.URL
}

// A video that gives no data is given up, whether or not it has begun.
func TestVideoStalls(t *testing.T) {
	if video.Check() != nil {
		t.Skip("ffmpeg not found")
	}
	clip := filepath.Join(t.TempDir(), "clip.ts")
	out, err := exec.Command("ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=10:duration=3", "-c:v", "mpeg2video", clip).CombinedOutput()
	require.NoError(t, err, string(out))
	data, err := os.ReadFile(clip)
	require.NoError(t, err)
	url := stalling(t, data)
	for _, path := range []string{"/little.ts", "/half.ts"} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		o := Options{Private: true, silence: 300 * time.Millisecond}
		list, err := List(ctx, []string{url + path}, o)
		require.NoError(t, err)
		var errs []error
		for im := range Images(ctx, list, o) {
			if im.Err != nil {
				errs = append(errs, im.Err)
			}
		}
		require.NoError(t, ctx.Err(), path)
		require.Len(t, errs, 1, path)
		require.EqualError(t, errs[0], url+path+": no data for 300ms")
	}
}
