package main

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"

	"scalenet/docs"
)

// documentedKey is a row of a table in docs/configuration.md.
type documentedKey struct{ key, fallback, meaning string }

// printKeys lists the keys of a detector's configuration.
func printKeys(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, k := range documentedKeys(docs.Configuration) {
		fmt.Fprintf(t, "%s\t%s\t%s\n", k.key, k.fallback, k.meaning)
	}
	return t.Flush()
}

var (
	markdownLink = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	codeSpan     = regexp.MustCompile("`([^`]*)`")
	listItem     = regexp.MustCompile(`(?:\[[^]]*]|\{[^}]*}|[^, ]|[^,] )+`) // between commas outside brackets
)

// documentedKeys reads the tables of the sections on detectors and on training. The headings of subsections are prefixes of their keys.
func documentedKeys(text string) (keys []documentedKey) {
	prefix, within := "", false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "## "):
			within = line == "## Detector" || line == "## Training"
			prefix = map[string]string{"## Training": "train."}[line]
		case strings.HasPrefix(line, "### "):
			prefix = strings.Trim(line, "# `") + "."
		case within && strings.HasPrefix(line, "| `"):
			cells := strings.Split(strings.Trim(strings.ReplaceAll(line, `\|`, "\x00"), "| "), " | ")
			if len(cells) < 3 {
				continue
			}
			names, parent := codeSpan.FindAllStringSubmatch(cells[0], -1), ""
			defaults := defaultsOf(plain(cells[1]), len(names))
			for i, name := range names {
				full := name[1]
				if at := strings.LastIndexByte(full, '.'); at >= 0 {
					parent = full[:at+1]
				} else {
					full = parent + full
				}
				keys = append(keys, documentedKey{prefix + full, defaults[i], plain(cells[2])})
			}
		}
	}
	return keys
}

// defaultsOf divides the defaults of a row of n keys: one per key, or one for all of them.
func defaultsOf(cell string, n int) []string {
	if parts := listItem.FindAllString(cell, -1); len(parts) == n {
		return parts
	}
	return slices.Repeat([]string{cell}, n)
}

// plain removes Markdown from the text of a cell.
func plain(cell string) string {
	return strings.ReplaceAll(strings.ReplaceAll(markdownLink.ReplaceAllString(cell, "$1"), "`", ""), "\x00", "|")
}
