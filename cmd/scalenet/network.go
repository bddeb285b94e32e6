package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"scalenet/backbone"
	"scalenet/checkpoint"
	"scalenet/classify/allocate"
	"scalenet/internal/config"
	"scalenet/internal/spelling"
)

// namedNetwork returns the network of namedConfig(model).
func namedNetwork(model string) (backbone.Network, error) {
	config, err := namedConfig(model)
	if err != nil {
		return nil, err
	}
	n, err := config.New()
	if err != nil && config.Name != model {
		return nil, fmt.Errorf("%s: %w", model, err)
	}
	return n, err
}

// namedConfig returns the configuration of a network, given as one of:
//   - the name of a published network
//   - a file with a backbone.Config in YAML or JSON
//   - a structure file (a JSON list with one row per block), for the published
//     ScaleNet with that number of blocks
//   - a trained model
func namedConfig(model string) (backbone.Config, error) {
	if slices.Contains(backbone.Names(), model) {
		return backbone.Config{Name: model}, nil
	}
	if strings.HasSuffix(model, ".safetensors") || checkpoint.LooksLikeOne(model) {
		return allocate.ReadConfig(model)
	}
	return readNetwork(model)
}

func readNetwork(path string) (network backbone.Config, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return network, fmt.Errorf("model %q is neither a file nor one of %s%s", path, strings.Join(backbone.Names(), ", "),
			spelling.DidYouMean(path, backbone.Names(), strconv.Quote))
	}
	if err != nil {
		return network, err
	}
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("[")) {
		return structureNetwork(path)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return network, fmt.Errorf("%s is empty", path)
	}
	if err := config.Merge(&network, data, path); err != nil {
		return network, err
	}
	if network.Name == "" {
		return network, fmt.Errorf("%s: name is missing", path)
	}
	return network, nil
}

// structureNetwork returns the published ScaleNet with as many blocks as the structure file has rows.
func structureNetwork(path string) (config backbone.Config, err error) {
	rows, err := backbone.ReadStructure(path)
	if err != nil {
		return config, err
	}
	for _, name := range []string{"scalenet50", "scalenet101", "scalenet152"} {
		own, err := backbone.PublishedStructure(name)
		if err != nil {
			return config, err
		}
		if len(rows) == len(own) {
			return backbone.Config{Name: name, Structure: rows}, nil
		}
	}
	return config, fmt.Errorf("%s has %d rows, but ScaleNet-50 has 16 blocks, -101 33, -152 50: give blocks and planes in a YAML file instead", path, len(rows))
}
