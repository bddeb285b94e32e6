package published

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"scalenet/checkpoint"
	"scalenet/detector"
)

// Options of a conversion. The zero value is what the file itself says.
type Options struct {
	// Family is the name of a family; empty means that the tensors' names decide.
	Family string
	// Classes are the class names without background; nil means COCO's if the number fits, else "class 1", "class 2", ...
	Classes []string
	// Texts are the texts in the file beside the tensors, [checkpoint.Notes].Texts.
	Texts map[string]string
	// Eps is the epsilon of the BatchNorms that the file was trained with; nil means the family's.
	Eps *float64
}

// Conversion is a converted model and what was found out about its file.
type Conversion struct {
	Model  *detector.Model
	Family string
	Notes  []string // for the user, such as which epsilon was taken
}

// family is a kind of published checkpoint.
type family struct {
	name string
	// has reports whether a file of this name with these tensors is of the family.
	has func(t tensors, file string) bool
	// convert returns the configuration and, renamed, the tensors of the model.
	convert func(t tensors, s source) (draft, error)
}

// source is what is known about a file besides its tensors.
type source struct {
	digest  string // SHA-256 in hexadecimal digits
	trained bool   // BatchNorms count batches: BatchNorm2d, not FrozenBatchNorm2d
	options Options
}

// draft is a conversion before the model is assembled.
type draft struct {
	config  detector.Config
	classes int      // without background
	names   []string // of the classes, if they are not COCO's
	tensors tensors  // with the model's names
	notes   []string
}

// families lists what Convert recognises, in the order in which it tries.
func families() []family {
	return slices.Concat(torchvisionFamilies(), detectron2Families(), mmdetectionFamilies(), jwyangFamilies())
}

// Families returns the names of the families.
func Families() (names []string) {
	for _, f := range families() {
		names = append(names, f.name)
	}
	return names
}

// Recognised reports whether the tensors of a file look like those of a published detector.
func Recognised(f *checkpoint.File) bool {
	_, err := recognise(tensorsOf(f), "", "")
	return err == nil
}

// recognise returns the family of the given name, or the first one that the tensors and the name of their file fit.
func recognise(t tensors, file, name string) (family, error) {
	for _, f := range families() {
		if name == f.name || name == "" && f.has(t, file) {
			return f, nil
		}
	}
	if name != "" {
		return family{}, fmt.Errorf("family %q is unknown: want one of %s", name, strings.Join(Families(), ", "))
	}
	names := t.names()
	return family{}, fmt.Errorf("not a detector of a known family (%s): its first tensors are %s",
		strings.Join(Families(), ", "), strings.Join(names[:min(4, len(names))], ", "))
}

// Convert converts a state dict that was read from path, whose SHA-256 is digest. Tensors that are missing, unexpected or of another shape are errors
// that name the first of them.
func Convert(f *checkpoint.File, path, digest string, o Options) (*Conversion, error) {
	t := tensorsOf(f)
	family, err := recognise(t, filepath.Base(path), o.Family)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	d, err := family.convert(t, source{digest, countsBatches(f), o})
	if err != nil {
		return nil, fmt.Errorf("%s: as %s: %w", path, family.name, err)
	}
	classes := o.Classes
	if classes == nil {
		classes = d.names
	}
	if classes == nil {
		classes = classNames(d.classes)
	}
	if len(classes) != d.classes {
		return nil, fmt.Errorf("%s: %d class names for a detector of %d classes", path, len(classes), d.classes)
	}
	m, err := detector.FromTensors(d.config, classes, d.tensors)
	if err != nil {
		return nil, fmt.Errorf("%s: as %s: %w", path, family.name, err)
	}
	return &Conversion{Model: m, Family: family.name, Notes: d.notes}, nil
}

// tensors are the tensors of a file by name.
type tensors map[string]checkpoint.Tensor

// tensorsOf returns the tensors of a file, without BatchNorm's counters of batches.
func tensorsOf(f *checkpoint.File) tensors {
	t := tensors{}
	for _, x := range f.Tensors {
		if !strings.HasSuffix(x.Name, ".num_batches_tracked") {
			t[x.Name] = x
		}
	}
	return t
}

// countsBatches reports whether a file has BatchNorm2d's counters.
func countsBatches(f *checkpoint.File) bool {
	return slices.ContainsFunc(f.Tensors, func(t checkpoint.Tensor) bool { return strings.HasSuffix(t.Name, ".num_batches_tracked") })
}

// names returns all names in alphabetical order.
func (t tensors) names() []string {
	names := make([]string, 0, len(t))
	for name := range t {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (t tensors) has(name string) bool { _, ok := t[name]; return ok }

// renamed returns the tensors under the names that the function gives them. Two tensors of the same name are an error.
func (t tensors) renamed(rename func(string) string) (tensors, error) {
	out := tensors{}
	for _, name := range t.names() {
		x := t[name]
		x.Name = rename(name)
		if other, ok := out[x.Name]; ok {
			return nil, fmt.Errorf("tensor %s: another tensor (%v) has the same place", name, other.Shape)
		}
		out[x.Name] = x
	}
	return out, nil
}

// count returns the number i for which the name with %d replaced by 0, 1, ..., i-1 exists.
func (t tensors) count(format string) (n int) {
	for t.has(fmt.Sprintf(format, n)) {
		n++
	}
	return n
}

// resNetOf returns the name of the ResNet by the number of blocks of its third stage, whose names have the given prefix, and by the groups of its 3x3
// convolutions.
func resNetOf(t tensors, stage string) (string, error) {
	networks := map[int]string{6: "50", 23: "101", 36: "152"}
	depth := networks[t.count(stage+"%d.conv1.weight")]
	if depth == "" {
		return "", fmt.Errorf("%d blocks in %s: want 6 (ResNet-50), 23 (ResNet-101) or 36 (ResNet-152)",
			t.count(stage+"%d.conv1.weight"), strings.TrimSuffix(stage, "."))
	}
	x := t[stage+"0.conv2.weight"]
	switch shape := fmt.Sprint(x.Shape); { // output channels, input channels of a group, kernel
	case shape == "[256 256 3 3]":
		return "resnet" + depth, nil
	case shape == "[1024 32 3 3]" && depth == "101":
		return resNeXt32x8d, nil
	}
	return "", fmt.Errorf("tensor %s0.conv2.weight has shape %v: want [256 256 3 3], as a ResNet without groups has, or [1024 32 3 3], as a ResNeXt-101 32x8d has",
		stage, x.Shape)
}

// resNeXt32x8d is the network of detectron2's X101-FPN.
const resNeXt32x8d = "resnext101_32x8d"

// classesOf returns the number of classes, without background, of the box predictor whose layer for scores has the given name.
func classesOf(t tensors, scores string) (int, error) {
	x, ok := t[scores+".weight"]
	if !ok || len(x.Shape) != 2 || x.Shape[0] < 2 {
		return 0, fmt.Errorf("%s.weight is missing or has no rows for classes", scores)
	}
	return x.Shape[0] - 1, nil
}
