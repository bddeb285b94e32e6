package coco

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireFrugal runs a reader of text and checks that it allocates at most ten times the text, in all: what is in use at one time
// is less. Buffers and messages may take some kilobytes however small the text is.
func requireFrugal(t *testing.T, text string, read func()) {
	t.Helper()
	fixed := 64 << 10
	if text == "" { // of unknown size: the largest buffer
		fixed += maxBuffer
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	read()
	runtime.ReadMemStats(&after)
	require.LessOrEqual(t, after.TotalAlloc-before.TotalAlloc, uint64(10*len(text)+fixed), "%d bytes beginning with %.60q", len(text), text)
}

// TestFrugal reads documents of a megabyte that make readers allocate as much as can be.
func TestFrugal(t *testing.T) {
	list := func(item func(i int) string) string {
		var b strings.Builder
		for i := 0; b.Len() < 1<<20; i++ {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(item(i))
		}
		return "[" + b.String() + "]"
	}
	ids := list(func(i int) string { return fmt.Sprintf(`{"id":%d}`, i) })
	same := list(func(int) string { return `{"id":1}` })
	names := list(func(i int) string { return fmt.Sprintf(`{"id":%d,"name":"\u00e9%d","file_name":"\u00e9%d"}`, i, i, i) })
	annotations := list(func(i int) string { return fmt.Sprintf(`{"id":%d,"image_id":1,"category_id":1,"bbox":[0,0,1,1]}`, i) })
	instances := func(images, categories, annotations string) string {
		return `{"images":` + images + `,"categories":` + categories + `,"annotations":` + annotations + `}`
	}
	documents := map[string]string{
		"images":                instances(ids, `[]`, `[]`),
		"images of one id":      instances(same, `[]`, `[]`),
		"images backwards":      instances(list(func(i int) string { return fmt.Sprintf(`{"id":%d}`, 1<<20-i) }), `[]`, `[]`),
		"names":                 instances(names, `[]`, `[]`),
		"categories":            instances(`[]`, ids, `[]`),
		"named categories":      instances(`[]`, names, `[]`),
		"annotations":           instances(`[{"id":1}]`, `[{"id":1}]`, annotations),
		"annotations before":    `{"annotations":` + annotations + `,"images":[{"id":1}],"categories":[{"id":1}]}`,
		"annotations of no one": instances(`[]`, `[]`, annotations),
		"empty annotations":     instances(`[]`, `[]`, list(func(int) string { return "{}" })),
		"lists":                 `{"x":` + list(func(int) string { return "[]" }) + `}`,
		"objects":               `{"x":` + list(func(int) string { return `{"" :0}` }) + `}`,
		"deep":                  `{"x":` + strings.Repeat("[", 1<<20),
		"a long string":         `{"images":[{"file_name":"` + strings.Repeat(`\u0041`, 1<<17) + `"}]}`,
		"an endless string":     `{"images":[{"file_name":"` + strings.Repeat(`a`, 3<<20),
		"a long number":         `{"images":[{"id":` + strings.Repeat(`1`, 1<<19) + `}]}`,
		"white space":           strings.Repeat(" ", 1<<20),
		"results":               list(func(i int) string { return `{"image_id":1,"category_id":1,"bbox":[0,0,1,1],"score":1}` }),
		"results in front":      list(func(i int) string { return `{"image_id":1,"category_id":1,"bbox":[0,0,1,1],"score":1}` }) + strings.Repeat(" ", 1<<21),
		"cut off":               annotations[:1<<19],
	}
	for name, text := range documents {
		t.Run(name, func(t *testing.T) {
			for _, opt := range []Options{{}, {quirks: true}, {Report: func(error) {}}} {
				if opt.Report != nil && strings.Contains(name, "one") || name == "empty annotations" {
					continue // a message for each of a hundred thousand entries
				}
				requireFrugal(t, text, func() { readInstances(strings.NewReader(text), int64(len(text)), opt) })
			}
			requireFrugal(t, text, func() { readResults(strings.NewReader(text), int64(len(text))) })
		})
	}
}

// TestFrugalParts reads results on several goroutines.
func TestFrugalParts(t *testing.T) {
	const detection = `{"image_id":1,"category_id":1,"bbox":[0,0,1,1],"score":1}`
	text := "[" + strings.Repeat(detection+",\n", 100_000) + detection + "]"
	path := writeFile(t, filepath.Join(t.TempDir(), "dt.json"), text)
	requireFrugal(t, text, func() {
		r, err := ReadResults(path)
		require.NoError(t, err)
		require.Equal(t, 100_001, r.Len())
	})
}
