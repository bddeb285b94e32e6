package train

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Merge changes the fields of a configuration, a pointer to a struct, that YAML
// text has keys for. An unknown key is an error that names the text's origin.
func Merge(config any, text []byte, origin string) error {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(config); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: %s", origin, strings.Join(strings.Fields(err.Error()), " "))
	}
	return nil
}

// MergeFile is Merge of a file's text.
func MergeFile(config any, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	return Merge(config, text, path)
}

// Assign changes one value: "train.lr=0.02", the value in YAML.
func Assign(config any, assignment string) error {
	key, value, ok := strings.Cut(assignment, "=")
	if !ok || key == "" {
		return fmt.Errorf("--set %q: want key=value, such as train.lr=0.02", assignment)
	}
	var text strings.Builder
	keys := strings.Split(key, ".")
	for i, k := range keys {
		fmt.Fprintf(&text, "%s%s:", strings.Repeat("  ", i), k)
		if i < len(keys)-1 {
			text.WriteByte('\n')
		}
	}
	return Merge(config, []byte(text.String()+" "+value), "--set "+assignment)
}

// YAML is a configuration as text that Merge reads.
func YAML(config any) string {
	data, err := yaml.Marshal(config)
	if err != nil {
		panic(err) // plain structs: cannot fail
	}
	return string(data)
}
