package classify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"scalenet/backbone"
	"scalenet/checkpoint"
	"scalenet/classify/allocate"
	"scalenet/internal/config"
	"scalenet/train"
)

// Search finds a network for a data set as the paper does: it trains a seed,
// allocates the neurons by what the seed learned, and trains the outcome from
// scratch; beside it the even allocation under the same budget.
type Search struct {
	// Data and Val are the paths of training and validation data.
	Data string `yaml:"data"`
	Val  string `yaml:"val,omitempty"`
	// Share is the seed's neurons at each scale in parts of the planes.
	Share float64 `yaml:"share"`
	// Budget and Exponent are those of allocate.Seed.Allocate.
	Budget   allocate.Budget `yaml:"budget"`
	Exponent float64         `yaml:"exponent"`
	// Networks are trained after the seed; the even one alone needs none.
	Networks []allocate.Method `yaml:"networks,flow"`
	// Config is that of all trainings; its network is the seed.
	Config Config `yaml:"config"`
}

// Found is a line of a search's outcome.
type Found struct {
	Network string `json:"network"`
	Neurons int    `json:"neurons"`
	Params  int    `json:"params"`
	MACs    int    `json:"macs"`
	// Top1 and Top5 are the accuracies of the run's last evaluation.
	Top1 float64 `json:"top1"`
	Top5 float64 `json:"top5"`
}

// The files and folders of a search, besides a folder for each network.
const (
	searchFile       = "search.yaml"
	seedFolder       = "seed"
	allocationFolder = "allocation"
	foundFile        = "found"
)

// Resolve makes the configuration's network the seed, whatever structure it
// has, and checks everything that can be checked before days of training.
func (s Search) Resolve() (Search, error) {
	var err error
	if s.Config.Backbone, err = allocate.Seeded(s.Config.Backbone, s.Config.Input.Size, s.Share); err != nil {
		return s, err
	}
	if s.Config, err = s.Config.Resolve(); err != nil {
		return s, err
	}
	if s.Config.Train.EvalEpochs < 1 {
		return s, fmt.Errorf("train.eval_epochs = %d: a search compares evaluations, at least the last epoch's", s.Config.Train.EvalEpochs)
	}
	if len(s.Networks) == 0 {
		return s, errors.New("networks []: want allocated, even or both")
	}
	for i, n := range s.Networks {
		if n != allocate.ByImportance && n != allocate.Evenly || slices.Contains(s.Networks[:i], n) {
			return s, fmt.Errorf("networks %v: want %s, %s or both", s.Networks, allocate.ByImportance, allocate.Evenly)
		}
	}
	if _, err := allocate.Even(s.Config.Backbone, s.Budget); err != nil {
		return s, err
	}
	return s, allocate.Try(s.Config.Backbone, s.Budget, s.Exponent)
}

// YAML is the search as text that ReadSearch reads.
func (s Search) YAML() string { return config.YAML(s) }

// ReadSearch reads the search that was begun in a folder.
func ReadSearch(dir string) (Search, error) {
	s := Search{Config: Default()}
	path := filepath.Join(dir, searchFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("%s: there is no search to resume", path)
	}
	if err != nil {
		return s, err
	}
	if err := config.Merge(&s, data, path); err != nil {
		return s, err
	}
	if s, err = s.Resolve(); err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// New is an error when the folder has a search, or what one would write over.
func (s Search) New(dir string) error {
	path := filepath.Join(dir, searchFile)
	if _, err := os.Stat(path); err == nil {
		return fmt.Errorf("%s: a search is there already; continue it with --resume or choose another --out", path)
	}
	for _, name := range []string{seedFolder, string(allocate.ByImportance), string(allocate.Evenly), allocationFolder, foundFile + ".json", foundFile + ".md"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return fmt.Errorf("%s: is there already and is not of a search: choose another --out", filepath.Join(dir, name))
		}
	}
	return nil
}

// Begin makes the folder of a new search. One that has a search is an error.
func (s Search) Begin(dir string) error {
	path := filepath.Join(dir, searchFile)
	if err := s.New(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return checkpoint.WriteAtomic(path, func(w io.Writer) error {
		_, err := io.WriteString(w, s.YAML())
		return err
	})
}

// Fit trains a network in a folder, from the beginning or on from where it was
// stopped.
type Fit func(ctx context.Context, c Config, dir string, resume bool) error

// Run does what is left of a resolved search in its folder, each network in a
// folder of its own, and gives the outcome, which it writes there too. tell is
// told what comes next.
func (s Search) Run(ctx context.Context, dir string, classes int, fit Fit, tell func(string)) ([]Found, error) {
	var found []Found
	allocates, count := slices.Contains(s.Networks, allocate.ByImportance), len(s.Networks)
	if allocates {
		count++ // the seed
	}
	train := func(name string, network backbone.Config) error {
		c := s.Config
		c.Backbone = network
		title := fmt.Sprintf("%s (network %d of %d): ", name, len(found)+1, count)
		result, err := fitOnce(ctx, c, filepath.Join(dir, name), fit, func(what string) { tell(title + what) })
		if err != nil {
			return err
		}
		line, err := s.found(name, network, classes, result)
		found = append(found, line)
		return err
	}
	if allocates {
		if err := train(seedFolder, s.Config.Backbone); err != nil {
			return nil, err
		}
	}
	for _, m := range s.Networks {
		network, err := s.allocation(dir, m, tell)
		if err != nil {
			return nil, err
		}
		if err := train(string(m), network); err != nil {
			return nil, err
		}
	}
	return found, writeFound(dir, found)
}

// fitOnce trains what isn't trained yet.
func fitOnce(ctx context.Context, c Config, dir string, fit Fit, tell func(string)) (*train.Result, error) {
	result, err := train.ReadResult(dir)
	if err != nil {
		return nil, err
	}
	switch {
	case result == nil:
		tell("training")
	case result.Done:
		tell("trained already")
		return result, nil
	default:
		tell(fmt.Sprintf("training goes on after step %d", result.Step))
	}
	if err := fit(ctx, c, dir, result != nil); err != nil {
		return nil, err
	}
	return train.ReadResult(dir)
}

// allocation makes the structure of a network, with report and images, or
// takes the one that is there.
func (s Search) allocation(dir string, method allocate.Method, tell func(string)) (backbone.Config, error) {
	folder := filepath.Join(dir, allocationFolder)
	path := filepath.Join(folder, string(method)+".json")
	config := s.Config.Backbone
	rows, err := backbone.ReadStructure(path)
	if err == nil {
		tell(path + ": there already")
		config.Structure = rows
		return config, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return config, err
	}
	tell(path + ": allocating")
	a, err := s.allocate(filepath.Join(dir, seedFolder, train.LastFile), method)
	if err != nil {
		return config, err
	}
	if err := a.Plot(filepath.Join(folder, string(method))); err != nil {
		return config, err
	}
	return a.Config, a.Write(path)
}

func (s Search) allocate(seed string, method allocate.Method) (*allocate.Allocation, error) {
	if method == allocate.Evenly {
		return allocate.Even(s.Config.Backbone, s.Budget)
	}
	trained, err := allocate.ReadSeed(seed, nil)
	if err != nil {
		return nil, err
	}
	return trained.Allocate(s.Budget, s.Exponent)
}

// found describes a trained network.
func (s Search) found(name string, config backbone.Config, classes int, result *train.Result) (Found, error) {
	f := Found{Network: name, Top1: result.Figure(Top1), Top5: result.Figure(Top5)}
	for _, row := range config.Structure {
		for _, n := range row[:len(row)-1] {
			f.Neurons += n
		}
	}
	n, err := config.New()
	if err != nil {
		return f, err
	}
	_, total, err := backbone.Summarize(n, s.Config.Input.Size, s.Config.Input.Size, classes)
	f.Params, f.MACs = total.Params, total.MACs
	if math.IsNaN(f.Top1) || math.IsNaN(f.Top5) {
		return f, fmt.Errorf("%s: the run has no evaluation with %s and %s", name, Top1, Top5)
	}
	return f, err
}

// foundHeader are the columns of the outcome.
var foundHeader = []string{"network", "neurons", "parameters", "multiply-adds", "top-1 error %", "top-5 error %"}

func (f Found) cells() []string {
	percent := func(accuracy float64) string { return fmt.Sprintf("%.2f", 100*(1-accuracy)) }
	return []string{f.Network, fmt.Sprint(f.Neurons), fmt.Sprint(f.Params), fmt.Sprint(f.MACs), percent(f.Top1), percent(f.Top5)}
}

// WriteFound prints the outcome of a search.
func WriteFound(w io.Writer, found []Found) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, strings.Join(foundHeader, "\t")+"\t")
	for _, f := range found {
		fmt.Fprintln(t, strings.Join(f.cells(), "\t")+"\t")
	}
	return t.Flush()
}

// writeFound writes the outcome into the folder, as JSON and as Markdown.
func writeFound(dir string, found []Found) error {
	err := checkpoint.WriteAtomic(filepath.Join(dir, foundFile+".json"), func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(found)
	})
	if err != nil {
		return err
	}
	return checkpoint.WriteAtomic(filepath.Join(dir, foundFile+".md"), func(w io.Writer) error {
		text := "| " + strings.Join(foundHeader, " | ") + " |\n|" + strings.Repeat("---|", len(foundHeader)) + "\n"
		for _, f := range found {
			text += "| " + strings.Join(f.cells(), " | ") + " |\n"
		}
		_, err := io.WriteString(w, text)
		return err
	})
}
