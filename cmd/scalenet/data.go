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
		Short: "Check, view, convert, split, tile and audit data sets",
		Args:  takes(),
	}
	c.AddCommand(newDataCheckCommand(), newDataViewCommand(), newDataConvertCommand(), newDataSplitCommand(), newDataTileCommand(), newDataAuditCommand())
	return c
}

// openParts reads the given split of a data set, or all of its splits if split is
// empty. A COCO file is one part without a name.
func openParts(path, split string, opt coco.Options) (parts []layout.Part, err error) {
	splits := []string{split}
	if split == "" {
		if splits, err = coco.Splits(path); err != nil {
			return nil, err
		}
		if slices.Contains(splits, "train") && slices.Contains(splits, "val") { // "trainval" is the union of both
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

// writeRemarks prints the number of warnings or errors of each kind, with the
// first few of them.
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
