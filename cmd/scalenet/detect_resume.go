package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"scalenet/internal/brief"
	"scalenet/internal/media"
	"scalenet/results"
)

// checkResume checks the flags that --resume needs.
func (o *resultOptions) checkResume() error {
	switch {
	case !o.resume:
		return nil
	case o.kind != results.JSONLines || o.table == "":
		return errors.New("--resume goes on with a file of JSON lines: want --format jsonl --output FILE")
	case o.crops != "":
		return errors.New("--resume cannot tell which crops are complete: leave out --crops")
	}
	return nil
}

// remaining reads the file of --output that a stopped run left. It returns the sources that have no line in it, in their order, and their names. read are the
// files that the command reads. Nothing is changed here: openKept cuts the file, because the checks that follow may end the command.
//
// An image's drawing gets its name after the image has its line. So a file with the name of a drawing whose image has no line is not one of the stopped run, and
// it is not replaced without --force. What a killed run may lack is the drawing of its last line: then this line goes, and its image is done again.
func (o *resultOptions) remaining(list []media.Source, names, read []string) (left []media.Source, leftNames []string, err error) {
	if i := slices.IndexFunc(list, media.Source.Stream); i >= 0 {
		return nil, nil, fmt.Errorf("--resume is for images: %s is a video or a stream", list[i].Name)
	}
	if err := (&readFiles{paths: read}).refuse(o.table); err != nil {
		return nil, nil, fmt.Errorf("--output %w", err)
	}
	before, err := readStopped(o.table)
	if err != nil {
		return nil, nil, err
	}
	done, last, err := before.find(list)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", o.table, err)
	}
	if o.kept = before.whole; last >= 0 && o.lacksDrawing(names[last]) {
		done[last], o.kept = false, before.whole-before.lastLength
	}
	for i, s := range list {
		if !done[i] {
			left, leftNames = append(left, s), append(leftNames, names[i])
		}
	}
	return left, leftNames, nil
}

// lacksDrawing reports whether the source of a name below --out is to be drawn, and has no drawing.
func (o *resultOptions) lacksDrawing(name string) bool {
	if !o.draws(name) {
		return false
	}
	_, err := os.Stat(within(o.out, name))
	return err != nil // if it is another error than that there is none, the check of the outputs says so
}

// openKept opens the file of --output behind the lines that stay.
func (o *resultOptions) openKept(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(o.kept); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// stopped is what a stopped run wrote.
type stopped struct {
	lines             map[string]int // number for each image
	last              string         // image of the last line
	whole, lastLength int64          // bytes of the complete lines, and of the last of them
}

// find returns which sources have a line, and the index of the source of the last line; -1 if there is no line.
func (s *stopped) find(list []media.Source) (done []bool, last int, err error) {
	left := maps.Clone(s.lines)
	done, last = make([]bool, len(list)), -1
	for i, source := range list {
		if left[source.Name] == 0 {
			continue
		}
		left[source.Name]--
		if done[i] = true; source.Name == s.last {
			last = i
		}
	}
	for name, n := range left {
		if n > 0 {
			return nil, 0, fmt.Errorf("has a line for %s, which is none of the sources: was it made of others?", name)
		}
	}
	return done, last, nil
}

// readStopped reads a file that detect wrote. What follows its last line end is the part of a line that a killed run wrote.
func readStopped(path string) (*stopped, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := &stopped{lines: map[string]int{}}
	r := bufio.NewReaderSize(f, 1<<20)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			if !isCutOff(line) {
				return nil, fmt.Errorf("%s: is not a file that detect wrote: line %d begins with %q and has no end", path, n, brief.Cut(line, 20))
			}
			return s, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		image, ok := imageOf(line)
		if !ok {
			return nil, fmt.Errorf("%s: line %d: this is not a line that detect wrote", path, n)
		}
		s.lines[image]++
		s.last, s.lastLength = image, int64(len(line))
		s.whole += s.lastLength
	}
}

// imageOf returns the image of a line. It returns false if detect did not write the line.
func imageOf(line []byte) (string, bool) {
	var image struct {
		File       string            `json:"file"`
		Detections []json.RawMessage `json:"detections"`
	}
	err := json.Unmarshal(line, &image)
	return image.File, err == nil && image.File != "" && image.Detections != nil
}

// isCutOff reports whether a text can be the beginning of a line that detect wrote. It is strict, because the text is removed: any file without a line end, such
// as one that another program wrote as JSON, is a text like this.
func isCutOff(text []byte) bool {
	const begin = `{"file":"`
	if len(text) < len(begin) {
		return strings.HasPrefix(begin, string(text))
	}
	_, whole := imageOf(text) // only its line end is missing
	return bytes.HasPrefix(text, []byte(begin)) && (whole || !json.Valid(text))
}
