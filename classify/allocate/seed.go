package allocate

import (
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"scalenet/backbone"
	"scalenet/checkpoint"
	"scalenet/internal/config"
)

// Seed is a trained seed network with the importance of its neurons.
type Seed struct {
	Path   string
	Config backbone.Config // resolved
	Blocks []backbone.SABlock
	// Importance of each neuron: block, scale, neuron.
	Importance [][][]float64
	Measure    Measure
}

// configKeys are the metadata keys of configurations with a backbone.
var configKeys = []string{checkpoint.ClassifierKey, checkpoint.DetectorKey}

// ReadSeed reads a safetensors file of a classifier or a detector. If model is not nil, it
// is the configuration of the network. Otherwise that is read from the metadata, which a
// file converted from a .pth does not have. With the measure [Loss], the importance is
// |gamma| until [Seed.SetSensitivity] replaces it.
func ReadSeed(path string, model *backbone.Config, measure Measure) (*Seed, error) {
	if !slices.Contains(Measures(), measure) {
		return nil, fmt.Errorf("importance %q: want %v", measure, Measures())
	}
	if ending := filepath.Ext(path); ending == ".pth" || ending == ".pt" {
		return nil, fmt.Errorf("%s: convert PyTorch checkpoints first: scalenet convert %s %s", path, path, strings.TrimSuffix(path, ending)+".safetensors")
	}
	r, err := checkpoint.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if model == nil {
		if model, err = describedBy(r.Metadata()); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	seed := &Seed{Path: path, Measure: measure}
	if seed.Config, seed.Blocks, err = describe(*model); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := seed.read(r); err != nil {
		return nil, err
	}
	if measure == Output {
		if err := seed.passedOn(r); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return seed, r.Verify()
}

// ReadConfig reads the backbone configuration in a safetensors file of a classifier or a detector.
func ReadConfig(path string) (backbone.Config, error) {
	r, err := checkpoint.Open(path)
	if err != nil {
		return backbone.Config{}, err
	}
	defer r.Close()
	config, err := describedBy(r.Metadata())
	if err != nil {
		return backbone.Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return *config, r.Verify()
}

// describedBy returns the backbone configuration in the metadata of a file.
func describedBy(metadata map[string]string) (*backbone.Config, error) {
	for _, key := range configKeys {
		text, ok, err := checkpoint.Config(metadata, key)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		var whole struct {
			Backbone yaml.Node `yaml:"backbone"`
		}
		if err := yaml.Unmarshal([]byte(text), &whole); err != nil {
			return nil, fmt.Errorf("metadata %s: not a configuration in YAML", key)
		}
		if whole.Backbone.IsZero() {
			return nil, fmt.Errorf("metadata %s: backbone is missing", key)
		}
		part, err := yaml.Marshal(&whole.Backbone)
		if err != nil {
			return nil, fmt.Errorf("metadata %s: backbone: %w", key, err)
		}
		network := &backbone.Config{}
		if err := config.Merge(network, part, "metadata "+key+": backbone"); err != nil {
			return nil, err
		}
		return network, nil
	}
	return nil, fmt.Errorf("no metadata %s: the file does not say which network its parameters belong to; name the network with --model", strings.Join(configKeys, " or "))
}

// gamma matches the BatchNorm weights of branches.
var gamma = regexp.MustCompile(`^layer\d+\.\d+\.bn2\.\d+\.weight$`)

// read reads |gamma| of every neuron. A branch in the file that the network does
// not have is an error.
func (s *Seed) read(r *checkpoint.Reader) error {
	known := map[string]bool{}
	for _, block := range s.Blocks {
		list := make([][]float64, len(block.Scales))
		for l, scale := range block.Scales {
			if scale.Neurons == 0 {
				continue
			}
			name := gammaName(block, l)
			values, err := readValues(r, name, scale.Neurons)
			if err != nil {
				return fmt.Errorf("%s: %w", s.Path, err)
			}
			for i, v := range values {
				values[i] = math.Abs(v)
			}
			list[l], known[name] = values, true
		}
		s.Importance = append(s.Importance, list)
	}
	for _, info := range r.Infos() {
		if gamma.MatchString(info.Name) && !known[info.Name] {
			return fmt.Errorf("%s: tensor %q %v belongs to a scale that has no neurons in the network's structure", s.Path, info.Name, info.Shape)
		}
	}
	return nil
}

// gammaName is the name of the BatchNorm weights of a branch.
func gammaName(block backbone.SABlock, scale int) string {
	return fmt.Sprintf("%s.bn2.%d.weight", block.Name, scale)
}

// readValues reads a tensor of finite values.
func readValues(r *checkpoint.Reader, name string, shape ...int) ([]float64, error) {
	at := slices.IndexFunc(r.Infos(), func(i checkpoint.Info) bool { return i.Name == name })
	if at < 0 {
		return nil, fmt.Errorf("tensor %q %v is missing", name, shape)
	}
	if got := r.Infos()[at].Shape; !slices.Equal(got, shape) {
		return nil, fmt.Errorf("tensor %q has shape %v, the network's structure wants %v", name, got, shape)
	}
	t, err := r.Tensor(name)
	if err != nil {
		return nil, err
	}
	weights, err := t.Float32s()
	if err != nil {
		return nil, err
	}
	values := make([]float64, len(weights))
	for i, w := range weights {
		values[i] = float64(w)
		if math.IsNaN(values[i]) || math.IsInf(values[i], 0) {
			return nil, fmt.Errorf("tensor %q [%d] is %v, want a finite value", name, i, w)
		}
	}
	return values, nil
}
