// Package importorder holds the order of the packages: imports go one way, downwards. It reads the import lines of every file
// that is not a test, whatever its build tags.
package importorder

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// order has the top first. A package imports only packages of lower rows.
var order = [][]string{
	{"cmd/scalenet"},
	{"internal/bench"},
	{"server"},
	{"server/models", "server/internal/schedule"},
	{"web"},
	{"export/onnx"}, // models as ONNX
	{"classify"},
	{"classify/allocate"},
	{"detector/published", "detector/published/zoo"}, // detectors of other projects: conversion, list
	{"detector/recipe"}, // settings of a training from its data
	{"detector"},
	{"results"},             // of images and frames, in the formats of other tools
	{"internal/goldentest"}, // golden files, for tests
	{"rpn", "roi"},
	{"assign"}, // matching and sampling, for rpn and roi
	{"internal/analysis", "internal/audit", "internal/check", "coco/layout", "internal/similar", "coco/threshold", "internal/tiling", "internal/view", "internal/curves"},
	{"coco", "train"},
	{"collective"}, // several processes: transfers, sums
	{"backbone"},
	{"engine/optest"}, // the table of operations that every device is tested on
	{"engine/cpu", "engine/cuda", "engine/ref"},
	{"engine/cpu/internal/native", "engine/cpu/internal/int8"}, // the C++ of engine/cpu
	{"engine/calibrate"},
	{"engine"},
	{"nn"},
	{"internal/media"}, // images from files, folders, archives, URLs, videos
	{"internal/video"}, // ffmpeg's child processes
	{"imaging"},
	{"raster"},            // from bytes to a network's input
	{"internal/prefetch"}, // batches made ahead of the loop that uses them
	{"internal/figure"},   // the look of plots
	{"checkpoint"},
	{"export/onnx/internal/onnxpb"}, // the messages of ONNX, generated
	{"tile"},                        // slices of large pictures, merging of their boxes
	{"track"},                       // objects through the frames of a video
	{"geom"},
	{"docs"},                 // pages that the program shows, embedded
	{"examples"},             // images, embedded
	{"internal/config"},      // YAML, changes of single keys, ranges
	{"internal/shard"},       // parts of a list of images, and their files
	{"internal/labelstudio"}, // regions and addresses of Label Studio's tasks
	{"internal/voc"},         // the XML of Pascal VOC annotations
	{"internal/pending"},     // batches on an asynchronous device
	{"internal/download"},    // of a file, with resume and a check of the SHA-256
	{"internal/outbound"},    // HTTP to addresses that come from outside
	{"internal/spelling"},    // of flags, verbs, keys
	{"internal/brief"},       // values in messages
	{"internal/half"},        // float16 and bfloat16
	{"internal/disjoint"},    // numbers joined to groups
}

// allowed names who may import what from outside; a key that ends in a slash stands for all paths below it, the longest such key counts.
var allowed = map[string][]string{
	"gorgonia.org/":             {"nn"}, // its nodes, shapes and types stay behind nn's
	"gorgonia.org/cu/":          {"engine/cuda"},
	"gocv.io/":                  {"imaging"},
	"github.com/x448/float16/":  {"internal/half"},
	"github.com/gin-gonic/gin/": {"server"},
	"gonum.org/v1/plot/":        {"internal/figure", "internal/curves", "classify/allocate", "internal/analysis", "internal/check"},
	"C":                         {"collective", "engine/cpu", "engine/cpu/internal/int8", "engine/cpu/internal/native", "engine/cuda", "imaging", "train"},
}

const (
	root   = "../.."
	module = "scalenet/"
)

func TestImportsGoDownwards(t *testing.T) {
	row := map[string]int{}
	for i, packages := range order {
		for _, p := range packages {
			row[p] = i
		}
	}
	imports := packageImports(t)
	require.Contains(t, imports, "geom", "the walk found the repository")
	for from, paths := range imports {
		_, known := row[from]
		if !assert.True(t, known, "package %s has no place in the order: give it one", from) {
			continue
		}
		for to, file := range paths {
			if to, ours := strings.CutPrefix(to, module); ours {
				below, known := row[to]
				assert.True(t, known, "%s imports %s, which has no place in the order", file, to)
				assert.Less(t, row[from], below, "%s: %s may not import %s, which is not below it", file, from, to)
			}
		}
	}
}

func TestOutsideImports(t *testing.T) {
	for from, paths := range packageImports(t) {
		for to, file := range paths {
			rule := ""
			for restricted := range allowed {
				matches := to == restricted || strings.HasPrefix(to+"/", restricted) && strings.HasSuffix(restricted, "/")
				if matches && len(restricted) > len(rule) {
					rule = restricted
				}
			}
			if rule != "" {
				assert.Contains(t, allowed[rule], from, "%s imports %s: only these may", file, to)
			}
		}
	}
}

// packageImports maps each package's folder to what its files import and one file that does.
func packageImports(t *testing.T) map[string]map[string]string {
	t.Helper()
	found := map[string]map[string]string{}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if base := entry.Name(); entry.IsDir() && name != root {
			ignored := []string{"bin", "build", "data", "runs"} // as in .gitignore
			if base == "testdata" || strings.HasPrefix(base, ".") || filepath.Dir(name) == root && slices.Contains(ignored, base) {
				return filepath.SkipDir
			}
		}
		if entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		name, err = filepath.Rel(root, name)
		if err != nil {
			return err
		}
		folder := path.Dir(filepath.ToSlash(name))
		if found[folder] == nil {
			found[folder] = map[string]string{}
		}
		for _, spec := range file.Imports {
			to, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			found[folder][to] = name
		}
		return nil
	})
	require.NoError(t, err)
	return found
}

// docs/library.md names every package that other modules can import, and no other.
func TestLibraryNamesEveryPackage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs/library.md"))
	require.NoError(t, err)
	var named []string
	for line := range strings.Lines(string(page)) {
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			for i, part := range strings.Split(cells[1], "`") {
				if i%2 == 1 {
					named = append(named, part)
				}
			}
		}
	}
	var public []string
	for _, row := range order {
		for _, p := range row {
			if !slices.Contains(strings.Split(p, "/"), "internal") && !strings.HasPrefix(p, "cmd/") {
				public = append(public, p)
			}
		}
	}
	assert.ElementsMatch(t, public, named)
}
