package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalenet/detector"
	"scalenet/engine/cpu"
	"scalenet/imaging"
)

// BenchmarkDetectFiles compares the command, from files to files, with the detector alone on the decoded images. The ratio of their images per
// second is 1 if decoding, drawing and writing cost nothing. SCALENET_PHOTOGRAPHS names a folder of images to use; the default is the examples,
// many times.
func BenchmarkDetectFiles(b *testing.B) {
	for _, model := range []string{"bccd", "everyday"} {
		for _, output := range []string{"jsonl", "drawn"} {
			b.Run(model+"/"+output, func(b *testing.B) {
				m, err := detector.Load(filepath.Join("..", "..", "models", model+".safetensors"))
				require.NoError(b, err)
				files := photographs(b)
				var alone, command time.Duration
				for b.Loop() {
					alone += detectAlone(b, m, files)
					command += detectCommand(b, model, output, files)
				}
				images := float64(b.N * len(files))
				b.ReportMetric(images/alone.Seconds(), "network-images/s")
				b.ReportMetric(images/command.Seconds(), "detect-images/s")
				b.ReportMetric(alone.Seconds()/command.Seconds(), "ratio")
			})
		}
	}
}

func photographs(b *testing.B) (links []string) {
	folder, times := os.Getenv("SCALENET_PHOTOGRAPHS"), 1
	if folder == "" {
		folder, times = filepath.Join("..", "..", "examples"), 28 // 196 images
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.jpg"))
	require.NoError(b, err)
	require.NotEmpty(b, files, folder)
	dir := b.TempDir()
	for i := range times * len(files) {
		file, err := filepath.Abs(files[i%len(files)])
		require.NoError(b, err)
		links = append(links, filepath.Join(dir, fmt.Sprintf("%05d.jpg", i)))
		require.NoError(b, os.Symlink(file, links[i]))
	}
	return links
}

// detectAlone is the time of the detector for decoded images, one at a time. Like the command, it starts without compiled plans.
func detectAlone(b *testing.B, m *detector.Model, files []string) (spent time.Duration) {
	dev, err := cpu.New(cpu.Options{})
	require.NoError(b, err)
	defer dev.Close()
	d := detector.NewDetector(m, dev, detector.Options{})
	defer d.Close()
	for _, file := range files {
		im, err := imaging.Load(file, imaging.Limits{})
		require.NoError(b, err)
		start := time.Now()
		_, _, err = d.Detect(im)
		require.NoError(b, err)
		spent += time.Since(start)
	}
	return spent
}

func detectCommand(b *testing.B, model, output string, files []string) time.Duration {
	args := []string{"detect", "--model", filepath.Join("..", "..", "models", model+".safetensors"), "--output", filepath.Join(b.TempDir(), "found.jsonl"), "--json"}
	if output == "drawn" {
		args = append(args, "--out", filepath.Join(b.TempDir(), "drawn"))
	}
	start := time.Now()
	status, _, stderr := scalenet(append(args, files...)...)
	require.Zero(b, status, strings.TrimSpace(stderr))
	return time.Since(start)
}
