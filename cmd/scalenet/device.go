package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"scalenet/collective"
	"scalenet/engine"
	"scalenet/engine/cpu"
	"scalenet/engine/ref"
	"scalenet/internal/spelling"
	"scalenet/train"
)

// deviceOptions are the flags of every command that runs a network.
type deviceOptions struct {
	name    string
	threads int
	tf32    bool
}

// The values of --precision that are not types of training: int8 for a quantized model, and auto, which is int8 for such a model, else float32.
const (
	int8Precision train.Precision = "int8"
	autoPrecision train.Precision = "auto"
)

// precision is the flag --precision, the type of activations, with its former names --bf16 and --f16.
type precision struct {
	name      train.Precision
	bf16, f16 bool
}

func (p *precision) flags(c *cobra.Command) {
	f := c.Flags()
	choose(f, (*string)(&p.name), "precision", string(autoPrecision), "type of activations: float32, bfloat16, on GPUs float16, int8 for models that 'quantize' wrote, or auto: int8 for these and float32 for others",
		string(autoPrecision), string(train.Float32), string(train.BFloat16), string(train.Float16), string(int8Precision))
	f.BoolVar(&p.bf16, "bf16", false, "--precision bfloat16")
	f.BoolVar(&p.f16, "f16", false, "--precision float16")
	hide(f, "bf16", "f16")
}

// on returns the type for a model, whose Quantization is q or nil, and q if the model is to compute on bytes. It returns an error if dev does not
// support the type.
func (p *precision) on(dev engine.Device, q *engine.Quantization) (engine.DType, *engine.Quantization, error) {
	name := p.name
	switch {
	case p.bf16 && p.f16:
		return 0, nil, errors.New("--bf16 and --f16: want only one of them")
	case p.bf16:
		name = train.BFloat16
	case p.f16:
		name = train.Float16
	}
	if name == int8Precision && q == nil {
		return 0, nil, errors.New("--precision int8: the model has no scales: 'scalenet quantize' writes a model that has them")
	}
	if name == int8Precision || name == autoPrecision && q != nil {
		if err := dev.Capabilities().Int8; err != nil {
			return 0, nil, fmt.Errorf("%w; --precision float32 runs this quantized model in float", err)
		}
		return engine.Float32, q, nil
	}
	if err := dev.Capabilities().Supports(name.Features()); err != nil {
		return 0, nil, fmt.Errorf("--precision %s: %w", name, err)
	}
	return name.Features(), nil, nil
}

func (o *deviceOptions) flags(c *cobra.Command) {
	o.name = "cpu"
	c.Flags().Var(&checked{&o.name, checkDevice}, "device", `device: "cpu", "cuda" or "cuda:N" (GPU; needs scalenet-cuda), or "ref" (slow reference kernels in plain Go)`)
	offer(c.Flags(), "device", "cpu", "cuda", "ref")
	c.Flags().IntVar(&o.threads, "threads", 0, "CPU threads; 0 is one per core")
	c.Flags().BoolVar(&o.tf32, "tf32", false, "on a GPU, compute float32 convolutions and matrix products in TF32 (10 bits of mantissa): faster")
	c.PreRunE = func(*cobra.Command, []string) error { return o.checkThreads() }
}

// checkThreads checks --threads, before the command reads anything.
func (o *deviceOptions) checkThreads() error {
	if o.threads < 0 || o.threads > cpu.MaxThreads {
		return fmt.Errorf("--threads %d: want 0 (one per core) to %d", o.threads, cpu.MaxThreads)
	}
	return nil
}

// checkDevice returns name, or an error if name is not that of a device.
func checkDevice(name string) (string, error) {
	number, numbered := strings.CutPrefix(name, "cuda:")
	switch {
	case numbered:
		if ordinal, err := strconv.Atoi(number); err != nil || ordinal < 0 {
			return "", errors.New(`want "cuda:N", with N the index of a GPU, from 0`)
		}
		return name, nil
	case name == "cpu" || name == "cuda" || name == "ref":
		return name, nil
	}
	// Other frameworks call the device "gpu".
	meant := strings.Replace(spelling.Nearest(name, []string{"cpu", "cuda", "ref", "gpu"}), "gpu", "cuda", 1)
	err := `want "cpu", "cuda", "cuda:N" or "ref"`
	if meant != "" {
		err += fmt.Sprintf("; did you mean %q?", meant)
	}
	return "", errors.New(err)
}

// gpu reports whether the device is a GPU.
func (o *deviceOptions) gpu() bool { return o.name == "cuda" || strings.HasPrefix(o.name, "cuda:") }

// takeOwn makes "cuda" the GPU of this process among several: that of its local rank.
func (o *deviceOptions) takeOwn(g *collective.Group) error {
	if o.name != "cuda" || g.Size() == 1 {
		return nil
	}
	gpus, err := countGPUs()
	if err != nil {
		return err
	}
	if gpus < g.LocalSize() {
		return fmt.Errorf("--device cuda: %d processes on %s and %d GPUs, and each process needs one: start fewer, or give --device cuda:0 if each process sees only its own (CUDA_VISIBLE_DEVICES)",
			g.LocalSize(), g.Host(), gpus)
	}
	o.name = fmt.Sprintf("cuda:%d", g.LocalRank())
	return nil
}

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

// openFor opens the device for training, or returns an error if the device cannot train in precision p.
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

// keepThreads takes the threads of a run to resume, unless --threads is given.
func (o *deviceOptions) keepThreads(c *cobra.Command, b train.Begun) {
	if b.Threads > 0 && !c.Flags().Changed("threads") {
		o.threads = b.Threads
	}
}

// threadsOf returns the threads on which results of a device depend, 0 if they depend on none.
func threadsOf(dev engine.Device) int {
	if d, ok := dev.(interface{ Threads() int }); ok {
		return d.Threads()
	}
	return 0
}

// ordinal returns the index of the GPU, by default 0.
func (o *deviceOptions) ordinal() (int, error) {
	_, number, numbered := strings.Cut(o.name, ":")
	if !numbered {
		return 0, nil
	}
	ordinal, err := strconv.Atoi(number)
	if err != nil || ordinal < 0 {
		return 0, fmt.Errorf(`--device %q: want "cuda:N", with N the index of a GPU, from 0`, o.name)
	}
	return ordinal, nil
}
