package main

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"scalenet/checkpoint"
	"scalenet/internal/config"
	"scalenet/train"
)

// settings are the flags that change a preset.
type settings struct {
	preset, config string
	set            []string
}

func (o *settings) flags(c *cobra.Command, preset string, presets []string) {
	f := c.Flags()
	choose(f, &o.preset, "preset", preset, "configuration to start from", presets...)
	f.StringVar(&o.config, "config", "", "YAML file with changes to the preset")
	f.StringArrayVar(&o.set, "set", nil, "change one key, such as train.lr=0.02 (repeatable)")
}

// change makes the changes to a configuration, a pointer to a struct.
func (o *settings) change(target any) error {
	if o.config != "" {
		if err := config.MergeFile(target, o.config); err != nil {
			return err
		}
	}
	for _, s := range o.set {
		if err := config.Assign(target, s); err != nil {
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

// look finds out what there is of the run that is to be resumed. One that has
// saved nothing begins anew, with --resume or without. A new run that would
// write over a file that is none of a run's, which wrote tells of config.yaml, or
// over one of the inputs is an error.
func (o *runFolder) look(wrote func(config string) bool, inputs ...string) (b train.Begun, err error) {
	if !o.resume {
		return b, o.new(wrote, inputs)
	}
	b, err = o.read()
	switch {
	case err != nil || b.Saved != nil:
		return b, err
	case !b.Started:
		return b, fmt.Errorf("%s: there is no run to resume", filepath.Join(o.out, train.StateFile))
	}
	return b, train.CheckNew(o.out, wrote)
}

// new is an error when the folder has what a new run must not write over.
func (o *runFolder) new(wrote func(config string) bool, inputs []string) error {
	if b, err := o.read(); err != nil || b.Saved != nil { // of a run begin says more
		return err
	}
	unasked := outputs{force: true} // what a run that failed has left is replaced
	if err := unasked.check(append(inputs, o.init), in(o.out, "the run", train.Files()...)...); err != nil {
		return err
	}
	return train.CheckNew(o.out, wrote)
}

// read is an error when a run in the folder can neither go on nor begin.
func (o *runFolder) read() (train.Begun, error) {
	b, err := train.ReadBegun(o.out)
	if err != nil { // a damaged state is a run, too
		return b, fmt.Errorf("%w; the run in %s cannot go on from there, and nothing is written over: choose another --out", err, o.out)
	}
	if b.Saved == nil && b.Kept != "" {
		return b, fmt.Errorf("%s: is missing, and %s is there: the run cannot go on without its state, and nothing is written over: choose another --out",
			filepath.Join(o.out, train.StateFile), b.Kept)
	}
	return b, nil
}

// startingModel is a model that a run begins with.
type startingModel interface {
	Init(path string) (checkpoint.Report, error)
	Untrained(taken []string) error
}

// begin locks the folder, takes --init's parameters, and says on w how the run
// begins: with what configuration, and from the start if it was to be resumed.
// A run that trains some parameters only must be given the others.
func (o *runFolder) begin(w io.Writer, b train.Begun, model startingModel, config string) (*train.Lock, error) {
	var taken []string
	if o.init != "" && b.Saved == nil {
		report, err := model.Init(o.init)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(w, "%s: %s\n", o.init, report)
		if len(report.Matched) == 0 {
			return nil, fmt.Errorf("%s: no parameter has the name and shape of one of this model's", o.init)
		}
		taken = report.Matched
	}
	if b.Saved == nil {
		if err := model.Untrained(taken); err != nil {
			return nil, err
		}
	}
	if !o.resume {
		var err error
		if b, err = o.read(); err != nil {
			return nil, err
		}
		if b.Saved != nil {
			return nil, fmt.Errorf("%s: a run is there already; continue it with --resume or choose another --out", filepath.Join(o.out, train.ConfigFile))
		}
	}
	lock, err := train.LockFolder(o.out)
	if err != nil {
		return nil, err
	}
	fmt.Fprint(w, config)
	switch {
	case b.Saved != nil:
		fmt.Fprintf(w, "%s: the run goes on after step %d\n", o.out, b.Step)
	case b.Started:
		fmt.Fprintf(w, "%s: the run there has saved nothing: it starts from step 0\n", o.out)
	}
	return lock, nil
}

// requireFlags marks flags as required.
func requireFlags(c *cobra.Command, flags ...string) {
	for _, name := range flags {
		if err := c.MarkFlagRequired(name); err != nil {
			panic(err) // a flag that is not defined
		}
	}
}
