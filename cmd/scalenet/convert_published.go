package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"scalenet/checkpoint"
	"scalenet/detector"
	"scalenet/detector/published"
	"scalenet/internal/brief"
)

// publishedOptions are the flags of convert for published detectors.
type publishedOptions struct {
	family, classes, to string
	eps                 float64
}

// noFamily keeps all names.
const noFamily = "none"

func (o *publishedOptions) flags(command *cobra.Command) {
	f := command.Flags()
	f.StringVar(&o.family, "family", "", fmt.Sprintf("family of a published detector (default: the tensors' names decide): %s, or %s",
		strings.Join(published.Families(), ", "), noFamily))
	f.StringVar(&o.classes, "classes", "", "text file with the class names of a published detector, one per line (default: COCO's)")
	f.StringVar(&o.to, "to", "", `"torchvision": OUT becomes the state dict of the detector IN for torchvision's builder`)
	f.Float64Var(&o.eps, "eps", math.NaN(), "epsilon of a published detector's BatchNorms (default: that of its family)")
}

func (o *publishedOptions) check() error {
	if o.eps < 0 || math.IsInf(o.eps, 0) {
		return fmt.Errorf("--eps %g: must be at least 0 and finite", o.eps)
	}
	if o.to != "" && o.to != "torchvision" {
		return fmt.Errorf("--to %q: want torchvision", o.to)
	}
	if o.to != "" && (o.family != "" || o.classes != "" || !math.IsNaN(o.eps)) {
		return fmt.Errorf("--to %s takes a model: --family, --classes and --eps are for published detectors", o.to)
	}
	return nil
}

// convert returns the file of the model that a published detector becomes; any other file unchanged. The notes are those of reading it.
func (o *publishedOptions) convert(file *checkpoint.File, notes checkpoint.Notes, in string, report io.Writer) (*checkpoint.File, error) {
	if o.family == noFamily || o.family == "" && !published.Recognised(file) {
		if o.classes != "" || !math.IsNaN(o.eps) {
			return nil, fmt.Errorf("%s: not a published detector, so --classes and --eps must not be given", in)
		}
		return file, nil
	}
	options := published.Options{Family: o.family, Texts: notes.Texts}
	if !math.IsNaN(o.eps) {
		options.Eps = &o.eps
	}
	var err error
	if options.Classes, err = readClasses(o.classes); err != nil {
		return nil, err
	}
	digest, err := fileSHA256(in)
	if err != nil {
		return nil, err
	}
	c, err := published.Convert(file, in, digest, options)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(report, "%s: %s with %s\n", in, c.Family, brief.Count(len(c.Model.Classes), "class"))
	for _, note := range c.Notes {
		fmt.Fprintf(report, "%s: %s\n", in, note)
	}
	return &checkpoint.File{Metadata: c.Model.Metadata(), Tensors: c.Model.Tensors()}, nil
}

// export returns the state dict of the detector in for torchvision.
func (o *publishedOptions) export(in string, report io.Writer, options ...checkpoint.Option) (*checkpoint.File, error) {
	m, err := detector.Load(in, options...)
	if err != nil {
		return nil, err
	}
	file, notes, err := published.ToTorchvision(m)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in, err)
	}
	for _, note := range notes {
		fmt.Fprintf(report, "%s: %s\n", in, note)
	}
	return file, nil
}

// readClasses returns the class names in a text file, one per line; none without a path. Empty lines are left out.
func readClasses(path string) (names []string, err error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	b = bytes.TrimPrefix(b, []byte("\ufeff")) // the byte order mark of Windows' editors
	if !utf8.Valid(b) {
		return nil, fmt.Errorf("%s: the class names are not UTF-8", path)
	}
	lines := map[string]int{}
	for at, line := range strings.Split(string(b), "\n") {
		name := strings.TrimSpace(line)
		if name == "" {
			continue
		}
		if first := lines[name]; first > 0 {
			return nil, fmt.Errorf("%s: line %d: class %q is in line %d already", path, at+1, shortened(name), first)
		}
		lines[name] = at + 1
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s: no class names", path)
	}
	return names, nil
}

// fileSHA256 returns the SHA-256 of a file in hexadecimal digits.
func fileSHA256(path string) (digest string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	if _, err := io.Copy(h, bufio.NewReaderSize(f, 1<<20)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
