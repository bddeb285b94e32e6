package backbone

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"scalenet/checkpoint"
	"scalenet/internal/brief"
)

// Structure is a neuron allocation. Each block has one row [C1, ..., CL, side]: the neurons (output channels) per scale, then the height and width of the
// block's features at the network's nominal input size, 224 x 224 for ImageNet.
type Structure [][]int

//go:embed structures/*.json
var published embed.FS

// PublishedStructure returns the allocation of a ScaleNet of the paper. Those for ImageNet are the authors'. The authors published none for CIFAR. These
// are even allocations: the scales of a block differ by at most one neuron, and the multiply-adds of the block's 3x3 convolutions and conv3 are at most
// those in the ResNet's block.
func PublishedStructure(name string) (Structure, error) {
	data, err := published.ReadFile("structures/" + name + ".json")
	if err != nil {
		return nil, fmt.Errorf("no published structure is named %q", name)
	}
	return parseStructure(data, name)
}

// maxStructure is the maximum size of a structure file in bytes.
const maxStructure = 1 << 20

// ReadStructure reads an allocation from a JSON file.
func ReadStructure(path string) (Structure, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxStructure {
		err = fmt.Errorf("%s: %d bytes are too many for a structure, want at most %d", path, info.Size(), maxStructure)
	}
	if err != nil {
		return nil, fmt.Errorf("reading a structure: %w", err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading a structure: %w", err)
	}
	return parseStructure(data, path)
}

// WriteStructure writes an allocation to a JSON file for ReadStructure, with one row per line.
func WriteStructure(path string, s Structure) error {
	if len(s) == 0 {
		return fmt.Errorf("%s: a structure of no rows", path)
	}
	if err := s.check(len(s), len(s[0])-1); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return checkpoint.WriteAtomic(path, func(w io.Writer) error {
		end := "[\n"
		for _, row := range s {
			text := strings.ReplaceAll(fmt.Sprint(row), " ", ", ")
			if _, err := io.WriteString(w, end+"  "+text); err != nil {
				return err
			}
			end = ",\n"
		}
		_, err := io.WriteString(w, "\n]\n")
		return err
	})
}

func parseStructure(data []byte, name string) (Structure, error) {
	var s Structure
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("structure %s: %s", name, notRows(err))
	}
	if len(s) == 0 {
		return nil, fmt.Errorf("structure %s has no rows", name)
	}
	if err := s.check(len(s), len(s[0])-1); err != nil {
		return nil, fmt.Errorf("structure %s: %w", name, err)
	}
	return s, nil
}

// notRows returns the reason why a text is not a list of rows of integers.
func notRows(err error) string {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Sprintf("broken JSON after %d bytes: %s", syntax.Offset, syntax)
	}
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return fmt.Sprintf("a JSON %s at byte %d, want rows of integers such as [[64, 64, 0, 0, 56], ...]", brief.Text(kind.Value), kind.Offset)
	}
	return err.Error()
}

// check returns an error if the structure does not match the number of blocks and scales. The error counts rows and scales from 1.
func (s Structure) check(blocks, scales int) error {
	if len(s) > maxBlocks {
		return fmt.Errorf("%d rows, want at most %d", len(s), maxBlocks)
	}
	if len(s) != blocks {
		return fmt.Errorf("%d rows for %d blocks", len(s), blocks)
	}
	for i, row := range s {
		if len(row) != scales+1 || len(row) < 2 || scales > maxScales {
			return fmt.Errorf("row %d has %d numbers, want %d scales and the side", i+1, len(row), min(max(scales, 1), maxScales))
		}
		sum := 0
		for j, c := range row[:scales] {
			if c < 0 || c > maxChannels {
				return fmt.Errorf("row %d, scale %d: %d neurons, want 0 to %d", i+1, j+1, c, maxChannels)
			}
			sum += c
		}
		if sum == 0 {
			return fmt.Errorf("row %d has no neurons", i+1)
		}
		if row[scales] < 1 || row[scales] > maxSide {
			return fmt.Errorf("row %d: side %d, want 1 to %d", i+1, row[scales], maxSide)
		}
	}
	return nil
}
