package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"scalenet/checkpoint"
	"scalenet/internal/brief"
)

// convertOptions are the flags of convert.
type convertOptions struct {
	dtype, like string
	published   publishedOptions
	from        reading
	files       outputs
}

func newConvertCommand() *cobra.Command {
	var o convertOptions
	command := &cobra.Command{
		Use:   "convert IN OUT",
		Short: "Convert checkpoints between safetensors and PyTorch's .pth, and published detectors to models",
		Long: `Convert the checkpoint IN to OUT. The format of IN is detected from its content, that of OUT from its extension: .safetensors or
.pth. Tensors keep their names, types, shapes and order.

A published Faster R-CNN becomes a model for detect, eval, serve and train --init: it is recognised by its tensors' names, which then
change. The families are torchvision's fasterrcnn_resnet50_fpn, fasterrcnn_resnet50_fpn_v2, fasterrcnn_mobilenet_v3_large_fpn and
fasterrcnn_mobilenet_v3_large_320_fpn (recognised by "320" in the file's name); detectron2's faster_rcnn_R_50 and R_101 with C4, DC5
and FPN, and X_101_32x8d with FPN (.pkl); mmdetection's faster_rcnn_r50_fpn and r101_fpn (caffe style by "caffe" in the file's name);
jwyang/faster-rcnn.pytorch's res50, res101 and res152 with its poolings align and crop.
--family names one, or "none" to keep all names.
--to torchvision goes back: torchvision's builder of the same family loads the result. Settings of the model that the builder does not
have by default are reported.

Input .pth: a file of PyTorch's torch.save with a state dict, or with a dict that contains a state dict ("state_dict",
"model_state_dict", "model", ...). The prefixes "module." and "_orig_mod." are removed if all names have them. Skipped and renamed
entries are reported. Nothing in the file is executed. A file that would need far more memory than its size is refused.

Input .pkl: a pickle of NumPy arrays, as in detectron2's model zoo (model_final_*.pkl). The same holds for it. A pickle that uses
any class or function besides those of NumPy arrays is refused.

Output .pth: a plain state dict for torch.load(weights_only=True). It does not hold the metadata of a safetensors file
(configuration, class names).

With --dtype floating-point tensors are rounded to that type; integer tensors are unchanged. With --like the names and shapes of
the tensors are compared with those of another checkpoint. Matched, missing and unexpected keys and shape mismatches are reported.
OUT is written only if all keys of the other checkpoint are matched.`,
		Example: `  scalenet convert fasterrcnn_resnet50_fpn_coco-258fb6c6.pth coco.safetensors
  scalenet convert resnet50.pth resnet50.safetensors
  scalenet convert --dtype bfloat16 model.safetensors small.safetensors
  scalenet convert --like scalenet50.safetensors theirs.pth ours.safetensors`,
		Args: takes("IN", "OUT"),
		RunE: func(command *cobra.Command, args []string) error {
			return o.convert(args[0], args[1], command.ErrOrStderr())
		},
	}
	o.published.flags(command)
	command.Flags().StringVar(&o.dtype, "dtype", "", "round floating-point tensors to float32, float16 or bfloat16")
	offer(command.Flags(), "dtype", "float32", "float16", "bfloat16")
	o.files.flags(command)
	command.Flags().StringVar(&o.like, "like", "", "checkpoint whose tensor names and shapes must all be in IN")
	o.from.flags(command)
	return command
}

// convert converts in to out and writes a few lines on the result to report.
func (o *convertOptions) convert(in, out string, report io.Writer) error {
	if in == "" {
		return errors.New("IN is empty: want the name of a file to read")
	}
	if ending := filepath.Ext(out); ending != ".safetensors" && ending != ".pth" {
		return fmt.Errorf("%s: the extension of OUT is %q, want .safetensors or .pth", out, ending)
	}
	if err := o.files.check([]string{in, o.like, o.published.classes}, output{of: "OUT", path: out}); err != nil {
		return err
	}
	var to checkpoint.DType
	if o.dtype != "" {
		var err error
		if to, err = checkpoint.ParseDType(o.dtype); err != nil {
			return fmt.Errorf("--dtype: %w", err)
		}
	}
	if err := o.published.check(); err != nil {
		return err
	}
	file, notes, err := o.read(in, report)
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
			fmt.Fprintf(report, "%s: dropped %d metadata entries, which a .pth cannot hold\n", out, len(file.Metadata))
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
	fmt.Fprintf(report, "%s: %s with %d elements, %d bytes\n", out, brief.Count(len(file.Tensors), "tensor"), elements, stat.Size())
	return nil
}

// read reads in, as a model or for torchvision if it is a detector.
func (o *convertOptions) read(in string, report io.Writer) (*checkpoint.File, checkpoint.Notes, error) {
	if o.published.to != "" {
		file, err := o.published.export(in, report, o.from.options()...)
		return file, checkpoint.Notes{}, err
	}
	file, notes, err := checkpoint.LoadAny(in, o.from.options()...)
	if err != nil {
		return nil, notes, err
	}
	file, err = o.published.convert(file, notes, in, report)
	return file, notes, err
}

// matchLike compares the tensors of file with those of the checkpoint like. It
// returns an error if a tensor of like is missing or has another shape in file.
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
