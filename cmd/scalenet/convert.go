package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"scalenet/checkpoint"
)

// convertOptions are the flags of convert.
type convertOptions struct {
	dtype, like string
	from        reading
	files       outputs
}

func newConvertCommand() *cobra.Command {
	var o convertOptions
	command := &cobra.Command{
		Use:   "convert IN OUT",
		Short: "Convert checkpoints between safetensors and PyTorch's .pth",
		Long: `Reads IN, whose content says what it is, and writes OUT, whose ending says it: .safetensors or .pth. Tensors keep their names,
types, shapes and order.

A .pth is read as PyTorch's torch.save writes it: a state dict, or a dict that has one, as training scripts save it ("state_dict",
"model_state_dict", "model", ...). Prefixes "module." and "_orig_mod." of all names are taken off. Remarks say what was left out and
renamed. Nothing in the file is executed, and one that needs far more memory than it has bytes is refused. A .pth that is written
is a plain state dict that torch.load(weights_only=True) reads; it has no place for the metadata (configuration, class names) of a
safetensors file.

With --dtype floating-point tensors are rounded to that type; integers stay as they are. With --like the tensors are compared by
name and shape with those of another checkpoint, and the report says what matched, is missing, is left over, has another shape;
nothing is written unless all that the other one has is there.`,
		Example: `  scalenet convert resnet50.pth resnet50.safetensors
  scalenet convert --dtype bfloat16 model.safetensors small.safetensors
  scalenet convert --like scalenet50.safetensors theirs.pth ours.safetensors`,
		Args: takes("IN", "OUT"),
		RunE: func(command *cobra.Command, args []string) error {
			return o.convert(args[0], args[1], command.ErrOrStderr())
		},
	}
	command.Flags().StringVar(&o.dtype, "dtype", "", "round floating-point tensors to float32, float16 or bfloat16")
	o.files.flags(command)
	command.Flags().StringVar(&o.like, "like", "", "a checkpoint whose names and shapes must all be in IN")
	o.from.flags(command)
	return command
}

// convert does the work and reports on it, a line or a few.
func (o *convertOptions) convert(in, out string, report io.Writer) error {
	if ending := filepath.Ext(out); ending != ".safetensors" && ending != ".pth" {
		return fmt.Errorf("%s: OUT ends in %q, not in .safetensors or .pth", out, ending)
	}
	if err := o.files.check([]string{in, o.like}, output{of: "OUT", path: out}); err != nil {
		return err
	}
	var to checkpoint.DType
	if o.dtype != "" {
		var err error
		if to, err = checkpoint.ParseDType(o.dtype); err != nil {
			return fmt.Errorf("--dtype: %w", err)
		}
	}
	file, notes, err := checkpoint.LoadAny(in, o.from.options()...)
	if err != nil {
		return err
	}
	if o.like != "" {
		if err := matchLike(file, in, o.like, report); err != nil {
			return err
		}
	}
	for i, t := range file.Tensors {
		if to == "" {
			break
		}
		if file.Tensors[i], err = t.Convert(to); err != nil {
			return fmt.Errorf("%s: %w", in, err)
		}
	}
	save := checkpoint.Save
	if filepath.Ext(out) == ".pth" {
		save = checkpoint.SavePTH
		if len(file.Metadata) > 0 {
			fmt.Fprintf(report, "%s: left out %d entries of metadata, which a .pth has no place for\n", out, len(file.Metadata))
		}
	}
	for _, line := range notes.Lines() {
		fmt.Fprintf(report, "%s: %s\n", in, line)
	}
	if err := o.files.write(out, func(path string) error { return save(path, file) }); err != nil {
		return err
	}
	stat, err := os.Stat(out)
	if err != nil {
		return err
	}
	elements := 0
	for _, t := range file.Tensors {
		elements += t.Len()
	}
	fmt.Fprintf(report, "%s: %d tensors with %d elements, %d bytes\n", out, len(file.Tensors), elements, stat.Size())
	return nil
}

// matchLike reports how the tensors fit those of another checkpoint.
func matchLike(file *checkpoint.File, in, like string, report io.Writer) error {
	model, _, err := checkpoint.LoadAny(like)
	if err != nil {
		return err
	}
	var wanted []checkpoint.Info
	for _, info := range model.Infos() {
		if !strings.HasSuffix(info.Name, "num_batches_tracked") {
			wanted = append(wanted, info)
		}
	}
	match := checkpoint.Match(file.Infos(), wanted)
	fmt.Fprintf(report, "%s like %s: %s\n", in, like, match)
	return match.Err(in)
}
