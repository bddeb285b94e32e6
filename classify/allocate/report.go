package allocate

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"scalenet/backbone"
	"scalenet/checkpoint"
)

// Report describes an allocation, for JSON and tables.
type Report struct {
	Method   Method        `json:"method"`
	Seed     string        `json:"seed,omitempty"` // path of the checkpoint
	Measure  Measure       `json:"measure,omitempty"`
	Budget   Budget        `json:"budget,omitzero"`
	Exponent float64       `json:"exponent"`
	Pools    []int         `json:"pools"`
	Blocks   []BlockReport `json:"blocks"`
	// Neurons, MACs and Replaced are the sums over the blocks.
	Neurons  int `json:"neurons"`
	MACs     int `json:"macs"`
	Replaced int `json:"replaced_macs"`
}

// BlockReport is a block of a Report.
type BlockReport struct {
	Name    string `json:"block"`
	Side    int    `json:"side"`
	Planes  int    `json:"planes"`
	Neurons []int  `json:"neurons"` // per scale
	Limit   int    `json:"limit,omitempty"`
	Used    int    `json:"used,omitempty"`
	// MACs are the multiply-adds of the convolutions of the branches, Replaced those of
	// the 3x3 convolution that they replace.
	MACs     int `json:"macs"`
	Replaced int `json:"replaced_macs"`
	// Threshold is the lowest score of a kept neuron.
	Threshold  float64     `json:"threshold,omitempty"`
	Importance []Statistic `json:"importance,omitempty"` // per scale of the seed network
}

// Statistic describes the importance of the neurons of a scale in the seed network.
type Statistic struct {
	Neurons int     `json:"neurons"`
	Min     float64 `json:"min"`
	Median  float64 `json:"median"`
	Mean    float64 `json:"mean"`
	Max     float64 `json:"max"`
}

// Report describes the allocation.
func (a *Allocation) Report() *Report {
	r := &Report{Method: a.Method, Budget: a.Budget, Exponent: a.Exponent}
	if a.Seed != nil {
		r.Seed, r.Measure = a.Seed.Path, a.Seed.Measure
	}
	for _, s := range a.Blocks[0].Scales {
		r.Pools = append(r.Pools, s.Pool)
	}
	for k, b := range a.Blocks {
		line := BlockReport{
			Name: b.Name, Side: b.Side, Planes: b.Planes, Limit: b.Limit, Used: b.Used,
			MACs: b.MACs(), Replaced: b.ReplacedMACs(), Threshold: b.Threshold,
		}
		for l, s := range b.Scales {
			line.Neurons = append(line.Neurons, s.Neurons)
			r.Neurons += s.Neurons
			if a.Seed != nil {
				line.Importance = append(line.Importance, statistic(a.Seed.Importance[k][l]))
			}
		}
		r.MACs += line.MACs
		r.Replaced += line.Replaced
		r.Blocks = append(r.Blocks, line)
	}
	return r
}

func statistic(values []float64) Statistic {
	n := len(values)
	if n == 0 {
		return Statistic{}
	}
	v := slices.Sorted(slices.Values(values))
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return Statistic{n, v[0], (v[(n-1)/2] + v[n/2]) / 2, sum / float64(n), v[n-1]}
}

// table returns the report as text: a header, one row per block, and the sums.
func (r *Report) table() [][]string {
	header := []string{"block", "side"}
	for l, pool := range r.Pools {
		header = append(header, fmt.Sprintf("scale %d (1/%d)", l+1, pool))
	}
	header = append(header, "neurons", "multiply-adds", "vs. 3x3 convolution")
	seed, limit := r.Seed != "", r.Budget.Kind != ""
	if limit {
		header = append(header, "budget used")
	}
	if seed {
		header = append(header, "mean importance")
	}
	rows := [][]string{header}
	sums := make([]int, len(r.Pools))
	for _, b := range r.Blocks {
		row := []string{b.Name, strconv.Itoa(b.Side)}
		total := 0
		var means []string
		for l, n := range b.Neurons {
			row = append(row, strconv.Itoa(n))
			sums[l] += n
			total += n
			if seed {
				mean := "-"
				if b.Importance[l].Neurons > 0 {
					mean = fmt.Sprintf("%.3f", b.Importance[l].Mean)
				}
				means = append(means, mean)
			}
		}
		row = append(row, strconv.Itoa(total), strconv.Itoa(b.MACs), percentage(b.MACs, b.Replaced))
		if limit {
			row = append(row, percentage(b.Used, b.Limit))
		}
		if seed {
			row = append(row, strings.Join(means, " "))
		}
		rows = append(rows, row)
	}
	last := []string{"all", ""}
	for _, n := range sums {
		last = append(last, strconv.Itoa(n))
	}
	last = append(last, strconv.Itoa(r.Neurons), strconv.Itoa(r.MACs), percentage(r.MACs, r.Replaced))
	for len(last) < len(header) {
		last = append(last, "")
	}
	return append(rows, last)
}

func percentage(part, whole int) string {
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(whole))
}

// title returns a title for the report.
func (r *Report) title() string {
	switch r.Method {
	case Existing:
		return "allocation of the network"
	case Evenly:
		return "even allocation, " + r.Budget.String()
	}
	return fmt.Sprintf("allocation by importance (%s) in %s, %s, exponent %g", r.Measure, r.Seed, r.Budget, r.Exponent)
}

// String describes the budget.
func (b Budget) String() string {
	switch b.Kind {
	case Neurons:
		return fmt.Sprintf("budget of %v neurons per block of each stage", b.PerStage)
	case BlockMACs:
		return fmt.Sprintf("budget of %g times the multiply-adds of the 3x3 convolution and conv3", b.Factor)
	}
	return fmt.Sprintf("budget of %g times the multiply-adds of the 3x3 convolution", b.Factor)
}

// WriteText prints the table.
func (r *Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range r.table() {
		fmt.Fprintln(t, strings.Join(row, "\t")+"\t")
	}
	return t.Flush()
}

// Files returns the paths that [Allocation.Write] writes for the path of a structure: the
// reports as JSON and as Markdown, and the structure.
func Files(path string) []string {
	beside := strings.TrimSuffix(path, filepath.Ext(path))
	return []string{beside + ".report.json", beside + ".report.md", path}
}

// Write writes the report as JSON and as Markdown, and then the structure to the JSON
// file at path, see [Files].
func (a *Allocation) Write(path string) error {
	report, files := a.Report(), Files(path)
	if err := report.writeJSON(files[0]); err != nil {
		return err
	}
	if err := report.writeMarkdown(files[1]); err != nil {
		return err
	}
	return backbone.WriteStructure(path, a.Config.Structure)
}

// writeMarkdown writes the title and the table to a file.
func (r *Report) writeMarkdown(path string) error {
	rows := r.table()
	return checkpoint.WriteAtomic(path, func(w io.Writer) error {
		var b strings.Builder
		title := r.title()
		fmt.Fprintf(&b, "# %s\n\n", strings.ToUpper(title[:1])+title[1:])
		for i, row := range rows {
			fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
			if i == 0 {
				b.WriteString("|" + strings.Repeat("---|", len(row)) + "\n")
			}
		}
		_, err := io.WriteString(w, b.String())
		return err
	})
}

func (r *Report) writeJSON(path string) error {
	return checkpoint.WriteAtomic(path, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	})
}
