package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"scalenet/checkpoint"
	"scalenet/internal/config"
)

// settings are the flags that change a preset.
type settings struct {
	preset, config string
	set            []string
	plain          []*plainKey
}

// plainKey is a flag for one key, such as --lr for train.lr.
type plainKey struct {
	name, key, kind, text string
}

func (k *plainKey) String() string { return k.text }
func (k *plainKey) Type() string   { return k.kind }
func (k *plainKey) Set(text string) error {
	k.text = text
	return nil
}

func (o *settings) flags(c *cobra.Command, preset string, presets []string) {
	f := c.Flags()
	choose(f, &o.preset, "preset", preset, "preset configuration to start from", presets...)
	f.StringVar(&o.config, "config", "", "YAML file with changes to the preset, or a model file whose configuration is taken")
	f.StringArrayVar(&o.set, "set", nil, "change one key, such as train.lr=0.02 (repeatable)")
}

// shortcuts adds flags for the keys that are changed most often.
func (o *settings) shortcuts(f *pflag.FlagSet) {
	for _, k := range []struct {
		plainKey plainKey
		usage    string
	}{
		{plainKey{name: "epochs", key: "train.epochs", kind: "int"}, "passes over the training data (train.epochs)"},
		{plainKey{name: "batch", key: "batch", kind: "int"}, "images per step (batch)"},
		{plainKey{name: "lr", key: "train.lr", kind: "float"}, "learning rate (train.lr)"},
	} {
		key := k.plainKey
		o.plain = append(o.plain, &key)
		f.Var(&key, key.name, k.usage)
	}
}

// add adds a key that the flag --name of the command gives.
func (o *settings) add(key, value, name string) error {
	o.plain = append(o.plain, &plainKey{name: name, key: key, text: value})
	_, err := o.assignments()
	return err
}

// assignment is one key that a flag changes.
type assignment struct{ key, value, flag string }

// assignments returns what --set and the plain flags change. A key that is given twice with different values is an error.
func (o *settings) assignments() ([]assignment, error) {
	var list []assignment
	for _, s := range o.set {
		key, value, _ := strings.Cut(s, "=")
		list = append(list, assignment{strings.TrimSpace(key), strings.TrimSpace(value), "--set " + s})
	}
	for _, k := range o.plain {
		if k.text != "" {
			list = append(list, assignment{k.key, strings.TrimSpace(k.text), "--" + k.name + " " + k.text})
		}
	}
	seen := map[string]assignment{}
	for _, a := range list {
		if other, ok := seen[a.key]; ok && other.value != a.value {
			return nil, fmt.Errorf("%s and %s: give %s once", shortened(other.flag), shortened(a.flag), shortened(a.key))
		}
		seen[a.key] = a
	}
	return list, nil
}

// change applies --config, --set and the plain flags to target, a pointer to a configuration.
func (o *settings) change(target any) error {
	if o.config != "" {
		text, err := readConfig(o.config)
		if err != nil {
			return err
		}
		if err := config.Merge(target, text, o.config); err != nil {
			return err
		}
	}
	list, err := o.assignments()
	if err != nil {
		return err
	}
	for _, s := range o.set {
		if err := config.Assign(target, s); err != nil {
			return err
		}
	}
	for _, a := range list[len(o.set):] {
		if err := config.AssignFlag(target, a.key, a.value, a.flag); err != nil {
			return err
		}
	}
	return nil
}

// given returns the keys that --config, --set and the plain flags give.
func (o *settings) given() (keys []string, err error) {
	if o.config != "" {
		text, err := readConfig(o.config)
		if err != nil {
			return nil, err
		}
		keys = config.Given(text)
	}
	list, err := o.assignments()
	for _, a := range list {
		for _, key := range config.Given([]byte(a.value)) {
			keys = append(keys, strings.TrimSuffix(a.key+"."+key, "."))
		}
	}
	return keys, err
}

// complete reports whether --config gives every key: a model file, or the config.yaml of a run.
func (o *settings) complete(wrote func(text string) bool) (bool, error) {
	if o.config == "" {
		return false, nil
	}
	text, err := readConfig(o.config)
	return err == nil && (checkpoint.LooksLikeOne(o.config) || wrote(string(text))), err
}

// readConfig returns the text of a YAML file, or the configuration of a model file.
func readConfig(path string) ([]byte, error) {
	if !checkpoint.LooksLikeOne(path) {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("configuration: %w", err)
		}
		return text, nil
	}
	r, err := checkpoint.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for _, key := range []string{checkpoint.DetectorKey, checkpoint.ClassifierKey} {
		text, ok, err := checkpoint.Config(r.Metadata(), key)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if ok {
			return []byte(text), nil
		}
	}
	return nil, fmt.Errorf("--config %s: the checkpoint has no configuration", path)
}
