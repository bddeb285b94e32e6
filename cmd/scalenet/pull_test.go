package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalenet/backbone"
	"scalenet/checkpoint"
	"scalenet/detector"
	"scalenet/detector/published"
	"scalenet/detector/published/zoo"
	"scalenet/internal/download"
	"scalenet/nn"
	"scalenet/roi"
	"scalenet/rpn"
)

// shelf is a server with one published model, and what pull does with it.
type shelf struct {
	pulling
	data []byte
	gets int
	dir  string
}

// newShelf publishes data as the model "tiny_fpn". Its conversion gives a file with one tensor.
func newShelf(t *testing.T, data []byte) *shelf {
	s := &shelf{data: data, dir: filepath.Join(t.TempDir(), "models")}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.gets++
		w.Header().Set("ETag", `"a"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(s.data))
	}))
	t.Cleanup(server.Close)
	h := sha256.Sum256(data)
	sum := hex.EncodeToString(h[:])[:8]
	s.models = []zoo.Model{{Name: "tiny_fpn", Source: "nobody", Licence: "none", AP: 12.34, Bytes: 3 << 20, URL: server.URL + "/tiny-" + sum + ".pth", Sum: sum}}
	s.pause = time.Millisecond
	s.convert = func(_ zoo.Model, path string, report io.Writer) (*checkpoint.File, error) {
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, data) {
			return nil, errors.Join(err, errors.New("other data"))
		}
		fmt.Fprintln(report, "converted")
		return &checkpoint.File{Tensors: []checkpoint.Tensor{checkpoint.Float32Tensor("a", []int{1}, []float32{7})}}, nil
	}
	return s
}

// pull runs the command.
func (s *shelf) pull(ctx context.Context, args ...string) (stdout, stderr string, err error) {
	var out, errs bytes.Buffer
	c := s.command()
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetOut(&out)
	c.SetErr(&errs)
	c.SetArgs(append(args, "--dir", s.dir))
	err = c.ExecuteContext(ctx)
	return out.String(), errs.String(), err
}

// files returns the names in the models folder.
func (s *shelf) files(t *testing.T) (names []string) {
	entries, err := os.ReadDir(s.dir)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestPull(t *testing.T) {
	s := newShelf(t, bytes.Repeat([]byte("data"), 1<<20))
	model := filepath.Join(s.dir, "tiny_fpn.safetensors")
	stdout, stderr, err := s.pull(t.Context(), "tiny_fpn")
	require.NoError(t, err)
	require.Equal(t, model+"\n", stdout)
	require.Regexp(t, `^tiny_fpn: published by nobody, licence: none\n4/4 MiB  \S+/s\n\S+: SHA-256 [0-9a-f]{64}\nconverted\n$`, stderr)
	require.Equal(t, []string{"tiny_fpn.safetensors"}, s.files(t))
	file, err := checkpoint.Load(model)
	require.NoError(t, err)
	require.Len(t, file.Tensors, 1)

	_, _, err = s.pull(t.Context(), "tiny_fpn")
	require.EqualError(t, err, model+": already exists; --force replaces it")
	require.Equal(t, 1, s.gets)
	_, _, err = s.pull(t.Context(), "tiny_fpn", "--force", "--keep")
	require.NoError(t, err)
	require.Equal(t, []string{s.models[0].File(), "tiny_fpn.safetensors"}, s.files(t))
	_, _, err = s.pull(t.Context(), "tiny_fpn", "--force") // from the kept file, which stays
	require.NoError(t, err)
	require.Equal(t, 2, s.gets)
	require.Len(t, s.files(t), 2)
}

func TestPullList(t *testing.T) {
	stdout, stderr, err := newShelf(t, nil).pull(t.Context())
	require.NoError(t, err)
	require.Empty(t, stderr)
	require.Contains(t, stdout, "tiny_fpn  12.3     3 MiB  nobody   none\n")
	status, stdout, _ := scalenet("pull")
	require.Zero(t, status)
	require.Regexp(t, `\nfasterrcnn_resnet50_fpn_v2 +46\.7     167 MiB  torchvision  `, stdout)
}

func TestPullFrom(t *testing.T) {
	s := newShelf(t, []byte("\x00data"))
	url := s.models[0].URL
	s.models[0].URL = "https://publisher.invalid/tiny.pth"
	_, stderr, err := s.pull(t.Context(), "tiny_fpn", "--from", url+"?mirror")
	require.NoError(t, err)
	require.Contains(t, stderr, "converted")
	require.Equal(t, []string{"tiny_fpn.safetensors"}, s.files(t))

	path := filepath.Join(t.TempDir(), "elsewhere.pth")
	require.NoError(t, os.WriteFile(path, s.data, 0o644))
	_, _, err = s.pull(t.Context(), "tiny_fpn", "--from", path, "--force")
	require.NoError(t, err)
	require.FileExists(t, path)
	require.NoError(t, os.WriteFile(path, []byte("other"), 0o644))
	_, _, err = s.pull(t.Context(), "tiny_fpn", "--from", path, "--force")
	require.ErrorContains(t, err, path+": the SHA-256 is ")
	require.ErrorContains(t, err, "it is not tiny.pth as nobody published it; scalenet convert takes other files")
	_, _, err = s.pull(t.Context(), "tiny_fpn", "--from", path+"2", "--force")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Equal(t, 1, s.gets)
}

// A publisher that gives digits of the MD5; a whole SHA-256 that is asked for.
func TestPullSums(t *testing.T) {
	s := newShelf(t, []byte("\x00data"))
	short, whole := fmt.Sprintf("%x", md5.Sum(s.data)), fmt.Sprintf("%x", sha256.Sum256(s.data))
	s.models[0].Sum = download.MD5 + short[:6]
	_, stderr, err := s.pull(t.Context(), "tiny_fpn")
	require.NoError(t, err)
	require.Contains(t, stderr, "nobody gives only six digits of the MD5, which this file has; --sha256 "+whole+" checks the whole file next time\n")
	_, stderr, err = s.pull(t.Context(), "tiny_fpn", "--force", "--sha256", strings.ToUpper(whole))
	require.NoError(t, err)
	require.NotContains(t, stderr, "MD5")
	_, _, err = s.pull(t.Context(), "tiny_fpn", "--force", "--sha256", strings.Repeat("0", 64))
	require.ErrorContains(t, err, "the SHA-256 is "+whole+", want 000000")
	_, _, err = s.pull(t.Context(), "tiny_fpn", "--force", "--sha256", "b275ba")
	require.EqualError(t, err, "--sha256 b275ba: want 64 hexadecimal digits")
	s.models[0].Sum = download.MD5 + "000000"
	_, _, err = s.pull(t.Context(), "tiny_fpn", "--force")
	require.ErrorContains(t, err, "the MD5 is "+short+", want one that begins with 000000; the downloaded file was removed")
}

func TestPullRefuses(t *testing.T) {
	s := newShelf(t, []byte("\x00data"))
	for _, c := range []struct{ args, want string }{
		{"tiny", `unknown model "tiny" (scalenet pull lists the names); did you mean "tiny_fpn"?`},
		{"tyni_fpn", `did you mean "tiny_fpn"?`},
		{"frobnicate", `unknown model "frobnicate" (scalenet pull lists the names)`},
		{"tiny_fpn x", `unexpected argument "x"`},
		{"--from x", "--from: NAME is missing"},
		{"--sha256 x", "--sha256: NAME is missing"},
		{"--keep", "--keep: NAME is missing"},
		{"tiny_fpn --from /dev/zero", "/dev/zero: is not a regular file"},
		{"tiny_fpn --from ftp://x/y", "ftp://x/y: want a URL that begins with https:// or http://"},
		{"tiny_fpn --from " + s.models[0].URL[:strings.LastIndex(s.models[0].URL, ":")] + ":1/x", "x: no connection to 127.0.0.1:1: connection refused; gave up after 5 attempts, the same command starts again"},
	} {
		_, _, err := s.pull(t.Context(), strings.Fields(c.args)...)
		require.ErrorContains(t, err, c.want)
	}
	s.data = []byte("\x00changed")
	_, _, err := s.pull(t.Context(), "tiny_fpn")
	require.ErrorContains(t, err, s.models[0].URL+": the SHA-256 is ")
	require.Empty(t, s.files(t))
	s.dir = filepath.Join(s.dir, "file")
	require.NoError(t, os.WriteFile(s.dir, nil, 0o644))
	_, _, err = s.pull(t.Context(), "tiny_fpn")
	require.ErrorContains(t, err, s.dir+" is not a folder")
}

// A conversion that fails keeps the download, which the next run takes.
func TestPullConversionFails(t *testing.T) {
	s := newShelf(t, []byte("\x00data"))
	convert := s.convert
	s.convert = func(zoo.Model, string, io.Writer) (*checkpoint.File, error) { return nil, errors.New("no memory") }
	_, _, err := s.pull(t.Context(), "tiny_fpn")
	require.EqualError(t, err, "no memory; the downloaded file is kept in "+filepath.Join(s.dir, s.models[0].File()))
	require.Equal(t, []string{s.models[0].File()}, s.files(t))
	s.convert = convert
	_, _, err = s.pull(t.Context(), "tiny_fpn")
	require.NoError(t, err)
	require.Equal(t, 1, s.gets)
}

// Ctrl-C keeps the data so far; the same command continues.
func TestPullStopped(t *testing.T) {
	data := append([]byte{0}, bytes.Repeat([]byte("data"), 1<<20)...)
	s := newShelf(t, data)
	ctx, cancel := context.WithCancel(t.Context())
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"a"`)
		if r.Header.Get("Range") != "" {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		w.Write(data[:2<<20])
		w.(http.Flusher).Flush()
		for info, err := os.Stat(filepath.Join(s.dir, s.models[0].File()+".part")); err != nil || info.Size() < 2<<20; {
			time.Sleep(time.Millisecond)
			info, err = os.Stat(filepath.Join(s.dir, s.models[0].File()+".part"))
		}
		cancel()
		<-r.Context().Done()
	}))
	defer slow.Close()
	s.models[0].URL = slow.URL + "/" + s.models[0].File()
	_, _, err := s.pull(ctx, "tiny_fpn")
	require.EqualError(t, err, s.models[0].URL+": stopped; the same command continues after 2.0 MiB")
	require.Equal(t, 130, exitStatus(err))
	require.Len(t, s.files(t), 2)
	_, stderr, err := s.pull(t.Context(), "tiny_fpn")
	require.NoError(t, err)
	require.NotContains(t, stderr, "whole file")
	require.Equal(t, []string{"tiny_fpn.safetensors"}, s.files(t))
}

// A model file that does not exist and has a published name: the error says how to get it.
func TestPullHint(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("a.png", nil, 0o644))
	const name = "fasterrcnn_resnet50_fpn"
	for _, args := range [][]string{
		{"detect", "--model", name, "a.png"}, {"detect", "--model", "models/" + name + ".safetensors", "a.png"}, {"serve", "--model", name},
		{"eval", "--model", name, "--data", "none.json", "--images", "."},
	} {
		status, _, stderr := scalenet(args...)
		require.Equal(t, 1, status)
		require.Contains(t, stderr, "no such file or directory; scalenet pull "+name+" downloads it to models/"+name+".safetensors\n", args)
	}
	_, _, stderr := scalenet("detect", "--model", "other", "a.png")
	require.NotContains(t, stderr, "pull")
	require.NoError(t, os.Mkdir("models", 0o755))
	require.NoError(t, os.WriteFile("models/"+name+".safetensors", nil, 0o644))
	_, _, stderr = scalenet("detect", "--model", name, "a.png")
	require.Contains(t, stderr, "did you mean models/"+name+".safetensors?\n")
}

// Every published model has a family that package published converts.
func TestPullFamilies(t *testing.T) {
	for _, m := range zoo.Models() {
		if m.Family != "" {
			require.Contains(t, published.Families(), m.Family, m.Name)
		}
	}
}

// The whole way with a state dict as torchvision's mobilenet detector saves it, with random parameters.
func TestPullConverts(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 150 MB")
	}
	c := detector.Default()
	c.Backbone = backbone.Config{Name: "mobilenet_v3_large"}
	c.Neck = &backbone.FPN{Stages: []int{4, 5}, Channels: 256, ExtraLevel: true}
	c.RPN.Channels = 256
	c.RPN.Anchors = rpn.Anchors{Stride: 32, Spacing: rpn.SpacingFloor, Sizes: []float64{32, 64, 128, 256, 512}, Ratios: []float64{0.5, 1, 2}, Rounding: rpn.RoundCorners}
	c.RoI.Align = roi.AlignConfig{Size: 7, SamplingRatio: 2, CanonicalSize: 224, CanonicalLevel: 4, LevelFormula: nn.TorchvisionLevels}
	c.RoI.BoxHead = &roi.BoxHead{Linear: 2, Channels: 1024}
	original, err := detector.New(c, []string{"one", "two"}, 1)
	require.NoError(t, err)
	file, _, err := published.ToTorchvision(original)
	require.NoError(t, err)
	pth := filepath.Join(t.TempDir(), "m.pth")
	require.NoError(t, checkpoint.SavePTH(pth, file))
	data, err := os.ReadFile(pth)
	require.NoError(t, err)

	s := newShelf(t, data)
	s.convert = convertPublished
	s.models[0].Family = "torchvision fasterrcnn_mobilenet_v3_large_320_fpn" // by name: the tensors do not tell it from the larger one
	_, stderr, err := s.pull(t.Context(), "tiny_fpn")
	require.NoError(t, err)
	require.Contains(t, stderr, "torchvision fasterrcnn_mobilenet_v3_large_320_fpn with 2 classes")
	m, err := detector.Load(filepath.Join(s.dir, "tiny_fpn.safetensors"))
	require.NoError(t, err)
	require.Equal(t, 320, m.Config.Input.TestShorter)
	require.Len(t, m.Tensors(), len(original.Tensors()))
	require.Equal(t, []string{"tiny_fpn.safetensors"}, s.files(t))
}
