package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"scalenet/classify"
	"scalenet/classify/allocate"
	"scalenet/internal/config"
	"scalenet/train"

	"github.com/spf13/cobra"
)

type classifySearchOptions struct {
	images   trainingImages
	settings settings
	device   deviceOptions
	out      string
	resume   bool
	budget   budgetOptions
	share    float64
	exponent float64
	networks []string
	json     bool
}

func newClassifySearchCommand() *cobra.Command {
	var o classifySearchOptions
	c := &cobra.Command{
		Use:   "search --data PATH --out DIR",
		Short: "Train a seed network, allocate neurons, and train the allocated network",
		Long: `Run the paper's search in three steps:
  1. Train a seed network, which has the same number of neurons (output channels)
     at every scale of each block.
  2. Keep the most important neurons within a budget (see "scalenet allocate").
  3. Train from scratch the network of that allocation, and as baseline the network
     that splits the same budget evenly.
All networks are trained with the same configuration.

DIR gets one folder per training run (seed, allocated, even), the folder allocation
with structure files, reports and charts, and the results in found.json and found.md.
Ctrl-C saves and exits. --resume continues a search that was stopped or killed,
without repeating finished steps, and needs no other flag than --out.`,
		Example: `  scalenet classify search --data cifar-100-binary.tar.gz --preset cifar --budget block --out runs/search
  scalenet classify search --data cifar-100-binary.tar.gz --preset cifar --set backbone.scales=[1,2] --networks allocated --out runs/two
  scalenet classify search --out runs/search --resume`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	f := c.Flags()
	o.images.flags(c)
	o.settings.flags(c, "imagenet", classify.Presets().Names())
	f.StringVar(&o.out, "out", "", "folder of the search")
	f.BoolVar(&o.resume, "resume", false, "continue the search in --out")
	f.Float64Var(&o.share, "share", 1, "neurons per scale of the seed network, as a fraction of the planes of the stage")
	o.budget.flags(c)
	f.Float64Var(&o.exponent, "exponent", 0, "exponent b of the importance score |gamma| / cost^b")
	f.StringSliceVar(&o.networks, "networks", []string{string(allocate.ByImportance), string(allocate.Evenly)}, "networks to train after the seed network")
	f.BoolVar(&o.json, "json", false, "print the results as JSON")
	o.device.flags(c)
	requireFlags(c, "out")
	return c
}

func (o *classifySearchOptions) run(c *cobra.Command) error {
	return inGroup(c, &o.device, o.sharing)
}

// sharing is the part of this process.
func (o *classifySearchOptions) sharing(c *cobra.Command, g group) error {
	saveAsked, stopSaving := train.SaveRequests()
	defer stopSaving()
	search, err := o.together(c, g)
	if err != nil {
		return err
	}
	errs := g.told(c.ErrOrStderr())
	o.images.path, o.images.val = search.Data, search.Val
	data, val, err := o.images.both(errs)
	if err != nil {
		return err
	}
	dev, err := o.device.open()
	if err != nil {
		return err
	}
	defer dev.Close()
	if err := g.sameTraining(dataDigests(data, val), threadsOf(dev), train.Begun{}, search.YAML()); err != nil {
		return err
	}
	lock, err := o.begin(search, g)
	if err != nil {
		return err
	}
	defer lock.Close()
	ctx, stop := train.Interruptible(c.Context(), errs, stopsTraining)
	defer stop()
	defer o.images.tell(errs)
	f := classifierFit{errs, g, o.device, dev, data, val, o.images.skipped, saveAsked}
	results, err := search.Run(ctx, o.out, len(data.Classes), g.Group, f.network, func(what string) { fmt.Fprintln(errs, what) })
	if err != nil {
		return err
	}
	if o.json {
		return json.NewEncoder(g.told(c.OutOrStdout())).Encode(results)
	}
	return classify.WriteResults(g.told(c.OutOrStdout()), results)
}

// together returns the search of the first process.
func (o *classifySearchOptions) together(c *cobra.Command, g group) (search classify.Search, err error) {
	if g.first() {
		if search, err = o.search(c); err != nil {
			return search, err
		}
		if !o.resume {
			if err := search.New(o.out); err != nil {
				return search, err
			}
		}
	}
	text, err := g.text(search.YAML())
	if err != nil {
		return search, err
	}
	// A new search runs as a resumed one.
	return classify.ParseSearch([]byte(text), o.out)
}

// begin locks the folder, and begins a new search.
func (o *classifySearchOptions) begin(search classify.Search, g group) (*train.Lock, error) {
	if !g.first() {
		return nil, nil
	}
	if !o.resume {
		if err := search.New(o.out); err != nil {
			return nil, err
		}
	}
	lock, err := train.LockFolder(o.out)
	if err != nil || o.resume {
		return lock, err
	}
	if err := search.Begin(o.out); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// network trains a network of a search.
func (f *classifierFit) network(ctx context.Context, config classify.Config, dir string, resume bool) error {
	model, err := classify.New(config, f.data.Classes, config.Train.Seed)
	if err != nil {
		return err
	}
	if resume {
		local, remove, err := f.group.folder(dir)
		if err != nil {
			return err
		}
		defer remove()
		dir = local
	}
	var lock *train.Lock
	if f.group.first() {
		if lock, err = train.LockFolder(dir); err != nil {
			return err
		}
		defer lock.Close()
	}
	return f.run(ctx, model, dir, lock, resume)
}

// search returns the search of the flags, or with --resume the search that was
// begun in the folder, which given flags must agree with.
func (o *classifySearchOptions) search(c *cobra.Command) (search classify.Search, err error) {
	if o.resume {
		if search, err = classify.ReadSearch(o.out); err != nil {
			return search, err
		}
		if !slices.ContainsFunc([]string{"data", "val", "preset", "config", "set", "share", "budget", "factor", "neurons", "exponent", "networks"}, c.Flags().Changed) {
			return search, nil
		}
	}
	asked, err := o.asked(c)
	if err != nil {
		return search, err
	}
	if !o.resume {
		return asked, nil
	}
	if err := config.Unchanged(search, asked); err != nil {
		return search, fmt.Errorf("%s: the search was begun with other settings: %w; resume it with --out and --resume alone", o.out, err)
	}
	return search, nil
}

// asked returns the search that the flags describe.
func (o *classifySearchOptions) asked(c *cobra.Command) (asked classify.Search, err error) {
	if o.images.path == "" {
		return asked, errors.New("--data is missing")
	}
	asked = classify.Search{SeedFraction: o.share, Exponent: o.exponent}
	if asked.Budget, err = o.budget.budget(c); err != nil {
		return asked, err
	}
	// The search may be resumed from another working directory.
	if asked.Data, err = filepath.Abs(o.images.path); err != nil {
		return asked, err
	}
	if o.images.val != "" {
		if asked.Val, err = filepath.Abs(o.images.val); err != nil {
			return asked, err
		}
	}
	for _, n := range o.networks {
		asked.Networks = append(asked.Networks, allocate.Method(n))
	}
	if asked.Config, err = classify.Presets().Get(o.settings.preset); err != nil {
		return asked, err
	}
	if err := o.settings.change(&asked.Config); err != nil {
		return asked, err
	}
	return asked.Resolve()
}
