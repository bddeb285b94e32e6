package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
	"scalenet/internal/media"
)

// classifiedImage is a line of `classify predict --json`.
type classifiedImage struct {
	File        string           `json:"file"`
	Predictions []predictedClass `json:"predictions"`
}

type predictedClass struct {
	Class       int     `json:"class_id"`
	Label       string  `json:"label"`
	Probability float64 `json:"probability"`
}

func newClassifyPredictCommand() *cobra.Command {
	var (
		top    int
		asJSON bool
		model  classifierOptions
	)
	c := &cobra.Command{
		Use:   "predict --model FILE SOURCE...",
		Short: "Classify images",
		Long: `Print the most probable classes of each image, with their probabilities. A SOURCE is
an image file, a folder of images, or any other source of detect.`,
		Example: `  scalenet classify predict --model runs/scalenet38/best.safetensors photo.png
  scalenet classify predict --model scalenet50.safetensors --top 1 --json photos/`,
		Args: takes("SOURCE..."),
		RunE: func(c *cobra.Command, args []string) error {
			if top < 1 {
				return fmt.Errorf("--top %d: want at least 1", top)
			}
			o := media.Options{Stdin: c.InOrStdin()}
			list, err := media.List(c.Context(), args, o)
			if err != nil {
				return err
			}
			m, classifier, closeAll, err := model.open(1)
			if err != nil {
				return err
			}
			defer closeAll()
			w := c.OutOrStdout()
			for im := range media.Images(c.Context(), list, o) {
				if im.Err != nil {
					return im.Err
				}
				all, err := classifier.Classify(im.Pixels)
				if err != nil {
					return fmt.Errorf("%s: %w", im.Name, err)
				}
				line := classifiedImage{File: im.Name}
				for _, p := range all[:min(top, len(all))] {
					line.Predictions = append(line.Predictions, predictedClass{p.Class, m.Classes[p.Class], p.Probability})
				}
				if asJSON {
					if err := json.NewEncoder(w).Encode(line); err != nil {
						return err
					}
					continue
				}
				text := fmt.Appendln(nil, im.Name)
				for _, p := range line.Predictions {
					text = fmt.Appendf(text, "  %-20s %.4f\n", p.Label, p.Probability)
				}
				if _, err := w.Write(text); err != nil {
					return err
				}
			}
			return nil
		},
	}
	c.Flags().IntVar(&top, "top", 5, "number of classes to print per image")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object per image")
	model.flags(c)
	return c
}
