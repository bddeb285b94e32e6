package coco

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// FuzzInstances must not panic, must be frugal, and what it accepts must be whole: every index in range.
func FuzzInstances(f *testing.F) {
	f.Add(tinyInstances)
	f.Add(`{"images": [], "annotations": [], "categories": []}`)
	f.Add(`{"images": [{"id": 1e400}]}`)
	f.Add(`{"images": [{"id": "\ud800"}], "annotations": [{"bbox": [[]]}]}`)
	f.Add(`{"images": [{"id": 1, "width": null}, null], "annotations": [{"bbox": [null, "x", {}]}, 5], "categories": {"a": 1}}`)
	f.Add("\ufeff{}")
	f.Fuzz(func(t *testing.T, text string) {
		var d *Dataset
		var err error
		requireFrugal(t, text, func() { d, err = readInstances(strings.NewReader(text), int64(len(text)), Options{}) })
		requireFrugal(t, text, func() { readInstances(strings.NewReader(text), int64(len(text)), Options{quirks: true}) })
		// A caller who is told of faults gets what is right, and faults where the other gets an error.
		var faults []error
		told, toldErr := readInstances(strings.NewReader(text), int64(len(text)), Options{Report: func(err error) { faults = append(faults, err) }})
		require.Equal(t, err == nil, toldErr == nil && len(faults) == 0, "%v, %v, %v", err, toldErr, faults)
		for _, err := range append(faults, err, toldErr) {
			require.True(t, err == nil || len(err.Error()) < 1000)
		}
		if toldErr == nil {
			require.Equal(t, len(told.Images), len(told.imageFrom)-1)
		}
		if err != nil {
			return
		}
		require.Equal(t, d, told)
		for i := range d.Images {
			for _, a := range d.Objects(i) {
				require.Equal(t, i, d.Annotations[a].Image)
			}
		}
		for _, a := range d.Annotations {
			require.NotEmpty(t, d.Categories[a.Class-1:])
		}
	})
}

// FuzzResults must not panic, must be frugal, must read the same from a stream that trickles, and must accept JSON only (escapes in skipped strings
// are not looked at).
func FuzzResults(f *testing.F) {
	f.Add(`[{"image_id": 1, "category_id": 2, "bbox": [1, 2.5, 3e1, -4], "score": 0.123456789012345678, "x": {"y": [true, null, "z"]}}]`)
	f.Add(`[{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, NaN], "score": 1}]`)
	f.Add(` [ ] `)
	f.Add(`[{"image_id": 9007199254740993.0}]`)
	f.Add(`[{"image_id": 12345678901234567890123}]`)
	f.Fuzz(func(t *testing.T, text string) {
		var r *Results
		var err error
		requireFrugal(t, text, func() { r, err = readResults(strings.NewReader(text), int64(len(text))) })
		slow, slowErr := readResults(iotest.OneByteReader(strings.NewReader(text)), 0)
		require.Equal(t, err == nil, slowErr == nil, "%v, %v", err, slowErr)
		if err != nil {
			return
		}
		require.Equal(t, r, slow)
		require.NoError(t, r.check())
		if !strings.Contains(text, "NaN") && !strings.Contains(text, "Infinity") && !strings.Contains(text, `\`) {
			require.True(t, json.Valid([]byte(strings.TrimPrefix(text, "\ufeff"))))
		}
	})
}

// FuzzNumber compares with strconv, bit by bit.
func FuzzNumber(f *testing.F) {
	for _, text := range []string{"0", "-0", "0.1", "1e23", "123456789012345", "1234567890123456", "0.000000000000001", "-12.50",
		"9007199254740993", "5e-324", "1.7976931348623157e308", "1e309", "2.2250738585072011e-308", "0.30000000000000004", ".5", "1.", "01", "+1", "1e", "0x1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := newScanner(strings.NewReader(text), 0)
		got, err := s.number()
		if err == nil {
			err = s.done()
		}
		text = strings.Trim(text, " \t\r\n")
		if special := strings.TrimPrefix(text, "-"); special == "NaN" || special == "Infinity" {
			return
		}
		want, wantErr := strconv.ParseFloat(text, 64)
		if !validNumber(text) {
			require.Error(t, err)
			return
		}
		require.True(t, wantErr == nil || math.IsInf(want, 0))
		require.NoError(t, err)
		require.Equal(t, math.Float64bits(want), math.Float64bits(got))
	})
}

func TestResultsErrors(t *testing.T) {
	const good = `[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 1}, `
	cases := map[string]struct{ text, want string }{
		"empty":         {``, "byte 0: the file ends where a list"},
		"object":        {`{"x": 1}`, "a results file is a list of detections"},
		"truncated":     {good + `{"image_id"`, "[1]: byte 81: the file ends"},
		"open":          {good[:len(good)-2], "the file ends where a comma or the end of the list"},
		"trailing":      {`[]]`, "byte 2"},
		"three numbers": {good + `{"image_id": 1, "bbox": [1, 2, 3]}]`, "[1].bbox: a list of 3 numbers, want 4"},
		"NaN":           {good + `{"bbox": [1, 2, NaN, 4]}]`, "[1].bbox: [2]: NaN is not a finite number"},
		"score":         {good + `{"score": -Infinity}]`, "[1].score: -Inf is not a finite number"},
		"score text":    {good + `{"score": "1"}]`, `[1].score: byte`},
		"id text":       {good + `{"image_id": "1"}]`, `[1].image_id: byte 83: a string where a whole number`},
		"id fraction":   {good + `{"category_id": 1.5}]`, "[1].category_id: 1.5 is not a whole number"},
		"no score":      {good + `{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}]`, "[1].score: missing"},
		"no box":        {good + `{"image_id": 1, "category_id": 1, "score": 1}]`, "[1].bbox: missing"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			path := writeFile(t, t.TempDir()+"/dt.json", c.text)
			_, err := ReadResults(path)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, path)
		})
	}
}
