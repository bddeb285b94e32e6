// Package onnxpb has the messages of ONNX models. Its code is generated from onnx.proto of the PyPI package onnx 1.23.2 (Apache-2.0), with
// protoc-gen-go of the version in go.mod:
//
//	protoc --go_out=. --go_opt=paths=source_relative --go_opt='Monnx.proto=scalenet/export/onnx/onnxpb;onnxpb' onnx.proto
package onnxpb
