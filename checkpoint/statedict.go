package checkpoint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"scalenet/internal/brief"
)

// Notes list what [LoadPTH] or [LoadPKL] skipped and changed.
type Notes struct {
	// Under is the key of the state dict, with a dot if it is in a nested dict, or "" if
	// the file itself is a state dict.
	Under string
	// Skipped are the keys of entries that are neither tensors nor the state dict.
	Skipped []string
	// Prefixes were removed from all names.
	Prefixes []string
	// Texts are the short texts beside the state dict by key, such as "pooling_mode" of jwyang's detectors.
	Texts map[string]string
}

// Bounds of Texts, far above what training scripts save.
const (
	maxTexts = 32
	maxText  = 64 // bytes
)

// Lines returns the notes as lines of text.
func (n Notes) Lines() (lines []string) {
	if n.Under != "" {
		lines = append(lines, fmt.Sprintf("used the tensors under %q", brief.Text(n.Under)))
	}
	if len(n.Prefixes) > 0 {
		lines = append(lines, fmt.Sprintf("removed %q from the names", strings.Join(n.Prefixes, "")))
	}
	if len(n.Skipped) > 0 {
		lines = append(lines, "skipped entries that are not tensors: "+brief.List(n.Skipped))
	}
	return lines
}

// stateDict is a dict of tensors, with notes on how it was found.
type stateDict struct {
	names []string
	views []*view
	notes Notes
}

// stateKeys are the keys of the state dict of a model in the files of training scripts:
// PyTorch's ImageNet example and most others, PyTorch's tutorial, detectron2 and DeiT,
// ultralytics-like scripts and DeepSpeed. The first key that exists is used.
var stateKeys = []string{"state_dict", "model_state_dict", "model", "net", "network", "module"}

// nestedDicts is the maximum depth of nested dicts around a state dict.
const nestedDicts = 4

// findState finds the state dict in the object of a file.
func findState(root any) (*stateDict, error) {
	d, ok := root.(*dict)
	if !ok {
		return nil, fmt.Errorf("the file has a %s instead of a dict of tensors: save model.state_dict()", kindOf(root))
	}
	s := &stateDict{}
	for range nestedDicts {
		key, inner, err := inside(d)
		if err != nil {
			return nil, err
		}
		if inner == nil {
			break
		}
		s.notes.readTexts(d)
		if s.notes.Under != "" {
			s.notes.Under += "."
		}
		s.notes.Under += key
		d = inner
	}
	s.take(d)
	if len(s.names) == 0 {
		return nil, fmt.Errorf("no tensors in the file, neither directly nor under %s; its keys are %s",
			strings.Join(stateKeys, ", "), brief.List(s.notes.Skipped))
	}
	s.rename()
	return s, nil
}

// readTexts adds the texts of a dict around the state dict.
func (n *Notes) readTexts(d *dict) {
	for i, k := range d.keys {
		key, isText := k.(string)
		value, isValue := d.values[i].(string)
		if !isText || !isValue || len(key) > maxText || len(value) > maxText || len(n.Texts) == maxTexts {
			continue
		}
		if n.Texts == nil {
			n.Texts = map[string]string{}
		}
		n.Texts[key] = value
	}
}

// inside returns the nested dict with the tensors of the model, nil if d itself has them.
func inside(d *dict) (key string, inner *dict, err error) {
	nested, dicts := nestedStates(d)
	for _, name := range stateKeys {
		if n := dicts[name]; n != nil {
			return name, n, nil
		}
	}
	nested = slices.DeleteFunc(nested, func(name string) bool { return strings.HasPrefix(name, "optim") })
	switch {
	case len(nested) == 0 && d.views == 0:
		return "", nil, noDict(d)
	case len(nested) == 0 || len(nested) == 1 && dicts[nested[0]].views < d.views:
		return "", nil, nil
	case len(nested) == 1:
		return nested[0], dicts[nested[0]], nil
	}
	return "", nil, fmt.Errorf("the file has tensors under several keys, %s: save the state dict of only one of them", brief.List(nested))
}

// nestedStates returns the nested dicts that have tensors, directly or in a dict one level
// further down, by key, and the keys in order.
func nestedStates(d *dict) (keys []string, dicts map[string]*dict) {
	seen := map[*dict]bool{} // a pickle may use one dict in many places
	dicts = map[string]*dict{}
	for i, k := range d.keys {
		name, isText := k.(string)
		n, isDict := d.values[i].(*dict)
		if !isText || !isDict {
			continue
		}
		has, known := seen[n]
		if !known {
			has = n.views > 0 || slices.ContainsFunc(n.values, func(v any) bool {
				inner, ok := v.(*dict)
				return ok && inner.views > 0
			})
			seen[n] = has
		}
		if !has {
			continue
		}
		if dicts[name] == nil {
			keys = append(keys, name)
		}
		dicts[name] = n
	}
	return keys, dicts
}

// noDict returns an error if the value of one of stateKeys is not a dict.
func noDict(d *dict) error {
	for _, name := range stateKeys {
		if i := slices.Index(d.keys, any(name)); i >= 0 {
			if _, ok := d.values[i].(*dict); !ok {
				return fmt.Errorf("%q in the file is not a dict but a %s: save model.state_dict()", name, kindOf(d.values[i]))
			}
		}
	}
	return nil
}

// kindOf returns the name of the Python type of a value.
func kindOf(v any) string {
	switch v := v.(type) {
	case *dict:
		return "dict"
	case *list:
		return "list"
	case tuple:
		return "tuple"
	case *view:
		return "tensor"
	case string:
		return "string"
	case blob:
		return "bytes"
	case *numpyType:
		return "dtype"
	case nil:
		return "None"
	case global:
		return "class"
	case inert:
		return "Python object"
	default:
		return fmt.Sprintf("number %s", brief.Value(v))
	}
}

// take adds the tensors of a dict. Of equal names, the last one is used.
func (s *stateDict) take(d *dict) {
	at := map[string]int{}
	for i, key := range d.keys {
		name, isText := key.(string)
		v, isTensor := d.values[i].(*view)
		switch j, twice := at[name]; {
		case !isText || !isTensor:
			if !isText {
				name = kindOf(key)
			}
			s.notes.Skipped = append(s.notes.Skipped, name)
		case twice:
			s.views[j] = v
		default:
			at[name] = len(s.names)
			s.names, s.views = append(s.names, name), append(s.views, v)
		}
	}
}

// wrappers are the name prefixes of DataParallel and of torch.compile.
var wrappers = []string{"module.", "_orig_mod."}

// rename removes the prefixes that all names have, and renames the layers of torchvision's
// first DenseNets to their current names.
func (s *stateDict) rename() {
	for {
		i := slices.IndexFunc(wrappers, func(w string) bool {
			return !slices.ContainsFunc(s.names, func(name string) bool { return !strings.HasPrefix(name, w) || name == w })
		})
		if i < 0 {
			break
		}
		for j := range s.names {
			s.names[j] = strings.TrimPrefix(s.names[j], wrappers[i])
		}
		s.notes.Prefixes = append(s.notes.Prefixes, wrappers[i])
	}
	for i := range s.names {
		s.names[i] = dottedDenseLayer.ReplaceAllString(s.names[i], "$1$2")
	}
}

// dottedDenseLayer matches the names norm.1, conv.2, ... in torchvision's published
// DenseNets. torchvision renames them to norm1, conv2, ... when loading.
var dottedDenseLayer = regexp.MustCompile(`^(.*denselayer\d+\.(?:norm|conv))\.([12]\.(?:weight|bias|running_mean|running_var))$`)
