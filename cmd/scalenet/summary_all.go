package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"scalenet/backbone"
)

// counted is the row of a network in `summary --all`.
type counted struct {
	Model     string             `json:"model"`
	Params    int                `json:"params"`
	MACs      int                `json:"macs"`
	Published backbone.Published `json:"published"`
}

func summarizeAll(w io.Writer, asJSON bool) error {
	var list []counted
	for _, name := range backbone.Names() {
		n, err := namedNetwork(name)
		if err != nil {
			return err
		}
		p := backbone.PublishedOf(name)
		_, total, err := backbone.Summarize(n, p.Side, p.Side, p.Classes)
		if err != nil {
			return fmt.Errorf("%s at %d: %w", name, p.Side, err)
		}
		list = append(list, counted{name, total.Params, total.MACs, p})
	}
	if asJSON {
		return json.NewEncoder(w).Encode(list)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "model\tdata\tsize\tparameters\tpublished\tmultiply-adds\tpublished\ttop-1 error\ttop-5 error\t")
	for _, c := range list {
		p := c.Published
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t\n", c.Model, p.Data, p.Side, grouped(c.Params), publishedFigure("%g M", p.Params),
			grouped(c.MACs), publishedFigure("%g G", p.MACs), publishedFigure("%.2f", p.Top1), publishedFigure("%.2f", p.Top5))
	}
	return t.Flush()
}

// publishedFigure formats a published value, or returns a dash if v is 0.
func publishedFigure(format string, v float64) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf(format, v)
}
