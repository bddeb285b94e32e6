package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"scalenet/checkpoint"
	"scalenet/engine/cpu"
	"scalenet/train"
)

// facts are what processes, or a stopped run and the one that goes on with it, must have in common, by name.
type facts map[string]string

// flagFacts returns the values of the flags of a command, without those that may differ.
func flagFacts(c *cobra.Command, device *deviceOptions, may []string) facts {
	f := facts{}
	c.Flags().VisitAll(func(flag *pflag.Flag) {
		if !slices.Contains(may, flag.Name) {
			f["--"+flag.Name] = flag.Value.String()
		}
	})
	f["--device"], _, _ = strings.Cut(device.name, ":") // of several GPUs each process may have its own
	return f
}

// difference returns the name of the first fact that differs, and the values as text: of values of several lines the first line that differs. name is "" if the
// facts are the same.
func (f facts) difference(other facts) (name, own, others string) {
	both := maps.Clone(f)
	maps.Copy(both, other)
	for _, name := range slices.Sorted(maps.Keys(both)) {
		if own, others = f[name], other[name]; own != others {
			own, others = differingLine(own, others)
			return name, cmp.Or(shortened(own), "none"), cmp.Or(shortened(others), "none")
		}
	}
	return "", "", ""
}

// differingLine returns the first line that differs of each of two texts; "" is the end of one.
func differingLine(a, b string) (string, string) {
	for a != "" && b != "" {
		lineA, restA, _ := strings.Cut(a, "\n")
		lineB, restB, _ := strings.Cut(b, "\n")
		if lineA != lineB {
			return strings.TrimSpace(lineA), strings.TrimSpace(lineB)
		}
		a, b = restA, restB
	}
	lineA, _, _ := strings.Cut(a, "\n")
	lineB, _, _ := strings.Cut(b, "\n")
	return strings.TrimSpace(lineA), strings.TrimSpace(lineB)
}

// same returns an error if the processes differ in one of the facts.
func (g group) same(f facts) error {
	if g.Size() == 1 {
		return nil
	}
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	blocks, err := g.AllGather(text)
	if err != nil {
		return err
	}
	all := make([]facts, len(blocks))
	for rank, block := range blocks {
		if err := json.Unmarshal(block, &all[rank]); err != nil {
			return fmt.Errorf("the facts of rank %d: %w", rank, err)
		}
		if name, own, first := all[rank].difference(all[0]); name != "" {
			return &knownError{fmt.Errorf("rank %d on %s has %s %s, rank 0 on %s has %s: all processes need the same",
				rank, g.HostOf(rank), name, own, g.HostOf(0), first)}
		}
	}
	return nil
}

// sameFlags returns an error if the processes were started with different flags. Paths may differ, because what is behind them is compared where it counts, and
// threads, which trainings compare. Of --config only the first process may use the file, so the content is compared here.
func (g group) sameFlags(c *cobra.Command, device *deviceOptions) error {
	if g.Size() == 1 {
		return nil
	}
	f := flagFacts(c, device, []string{"config", "data", "images", "init", "model", "out", "report", "results", "threads", "train", "train-images",
		"val", "val-images"})
	if flag := c.Flags().Lookup("config"); flag != nil && flag.Value.String() != "" {
		text, err := readConfig(flag.Value.String())
		if err != nil {
			return err
		}
		f["--config"] = string(text)
	}
	return g.same(f)
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
func (g group) facts(data map[string]string) (facts, error) {
	f := facts{}
	if g.Size() == 1 {
		return f, nil
	}
	for name, digest := range data {
		f["the "+name+" data"] = digest
	}
	program, err := programDigest()
	f["the program"] = program
	f["a processor with"] = cpu.ISA()
	return f, err
}

// sameTraining returns an error if the processes of a training differ.
func (g group) sameTraining(data map[string]string, threads int, b train.Begun, config string) error {
	f, err := g.facts(data)
	if err != nil {
		return err
	}
	f["threads"], f["the step"], f["the configuration"] = fmt.Sprint(threads), fmt.Sprint(b.Step), config
	return g.same(f)
}

// sameParameters returns an error if the processes of a training begin with different parameters.
func (g group) sameParameters(tensors []checkpoint.Tensor) error {
	if g.Size() == 1 {
		return nil
	}
	parameters := checkpoint.File{Tensors: tensors}
	return g.same(facts{"the initial parameters": parameters.Digest().String()})
}

// sameEvaluation returns an error if the processes of an evaluation differ.
func (g group) sameEvaluation(data interface{ Digest() string }, metadata map[string]string, tensors []checkpoint.Tensor) error {
	f, err := g.facts(map[string]string{"test": data.Digest()})
	if err != nil || g.Size() == 1 {
		return err
	}
	model := checkpoint.File{Metadata: metadata, Tensors: tensors}
	f["the model"] = model.Digest().String()
	return g.same(f)
}
