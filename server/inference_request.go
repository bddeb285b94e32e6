package server

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"scalenet/imaging"
)

// inferenceRequest is a parsed request of the Open Inference Protocol.
type inferenceRequest struct {
	id      string
	upload  upload
	values  url.Values // parameters, as in a query string
	outputs []requestedOutput
	timeout time.Duration // 0 is no limit
}

// requestedOutput is an output tensor to return, in binary form or in JSON.
type requestedOutput struct {
	name   string
	binary bool
}

// The tensors of every model.
const (
	inputImage   = "image"
	outputBoxes  = "boxes"
	outputScores = "scores"
	outputIDs    = "class_ids"
	outputLabels = "labels"
)

var outputNames = []string{outputBoxes, outputScores, outputIDs, outputLabels}

// inputTensor is the input of a request. Its fields refer to the JSON.
type inputTensor struct {
	name, datatype string
	shape          []int64
	parameters     []field
	data           []byte
}

// parseInference parses a body: JSON, followed by the binary data of the input.
// jsonLength is the header Inference-Header-Content-Length, "" for a body that is only
// JSON. take reserves memory for an image that is sent as pixels.
func parseInference(body []byte, jsonLength string, limits imaging.Limits, take func(int64) bool) (inferenceRequest, error) {
	text, data := body, []byte(nil)
	if jsonLength != "" {
		n, err := strconv.Atoi(jsonLength)
		if err != nil || n < 1 || n > len(body) {
			return inferenceRequest{}, badRequest("Inference-Header-Content-Length = %q: want the length of the JSON, from 1 to the body's %d bytes", shown(jsonLength), len(body))
		}
		text, data = body[:n], body[n:]
	}
	if err := checkJSON(text); err != nil {
		return inferenceRequest{}, err
	}
	request, err := fields(text)
	if err != nil {
		return inferenceRequest{}, badRequest("the JSON: %v", err)
	}
	q := inferenceRequest{values: url.Values{}}
	if q.id, err = textOf(request, "id"); err != nil {
		return q, err
	}
	byDefault, err := q.parameters(request)
	if err != nil {
		return q, err
	}
	if err := q.readOutputs(request, byDefault); err != nil {
		return q, err
	}
	input, err := readInput(request)
	if err != nil {
		return q, err
	}
	q.upload, err = input.image(data, limits, take)
	return q, err
}

// readOutputs reads the requested outputs. Without any, all are returned. byDefault
// says that outputs are binary unless they say otherwise.
func (q *inferenceRequest) readOutputs(request []field, byDefault bool) error {
	list, err := listOf(request, "outputs", len(outputNames))
	if err != nil {
		return err
	}
	for _, output := range list {
		o, err := fields(output)
		if err != nil {
			return badRequest("outputs: %v", err)
		}
		name, err := textOf(o, "name")
		if err != nil {
			return err
		}
		if !slices.Contains(outputNames, name) {
			return badRequest("output %q is not known; there are %s", shown(name), strings.Join(outputNames, ", "))
		}
		if slices.ContainsFunc(q.outputs, func(other requestedOutput) bool { return other.name == name }) {
			return badRequest("output %q occurs twice", name)
		}
		parameters, err := objectOf(o, "parameters")
		if err != nil {
			return badRequest("output %q: %v", name, err)
		}
		binary := byDefault
		for _, p := range parameters {
			switch {
			case p.key == "classification" || strings.HasPrefix(p.key, "shared_memory_"):
				return badRequest("output %q: %s is not supported", name, shown(p.key))
			case p.key == "binary_data":
				if binary, err = p.flag(); err != nil {
					return badRequest("output %q: %v", name, err)
				}
			}
		}
		q.outputs = append(q.outputs, requestedOutput{name, binary})
	}
	if len(list) == 0 {
		for _, name := range outputNames {
			q.outputs = append(q.outputs, requestedOutput{name, byDefault})
		}
	}
	return nil
}

// readInput reads the input, but does not decode its data.
func readInput(request []field) (t inputTensor, err error) {
	list, err := listOf(request, "inputs", 1)
	if err != nil || len(list) != 1 {
		return t, badRequest("want one input, %q", inputImage)
	}
	input, err := fields(list[0])
	if err != nil {
		return t, badRequest("inputs: %v", err)
	}
	if t.name, err = textOf(input, "name"); err != nil {
		return t, err
	}
	if t.name != inputImage {
		return t, badRequest("want one input, %q, not %q", inputImage, shown(t.name))
	}
	if t.datatype, err = textOf(input, "datatype"); err != nil {
		return t, err
	}
	if t.parameters, err = objectOf(input, "parameters"); err != nil {
		return t, badRequest("input %q: %v", t.name, err)
	}
	const maxDims = 8
	if shape := valueOf(input, "shape"); shape != nil {
		if _, err := elements(shape, maxDims); err != nil || json.Unmarshal(shape, &t.shape) != nil {
			return t, badRequest("input %q: shape %s: want a list of at most %d whole numbers", t.name, shown(shape), maxDims)
		}
	}
	t.data = valueOf(input, "data")
	return t, nil
}

// parameters reads the parameters of the protocol, and puts all others, which are
// detection parameters, into values. It returns binary_data_output.
func (q *inferenceRequest) parameters(request []field) (binary bool, err error) {
	list, err := objectOf(request, "parameters")
	if err != nil {
		return false, badRequest("%v", err)
	}
	for _, p := range list {
		switch {
		case p.key == "binary_data_output":
			binary, err = p.flag()
		case p.key == "timeout": // microseconds
			var n int64
			if json.Unmarshal(p.value, &n) != nil || n < 0 || n > int64(time.Hour/time.Microsecond) {
				err = errors.New("want microseconds, not negative and at most an hour")
			}
			q.timeout = time.Duration(n) * time.Microsecond
		case p.key == "priority", strings.HasPrefix(p.key, "sequence_"), strings.HasPrefix(p.key, "triton_"):
			// Ignored: this server has no priorities, sequences or traces.
		default:
			var value string
			value, err = jsonValue(p.value)
			q.values.Set(p.key, value)
		}
		if err != nil {
			return false, badRequest("parameter %q: %v", shown(p.key), err)
		}
	}
	return binary, nil
}

// image returns the image of the input: a file (BYTES) or pixels (UINT8).
func (t inputTensor) image(data []byte, limits imaging.Limits, take func(int64) bool) (upload, error) {
	fail := func(format string, args ...any) (upload, error) {
		return upload{}, badRequest("input %q: %s", t.name, fmt.Sprintf(format, args...))
	}
	if valueOf(t.parameters, "shared_memory_region") != nil {
		return fail("shared memory is not supported")
	}
	size := valueOf(t.parameters, "binary_data_size")
	switch {
	case size == nil && len(data) > 0:
		return fail("has no binary_data_size, after the JSON are %d bytes", len(data))
	case size != nil && string(size) != strconv.Itoa(len(data)):
		return fail("binary_data_size is %s, after the JSON are %d bytes", shown(size), len(data))
	case size != nil && t.data != nil:
		return fail("has both data and binary_data_size")
	}
	switch t.datatype {
	case "BYTES":
		file, err := t.file(data, size != nil)
		if err != nil {
			return fail("%v", err)
		}
		return upload{data: file}, nil
	case "UINT8":
		im, err := t.pixels(data, size != nil, limits, take)
		var known *Error
		switch {
		case errors.As(err, &known), errors.Is(err, imaging.ErrTooLarge):
			return upload{}, err
		case err != nil:
			return fail("%v", err)
		}
		return upload{image: im}, nil
	}
	return fail("datatype %q: want BYTES, an image's file, or UINT8, its pixels", shown(t.datatype))
}

// file returns the one element of a BYTES tensor. In binary form its length is before
// it, in JSON it is a string of base64.
func (t inputTensor) file(data []byte, isBinary bool) ([]byte, error) {
	for _, n := range t.shape {
		if n != 1 {
			return nil, fmt.Errorf("shape %v: want one image, [1]", t.shape)
		}
	}
	if isBinary {
		if len(data) < 4 || uint64(binary.LittleEndian.Uint32(data)) != uint64(len(data)-4) {
			return nil, errors.New("want one element: its length as four little-endian bytes, then as many bytes")
		}
		return data[4:], nil
	}
	value := t.data
	for range max(2, len(t.shape)) {
		list, err := elements(value, 1)
		switch {
		case firstByte(value) != '[' || len(list) == 0 && err == nil:
			return nil, errors.New("want data in a list with one string, in base64")
		case err != nil:
			return nil, errors.New("want one image, not several")
		}
		if value = list[0]; firstByte(value) == '"' {
			break
		}
	}
	return stringBase64(value)
}

// pixels returns the image of a UINT8 tensor [height, width, 3] of RGB values.
func (t inputTensor) pixels(data []byte, isBinary bool, limits imaging.Limits, take func(int64) bool) (*imaging.Image, error) {
	shape := t.shape
	if len(shape) == 4 && shape[0] == 1 {
		shape = shape[1:]
	}
	if len(shape) != 3 || shape[2] != 3 || shape[0] < 1 || shape[1] < 1 {
		return nil, fmt.Errorf("shape %v: want [height, width, 3] or [1, height, width, 3]", t.shape)
	}
	const most = 1 << 31
	if err := limits.Check(int(min(shape[1], most)), int(min(shape[0], most))); err != nil {
		return nil, err
	}
	w, h := int(shape[1]), int(shape[0])
	if isBinary && len(data) != 3*w*h {
		return nil, fmt.Errorf("%d bytes for %v", len(data), t.shape)
	}
	if !isBinary && len(t.data) < 2*3*w*h+1 { // one digit and one comma or bracket per value
		return nil, fmt.Errorf("not as many values in data as in %v", t.shape)
	}
	if !take(2 * 3 * int64(w) * int64(h)) {
		return nil, errMemory
	}
	im := imaging.New(w, h)
	if isBinary {
		copy(im.Pix, data)
	} else if err := readUint8s(im.Pix, t.data); err != nil {
		return nil, err
	}
	for i := 0; i < len(im.Pix); i += 3 {
		im.Pix[i], im.Pix[i+2] = im.Pix[i+2], im.Pix[i]
	}
	return im, nil
}

// readUint8s reads a JSON list of numbers, which may be nested, without an allocation
// per number.
func readUint8s(into []uint8, list []byte) error {
	n, value := 0, -1 // value is the number being read, -1 between numbers
	end := func() error {
		if value < 0 {
			return nil
		}
		if n == len(into) {
			return errors.New("more values in data than in the shape")
		}
		into[n] = uint8(value)
		n, value = n+1, -1
		return nil
	}
	for _, c := range bytes.TrimSpace(list) {
		switch {
		case c >= '0' && c <= '9':
			value = max(value, 0)*10 + int(c-'0')
			if value > 255 {
				return errors.New("a value in data is above 255")
			}
		case strings.IndexByte("[], \t\r\n", c) >= 0:
			if err := end(); err != nil {
				return err
			}
		default:
			return errors.New("want data in a list of numbers from 0 to 255")
		}
	}
	if err := end(); err != nil {
		return err
	}
	if n < len(into) {
		return fmt.Errorf("%d values in data, %d in the shape", n, len(into))
	}
	return nil
}
