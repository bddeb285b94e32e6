package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"scalenet/engine"
	"scalenet/engine/cpu"
	"scalenet/engine/ref"
	"scalenet/internal/spelling"
	"scalenet/train"
)

// deviceOptions are the flags of every verb that computes.
type deviceOptions struct {
	name    string
	threads int
	tf32    bool
}

// precision is the flag --precision, the type of activations, with its former spellings --bf16 and --f16.
type precision struct {
	name      train.Precision
	bf16, f16 bool
}

func (p *precision) flags(c *cobra.Command) {
	f := c.Flags()
	choose(f, (*string)(&p.name), "precision", string(train.Float32), "type of activations: float32, bfloat16, or on GPUs float16",
		string(train.Float32), string(train.BFloat16), string(train.Float16))
	f.BoolVar(&p.bf16, "bf16", false, "--precision bfloat16")
	f.BoolVar(&p.f16, "f16", false, "--precision float16")
	hide(f, "bf16", "f16")
}

// on returns the type, which the device must support.
func (p *precision) on(dev engine.Device) (engine.DType, error) {
	name := p.name
	switch {
	case p.bf16 && p.f16:
		return 0, errors.New("--bf16 and --f16: want one of them")
	case p.bf16:
		name = train.BFloat16
	case p.f16:
		name = train.Float16
	}
	if err := dev.Capabilities().Supports(name.Features()); err != nil {
		return 0, fmt.Errorf("--precision %s: %w", name, err)
	}
	return name.Features(), nil
}

func (o *deviceOptions) flags(c *cobra.Command) {
	o.name = "cpu"
	c.Flags().Var(&checked{&o.name, checkDevice}, "device", `where to compute: "cpu", "cuda" or "cuda:N" (a GPU; needs scalenet-cuda), or "ref", plain Go that is slow and obviously right`)
	c.Flags().IntVar(&o.threads, "threads", 0, "threads of the CPU; 0 is one for each core")
	c.Flags().BoolVar(&o.tf32, "tf32", false, "on a GPU, compute float32 products in TF32: faster, with 10 bits of mantissa")
}

// checkDevice gives a device's name back, or says what is wrong with it.
func checkDevice(name string) (string, error) {
	number, numbered := strings.CutPrefix(name, "cuda:")
	switch {
	case numbered:
		if ordinal, err := strconv.Atoi(number); err != nil || ordinal < 0 {
			return "", errors.New(`want "cuda:N", N being the number of a GPU from 0`)
		}
		return name, nil
	case name == "cpu" || name == "cuda" || name == "ref":
		return name, nil
	}
	// Others call a GPU so.
	meant := strings.Replace(spelling.Nearest(name, []string{"cpu", "cuda", "ref", "gpu"}), "gpu", "cuda", 1)
	err := `want "cpu", "cuda", "cuda:N" or "ref"`
	if meant != "" {
		err += fmt.Sprintf("; did you mean %q?", meant)
	}
	return "", errors.New(err)
}

// gpu says whether the name is a GPU's.
func (o *deviceOptions) gpu() bool { return o.name == "cuda" || strings.HasPrefix(o.name, "cuda:") }

func (o *deviceOptions) open() (engine.Device, error) {
	if _, err := checkDevice(o.name); err != nil {
		return nil, fmt.Errorf("--device %q: %w", o.name, err)
	}
	switch o.name {
	case "cpu":
		return cpu.New(cpu.Options{Threads: o.threads})
	case "ref":
		return ref.New(ref.Options{}), nil
	}
	ordinal, err := o.ordinal()
	if err != nil {
		return nil, err
	}
	return openGPU(ordinal, o.tf32)
}

// openFor opens it for a training, if it can train in the precision.
func (o *deviceOptions) openFor(p train.Precision) (engine.Device, error) {
	dev, err := o.open()
	if err != nil {
		return nil, err
	}
	if err := p.On(dev); err != nil {
		return nil, errors.Join(err, dev.Close())
	}
	return dev, nil
}

// ordinal is the number of the GPU, 0 where none is given.
func (o *deviceOptions) ordinal() (int, error) {
	_, number, numbered := strings.Cut(o.name, ":")
	if !numbered {
		return 0, nil
	}
	ordinal, err := strconv.Atoi(number)
	if err != nil || ordinal < 0 {
		return 0, fmt.Errorf(`--device %q: want "cuda:N", N being the number of a GPU from 0`, o.name)
	}
	return ordinal, nil
}
