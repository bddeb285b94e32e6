package checkpoint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"scalenet/internal/brief"
)

// Notes are what [LoadPTH] left out and changed.
type Notes struct {
	// Under is the key of the state dict, with dots where it is a dict of a
	// dict's; "" when the file is one.
	Under string
	// Skipped are the keys of entries, beside tensors and beside the state dict,
	// that were left out.
	Skipped []string
	// Prefixes were taken off all names.
	Prefixes []string
}

// Lines are the notes for people, one line each.
func (n Notes) Lines() (lines []string) {
	if n.Under != "" {
		lines = append(lines, fmt.Sprintf("took the tensors under %q", brief.Text(n.Under)))
	}
	if len(n.Prefixes) > 0 {
		lines = append(lines, fmt.Sprintf("took %q off the names", strings.Join(n.Prefixes, "")))
	}
	if len(n.Skipped) > 0 {
		lines = append(lines, "left out what is no tensor: "+brief.List(n.Skipped))
	}
	return lines
}

// stateDict is a dict of tensors, and how it was found.
type stateDict struct {
	names []string
	views []*view
	notes Notes
}

// stateKeys are the keys under which training scripts keep a model's state dict,
// the first of them counts: PyTorch's ImageNet example and most others, PyTorch's
// tutorial, detectron2 and DeiT, ultralytics-like scripts and DeepSpeed.
var stateKeys = []string{"state_dict", "model_state_dict", "model", "net", "network", "module"}

// nestedDicts bounds how deep a state dict may be in dicts.
const nestedDicts = 4

// findState finds the tensors in the object of a file.
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

// inside is the dict in a dict that has its model's tensors, nil when it has them
// itself.
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
	return "", nil, fmt.Errorf("the file has tensors under several keys, %s: save the state dict of one of them alone", brief.List(nested))
}

// nestedStates are the dicts in a dict that have tensors, themselves or one dict
// further down, by their keys, and these in order.
func nestedStates(d *dict) (keys []string, dicts map[string]*dict) {
	seen := map[*dict]bool{} // a program may put one dict in many places
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

// noDict says which of a dict's values, under a key of state dicts, is none.
func noDict(d *dict) error {
	for _, name := range stateKeys {
		if i := slices.Index(d.keys, any(name)); i >= 0 {
			if _, ok := d.values[i].(*dict); !ok {
				return fmt.Errorf("%q in the file is no dict but a %s: save model.state_dict()", name, kindOf(d.values[i]))
			}
		}
	}
	return nil
}

// kindOf names a value's type in Python's words.
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

// take lists the tensors of a dict; of equal names the last one counts.
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

// wrappers are the prefixes of DataParallel and of torch.compile.
var wrappers = []string{"module.", "_orig_mod."}

// rename takes off the prefixes that all names have, and gives the layers of
// torchvision's first DenseNets their present names.
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

// dottedDenseLayer finds the names norm.1, conv.2, ... that torchvision's published
// DenseNets have for what its code calls norm1, conv2, and renames as we do.
var dottedDenseLayer = regexp.MustCompile(`^(.*denselayer\d+\.(?:norm|conv))\.([12]\.(?:weight|bias|running_mean|running_var))$`)
