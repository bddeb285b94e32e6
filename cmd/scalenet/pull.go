package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"scalenet/checkpoint"
	"scalenet/detector/published/zoo"
	"scalenet/internal/download"
	"scalenet/train"
)

// modelsFolder is the folder of models in the examples of all commands.
const modelsFolder = "models"

// maxPublished is the largest published file that is downloaded, in bytes.
const maxPublished = 4 << 30

// pullOptions are the flags of pull, and what tests exchange.
type pullOptions struct {
	from, dir string
	sha256    string
	keep      bool
	files     outputs
	pulling
}

// pulling is where published models are found and how they become models of package detector.
type pulling struct {
	models    []zoo.Model
	convert   func(m zoo.Model, path string, report io.Writer) (*checkpoint.File, error)
	transport http.RoundTripper // nil is Go's default
	pause     time.Duration     // 0 is that of package download
}

func newPullCommand() *cobra.Command {
	return pulling{models: zoo.Models(), convert: convertPublished}.command()
}

func (p pulling) command() *cobra.Command {
	o := pullOptions{pulling: p}
	c := &cobra.Command{
		Use:   "pull [NAME]",
		Short: "Download a published detector and convert it to a model",
		Long: `Download a Faster R-CNN that another project has published, and convert it to a
model for detect, eval, serve and train --init: models/NAME.safetensors. Without
NAME, list the names with project, licence, COCO AP as published and file size.

The file comes from the publisher's address, or with --from from a mirror or the
disk. Its SHA-256 must have the digits that the publisher gives; detectron2 gives
six digits of the MD5, which find damage. --sha256 checks a whole sum instead; that
of each download is printed. A download that was cut or stopped with Ctrl-C
continues when the same command is given again, if the server supports it: until
then, the data is in a .part file in the folder. The proxy of HTTPS_PROXY is
used. No other command downloads anything.

The path of the model is printed to standard output.`,
		Example: `  scalenet pull
  scalenet pull fasterrcnn_resnet50_fpn_v2
  scalenet pull fasterrcnn_resnet50_fpn --from Downloads/fasterrcnn_resnet50_fpn_coco-258fb6c6.pth
  scalenet detect --model models/fasterrcnn_resnet50_fpn_v2.safetensors photo.jpg`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return takes("NAME")(c, args)
		},
		ValidArgs: modelNames(p.models),
		RunE:      func(c *cobra.Command, args []string) error { return o.run(c, args) },
	}
	f := c.Flags()
	f.StringVar(&o.from, "from", "", "URL of a mirror, or file that was downloaded before (default: the publisher's URL)")
	f.StringVar(&o.dir, "dir", modelsFolder, "folder for the model; it is created")
	f.StringVar(&o.sha256, "sha256", "", "SHA-256 that the published file must have, in 64 hexadecimal digits (default: the publisher's digits)")
	f.BoolVar(&o.keep, "keep", false, "keep the downloaded file next to the model")
	o.files.flags(c, "dir")
	return c
}

func (o *pullOptions) run(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		for _, flag := range []string{"from", "sha256", "keep", "force"} {
			if c.Flags().Changed(flag) {
				return fmt.Errorf("--%s: NAME is missing: %s", flag, usage(c))
			}
		}
		return listModels(c.OutOrStdout(), o.models)
	}
	if o.dir == "" {
		return errors.New(`--dir "": want a folder`)
	}
	m, err := findModel(o.models, args[0])
	if err != nil {
		return err
	}
	if o.sha256 != "" {
		if b, err := hex.DecodeString(o.sha256); err != nil || len(b) != sha256.Size {
			return fmt.Errorf("--sha256 %s: want 64 hexadecimal digits", shortened(o.sha256))
		}
		m.Sum = o.sha256
	}
	model := output{of: "NAME", path: within(o.dir, m.Name+".safetensors"), made: true}
	file, remote := o.file(m)
	if err := o.files.check([]string{file}, model); err != nil {
		return err
	}
	there := false // before this run
	if remote {
		_, err := os.Lstat(file)
		there = err == nil
		err = o.download(c, m, file)
		if err != nil {
			return err
		}
	} else if _, err := download.CheckSum(file, m.Sum); err != nil {
		return notPublished(err, m)
	}
	if err := o.save(c, m, file, model.path); err != nil {
		if remote {
			err = fmt.Errorf("%w; the downloaded file is kept in %s", err, file)
		}
		return err
	}
	if remote && !there && !o.keep {
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(c.OutOrStdout(), model.path)
	return err
}

// file returns the path of the published file, and whether it is downloaded.
func (o *pullOptions) file(m zoo.Model) (path string, remote bool) {
	if o.from != "" && !strings.Contains(o.from, "://") {
		return o.from, false
	}
	return within(o.dir, m.File()), true
}

// notPublished explains the wrong sum of a file on the disk.
func notPublished(err error, m zoo.Model) error {
	if errors.As(err, new(*download.SumError)) {
		return fmt.Errorf("%w: it is not %s as %s published it; scalenet convert takes other files", err, m.File(), m.Source)
	}
	return err
}

// download downloads the published file.
func (o *pullOptions) download(c *cobra.Command, m zoo.Model, file string) error {
	from, errs := o.from, c.ErrOrStderr()
	if from == "" {
		from = m.URL
	}
	fmt.Fprintf(errs, "%s: published by %s, licence: %s\n", m.Name, m.Source, m.Licence)
	ctx, stop := train.Interruptible(c.Context(), errs, "stopping; the data so far is kept")
	defer stop()
	told := transferred{to: errs}
	sum, err := download.Get(ctx, download.Request{
		URL: from, Path: file, Sum: m.Sum, MaxBytes: maxPublished, Transport: o.transport, Pause: o.pause,
		Progress: told.update, Note: told.note,
	})
	told.end()
	switch {
	case err == nil:
		fmt.Fprintf(errs, "%s: SHA-256 %s\n", file, sum)
		if strings.HasPrefix(m.Sum, download.MD5) {
			fmt.Fprintf(errs, "%s gives only six digits of the MD5, which this file has; --sha256 %s checks the whole file next time\n", m.Source, sum)
		}
	case errors.Is(err, context.Canceled):
		return &stoppedError{err.Error()}
	case errors.As(err, new(*download.SumError)) && told.bar == nil: // a file that was there
		return notPublished(err, m)
	}
	return err
}

// save converts the published file and writes the model.
func (o *pullOptions) save(c *cobra.Command, m zoo.Model, file, model string) error {
	errs := c.ErrOrStderr()
	converted, err := o.convert(m, file, errs)
	if err != nil {
		return err
	}
	if err := c.Context().Err(); err != nil {
		return err
	}
	return o.files.write(model, func(path string) error { return checkpoint.Save(path, converted) })
}

// convertPublished converts a published file to a model, as convert does.
func convertPublished(m zoo.Model, path string, report io.Writer) (*checkpoint.File, error) {
	file, notes, err := checkpoint.LoadAny(path)
	if err != nil {
		return nil, err
	}
	o := publishedOptions{family: m.Family, eps: math.NaN()}
	return o.convert(file, notes, path, report)
}

// listModels prints a table of models.
func listModels(w io.Writer, models []zoo.Model) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tCOCO AP\tSIZE\tPROJECT\tLICENCE")
	for _, m := range models {
		fmt.Fprintf(t, "%s\t%.1f\t%.0f MiB\t%s\t%s\n", m.Name, m.AP, float64(m.Bytes)/(1<<20), m.Source, m.Licence)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, "\nCOCO AP is the box AP on val2017 in percent that the project published. scalenet pull NAME downloads and converts a model.\n"+
		"Files are checked by the digits of the SHA-256 in their names, detectron2's by six digits of the MD5.")
	return err
}
