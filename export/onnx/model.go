package onnx

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"google.golang.org/protobuf/proto"

	"scalenet/export/onnx/internal/onnxpb"
)

// The version of the operations, and of the format that goes with it. ONNX Runtime takes them from version 1.12 on, OpenVINO from 2023.0 on.
const (
	opset     = 17
	irVersion = 8
)

// maxSize is the largest message of protobuf in bytes.
const maxSize = 1<<31 - 1

// Model is an ONNX model.
type Model struct{ proto *onnxpb.ModelProto }

// file returns a model of a graph, with class names and further metadata.
func (b *builder) file(classes []string, metadata map[string]string) (*Model, error) {
	names, err := json.Marshal(classes)
	if err != nil {
		return nil, err
	}
	m := &onnxpb.ModelProto{
		IrVersion: proto.Int64(irVersion), ProducerName: proto.String("scalenet"), Graph: b.graph,
		OpsetImport: []*onnxpb.OperatorSetIdProto{{Domain: proto.String(""), Version: proto.Int64(opset)}},
	}
	metadata["classes"] = string(names)
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		m.MetadataProps = append(m.MetadataProps, &onnxpb.StringStringEntryProto{Key: proto.String(key), Value: proto.String(metadata[key])})
	}
	if n := proto.Size(m); n > maxSize {
		return nil, fmt.Errorf("the ONNX model would have %d bytes: its format allows at most %d", n, maxSize)
	}
	return &Model{m}, nil
}

// Bytes returns the model's file.
func (m *Model) Bytes() ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(m.proto)
}

// Save writes the model to a file.
func (m *Model) Save(path string) error {
	data, err := m.Bytes()
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// Operations returns the number of the graph's operations.
func (m *Model) Operations() int { return len(m.proto.Graph.Node) }

// described is an input or an output. Dimensions are ints, or names of those that depend on the input.
func described(name string, kind onnxpb.TensorProto_DataType, dimensions ...any) *onnxpb.ValueInfoProto {
	shape := &onnxpb.TensorShapeProto{}
	for _, d := range dimensions {
		dim := &onnxpb.TensorShapeProto_Dimension{}
		switch d := d.(type) {
		case int:
			dim.Value = &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: int64(d)}
		case string:
			dim.Value = &onnxpb.TensorShapeProto_Dimension_DimParam{DimParam: d}
		}
		shape.Dim = append(shape.Dim, dim)
	}
	tensor := &onnxpb.TypeProto_Tensor{ElemType: proto.Int32(int32(kind)), Shape: shape}
	return &onnxpb.ValueInfoProto{Name: proto.String(name), Type: &onnxpb.TypeProto{Value: &onnxpb.TypeProto_TensorType{TensorType: tensor}}}
}

// image adds the input of all models: images (N, H, W, 3) of bytes, red first.
func (b *builder) image() value {
	b.graph.Input = append(b.graph.Input, described("image", uint8Type, "batch", "height", "width", 3))
	return b.take("image")
}
