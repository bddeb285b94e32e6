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

func newConvertCommand() *cobra.Command {
	var (
		dtype, like string
		files       outputs
	)
	command := &cobra.Command{
		Use:   "convert IN OUT",
		Short: "Convert checkpoints between safetensors and PyTorch's .pth",
		Long: `Reads IN and writes OUT; the endings .safetensors and .pth say what they are. Tensors keep their names, shapes and order.

A .pth is read as PyTorch's torch.save writes it: a state dict, or a dict that has one under "state_dict" or "model"; a prefix
"module." of all names is taken off. Nothing in it is executed. A .pth that is written is a plain state dict that
torch.load(weights_only=True) reads; it has no place for the metadata (configuration, class names) of a safetensors file.

With --dtype floating-point tensors are rounded to that type; integers stay as they are. With --like the tensors are compared by
name and shape with those of another checkpoint, and the report says what matched, is missing, is left over, has another shape;
nothing is written unless all that the other one has is there.`,
		Example: `  scalenet convert resnet50.pth resnet50.safetensors
  scalenet convert --dtype bf16 model.safetensors small.safetensors
  scalenet convert --like scalenet50.safetensors theirs.pth ours.safetensors`,
		Args: takes("IN", "OUT"),
		RunE: func(command *cobra.Command, args []string) error {
			return convert(args[0], args[1], dtype, like, files, command.ErrOrStderr())
		},
	}
	command.Flags().StringVar(&dtype, "dtype", "", "round floating-point tensors to f32, f16 or bf16")
	files.flags(command)
	command.Flags().StringVar(&like, "like", "", "a checkpoint whose names and shapes must all be in IN")
	return command
}

// convert does the work and reports on it, a line or a few.
func convert(in, out, dtype, like string, files outputs, report io.Writer) error {
	if ending := filepath.Ext(out); ending != ".safetensors" && ending != ".pth" {
		return fmt.Errorf("%s: OUT ends in %q, not in .safetensors or .pth", out, ending)
	}
	if err := files.check([]string{in, like}, output{of: "OUT", path: out}); err != nil {
		return err
	}
	var to checkpoint.DType
	if dtype != "" {
		var err error
		if to, err = checkpoint.ParseDType(dtype); err != nil {
			return fmt.Errorf("--dtype: %w", err)
		}
	}
	file, skipped, err := loadCheckpoint(in)
	if err != nil {
		return err
	}
	if like != "" {
		if err := matchLike(file, in, like, report); err != nil {
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
	if len(skipped) > 0 {
		fmt.Fprintf(report, "%s: left out what is no tensor: %s\n", in, strings.Join(skipped, ", "))
	}
	if err := files.write(out, func(path string) error { return save(path, file) }); err != nil {
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

// loadCheckpoint reads a file of either format, told apart by its ending.
func loadCheckpoint(path string) (*checkpoint.File, []string, error) {
	switch filepath.Ext(path) {
	case ".pth", ".pt", ".bin", ".ckpt":
		return checkpoint.LoadPTH(path)
	case ".safetensors":
		file, err := checkpoint.Load(path)
		return file, nil, err
	}
	return nil, nil, fmt.Errorf("%s: ends in %q, not in .safetensors, .pth, .pt, .bin or .ckpt", path, filepath.Ext(path))
}

// matchLike reports how the tensors fit those of another checkpoint.
func matchLike(file *checkpoint.File, in, like string, report io.Writer) error {
	model, _, err := loadCheckpoint(like)
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
