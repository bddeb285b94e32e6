package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"

	"scalenet/checkpoint"
	"scalenet/collective"
	"scalenet/engine/cpu"
	"scalenet/train"
)

// group is the processes that share a run: those that mpirun or srun has started, usually this one alone.
type group struct{ *collective.Group }

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

// told returns w, or for all processes but the first a writer that drops everything.
func (g group) told(w io.Writer) io.Writer {
	if g.first() {
		return w
	}
	return io.Discard
}

// end ends the group, and returns the error of what it did. After an error the launcher ends the other processes.
func (g group) end(err error) error {
	var interrupted *train.InterruptedError
	if err == nil || errors.As(err, &interrupted) {
		return errors.Join(err, g.Close())
	}
	if g.Size() > 1 && !g.first() {
		return fmt.Errorf("rank %d on %s: %w", g.Rank(), g.Host(), err)
	}
	return err
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

// same returns an error if the processes differ in one of the facts, which have a name each.
func (g group) same(facts map[string]string) error {
	if g.Size() == 1 {
		return nil
	}
	names := slices.Sorted(maps.Keys(facts))
	var own []string
	for _, name := range names {
		own = append(own, facts[name])
	}
	all, err := g.AllGather([]byte(strings.Join(own, "\x00")))
	if err != nil {
		return err
	}
	wanted := strings.Split(string(all[0]), "\x00")
	for rank, text := range all {
		values := strings.Split(string(text), "\x00")
		for i, name := range names {
			if i >= len(values) || values[i] != wanted[i] {
				return fmt.Errorf("rank %d on %s has %s %s, rank 0 on %s has %s: all processes need the same", rank, g.HostOf(rank), name, shortened(values[min(i, len(values)-1)]), g.HostOf(0), shortened(wanted[i]))
			}
		}
	}
	return nil
}

// programDigest returns the beginning of the SHA-256 of the program file.
func programDigest() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8]), nil
}

// facts are what all processes must have in common: data are the digests of the data sets.
func (g group) facts(data map[string]string) (map[string]string, error) {
	facts := map[string]string{}
	if g.Size() == 1 {
		return facts, nil
	}
	for name, digest := range data {
		facts["the "+name+" data"] = digest
	}
	program, err := programDigest()
	facts["the program"] = program
	facts["a processor with"] = cpu.ISA()
	return facts, err
}

// sameTraining returns an error if the processes of a training differ.
func (g group) sameTraining(data map[string]string, threads int, b train.Begun, config string) error {
	facts, err := g.facts(data)
	if err != nil {
		return err
	}
	facts["threads"], facts["the step"], facts["the configuration"] = fmt.Sprint(threads), fmt.Sprint(b.Step), config
	return g.same(facts)
}

// sameEvaluation returns an error if the processes of an evaluation differ.
func (g group) sameEvaluation(data interface{ Digest() string }, metadata map[string]string, tensors []checkpoint.Tensor) error {
	facts, err := g.facts(map[string]string{"test": data.Digest()})
	if err != nil || g.Size() == 1 {
		return err
	}
	model := checkpoint.File{Metadata: metadata, Tensors: tensors}
	facts["the model"] = model.Digest().String()
	return g.same(facts)
}
