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

// inference is what a request of the Open Inference Protocol asks for.
type inference struct {
	id      string
	upload  upload
	values  url.Values // parameters, as in a query string
	outputs []requestedOutput
	timeout time.Duration // 0 is none
}

// requestedOutput is a tensor that is to be answered, in binary form or in JSON.
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

// inferenceJSON is the JSON part of a request.
type inferenceJSON struct {
	ID         string                     `json:"id"`
	Parameters map[string]json.RawMessage `json:"parameters"`
	Inputs     []inputTensor              `json:"inputs"`
	Outputs    []struct {
		Name       string                     `json:"name"`
		Parameters map[string]json.RawMessage `json:"parameters"`
	} `json:"outputs"`
}

type inputTensor struct {
	Name       string                     `json:"name"`
	Datatype   string                     `json:"datatype"`
	Shape      []int64                    `json:"shape"`
	Parameters map[string]json.RawMessage `json:"parameters"`
	Data       json.RawMessage            `json:"data"`
}

// parseInference takes a body apart. jsonLength is the header
// Inference-Header-Content-Length, "" for a body that is JSON to its end; what
// follows the JSON is the binary data of the inputs. take asks for the memory of
// a picture that comes as pixels.
func parseInference(body []byte, jsonLength string, limits imaging.Limits, take func(int64) bool) (inference, error) {
	text, data := body, []byte(nil)
	if jsonLength != "" {
		n, err := strconv.Atoi(jsonLength)
		if err != nil || n < 1 || n > len(body) {
			return inference{}, badRequest("Inference-Header-Content-Length = %q: want the length of the JSON, from 1 to the body's %d bytes", displayName(jsonLength), len(body))
		}
		text, data = body[:n], body[n:]
	}
	var r inferenceJSON
	if err := json.Unmarshal(text, &r); err != nil {
		return inference{}, badRequest("the JSON is unsound: %v", err)
	}
	if len(r.ID) > longestValue {
		return inference{}, badRequest("id: longer than %d bytes", longestValue)
	}
	q := inference{id: r.ID, values: url.Values{}}
	byDefault, err := q.parameters(r.Parameters)
	if err != nil {
		return q, err
	}
	for _, o := range r.Outputs {
		if !slices.Contains(outputNames, o.Name) {
			return q, badRequest("output %q is not known; there are %s", displayName(o.Name), strings.Join(outputNames, ", "))
		}
		if slices.ContainsFunc(q.outputs, func(other requestedOutput) bool { return other.name == o.Name }) {
			return q, badRequest("output %q is there twice", o.Name)
		}
		for key := range o.Parameters {
			if key == "classification" || strings.HasPrefix(key, "shared_memory_") {
				return q, badRequest("output %q: %s is not supported", o.Name, displayName(key))
			}
		}
		binary, err := flag(o.Parameters, "binary_data", byDefault)
		if err != nil {
			return q, fmt.Errorf("output %q: %w", o.Name, err)
		}
		q.outputs = append(q.outputs, requestedOutput{o.Name, binary})
	}
	if len(r.Outputs) == 0 {
		for _, name := range outputNames {
			q.outputs = append(q.outputs, requestedOutput{name, byDefault})
		}
	}
	if len(r.Inputs) != 1 || r.Inputs[0].Name != inputImage {
		return q, badRequest("want one input, %q", inputImage)
	}
	q.upload, err = r.Inputs[0].picture(data, limits, take)
	return q, err
}

// parameters takes those of the protocol and leaves the model's in values.
func (q *inference) parameters(list map[string]json.RawMessage) (binary bool, err error) {
	for key, raw := range list {
		switch {
		case key == "binary_data_output":
			binary, err = flag(list, key, false)
		case key == "timeout": // microseconds
			var n int64
			if err = json.Unmarshal(raw, &n); err != nil || n < 0 || n > int64(time.Hour/time.Microsecond) {
				err = badRequest("parameter timeout: want microseconds, not negative and at most an hour")
			}
			q.timeout = time.Duration(n) * time.Microsecond
		case key == "priority", strings.HasPrefix(key, "sequence_"), strings.HasPrefix(key, "triton_"):
			// Of a server that has priorities, sequences or traces.
		case key == "model", key == "format":
			err = badRequest("parameter %q is none of this protocol", key)
		default:
			var value string
			if value, err = jsonValue(raw); err != nil {
				err = badRequest("parameter %q: %v", displayName(key), err)
			}
			q.values.Set(key, value)
		}
		if err != nil {
			return false, err
		}
	}
	return binary, nil
}

// flag is a parameter that is true or false.
func flag(parameters map[string]json.RawMessage, key string, otherwise bool) (bool, error) {
	raw, ok := parameters[key]
	if !ok {
		return otherwise, nil
	}
	var v bool
	if err := json.Unmarshal(raw, &v); err != nil {
		return false, badRequest("parameter %s: want true or false", key)
	}
	return v, nil
}

// picture is the input's: a file in BYTES, or pixels in UINT8.
func (t inputTensor) picture(data []byte, limits imaging.Limits, take func(int64) bool) (upload, error) {
	fail := func(format string, args ...any) (upload, error) {
		return upload{}, badRequest("input %q: %s", t.Name, fmt.Sprintf(format, args...))
	}
	if _, shared := t.Parameters["shared_memory_region"]; shared {
		return fail("shared memory is not supported")
	}
	binary := false
	if raw, ok := t.Parameters["binary_data_size"]; ok {
		var n int64
		if err := json.Unmarshal(raw, &n); err != nil || n != int64(len(data)) {
			return fail("binary_data_size is %s, after the JSON are %d bytes", displayName(string(raw)), len(data))
		}
		if t.Data != nil && string(t.Data) != "null" {
			return fail("has both data and binary_data_size")
		}
		binary = true
	} else if len(data) > 0 {
		return fail("has no binary_data_size, after the JSON are %d bytes", len(data))
	}
	switch t.Datatype {
	case "BYTES":
		file, err := t.file(data, binary)
		if err != nil {
			return fail("%v", err)
		}
		return upload{data: file}, nil
	case "UINT8":
		im, err := t.pixels(data, binary, limits, take)
		var known *Error
		switch {
		case errors.As(err, &known), errors.Is(err, imaging.ErrTooLarge):
			return upload{}, err
		case err != nil:
			return fail("%v", err)
		}
		return upload{picture: im}, nil
	}
	return fail("datatype %q: want BYTES, a picture's file, or UINT8, its pixels", displayName(t.Datatype))
}

// file is the one element of a BYTES tensor: after its length in binary form, in
// base64 in JSON.
func (t inputTensor) file(data []byte, isBinary bool) ([]byte, error) {
	for _, n := range t.Shape {
		if n != 1 {
			return nil, fmt.Errorf("shape %v: want one picture, [1]", t.Shape)
		}
	}
	if isBinary {
		if len(data) < 4 || uint64(binary.LittleEndian.Uint32(data)) != uint64(len(data)-4) {
			return nil, errors.New("want one element: its length in four bytes, the least first, and as many bytes")
		}
		return data[4:], nil
	}
	var list []string
	if err := json.Unmarshal(t.Data, &list); err != nil {
		var nested [][]string
		if err := json.Unmarshal(t.Data, &nested); err != nil || len(nested) != 1 {
			return nil, errors.New("want data in a list with one string, in base64")
		}
		list = nested[0]
	}
	if len(list) != 1 {
		return nil, fmt.Errorf("want one picture, not %d", len(list))
	}
	return decodeBase64(list[0])
}

// pixels reads rows of red, green and blue.
func (t inputTensor) pixels(data []byte, isBinary bool, limits imaging.Limits, take func(int64) bool) (*imaging.Image, error) {
	shape := t.Shape
	if len(shape) == 4 && shape[0] == 1 {
		shape = shape[1:]
	}
	if len(shape) != 3 || shape[2] != 3 || shape[0] < 1 || shape[1] < 1 {
		return nil, fmt.Errorf("shape %v: want [height, width, 3] or [1, height, width, 3]", t.Shape)
	}
	const most = 1 << 31
	if err := limits.Check(int(min(shape[1], most)), int(min(shape[0], most))); err != nil {
		return nil, err
	}
	w, h := int(shape[1]), int(shape[0])
	if isBinary && len(data) != 3*w*h {
		return nil, fmt.Errorf("%d bytes for %v", len(data), t.Shape)
	}
	if !isBinary && len(t.Data) < 2*3*w*h+1 { // a digit for each, and commas or brackets around them
		return nil, fmt.Errorf("not as many values in data as in %v", t.Shape)
	}
	if !take(2 * 3 * int64(w) * int64(h)) {
		return nil, errMemory
	}
	im := imaging.New(w, h)
	if isBinary {
		copy(im.Pix, data)
	} else if err := readUint8s(im.Pix, t.Data); err != nil {
		return nil, err
	}
	for i := 0; i < len(im.Pix); i += 3 {
		im.Pix[i], im.Pix[i+2] = im.Pix[i+2], im.Pix[i]
	}
	return im, nil
}

// readUint8s fills values from a JSON list of numbers, which may have lists in
// it, without an allocation for each.
func readUint8s(into []uint8, list []byte) error {
	n, value := 0, -1 // value is that of the number that is being read
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
