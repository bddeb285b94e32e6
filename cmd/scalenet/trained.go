package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"scalenet/internal/brief"
	"scalenet/train"
)

// printTrained writes what a run has reached, and the commands that come next.
func printTrained(w io.Writer, o train.Outcome, took time.Duration, metric string, val source) {
	fmt.Fprintf(w, "done in %s, %s\n", took.Round(time.Second), brief.Count(o.Steps, "step"))
	if o.Best != nil {
		fmt.Fprintf(w, "best: %s %.4g at epoch %d\n", metric, *o.Best, o.Epoch)
	}
	data := quoted(val.Path)
	if val.Images != "" {
		data += " --images " + quoted(val.Images)
	}
	if val.Split != "" {
		data += " --split " + val.Split
	}
	fmt.Fprintf(w, "model: %s\nnext:\n", o.Model)
	for _, next := range []string{
		"eval   --model %s --data " + strings.ReplaceAll(data, "%", "%%"),
		"detect --model %s --out found PHOTO...",
		"serve  --model %s",
	} {
		fmt.Fprintf(w, "  scalenet "+next+"\n", quoted(o.Model))
	}
}

// quoted returns a path as a shell takes it.
func quoted(path string) string {
	if path != "" && !strings.ContainsFunc(path, func(r rune) bool {
		return !strings.ContainsRune("/._-+@%=:,", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
