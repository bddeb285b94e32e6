package main

import (
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"scalenet/collective"
	"scalenet/train"
)

// group is the processes that share a run: those that mpirun or srun has started, usually this one alone.
type group struct{ *collective.Group }

// inGroup runs the part that a process has in a command, after it has joined the group.
func inGroup(c *cobra.Command, device *deviceOptions, share func(*cobra.Command, group) error) error {
	g, err := openGroup(device)
	if err != nil {
		return err
	}
	if err := g.sameFlags(c, device); err != nil {
		return g.end(err)
	}
	return g.end(share(c, g))
}

// openGroup joins the group. Each process gets its share of the processors of its host, and a GPU of its own.
func openGroup(device *deviceOptions) (group, error) {
	g, err := collective.Open(collective.Options{})
	if err != nil {
		return group{}, err
	}
	if g.LocalSize() > 1 {
		share := max(1, runtime.NumCPU()/g.LocalSize())
		runtime.GOMAXPROCS(share)
		if device.threads == 0 {
			device.threads = share
		}
	}
	if err := device.takeOwn(g); err != nil {
		return group{}, err
	}
	return group{g}, nil
}

// first reports whether this is the process that writes and prints.
func (g group) first() bool { return g.Group == nil || g.Rank() == 0 }

// onHost is the number of processes on this host.
func (g group) onHost() int {
	if g.Group == nil {
		return 1
	}
	return g.LocalSize()
}

// part is the number of images of this process if the processes share out n.
func (g group) part(n int) int { return (n + g.Size() - 1 - g.Rank()) / g.Size() }

// told returns w, or for all processes but the first a writer that drops everything.
func (g group) told(w io.Writer) io.Writer {
	if g.first() {
		return w
	}
	return io.Discard
}

// knownError is an error that all processes have, of which the first tells.
type knownError struct{ error }

func (e *knownError) Unwrap() error { return e.error }

// end ends the group, and returns the error of what it did. After an error that only some processes have, the launcher ends the others.
func (g group) end(err error) error {
	known := errors.As(err, new(*train.InterruptedError)) || errors.As(err, new(*train.RankError)) || errors.As(err, new(*knownError))
	switch {
	case err == nil || known && !g.first():
		return g.Close()
	case known:
		return errors.Join(err, g.Close())
	case g.first() || errors.As(err, new(*collective.Error)): // which says where it was met
		return err
	}
	return fmt.Errorf("rank %d on %s: %w", g.Rank(), g.Host(), err)
}

// text returns what the first process says.
func (g group) text(own string) (string, error) {
	if g.Size() == 1 {
		return own, nil
	}
	if !g.first() {
		own = ""
	}
	all, err := g.AllGather([]byte(own))
	if err != nil {
		return "", err
	}
	return string(all[0]), nil
}
