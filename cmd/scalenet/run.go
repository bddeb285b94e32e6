package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"scalenet/checkpoint"
	"scalenet/train"
)

// settings are the flags that change a preset.
type settings struct {
	preset, config string
	set            []string
}

func (o *settings) flags(c *cobra.Command, preset string) {
	f := c.Flags()
	f.StringVar(&o.preset, "preset", preset, "configuration to start from")
	f.StringVar(&o.config, "config", "", "YAML file with changes to the preset")
	f.StringArrayVar(&o.set, "set", nil, "change one key, such as train.lr=0.02 (repeatable)")
}

// change makes the changes to a configuration, a pointer to a struct.
func (o *settings) change(config any) error {
	if o.config != "" {
		if err := train.MergeFile(config, o.config); err != nil {
			return err
		}
	}
	for _, s := range o.set {
		if err := train.Assign(config, s); err != nil {
			return err
		}
	}
	return nil
}

// runFolder are the flags of a training: its folder and how it begins.
type runFolder struct {
	out, init string
	resume    bool
}

func (o *runFolder) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.out, "out", "", "folder of the run")
	f.StringVar(&o.init, "init", "", "checkpoint whose parameters of the same name and shape are taken")
	f.BoolVar(&o.resume, "resume", false, "continue the run in --out")
	requireFlags(c, "out")
}

// startingModel is a model that a run begins with.
type startingModel interface {
	Init(path string) (checkpoint.Report, error)
}

// begin takes --init's parameters, says on w with what configuration the run
// begins, and makes its folder.
func (o *runFolder) begin(w io.Writer, model startingModel, config string) error {
	if o.init != "" && !o.resume {
		report, err := model.Init(o.init)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s: %s\n", o.init, report)
		if len(report.Matched) == 0 {
			return fmt.Errorf("%s: no parameter has the name and shape of one of this model's", o.init)
		}
	}
	fmt.Fprint(w, config)
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	if o.resume {
		return nil
	}
	return writeNew(filepath.Join(o.out, "config.yaml"), config)
}

// writeNew writes a file that must not exist yet.
func writeNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s: a run is there already; continue it with --resume or choose another --out", path)
	}
	if err != nil {
		return err
	}
	if _, err := f.WriteString(text); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// requireFlags marks flags as required.
func requireFlags(c *cobra.Command, flags ...string) {
	for _, name := range flags {
		if err := c.MarkFlagRequired(name); err != nil {
			panic(err) // a flag that is not defined
		}
	}
}
