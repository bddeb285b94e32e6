package main

import (
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
	choose(f, &o.kind, "budget", string(allocate.MACs), "what is bounded: macs, block (conv3 counts too) or neurons",
		string(allocate.MACs), string(allocate.BlockMACs), string(allocate.Neurons))
	f.Float64Var(&o.factor, "factor", 1, "budget of multiply-adds, in parts of what a ResNet's block has")
	f.IntSliceVar(&o.neurons, "neurons", nil, "budget of neurons: how many in each block, a number a stage")
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
		return b, errors.New("--factor is for a budget of multiply-adds, not for one of neurons")
	case o.neurons == nil:
		return b, errors.New("--budget neurons needs --neurons, a number a stage, such as 88,175,349,697 (ScaleNet-50)")
	}
	return b, nil
}

func newAllocateCommand() *cobra.Command {
	var o allocateOptions
	c := &cobra.Command{
		Use:   "allocate --seed CHECKPOINT --out FILE",
		Short: "Allocate the neurons of SA blocks to scales by what a seed network learned",
		Long: `Read how much each neuron of a trained seed network matters, the absolute weight
of its BatchNorm channel, and keep in each SA block the neurons that matter most
within a budget (Algorithm 1 of the paper). --out gets the structure, a JSON row
a block (neurons at each scale, side), which a network's configuration names as
structure_file; the report goes beside it (.report.json, .report.md). A file that
exists is an error unless --force is given.

The checkpoint is a classifier's or a detector's; one without metadata, such as a
converted .pth, needs --model: a network by name, or a file that describes one.

--even splits the budget into equal parts instead and needs no checkpoint, only
--model. --structure describes an allocation that exists. --plots draws neurons
per scale and block, receptive fields, and the histograms of importance.`,
		Example: `  scalenet allocate seed --model cifar_scalenet38 --out seed.json
  scalenet allocate --seed runs/seed/last.safetensors --out structure.json --plots plots
  scalenet allocate --seed seed.safetensors --neurons 88,175,349,697 --out structure.json
  scalenet allocate --even --model cifar_scalenet38 --budget block --out even.json
  scalenet allocate --structure scalenet50 --plots plots`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	f := c.Flags()
	f.StringVar(&o.seed, "seed", "", "checkpoint of the trained seed network")
	f.StringVar(&o.model, "model", "", "network, where the checkpoint doesn't describe it")
	f.StringVar(&o.structure, "structure", "", "describe this network's allocation instead: a published name or a file")
	f.BoolVar(&o.even, "even", false, "the same number of neurons at each scale")
	o.budget.flags(c)
	f.Float64Var(&o.exponent, "exponent", 0, "b of the score |gamma| / cost^b")
	f.IntSliceVar(&o.scales, "scales", nil, "with --even: pool sizes of the scales, such as 1,2,4; default the network's")
	f.IntVar(&o.size, "size", 0, "with --even: side of the images; default 224, or 32 where the stem keeps the size")
	f.StringVar(&o.out, "out", "", "file for the structure (JSON)")
	f.StringVar(&o.plots, "plots", "", "folder for images")
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
	if err := o.check(); err != nil {
		return err
	}
	var a *allocate.Allocation
	switch {
	case o.structure != "" && (o.seed != "" || o.even || o.out != ""):
		err = errors.New("--structure describes an allocation that exists: --seed, --even and --out are for a new one")
	case o.structure != "":
		a, err = o.describe(budget)
	case o.seed != "":
		a, err = o.allocate(budget)
	case o.even:
		a, err = o.split(budget)
	default:
		err = errors.New("which network? --seed CHECKPOINT, --even --model NAME or --structure NAME")
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

// check holds the files that are written to the rule of outputs.
func (o *allocateOptions) check() error {
	read := slices.Concat([]string{o.seed, o.model, o.structure}, structureFile(o.model), structureFile(o.structure))
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

// structureFile is the file of the allocation that the description of a network
// names, if it names one.
func structureFile(model string) []string {
	config, err := namedConfig(model)
	if err != nil || config.StructureFile == "" {
		return nil
	}
	return []string{config.StructureFile}
}

// describe reads an allocation that exists.
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
	a, err := allocate.Given(config)
	if err == nil {
		err = a.Check(budget)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.structure, err)
	}
	return a, nil
}

// split shares a network's budget out evenly.
func (o *allocateOptions) split(budget allocate.Budget) (*allocate.Allocation, error) {
	if o.model == "" {
		return nil, errors.New("--even needs the network: --model NAME, or --seed CHECKPOINT")
	}
	config, err := scaledConfig(o.model, o.scales)
	if err != nil {
		return nil, err
	}
	if config, err = allocate.Shape(config, o.size); err != nil {
		return nil, fmt.Errorf("%s: %w", o.model, err)
	}
	a, err := allocate.Even(config, budget)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.model, err)
	}
	return a, nil
}

// allocate reads the seed.
func (o *allocateOptions) allocate(budget allocate.Budget) (*allocate.Allocation, error) {
	if o.scales != nil || o.size != 0 {
		return nil, errors.New("--scales and --size are the seed network's own: they go with --even --model")
	}
	var model *backbone.Config
	if o.model != "" {
		config, err := namedConfig(o.model)
		if err != nil {
			return nil, err
		}
		model = &config
	}
	seed, err := allocate.ReadSeed(o.seed, model)
	if err != nil {
		return nil, err
	}
	if o.even {
		return allocate.Even(seed.Config, budget)
	}
	return seed.Allocate(budget, o.exponent)
}

// scaledConfig is a namedConfig with other scales, where some are given.
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
		Short: "Write the structure of a seed network: the same number of neurons at every scale",
		Long: `Write the structure of a seed network, which has the same number of neurons at
every scale: as many as the stage has planes, times --share. With a share of 1 the
neurons of any one scale alone could use up the budget of the 3x3 convolution.`,
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
			if config, err = allocate.Seeded(config, size, share); err != nil {
				return fmt.Errorf("%s: %w", model, err)
			}
			return files.write(out, func(path string) error { return backbone.WriteStructure(path, config.Structure) })
		},
	}
	f := c.Flags()
	f.StringVar(&model, "model", "", "network: a name, or a file that describes one")
	f.IntSliceVar(&scales, "scales", nil, "pool sizes of the scales, such as 1,2,4; default the network's")
	f.IntVar(&size, "size", 0, "side of the images; default 224, or 32 where the stem keeps the size")
	f.Float64Var(&share, "share", 1, "neurons of a scale in parts of the stage's planes")
	f.StringVar(&out, "out", "", "file for the structure (JSON)")
	files.flags(c, "out")
	requireFlags(c, "model", "out")
	return c
}
