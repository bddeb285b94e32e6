package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"scalenet/backbone"
	"scalenet/classify/allocate"
)

type allocateOptions struct {
	seed, model, structure string
	even                   bool
	budget                 budgetOptions
	exponent               float64
	importance             importanceOptions
	scales                 []int
	size                   int
	out, plots             string
	output                 outputs
	json                   bool
}

// budgetOptions are the flags of an allocate.Budget.
type budgetOptions struct {
	kind    string
	factor  float64
	neurons []int
}

func (o *budgetOptions) flags(c *cobra.Command) {
	f := c.Flags()
	choose(f, &o.kind, "budget", string(allocate.MACs), "what the budget limits: macs (multiply-adds), block (macs including conv3) or neurons",
		string(allocate.MACs), string(allocate.BlockMACs), string(allocate.Neurons))
	f.Float64Var(&o.factor, "factor", 1, "budget of multiply-adds, as a multiple of those of the ResNet block")
	f.IntSliceVar(&o.neurons, "neurons", nil, "budget of neurons (output channels) per block, one number per stage")
}

func (o *budgetOptions) budget(c *cobra.Command) (allocate.Budget, error) {
	changed := c.Flags().Changed
	if changed("neurons") && !changed("budget") {
		o.kind = string(allocate.Neurons)
	}
	b := allocate.Budget{Kind: allocate.Kind(o.kind), PerStage: o.neurons}
	switch {
	case b.Kind != allocate.Neurons:
		b.Factor = o.factor
	case changed("factor"):
		return b, errors.New("--factor applies to a budget of multiply-adds, not to --budget neurons")
	case o.neurons == nil:
		return b, errors.New("--budget neurons needs --neurons with one number per stage, such as 88,175,349,697 (ScaleNet-50)")
	}
	return b, nil
}

func newAllocateCommand() *cobra.Command {
	var o allocateOptions
	c := &cobra.Command{
		Use:   "allocate --seed CHECKPOINT --out FILE",
		Short: "Allocate output channels of SA blocks to scales, from a trained seed network",
		Long: `Allocate neurons (output channels) to the scales of each SA block by Algorithm 1
of the paper. The importance of a neuron is |gamma| of its BatchNorm channel in a
trained seed network. Each block keeps its most important neurons within a budget.

--importance chooses another measure: output is |gamma| times the norm of the weights
by which conv3 and its BatchNorm pass the neuron on. loss is |gamma x gradient|,
averaged over an epoch of the training data in --data.

--out gets the structure file: JSON with one row per block (neurons per scale, and
the input size of the block). A network's configuration names this file as
structure_file. Reports are written next to it (.report.json and .report.md).

The checkpoint is that of a classifier or a detector. A checkpoint without
metadata, such as a converted .pth, needs --model: the name of a network, or a
file that describes a network.

--even allocates the same number of neurons to every scale. It needs --model
instead of a checkpoint. --structure reports on an existing allocation. --plots
draws neurons per scale and block, receptive fields and importance histograms.`,
		Example: `  scalenet allocate seed --model cifar_scalenet38 --out seed.json
  scalenet allocate --seed runs/seed/last.safetensors --out structure.json --plots plots
  scalenet allocate --seed runs/seed/last.safetensors --importance loss --data cifar-100-binary.tar.gz --out structure.json
  scalenet allocate --seed seed.safetensors --neurons 88,175,349,697 --out structure.json
  scalenet allocate --even --model cifar_scalenet38 --budget block --out even.json
  scalenet allocate --structure scalenet50 --plots plots`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	f := c.Flags()
	f.StringVar(&o.seed, "seed", "", "checkpoint of the trained seed network")
	f.StringVar(&o.model, "model", "", "name or file of the network, if the checkpoint does not describe it")
	f.StringVar(&o.structure, "structure", "", "report on an existing allocation: name of a published network, or a structure file")
	f.BoolVar(&o.even, "even", false, "allocate the same number of neurons to every scale")
	o.budget.flags(c)
	f.Float64Var(&o.exponent, "exponent", 0, "exponent b of the score importance / cost^b")
	o.importance.flags(c)
	f.IntSliceVar(&o.scales, "scales", nil, "with --even: pooling factors of the scales, such as 1,2,4 (default: those of the network)")
	f.IntVar(&o.size, "size", 0, "with --even: height and width of the input (default 224, or 32 for a CIFAR stem)")
	f.StringVar(&o.out, "out", "", "structure file to write (JSON)")
	f.StringVar(&o.plots, "plots", "", "folder for the charts")
	o.output.flags(c, "out", "plots")
	f.BoolVar(&o.json, "json", false, "print the report as JSON")
	c.AddCommand(newAllocateSeedCommand())
	return c
}

func (o *allocateOptions) run(c *cobra.Command) error {
	budget, err := o.budget.budget(c)
	if err != nil {
		return err
	}
	if err := cmp.Or(o.unused(c), o.importance.check(c, o.seed), o.check()); err != nil {
		return err
	}
	var a *allocate.Allocation
	switch {
	case o.structure != "":
		a, err = o.describe(budget)
	case o.seed != "":
		a, err = o.allocate(c, budget)
	case o.even:
		a, err = o.split(c, budget)
	default:
		err = errors.New("no network given: want --seed CHECKPOINT, --even --model NAME or --structure NAME")
	}
	if err != nil {
		return err
	}
	if err := o.write(a); err != nil {
		return err
	}
	if o.json {
		return json.NewEncoder(c.OutOrStdout()).Encode(a.Report())
	}
	return a.Report().WriteText(c.OutOrStdout())
}

// unused returns an error that names a given flag that has no effect on what is asked for.
func (o *allocateOptions) unused(c *cobra.Command) error {
	var what string
	var flags []string
	switch {
	case o.structure != "":
		what, flags = "--structure, which reports on an existing allocation", []string{"seed", "even", "out", "factor", "exponent", "importance", "scales", "size"}
		if o.budget.kind != string(allocate.Neurons) { // sums of neurons are checked
			flags = append(flags, "budget")
		}
	case o.even:
		what, flags = "--even, which gives all scales the same number", []string{"exponent", "importance"}
	}
	for _, name := range flags {
		if c.Flags().Changed(name) {
			return fmt.Errorf("--%s has no effect with %s", name, what)
		}
	}
	return nil
}

// check checks the output files by the rule of outputs.
func (o *allocateOptions) check() error {
	read := slices.Concat([]string{o.seed, o.model, o.structure, o.importance.data}, structureFile(o.model), structureFile(o.structure))
	var written []output
	if o.out != "" {
		for _, file := range allocate.Files(o.out) {
			written = append(written, output{of: "--out", path: file})
		}
	}
	if o.plots != "" {
		written = append(written, in(o.plots, "--plots", allocate.PlotFiles()...)...)
	}
	return o.output.check(read, written...)
}

func (o *allocateOptions) write(a *allocate.Allocation) error {
	if o.out != "" {
		if err := o.output.write(o.out, a.Write); err != nil {
			return err
		}
	}
	if o.plots == "" {
		return nil
	}
	return o.output.writeInto(o.plots, a.Plot)
}

// structureFile returns the structure file that a network description names,
// or nil.
func structureFile(model string) []string {
	config, err := namedConfig(model)
	if err != nil || config.StructureFile == "" {
		return nil
	}
	return []string{config.StructureFile}
}

// describe reads the existing allocation of --structure.
func (o *allocateOptions) describe(budget allocate.Budget) (*allocate.Allocation, error) {
	named := o.structure
	if o.model != "" {
		named = o.model
	}
	config, err := namedConfig(named)
	if err != nil {
		return nil, err
	}
	if o.model != "" {
		config.Structure, config.StructureFile = nil, o.structure
	}
	a, err := allocate.Current(config)
	if err == nil {
		err = a.Check(budget)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.structure, err)
	}
	return a, nil
}

// split allocates the same number of neurons to every scale.
func (o *allocateOptions) split(c *cobra.Command, budget allocate.Budget) (*allocate.Allocation, error) {
	if o.model == "" {
		return nil, errors.New("--even needs a network: --model NAME or --seed CHECKPOINT")
	}
	config, err := scaledConfig(o.model, o.scales)
	if err != nil {
		return nil, err
	}
	if err := checkSize(c, o.model, config, o.size); err != nil {
		return nil, err
	}
	if config, err = allocate.MinimalStructure(config, o.size); err != nil {
		return nil, fmt.Errorf("%s: %w", o.model, err)
	}
	a, err := allocate.Even(config, budget)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.model, err)
	}
	return a, nil
}

// allocate allocates by the importance of the neurons of the seed network.
func (o *allocateOptions) allocate(c *cobra.Command, budget allocate.Budget) (*allocate.Allocation, error) {
	if o.scales != nil || o.size != 0 {
		return nil, errors.New("--scales and --size are given by the seed network: use them only with --even --model")
	}
	var model *backbone.Config
	if o.model != "" {
		config, err := namedConfig(o.model)
		if err != nil {
			return nil, err
		}
		model = &config
	}
	seed, err := o.importance.seed(c, o.seed, model)
	if err != nil {
		return nil, err
	}
	if o.even {
		return allocate.Even(seed.Config, budget)
	}
	return seed.Allocate(budget, o.exponent)
}

// mostFeatures is the maximum height and width of features in a structure.
const mostFeatures = 8192

// checkSize returns an error that says which input sizes the network takes, if it takes others than that of --size, but not this one.
func checkSize(c *cobra.Command, model string, config backbone.Config, size int) error {
	if !c.Flags().Changed("size") {
		return nil
	}
	if size > 0 {
		if _, err := allocate.MinimalStructure(config, size); err == nil {
			return nil
		}
	}
	usual, err := allocate.MinimalStructure(config, 224)
	if err != nil {
		return fmt.Errorf("%s: %w", model, err)
	}
	n, err := usual.New()
	if err != nil {
		return fmt.Errorf("%s: %w", model, err)
	}
	return fmt.Errorf("--size %d: want %d to %d for %s", size, n.MinSide(n.Stages()), mostFeatures*n.Stride(1), model)
}

// scaledConfig returns namedConfig(model), with its scales replaced unless
// scales is empty.
func scaledConfig(model string, scales []int) (backbone.Config, error) {
	config, err := namedConfig(model)
	if scales != nil {
		config.Scales = scales
	}
	return config, err
}

func newAllocateSeedCommand() *cobra.Command {
	var (
		model, out string
		files      outputs
		scales     []int
		size       int
		share      float64
	)
	c := &cobra.Command{
		Use:   "seed --model NAME --out FILE",
		Short: "Write the structure of a seed network, with the same number of neurons at every scale",
		Long: `Write the structure file of a seed network, which has the same number of neurons
at every scale: --share times the planes of the stage. With the default share of 1
every single scale has as many neurons as the 3x3 convolution of the ResNet block.`,
		Example: `  scalenet allocate seed --model cifar_scalenet38 --out seed.json
  scalenet allocate seed --model scalenet50 --scales 1,2,4 --share 0.5 --out seed.json`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := files.check(append(structureFile(model), model), output{of: "--out", path: out}); err != nil {
				return err
			}
			config, err := scaledConfig(model, scales)
			if err != nil {
				return err
			}
			if err := checkSize(c, model, config, size); err != nil {
				return err
			}
			if config, err = allocate.SeedNetwork(config, size, share); err != nil {
				return fmt.Errorf("%s: %w", model, err)
			}
			return files.write(out, func(path string) error { return backbone.WriteStructure(path, config.Structure) })
		},
	}
	f := c.Flags()
	f.StringVar(&model, "model", "", "name of a network, or a file that describes a network")
	f.IntSliceVar(&scales, "scales", nil, "pooling factors of the scales, such as 1,2,4 (default: those of the network)")
	f.IntVar(&size, "size", 0, "height and width of the input (default 224, or 32 for a CIFAR stem)")
	f.Float64Var(&share, "share", 1, "neurons per scale, as a fraction of the planes of the stage")
	f.StringVar(&out, "out", "", "structure file to write (JSON)")
	files.flags(c, "out")
	requireFlags(c, "model", "out")
	return c
}
