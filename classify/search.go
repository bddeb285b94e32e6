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
	"scalenet/collective"
	"scalenet/internal/config"
	"scalenet/train"
)

// Search finds a network for a data set as the paper does. It trains a seed network,
// allocates neurons by the importance learned in it, and trains the resulting network
// from scratch. For comparison it trains the even allocation with the same budget.
type Search struct {
	// Data and Val are the paths of training and validation data.
	Data string `yaml:"data"`
	Val  string `yaml:"val,omitempty"`
	// SeedFraction is the number of neurons per scale of the seed network, as a fraction
	// of the planes of the stage, see [allocate.SeedNetwork].
	SeedFraction float64 `yaml:"share"`
	// Budget and Exponent are the arguments of [allocate.Seed.Allocate].
	Budget   allocate.Budget `yaml:"budget"`
	Exponent float64         `yaml:"exponent"`
	// Networks are the allocations to train. Without ByImportance, no seed network is
	// trained.
	Networks []allocate.Method `yaml:"networks,flow"`
	// Config is the configuration of all training runs. Its backbone is the seed network.
	Config Config `yaml:"config"`
}

// SearchResult describes one trained network of a search.
type SearchResult struct {
	Network string `json:"network"`
	Neurons int    `json:"neurons"`
	Params  int    `json:"params"`
	MACs    int    `json:"macs"`
	// Top1 and Top5 are the accuracies in the last evaluation of the run, from 0 to 1.
	Top1 float64 `json:"top1"`
	Top5 float64 `json:"top5"`
}

// The files and folders of a search, in addition to one folder per network.
const (
	searchFile       = "search.yaml"
	seedFolder       = "seed"
	allocationFolder = "allocation"
	resultsFile      = "found"
)

// Resolve replaces the structure in the configuration by that of the seed network, and
// checks everything that can be checked before training.
func (s Search) Resolve() (Search, error) {
	var err error
	if s.Config.Backbone, err = allocate.SeedNetwork(s.Config.Backbone, s.Config.Input.Size, s.SeedFraction); err != nil {
		return s, err
	}
	if s.Config, err = s.Config.Resolve(); err != nil {
		return s, err
	}
	if s.Config.Train.EvalEpochs < 1 {
		return s, fmt.Errorf("train.eval_epochs = %d: a search compares evaluations, at least the last epoch's", s.Config.Train.EvalEpochs)
	}
	if err := s.Config.CheckBest(); err != nil {
		return s, err
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
	return s, allocate.Validate(s.Config.Backbone, s.Budget, s.Exponent)
}

// YAML returns the search as text that ReadSearch reads.
func (s Search) YAML() string { return config.YAML(s) }

// ReadSearch reads the search that was started in a folder.
func ReadSearch(dir string) (Search, error) {
	path := filepath.Join(dir, searchFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Search{}, fmt.Errorf("%s: there is no search to resume", path)
	}
	if err != nil {
		return Search{}, err
	}
	return ParseSearch(data, path)
}

// ParseSearch parses the text of YAML. origin names it in errors.
func ParseSearch(text []byte, origin string) (Search, error) {
	s := Search{Config: Default()}
	if err := config.Merge(&s, text, origin); err != nil {
		return s, err
	}
	s, err := s.Resolve()
	if err != nil {
		return s, fmt.Errorf("%s: %w", origin, err)
	}
	return s, nil
}

// New returns an error if the folder has a search, or files that a search would replace.
func (s Search) New(dir string) error {
	path := filepath.Join(dir, searchFile)
	if _, err := os.Stat(path); err == nil {
		return fmt.Errorf("%s: a search already exists; continue it with --resume or choose another --out", path)
	}
	for _, name := range []string{seedFolder, string(allocate.ByImportance), string(allocate.Evenly), allocationFolder, resultsFile + ".json", resultsFile + ".md"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return fmt.Errorf("%s: already exists and is not part of a search: choose another --out", filepath.Join(dir, name))
		}
	}
	return nil
}

// Begin creates the folder of a new search. It returns the error of New.
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

// Fit trains a network in a folder, from the beginning or, with resume, from the saved
// state.
type Fit func(ctx context.Context, c Config, dir string, resume bool) error

// Run does the remaining steps of a resolved search in dir, each network in its own
// subfolder. It returns one result per network, and writes the results to dir. report
// is called with a line of text before each step. The processes of a group, nil for this
// one alone, share each training; only the first one reads and writes dir.
func (s Search) Run(ctx context.Context, dir string, classes int, g *collective.Group, fit Fit, report func(string)) ([]SearchResult, error) {
	var results []SearchResult
	allocates, count := slices.Contains(s.Networks, allocate.ByImportance), len(s.Networks)
	if allocates {
		count++ // the seed
	}
	train := func(name string, network backbone.Config) error {
		c := s.Config
		c.Backbone = network
		title := fmt.Sprintf("%s (network %d of %d): ", name, len(results)+1, count)
		result, err := fitOnce(ctx, c, filepath.Join(dir, name), g, fit, func(what string) { report(title + what) })
		if err != nil {
			return err
		}
		line, err := s.result(name, network, classes, result)
		results = append(results, line)
		return err
	}
	if allocates {
		if err := train(seedFolder, s.Config.Backbone); err != nil {
			return nil, err
		}
	}
	for _, m := range s.Networks {
		network, err := fromFirst(g, func() (backbone.Config, error) { return s.allocation(dir, m, report) })
		if err != nil {
			return nil, err
		}
		if err := train(string(m), network); err != nil {
			return nil, err
		}
	}
	if g != nil && g.Rank() > 0 {
		return results, nil
	}
	return results, saveResults(dir, results)
}

// fitOnce trains a network, unless its training is complete.
func fitOnce(ctx context.Context, c Config, dir string, g *collective.Group, fit Fit, report func(string)) (*train.Result, error) {
	read := func() (*train.Result, error) {
		return fromFirst(g, func() (*train.Result, error) { return train.ReadResult(dir) })
	}
	result, err := read()
	if err != nil {
		return nil, err
	}
	switch {
	case result == nil:
		report("training")
	case result.Done:
		report("already trained")
		return result, nil
	default:
		report(fmt.Sprintf("resuming after step %d", result.Step))
	}
	if err := fit(ctx, c, dir, result != nil); err != nil {
		return nil, err
	}
	return read()
}

// allocation computes the structure of a network and writes it with report and charts,
// or reads it if it already exists.
func (s Search) allocation(dir string, method allocate.Method, report func(string)) (backbone.Config, error) {
	folder := filepath.Join(dir, allocationFolder)
	path := filepath.Join(folder, string(method)+".json")
	config := s.Config.Backbone
	rows, err := backbone.ReadStructure(path)
	if err == nil {
		report(path + ": already exists")
		config.Structure = rows
		return config, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return config, err
	}
	report(path + ": allocating")
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
	trained, err := allocate.ReadSeed(seed, nil, allocate.Gamma)
	if err != nil {
		return nil, err
	}
	return trained.Allocate(s.Budget, s.Exponent)
}

// result describes a trained network.
func (s Search) result(name string, config backbone.Config, classes int, result *train.Result) (SearchResult, error) {
	f := SearchResult{Network: name, Top1: result.Metric(Top1), Top5: result.Metric(Top5)}
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

// resultsHeader has the column headers of the results.
var resultsHeader = []string{"network", "neurons", "parameters", "multiply-adds", "top-1 error %", "top-5 error %"}

func (f SearchResult) cells() []string {
	percent := func(accuracy float64) string { return fmt.Sprintf("%.2f", 100*(1-accuracy)) }
	return []string{f.Network, fmt.Sprint(f.Neurons), fmt.Sprint(f.Params), fmt.Sprint(f.MACs), percent(f.Top1), percent(f.Top5)}
}

// WriteResults prints the results of a search as a table.
func WriteResults(w io.Writer, results []SearchResult) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, strings.Join(resultsHeader, "\t")+"\t")
	for _, f := range results {
		fmt.Fprintln(t, strings.Join(f.cells(), "\t")+"\t")
	}
	return t.Flush()
}

// saveResults writes the results to the folder, as JSON and as Markdown.
func saveResults(dir string, results []SearchResult) error {
	err := checkpoint.WriteAtomic(filepath.Join(dir, resultsFile+".json"), func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(results)
	})
	if err != nil {
		return err
	}
	return checkpoint.WriteAtomic(filepath.Join(dir, resultsFile+".md"), func(w io.Writer) error {
		text := "| " + strings.Join(resultsHeader, " | ") + " |\n|" + strings.Repeat("---|", len(resultsHeader)) + "\n"
		for _, f := range results {
			text += "| " + strings.Join(f.cells(), " | ") + " |\n"
		}
		_, err := io.WriteString(w, text)
		return err
	})
}
