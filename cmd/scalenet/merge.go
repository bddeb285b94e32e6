package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"scalenet/coco"
	"scalenet/detector"
	"scalenet/internal/brief"
	"scalenet/internal/shard"
)

type mergeOptions struct {
	out    string
	output outputs
}

func newMergeCommand() *cobra.Command {
	var o mergeOptions
	c := &cobra.Command{
		Use:   "merge --out FILE PART...",
		Short: "Put the parts of --shard together",
		Long: `Put the files together that 'eval --shard' wrote, in any order. FILE gets the bytes
that one evaluation of all images writes to --results. 'coco eval' computes its
metrics.

A part that is missing, there twice, not complete, or made with another model or
other images is an error.`,
		Example: `  scalenet merge --out results.json part-*.jsonl
  scalenet coco eval --gt instances_val2017.json --dt results.json`,
		Args: takes("PART..."),
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args) },
	}
	c.Flags().StringVar(&o.out, "out", "", "file to write")
	o.output.flags(c, "out")
	requireFlags(c, "out")
	return c
}

func (o *mergeOptions) run(c *cobra.Command, paths []string) error {
	if slices.Contains(paths, "") {
		return errors.New("PART is empty: want the name of a file to read")
	}
	if err := o.output.check(paths, output{of: "--out", path: o.out}); err != nil {
		return err
	}
	parts, err := shard.Open(paths)
	if err != nil {
		return err
	}
	if err := o.output.write(o.out, func(path string) error { return mergeInto(path, parts) }); err != nil {
		return err
	}
	fmt.Fprintf(c.ErrOrStderr(), "%s: %s of %s\n", o.out, brief.Count(parts.Head.Total, "image"), brief.Count(len(paths), "part"))
	return nil
}

// mergeInto writes the parts of an evaluation as COCO results, others line by line.
func mergeInto(path string, parts *shard.Parts) (err error) {
	if parts.Head.Part == detector.EvaluatedPart {
		results, err := detector.MergeParts(parts, path)
		if err != nil {
			return err
		}
		return coco.WriteResults(path, results)
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriter(f)
	err = parts.Lines(func(line []byte) error {
		_, err := w.Write(append(line, '\n'))
		return err
	})
	return errors.Join(err, w.Flush())
}
