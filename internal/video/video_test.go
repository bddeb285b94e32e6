package video

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalenet/imaging"
)

// needFFmpeg skips the test if ffmpeg is not installed, which .ci/run notices.
func needFFmpeg(t *testing.T) {
	if Check() != nil {
		t.Skip("ffmpeg not found")
	}
}

// picture is the n-th frame of the test videos.
func picture(n, w, h int) *imaging.Image {
	m, r := imaging.New(w, h), rand.New(rand.NewPCG(uint64(n), 1))
	for i := range m.Pix {
		m.Pix[i] = uint8(r.Uint32())
	}
	return m
}

// clip writes a lossless video of n frames, 10 per second, through ffmpeg.
func clip(t *testing.T, name string, n, w, h int, args ...string) string {
	var frames bytes.Buffer
	for i := range n {
		frames.Write(picture(i, w, h).Pix)
	}
	path := filepath.Join(t.TempDir(), name)
	all := append([]string{"-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "bgr24", "-framerate", "10", "-video_size", fmt.Sprintf("%dx%d", w, h), "-i", "-",
		"-c:v", "libx264rgb", "-qp", "0", "-g", "5"}, args...)
	ffmpeg(t, &frames, append(all, path)...)
	return path
}

func ffmpeg(t *testing.T, in io.Reader, args ...string) {
	c := exec.Command("ffmpeg", args...)
	c.Stdin = in
	out, err := c.CombinedOutput()
	require.NoError(t, err, string(out))
}

// frames decodes a video. Faults are in the text.
func frames(t *testing.T, in Input) (list []Frame, faults string, ended error) {
	info, err := Probe(t.Context(), in)
	if err != nil {
		return nil, "", err
	}
	d, err := Open(t.Context(), in, info)
	require.NoError(t, err)
	defer d.Close()
	for {
		f, err := d.Next()
		fault := new(FaultError)
		switch {
		case errors.As(err, &fault):
			faults += err.Error() + "\n"
		case err != nil:
			return list, faults, err
		default:
			list = append(list, f)
		}
	}
}

// Lossless frames come back to the bit, with numbers and times, odd sizes included.
func TestFramesAreExact(t *testing.T) {
	needFFmpeg(t)
	path := clip(t, "clip.mkv", 20, 35, 21)
	for name, c := range map[string]struct {
		in   Input
		want []int
	}{
		"all":                 {Input{}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19}},
		"stride":              {Input{Stride: 7}, []int{0, 7, 14}},
		"from":                {Input{From: 1650 * time.Millisecond}, []int{17, 18, 19}},
		"from, stride":        {Input{From: time.Second, Stride: 4}, []int{10, 14, 18}},
		"to":                  {Input{To: 300 * time.Millisecond}, []int{0, 1, 2}},
		"from, to":            {Input{From: 700 * time.Millisecond, To: time.Second}, []int{7, 8, 9}},
		"stride past the end": {Input{Stride: 100}, []int{0}},
	} {
		t.Run(name, func(t *testing.T) {
			c.in.Path = path
			list, faults, err := frames(t, c.in)
			require.Equal(t, io.EOF, err)
			require.Empty(t, faults)
			var numbers []int
			for _, f := range list {
				numbers = append(numbers, f.Number)
				require.InDelta(t, float64(f.Number)/10, f.Time.Seconds(), 0.002)
				require.Equal(t, picture(f.Number, 35, 21), f.Image)
			}
			require.Equal(t, c.want, numbers)
			info, err := Probe(t.Context(), c.in)
			require.NoError(t, err)
			require.InDelta(t, len(c.want), info.Frames(c.in), 1)
			require.InDelta(t, 10, info.Rate, 0.01)
		})
	}
}

// The rotation of a phone's video is applied.
func TestRotation(t *testing.T) {
	needFFmpeg(t)
	path := clip(t, "clip.mp4", 3, 32, 16)
	turned := filepath.Join(t.TempDir(), "turned.mp4")
	ffmpeg(t, nil, "-loglevel", "error", "-i", path, "-c", "copy", "-metadata:s:v", "rotate=90", turned)
	list, _, err := frames(t, Input{Path: turned})
	require.Equal(t, io.EOF, err)
	require.Len(t, list, 3)
	require.Equal(t, []int{16, 32}, []int{list[0].Image.W, list[0].Image.H})
}

// Of what is broken the whole frames come, and a message.
func TestFaults(t *testing.T) {
	needFFmpeg(t)
	whole, err := os.ReadFile(clip(t, "whole.mkv", 20, 64, 48))
	require.NoError(t, err)
	stream, err := os.ReadFile(clip(t, "whole.ts", 20, 64, 48))
	require.NoError(t, err)
	damaged := bytes.Clone(stream)
	for i := len(damaged) / 2; i < len(damaged)/2+3000; i++ {
		damaged[i] = byte(i * i)
	}
	dir := t.TempDir()
	for name, c := range map[string]struct {
		data  []byte
		least int // frames
		want  string
	}{
		"cut.mkv":    {whole[:len(whole)/2], 8, "prematurely"},
		"damaged.ts": {damaged, 10, "corrupt"},
		"empty.mp4":  {nil, 0, ""},
		"text.mp4":   {[]byte("no video, but text"), 0, "Invalid data"},
		"image.mp4":  {[]byte("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/secret.ts\n"), 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name)
			require.NoError(t, os.WriteFile(path, c.data, 0o644))
			list, faults, err := frames(t, Input{Path: path})
			require.GreaterOrEqual(t, len(list), c.least)
			require.NotContains(t, fmt.Sprint(err), path, "callers add the path")
			if c.least == 0 {
				require.Error(t, err)
				require.NotEqual(t, io.EOF, err)
				require.ErrorContains(t, err, c.want)
				return
			}
			require.Equal(t, io.EOF, err)
			require.Contains(t, faults, c.want)
			require.Equal(t, picture(0, 64, 48), list[0].Image)
		})
	}
	audio := filepath.Join(dir, "audio.mp4")
	ffmpeg(t, nil, "-loglevel", "error", "-f", "lavfi", "-i", "sine=duration=1", audio)
	_, err = Probe(t.Context(), Input{Path: audio})
	require.EqualError(t, err, "no video in it")
}

func TestMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	require.ErrorContains(t, Check(), "apt-get install ffmpeg")
}

// An encoded video has its frames, whether it is closed or killed.
func TestEncoder(t *testing.T) {
	needFFmpeg(t)
	for name, end := range map[string]func(e *Encoder, path string) error{
		"closed": func(e *Encoder, _ string) error { return e.Close() },
		"killed": func(e *Encoder, path string) error {
			for began, written := time.Now(), 0; written <= 50 && time.Since(began) < time.Minute; time.Sleep(50 * time.Millisecond) {
				list, _, _ := frames(t, Input{Path: path})
				written = len(list)
			}
			return e.ffmpeg.Process.Kill()
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "out.mp4")
			file, err := os.Create(path)
			require.NoError(t, err)
			e, err := NewEncoder(file, 35, 21, 12.5)
			require.NoError(t, err)
			flat := imaging.New(35, 21)
			for i := range 200 {
				for k := range flat.Pix {
					flat.Pix[k] = uint8(i)
				}
				require.NoError(t, e.Write(flat))
			}
			require.ErrorContains(t, e.Write(imaging.New(2, 2)), "a frame of 2x2 pixels in a video of 35x21")
			require.NoError(t, end(e, path))
			list, _, err := frames(t, Input{Path: path})
			require.Equal(t, io.EOF, err)
			if name == "closed" {
				require.Len(t, list, 200)
			}
			require.Greater(t, len(list), 50)
			require.InDelta(t, 0.08, list[1].Time.Seconds(), 1e-3)
			for _, f := range list {
				require.InDelta(t, f.Number, float64(f.Image.Pix[0]), 6)
				require.Equal(t, []int{36, 22}, []int{f.Image.W, f.Image.H}, "padded to even sides")
			}
		})
	}
}

func TestEncoderOnFullDisk(t *testing.T) {
	needFFmpeg(t)
	file, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	e, err := NewEncoder(file, 64, 48, 10)
	require.NoError(t, err)
	for i := 0; err == nil && i < 10000; i++ {
		err = e.Write(picture(i, 64, 48))
	}
	require.ErrorContains(t, err, "No space left on device")
	require.NoError(t, e.Close())
}

// A source that ends is opened again. Of its frames the newest comes.
func TestFollow(t *testing.T) {
	needFFmpeg(t)
	path := clip(t, "clip.mkv", 20, 64, 48)
	lost := make(chan error, 100)
	l := Follow(t.Context(), Input{Path: path}, func(err error, again time.Duration) { lost <- fmt.Errorf("%w; again in %v", err, again) })
	defer l.Close()
	first, err := l.Next()
	require.NoError(t, err)
	require.EqualError(t, <-lost, "the stream has ended; again in 1s") // the whole video has been read
	second, err := l.Next()
	require.NoError(t, err)
	require.Equal(t, 19, second.Number)
	require.Less(t, first.Number, second.Number)
	third, err := l.Next()
	require.NoError(t, err)
	require.GreaterOrEqual(t, third.Number, 20, "opened again")
	l.Close()
	for err == nil {
		_, err = l.Next()
	}
	require.ErrorIs(t, err, context.Canceled)

	broken := Follow(t.Context(), Input{Path: filepath.Join(t.TempDir(), "none.ts")}, nil)
	defer broken.Close()
	_, err = broken.Next()
	require.ErrorContains(t, err, "No such file")
}

func FuzzReadBMP(f *testing.F) {
	head := make([]byte, bmpHeader)
	copy(head, "BM")
	head[10], head[18], head[22], head[28] = bmpHeader, 2, 2, 24
	f.Add(append(head, make([]byte, 16)...))
	f.Add(head)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := readBMP(bytes.NewReader(data))
		if err == nil {
			require.Len(t, m.Pix, m.W*m.H*3)
		}
	})
}
