package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"
	"scalenet/coco"
	"scalenet/coco/layout"
)

func newDataCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "data",
		Short: "Check, look at, convert and divide data sets",
		Args:  takes(),
	}
	c.AddCommand(newDataCheckCommand(), newDataViewCommand(), newDataConvertCommand(), newDataSplitCommand())
	return c
}

// openParts reads a data set: the given split, or all of its splits. A COCO
// file is one part without a name.
func openParts(path, split string, opt coco.Options) (parts []layout.Part, err error) {
	splits := []string{split}
	if split == "" {
		if splits, err = coco.Splits(path); err != nil {
			return nil, err
		}
		if slices.Contains(splits, "train") && slices.Contains(splits, "val") { // "trainval" is both again
			splits = slices.DeleteFunc(splits, func(name string) bool { return name == "trainval" })
		}
		if len(splits) == 0 {
			splits = []string{""}
		}
	}
	for _, name := range splits {
		opt.Split = name
		d, err := coco.Open(path, opt)
		if err != nil {
			return nil, err
		}
		parts = append(parts, layout.Part{Name: name, Data: d})
	}
	return parts, nil
}

// writeRemarks prints how many remarks there are of each kind and what the
// first ones say.
func writeRemarks(w io.Writer, indent string, kinds []coco.RemarkKind) {
	for _, k := range kinds {
		fmt.Fprintf(w, "%s%d: %s\n", indent, k.Count, k.Kind)
		for _, text := range k.First {
			fmt.Fprintf(w, "%s    %s\n", indent, text)
		}
		if more := k.Count - len(k.First); more > 0 && len(k.First) > 0 {
			fmt.Fprintf(w, "%s    and %d more\n", indent, more)
		}
	}
}
