package media

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"scalenet/imaging"
	"scalenet/internal/video"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// jpeg is an image whose width tells it from others.
func jpeg(t testing.TB, w int) []byte {
	data, err := imaging.New(w, 8).Encode(".jpg")
	require.NoError(t, err)
	return data
}

func write(t testing.TB, path string, data []byte) string {
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, data, 0o644))
	return path
}

// read lists and decodes: the names of images with their widths, and errors.
func read(t *testing.T, o Options, arguments ...string) (text []string) {
	list, err := List(t.Context(), arguments, o)
	if err != nil {
		return []string{"refused: " + err.Error()}
	}
	for im := range Images(t.Context(), list, o) {
		if im.Err != nil {
			text = append(text, "error: "+im.Err.Error())
			continue
		}
		text = append(text, fmt.Sprintf("%s %d", im.Name, im.Pixels.W))
	}
	return text
}

func TestFilesFoldersPatternsLists(t *testing.T) {
	t.Chdir(t.TempDir())
	for i, name := range []string{"a.jpg", "b.JFIF", "d/c.jpg", "d/e/f.jpg", "d/.hidden/g.jpg", "d/h[1].jpg"} {
		write(t, name, jpeg(t, 10+i))
	}
	write(t, "d/notes.txt", []byte("no image"))
	write(t, "broken.jpg", []byte("no image"))
	write(t, "empty/x.txt", nil)
	require.NoError(t, os.Symlink(".", "d/loop"))
	require.NoError(t, os.Symlink("d", "link"))
	write(t, "list.txt", []byte("\ufeffa.jpg\r\n\n d\nd\nnone.jpg\n*.JFIF"))
	write(t, "binary.txt", []byte("a\x00b"))
	write(t, "blank.txt", []byte("\n\n"))
	for _, c := range []struct {
		argument string
		want     string
	}{
		{"a.jpg", "a.jpg 10"},
		{"d", "d/c.jpg 12|d/e/f.jpg 13|d/h[1].jpg 15"},
		{"link", "link/c.jpg 12|link/e/f.jpg 13|link/h[1].jpg 15"},
		{"*.jpg", "a.jpg 10|error: broken.jpg: unsupported image format: begins with 6e 6f 20 69 6d 61 67 65; known are JPEG, PNG, WebP, GIF, BMP and TIFF"},
		{"**/*.jpg", "a.jpg 10|error: broken.jpg: unsupported image format: begins with 6e 6f 20 69 6d 61 67 65; known are JPEG, PNG, WebP, GIF, BMP and TIFF|d/c.jpg 12|d/e/f.jpg 13|d/h[1].jpg 15"},
		{"d/*", "d/c.jpg 12|d/h[1].jpg 15"},
		{"{a,b}.{jpg,JFIF}", "a.jpg 10|b.JFIF 11"},
		{"d/h[1].jpg", "d/h[1].jpg 15"},
		{"@list.txt", "a.jpg 10|error: list.txt: line 3: stat  d: no such file or directory|d/c.jpg 12|d/e/f.jpg 13|d/h[1].jpg 15|error: list.txt: line 5: stat none.jpg: no such file or directory|b.JFIF 11"},
		{"@-", "a.jpg 10"},
		{"none.jpg", "refused: stat none.jpg: no such file or directory"},
		{"x*.jpg", "refused: x*.jpg: no image, video or archive matches"},
		{"d/[", "refused: d/[: not a valid pattern: a bracket or brace is not closed"},
		{"empty", "refused: empty: no images in the folder (.jpg, .jpeg, .jfif, .png, .webp, .gif, .bmp, .tif, .tiff)"},
		{"@none.txt", "refused: open none.txt: no such file or directory"},
		{"@blank.txt", "refused: blank.txt: no sources in the list"},
		{"@binary.txt", "refused: binary.txt: line 1: is not text; want one source per line"},
		{"rtsp://", "refused: rtsp://: no host in the URL"},
		{"http://", "refused: http://: no host in the URL"},
		{"https://", "refused: https://: no host in the URL"},
		{"ftp://", "refused: ftp://: want an http, https or rtsp URL"},
		{"ftp://host/x.jpg", "refused: ftp://host/x.jpg: want an http, https or rtsp URL"},
		{"http://user:secret@host/x.jpg", "refused: http://user:xxxxx@host/x.jpg: a URL with a user name or password is not allowed"},
	} {
		t.Run(c.argument, func(t *testing.T) {
			require.Equal(t, c.want, strings.Join(read(t, Options{Stdin: strings.NewReader("a.jpg\n")}, c.argument), "|"))
		})
	}
	require.Equal(t, []string{"refused: standard input can be read only once"}, read(t, Options{Stdin: strings.NewReader("")}, "-", "-"))
	require.Equal(t, []string{"d/h[1].jpg 15"}, read(t, Options{Without: func(files []string, dir string) []string {
		require.Equal(t, "d", dir)
		return files[2:]
	}}, "d"))
}

func TestExpandingStops(t *testing.T) {
	_, err := io.Copy(io.Discard, &expanding{bytes.NewReader(make([]byte, 1000)), 999})
	require.EqualError(t, err, "expands to more than 100 times its length")
	n, err := io.Copy(io.Discard, &expanding{bytes.NewReader(make([]byte, 1000)), 1000})
	require.NoError(t, err)
	require.EqualValues(t, 1000, n)
}

func TestStandardInput(t *testing.T) {
	a, b, c := jpeg(t, 20), jpeg(t, 21), jpeg(t, 22)
	// An application segment with a whole JPEG in it, as the previews of cameras are.
	preview := append([]byte{0xff, 0xd8, 0xff, 0xe1, byte((len(b) + 2) >> 8), byte(len(b) + 2)}, b...)
	preview = append(preview, a[2:]...)
	album := append([]byte{0xff, 0xd8, 0xff, 0xe2, 0, 6, 'M', 'P', 'F', 0}, a[2:]...)
	png, err := imaging.New(5, 5).Encode(".png")
	require.NoError(t, err)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	cut := func(data []byte) string {
		return fmt.Sprintf("corrupt image: JPEG: cut off after %d bytes", len(data))
	}
	part := func(data []byte) []byte {
		return join([]byte("--frame\r\nContent-Type: image/jpeg\r\n\r\n"), data, []byte("\r\n"))
	}
	for name, v := range map[string]struct {
		in     []byte
		stride int
		want   string
	}{
		"an image":        {a, 1, "- 20"},
		"a PNG":           {png, 1, "- 5"},
		"a stream":        {join(a, b, c), 1, "- frame 0 20|- frame 1 21|- frame 2 22"},
		"stride":          {join(a, b, c), 2, "- frame 0 20|- frame 2 22"},
		"a preview in it": {join(preview, c), 1, "- frame 0 20|- frame 1 22"},
		"an album":        {join(album, b), 1, "- 20"},
		"multipart":       {join([]byte("\r\n"), part(a), part(b)), 1, "- frame 0 20|- frame 1 21"},
		"between":         {join(a, []byte{0, 0, 0xff, 0}, b), 1, "- frame 0 20|- frame 1 21"},
		"fill bytes":      {join(a[:len(a)-2], []byte{0xff, 0xff, 0xff, 0xd9}, b), 1, "- frame 0 20|- frame 1 21"},
		"cut in data":     {join(a, b[:len(b)-4], c), 1, "- frame 0 20|error: - after frame 0: " + cut(b[:len(b)-3]) + "|- frame 2 22"},
		"cut at the end":  {join(a, b[:len(b)-4]), 1, "- frame 0 20|error: - after frame 0: " + cut(b[:len(b)-4])},
		"empty":           {nil, 1, "error: -: standard input is empty"},
		"text":            {[]byte("hello, world"), 1, "error: -: unsupported image format: begins with 68 65 6c 6c 6f 2c 20 77; known are JPEG, PNG, WebP, GIF, BMP and TIFF"},
	} {
		t.Run(name, func(t *testing.T) {
			in, out := io.Pipe() // byte by byte, as a slow source
			defer in.Close()
			go func() {
				for i := range v.in {
					if _, err := out.Write(v.in[i : i+1]); err != nil {
						return
					}
				}
				out.Close()
			}()
			require.Equal(t, v.want, strings.Join(read(t, Options{Stdin: in, Stride: v.stride}, "-"), "|"))
		})
	}
}

func FuzzStandardInput(f *testing.F) {
	a := jpeg(f, 20)
	f.Add(append(a, a...))
	f.Add([]byte("--x\r\n\r\n\xff\xd8\xff\xd8\xff\xe1\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := List(t.Context(), []string{"-"}, Options{Stdin: bytes.NewReader(data)})
		require.NoError(t, err)
		for range Images(t.Context(), list, Options{}) {
		}
	})
}

func TestURLs(t *testing.T) {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	mux.HandleFunc("/a.jpg", func(w http.ResponseWriter, _ *http.Request) { w.Write(jpeg(t, 20)) })
	mux.HandleFunc("/img", func(w http.ResponseWriter, r *http.Request) { w.Write(jpeg(t, 20+len(r.URL.RawQuery))) })
	mux.HandleFunc("/once.jpg", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/a.jpg", 302) })
	mux.HandleFunc("/loop.jpg", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop.jpg", 302) })
	mux.HandleFunc("/file.jpg", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "file:///etc/passwd", 302) })
	mux.HandleFunc("/endless.jpg", func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	})
	for path, want := range map[string]string{
		"/a.jpg":       "{U} 20",
		"/once.jpg":    "{U} 20",
		"/img?id=1":    "{U} 24",
		"/none.jpg":    "error: {U}: the server's response is HTTP 404 Not Found",
		"/none":        "refused: {U}: the server's response is HTTP 404 Not Found",
		"/loop.jpg":    "error: {U}: more than 3 redirects",
		"/file.jpg":    "error: {U}: want an http or https URL",
		"/endless.jpg": "error: {U}: image too large: 67108865 bytes, 67108864 are allowed",
	} {
		t.Run(path, func(t *testing.T) {
			u := server.URL + path
			require.Equal(t, strings.ReplaceAll(want, "{U}", u), strings.Join(read(t, Options{Private: true}, u), "|"))
		})
	}
	u := server.URL + "/a.jpg"
	require.Equal(t, []string{"error: " + u + ": not a public address; --private allows addresses of this machine and its networks"}, read(t, Options{}, u))
	require.Equal(t, []string{"refused: rtsp://127.0.0.1/x: not a public address; --private allows addresses of this machine and its networks"}, read(t, Options{}, "rtsp://127.0.0.1/x"))
	list, err := List(t.Context(), []string{u, server.URL + "/img?id=1", server.URL + "/img?id=2"}, Options{Private: true})
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1/a.jpg", list[0].Path)
	require.Equal(t, "127.0.0.1/img%3Fid=1", list[1].Path)
	require.NotEqual(t, list[1].Path, list[2].Path)
}

// A video by URL goes through the guard, a stream too; its frames do not wait for others.
func TestVideoURLs(t *testing.T) {
	if video.Check() != nil {
		t.Skip("ffmpeg not found")
	}
	clip := filepath.Join(t.TempDir(), "clip.mp4")
	out, err := exec.Command("ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=2", clip).CombinedOutput()
	require.NoError(t, err, string(out))
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	mux.HandleFunc("/clip.mp4", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, clip) })
	mux.HandleFunc("/camera", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "multipart/x-mixed-replace; boundary=frame")
		for i := range 1000 {
			data := jpeg(t, 64)
			if _, err := fmt.Fprintf(w, "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n", len(data), data); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			time.Sleep(time.Duration(min(i, 20)) * time.Millisecond)
		}
	})
	u := server.URL + "/clip.mp4"
	require.Equal(t, []string{u + " frame 0 at 0.00 s 64", u + " frame 15 at 1.50 s 64"}, read(t, Options{Private: true, Stride: 15}, u))
	refused := read(t, Options{}, u)
	require.Equal(t, []string{"error: " + u + ": not a public address; --private allows addresses of this machine and its networks"}, refused)

	o := Options{Private: true, Lost: func(error) {}}
	list, err := List(t.Context(), []string{server.URL + "/camera"}, o)
	require.NoError(t, err)
	require.True(t, list[0].Live())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	numbers := []int{}
	for im := range Images(ctx, list, o) {
		require.NoError(t, im.Err)
		numbers = append(numbers, im.Frame.Number)
		if time.Sleep(300 * time.Millisecond); im.Frame.Number > len(numbers)+6 || len(numbers) == 40 {
			cancel()
		}
	}
	require.Greater(t, numbers[len(numbers)-1], len(numbers)+6, "old frames are dropped: %v", numbers)
}

// What is decoded ahead is bounded by number and by bytes.
func TestAheadIsBounded(t *testing.T) {
	dir := t.TempDir()
	data, err := imaging.New(100, 100).Encode(".jpg") // 30,000 bytes of pixels
	require.NoError(t, err)
	for i := range 30 {
		write(t, filepath.Join(dir, fmt.Sprintf("%02d.jpg", i)), data)
	}
	for name, c := range map[string]struct {
		o    Options
		most int
	}{
		"number": {Options{Ahead: 3}, 3 + 3},
		"bytes":  {Options{Ahead: 20, Bytes: 70_000}, 2 + 3},
		"tiny":   {Options{Ahead: 20, Bytes: 1}, 1 + 3},
	} {
		t.Run(name, func(t *testing.T) {
			list, err := List(t.Context(), []string{dir}, c.o)
			require.NoError(t, err)
			read := 0
			for i := range list {
				inner := list[i].read
				list[i].read = func(ctx context.Context) ([]byte, error) { read++; return inner(ctx) }
			}
			used := 0
			for im := range Images(t.Context(), list, c.o) {
				require.NoError(t, im.Err)
				require.Equal(t, used, im.Source, "in order")
				if used++; used == 5 {
					time.Sleep(200 * time.Millisecond)
					break
				}
			}
			require.LessOrEqual(t, read, 5+c.most)
		})
	}
}

func TestParseTime(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "90": 90 * time.Second, "1.5": 1500 * time.Millisecond, "1:30": 90 * time.Second, "01:02:03.25": time.Hour + 2*time.Minute + 3250*time.Millisecond, "90:00": 90 * time.Minute,
	} {
		got, err := ParseTime(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "x", "-1", "1:60", "1:2:3:4", "1:99:00", "NaN", "1e300", ":", "1:-2", "+Inf"} {
		_, err := ParseTime(text)
		require.ErrorContains(t, err, "want a time such as 90", text)
	}
}
