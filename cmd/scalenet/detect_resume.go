package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

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

// remaining reads the file of --output that a stopped run left. It returns the sources that have no line in it, in their order, and their names. A last line
// that is cut off is removed from the file.
func (o *resultOptions) remaining(list []media.Source, names []string) ([]media.Source, []string, error) {
	if i := slices.IndexFunc(list, media.Source.Stream); i >= 0 {
		return nil, nil, fmt.Errorf("--resume is for images: %s is a video or a stream", list[i].Name)
	}
	done, whole, err := doneImages(o.table)
	if err != nil {
		return nil, nil, err
	}
	var left []media.Source
	var leftNames []string
	for i, s := range list {
		if done[s.Name] > 0 {
			done[s.Name]--
			continue
		}
		left, leftNames = append(left, s), append(leftNames, names[i])
	}
	for name, n := range done {
		if n > 0 {
			return nil, nil, fmt.Errorf("%s: has a line for %s, which is none of the sources: was it made of others?", o.table, name)
		}
	}
	return left, leftNames, os.Truncate(o.table, whole)
}

// doneImages returns the number of lines for each image in a file that detect wrote, and the length of its complete lines in bytes.
func doneImages(path string) (done map[string]int, whole int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	done = map[string]int{}
	r := bufio.NewReaderSize(f, 1<<20)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return done, whole, nil // what follows the last line end is cut off
		}
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", path, err)
		}
		var image struct {
			File       string            `json:"file"`
			Detections []json.RawMessage `json:"detections"`
		}
		if json.Unmarshal(line, &image) != nil || image.File == "" || image.Detections == nil {
			return nil, 0, fmt.Errorf("%s: line %d: this is not a line that detect wrote", path, n)
		}
		done[image.File]++
		whole += int64(len(line))
	}
}

// freeDrawn removes the drawn image of the first remaining source: a run that was killed may have drawn it before its line.
func (o *resultOptions) freeDrawn(read []string) error {
	if !o.resume || len(o.drawn) == 0 || o.drawn[0] == "" {
		return nil
	}
	replacing := outputs{force: true}
	if err := replacing.check(read, output{of: "--out", path: o.drawn[0], made: true}); err != nil {
		return err
	}
	if err := os.Remove(o.drawn[0]); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
