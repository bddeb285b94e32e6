package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"scalenet/backbone"
	"scalenet/checkpoint"
	"scalenet/classify"
	"scalenet/detector"
	"scalenet/geom"
)

// summary is what `summary --json` prints.
type summary struct {
	Model  string          `json:"model"`
	Height int             `json:"height"`
	Width  int             `json:"width"`
	Params int             `json:"params"`
	MACs   int             `json:"macs"`
	Parts  []backbone.Cost `json:"parts"`
}

func newSummaryCommand() *cobra.Command {
	var (
		model, size string
		classes     int
		all, asJSON bool
	)
	c := &cobra.Command{
		Use:   "summary [--model NAME --size S | --all]",
		Short: "Count a network's parameters and multiply-adds",
		Long: `Count the parameters and multiply-adds of each part of a classification network or a
detector, for one image. Multiply-adds are those of convolutions and linear layers, each
at the resolution at which it runs.

--model is one of ` + strings.Join(backbone.Names(), ", ") + `,
or a file: a network configuration in YAML or JSON, a structure file (JSON), or a
trained classifier or detector. A trained model has the classes that it was trained on.
Without --size, a classifier is counted at its input size, and a detector for an image
of 640x480 pixels resized to its input size. A detector is counted for all proposals of
its configuration.

--all prints one row per named network, at its published input size, with the
published parameters (millions), multiply-adds (billions) and error rates (%).`,
		Example: `  scalenet summary --model scalenet50 --size 224
  scalenet summary --model models/bccd.safetensors
  scalenet summary --all
  scalenet summary --model scalenet101 --size 600x1000 --json`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			for _, one := range []string{"model", "size", "classes"} {
				if all && c.Flags().Changed(one) {
					return fmt.Errorf("--all and --%s: want only one of them", one)
				}
			}
			if all {
				return summarizeAll(c.OutOrStdout(), asJSON)
			}
			height, width, err := parseSize(size)
			if err != nil {
				return fmt.Errorf("--size: %w", err)
			}
			if classes < 1 || classes > mostClasses {
				return fmt.Errorf("--classes %d: want 1 to %d", classes, mostClasses)
			}
			s, err := summarize(c, model, height, width, classes)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(s)
			}
			return writeCosts(c.OutOrStdout(), append(s.Parts, backbone.Cost{Part: "total", Params: s.Params, MACs: s.MACs}))
		},
	}
	c.Flags().StringVar(&model, "model", "scalenet50", "name of a network, or a file that describes a network")
	offer(c.Flags(), "model", backbone.Names()...)
	c.Flags().StringVar(&size, "size", "224", "input size: SIZE (square) or HEIGHTxWIDTH (default of a trained model: its own)")
	c.Flags().IntVar(&classes, "classes", 1000, "number of classes of a network that is not trained: outputs of the fully connected layer")
	c.Flags().BoolVar(&all, "all", false, "count all named networks, next to the published values")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// summarize counts a network, or the trained model in a file.
func summarize(c *cobra.Command, model string, height, width, classes int) (s summary, err error) {
	s = summary{Model: model, Height: height, Width: width}
	var total backbone.Cost
	kind := trainedKind(model)
	if kind != "" && c.Flags().Changed("classes") {
		return s, fmt.Errorf("--classes: %s has the classes that it was trained on", model)
	}
	switch kind {
	case checkpoint.DetectorKey:
		d, err := detector.Load(model)
		if err != nil {
			return s, err
		}
		padded := geom.Size{W: d.PadTo(width), H: d.PadTo(height)}
		if !c.Flags().Changed("size") {
			padded = d.PaddedSize(geom.Size{W: 640, H: 480}, d.Settings())
		}
		s.Height, s.Width = padded.H, padded.W
		s.Parts, total, err = d.Summarize(padded)
		s.Params, s.MACs = total.Params, total.MACs
		return s, err
	case checkpoint.ClassifierKey:
		m, err := classify.Load(model)
		if err != nil {
			return s, err
		}
		if classes = len(m.Classes); !c.Flags().Changed("size") {
			height, width = m.Config.Input.Size, m.Config.Input.Size
			s.Height, s.Width = height, width
		}
	}
	n, err := namedNetwork(model)
	if err != nil {
		return s, err
	}
	s.Parts, total, err = backbone.Summarize(n, height, width, classes)
	least := n.MinSide(n.Stages())
	switch {
	case err != nil && min(height, width) < least:
		return s, fmt.Errorf("--size %s: want at least %d for %s", c.Flags().Lookup("size").Value, least, model)
	case err != nil:
		return s, fmt.Errorf("%s at %dx%d: %w", model, height, width, err)
	}
	s.Params, s.MACs = total.Params, total.MACs
	return s, nil
}

// trainedKind returns the key of the configuration in a trained model's file, "" if a name is not that of one.
func trainedKind(model string) string {
	if !checkpoint.LooksLikeOne(model) {
		return ""
	}
	r, err := checkpoint.Open(model)
	if err != nil {
		return "" // whoever reads it next says why
	}
	defer r.Close()
	for _, key := range []string{checkpoint.DetectorKey, checkpoint.ClassifierKey} {
		if _, ok, err := checkpoint.Config(r.Metadata(), key); ok && err == nil {
			return key
		}
	}
	return ""
}

func writeCosts(w io.Writer, costs []backbone.Cost) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "part\tparameters\tmultiply-adds\t")
	for _, c := range costs {
		fmt.Fprintf(t, "%s\t%s\t%s\t\n", c.Part, grouped(c.Params), grouped(c.MACs))
	}
	return t.Flush()
}

// largestSide and mostClasses limit the input size and the classes, so that counts fit an int.
const (
	largestSide = 1 << 16
	mostClasses = 1_000_000
)

// parseSize parses SIZE or HEIGHTxWIDTH.
func parseSize(s string) (height, width int, err error) {
	h, w, both := strings.Cut(s, "x")
	if !both {
		w = h
	}
	for _, side := range []struct {
		text string
		to   *int
	}{{h, &height}, {w, &width}} {
		*side.to, err = strconv.Atoi(side.text)
		if err != nil || *side.to < 1 || *side.to > largestSide {
			return 0, 0, fmt.Errorf("size %q: want SIZE or HEIGHTxWIDTH, each from 1 to %d", s, largestSide)
		}
	}
	return height, width, nil
}

// grouped formats n with thousands separators.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
