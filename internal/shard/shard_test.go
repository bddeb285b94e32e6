package shard

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Shard{"0/1": {0, 1}, "0/4": {0, 4}, "3/4": {3, 4}, "99999/100000": {99999, 100000}} {
		s, err := Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, s)
		require.Equal(t, text, s.String())
	}
	for text, want := range map[string]string{
		"": "want I/N", "1": "want I/N", "/": "want I/N", "a/2": "want I/N", "1/b": "want I/N", "1/2/3": "want I/N", "0.5/2": "want I/N",
		"9999999999999999999/2": "want I/N",
		"4/4":                   "there is no part 4: the 4 parts are counted from 0 to 3",
		"-1/4":                  "there is no part -1",
		"0/0":                   "0 parts: want 1 to 100000", "0/-1": "-1 parts", "0/100001": "100001 parts",
	} {
		_, err := Parse(text)
		require.ErrorContains(t, err, want, text)
	}
	require.Empty(t, Shard{}.String())
}

// The parts of any list follow each other, and differ by at most 1.
func TestRange(t *testing.T) {
	for _, n := range []int{0, 1, 2, 7, 100, 1<<62 + 3} {
		for _, of := range []int{1, 2, 3, 8, 100} {
			at, least, longest := 0, n, 0
			for i := range of {
				first, end := Shard{i, of}.Range(n)
				require.Equal(t, at, first)
				at, least, longest = end, min(least, end-first), max(longest, end-first)
			}
			require.Equal(t, n, at)
			require.LessOrEqual(t, longest-least, 1)
		}
	}
	first, end := Shard{}.Range(5)
	require.Equal(t, [2]int{0, 5}, [2]int{first, end})
}

// part writes a part with lines, and returns its path.
func part(t *testing.T, dir, name string, h Head, lines string) string {
	t.Helper()
	head, err := json.Marshal(h)
	require.NoError(t, err)
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, append(append(head, '\n'), lines...), 0o644))
	return path
}

func TestParts(t *testing.T) {
	dir := t.TempDir()
	head := func(shard string) Head { return Head{Part: "eval", Shard: shard, Total: 5, Model: "m", Data: "d"} }
	a := part(t, dir, "a", head("0/3"), "1\n2\n")
	b := part(t, dir, "b", head("1/3"), "3\n4\n")
	c := part(t, dir, "c", head("2/3"), "5\n")
	p, err := Open([]string{c, a, b})
	require.NoError(t, err)
	var lines []string
	require.NoError(t, p.Lines(func(line []byte) error { lines = append(lines, string(line)); return nil }))
	require.Equal(t, "12345", strings.Join(lines, ""))
	for i, want := range []string{a + ": line 2", a + ": line 3", b + ": line 2", b + ": line 3", c + ": line 2", "image 5 of 5"} {
		require.Equal(t, want, p.Place(i))
	}

	changed := func(name string, change func(*Head)) string {
		h := head("2/3")
		change(&h)
		return part(t, dir, name, h, "5\n")
	}
	text := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	for _, v := range []struct {
		paths []string
		want  string
	}{
		{nil, "there are no parts"},
		{[]string{a, b}, "part 2/3 is missing"},
		{[]string{b}, "2 of 3 parts are missing, the first is 0/3"},
		{[]string{a, b, a}, "a: is part 0/3, as " + a + " is"},
		{[]string{a, b, changed("model", func(h *Head) { h.Model = "x" })}, "model: was made with another model than " + a},
		{[]string{a, b, changed("data", func(h *Head) { h.Data = "x" })}, "data: was made with other images than " + a},
		{[]string{a, b, part(t, dir, "total", Head{"eval", "2/3", 4, "m", "d"}, "5\n")}, "total: was made with other images than " + a},
		{[]string{a, b, changed("kind", func(h *Head) { h.Part = "detect" })}, `kind: is a part of "detect", ` + a + ` is one of "eval"`},
		{[]string{a, b, part(t, dir, "of", head("4/5"), "5\n")}, "of: is part 4/5, " + a + " is one of 3"},
		{[]string{a, b, part(t, dir, "whole", head(""), "1\n2\n3\n4\n5\n")}, "whole: has all images, there is nothing to merge"},
		{[]string{a, b, part(t, dir, "short", head("2/3"), "")}, "short: part 2/3 has 0 of its 1 images: continue it with --resume"},
		{[]string{a, b, part(t, dir, "long", head("2/3"), "5\n6\n")}, "long: part 2/3 has 2 of its 1 images"},
		{[]string{a, b, part(t, dir, "cut", head("2/3"), "5")}, "cut: line 2 is cut off"},
		{[]string{text("empty", "")}, "empty: line 1: this is not a part that --shard wrote"},
		{[]string{text("array", "[]\n")}, "array: line 1: this is not a part"},
		{[]string{text("other", `{"image_id":1}`+"\n")}, "other: line 1: this is not a part"},
		{[]string{text("bad", `{"part":"eval","shard":"7/3","total":5,"model":"m","data":"d"}`+"\n")}, `bad: line 1: shard "7/3": there is no part 7`},
		{[]string{filepath.Join(dir, "none")}, "none: no such file"},
	} {
		_, err := Open(v.paths)
		require.ErrorContains(t, err, v.want)
	}
}

func FuzzParts(f *testing.F) {
	f.Add([]byte(`{"part":"eval","shard":"0/1","total":1,"model":"m","data":"d"}` + "\n1\n"))
	f.Add([]byte("{}\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "part")
		require.NoError(t, os.WriteFile(path, content, 0o644))
		p, err := Open([]string{path})
		if err != nil {
			return
		}
		lines := 0
		require.NoError(t, p.Lines(func([]byte) error { lines++; return nil }))
		require.Equal(t, p.Head.Total, lines)
	})
}
