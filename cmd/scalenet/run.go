package main

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"scalenet/checkpoint"
	"scalenet/train"
)

// runFolder are the flags for the folder of a training run and for how the run starts.
type runFolder struct {
	out, init string
	resume    bool
}

// flags adds the flags; --out is required.
func (o *runFolder) flags(c *cobra.Command) {
	o.optional(c)
	requireFlags(c, "out")
}

// optional adds the flags.
func (o *runFolder) optional(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.out, "out", "", "folder of the run")
	f.StringVar(&o.init, "init", "", "checkpoint to initialise from; parameters are matched by name and shape; none: random parameters")
	f.BoolVar(&o.resume, "resume", false, "continue the run in --out")
}

// share makes the folder of a run to resume that of the first process. remove deletes copies of it.
func (o *runFolder) share(g group) (remove func(), err error) {
	if !o.resume {
		return func() {}, nil
	}
	o.out, remove, err = g.folder(o.out)
	return remove, err
}

// look returns the saved state of the run to resume. A run that has not saved
// anything starts anew, with or without --resume. A new run must not replace an
// input, or a file that no run has written. wrote reports whether a config.yaml
// was written by a run.
func (o *runFolder) look(wrote func(config string) bool, inputs ...string) (b train.Begun, err error) {
	if !o.resume {
		return b, o.new(wrote, inputs)
	}
	b, err = o.read()
	switch {
	case err != nil || b.Saved != nil:
		return b, err
	case !b.Started:
		return b, fmt.Errorf("%s: does not exist, no run to resume", filepath.Join(o.out, train.StateFile))
	}
	return b, train.CheckNew(o.out, wrote)
}

// new returns an error if the folder has a file that a new run must not replace.
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

// read reads the saved state. It returns an error if a run in the folder can
// neither continue nor start.
func (o *runFolder) read() (train.Begun, error) {
	b, err := train.ReadBegun(o.out)
	if err != nil { // a damaged state is a run, too
		return b, fmt.Errorf("%w; the run in %s cannot continue, and its files are not replaced: choose another --out", err, o.out)
	}
	if b.Saved == nil && b.Kept != "" {
		return b, fmt.Errorf("%s: is missing, but %s exists: the run cannot continue without its state, and its files are not replaced: choose another --out",
			filepath.Join(o.out, train.StateFile), b.Kept)
	}
	return b, nil
}

// startingModel is the model at the start of a run.
type startingModel interface {
	Init(path string) (checkpoint.Report, error)
	Untrained(taken []string) error
	Tensors() []checkpoint.Tensor
}

// begin locks the folder, loads the parameters of --init and prints to w the
// configuration and the step that the run starts from. A run with frozen
// parameters needs --init for them. All processes of a group must have the same
// parameters; those after the first only load.
func (o *runFolder) begin(w io.Writer, b train.Begun, model startingModel, config string, g group) (*train.Lock, error) {
	if err := o.initialise(w, b, model); err != nil {
		return nil, err
	}
	if err := g.sameParameters(model.Tensors()); err != nil || !g.first() {
		return nil, err
	}
	if !o.resume {
		var err error
		if b, err = o.read(); err != nil {
			return nil, err
		}
		if b.Saved != nil {
			return nil, fmt.Errorf("%s: a run already exists; continue it with --resume or choose another --out", filepath.Join(o.out, train.ConfigFile))
		}
	}
	lock, err := train.LockFolder(o.out)
	if err != nil {
		return nil, err
	}
	fmt.Fprint(w, config)
	switch {
	case b.Saved != nil:
		fmt.Fprintf(w, "%s: resuming after step %d\n", o.out, b.Step)
	case b.Started:
		fmt.Fprintf(w, "%s: the run has not saved anything, starting from step 0\n", o.out)
	}
	return lock, nil
}

// initialise loads the parameters of --init.
func (o *runFolder) initialise(w io.Writer, b train.Begun, model startingModel) error {
	var taken []string
	if o.starts() && b.Saved == nil {
		report, err := model.Init(o.init)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s: %s\n", o.init, report)
		if len(report.Matched) == 0 {
			return fmt.Errorf("%s: no tensor has the name and shape of a parameter of this model", o.init)
		}
		taken = report.Matched
	}
	if b.Saved != nil {
		return nil
	}
	return model.Untrained(taken)
}

// starts reports whether a new run begins with the parameters of a file.
func (o *runFolder) starts() bool { return o.init != "" && o.init != noInit }

// noInit is the value of --init for random parameters.
const noInit = "none"

// requireFlags marks flags as required.
func requireFlags(c *cobra.Command, flags ...string) {
	for _, name := range flags {
		if err := c.MarkFlagRequired(name); err != nil {
			panic(err) // a flag that is not defined
		}
	}
}
