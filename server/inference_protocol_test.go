package server

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalenet/imaging"
)

// inferred is an answer of the protocol with its tensors, from JSON or from binary data.
type inferred struct {
	ModelName    string `json:"model_name"`
	ModelVersion string `json:"model_version"`
	ID           string
	Outputs      []struct {
		tensorMetadata
		Parameters *binarySize
		Data       json.RawMessage
	}
	boxes, scores []float32
	ids           []int64
	labels        []string
}

func readInferred(t testing.TB, header http.Header, text string) (a inferred) {
	t.Helper()
	data := ""
	if n := header.Get(lengthHeader); n != "" {
		length, err := strconv.Atoi(n)
		require.NoError(t, err)
		text, data = text[:length], text[length:]
	}
	a = read[inferred](t, text)
	for _, o := range a.Outputs {
		into := map[string]any{"boxes": &a.boxes, "scores": &a.scores, "class_ids": &a.ids, "labels": &a.labels}[o.Name]
		if o.Parameters == nil {
			require.NoError(t, json.Unmarshal(o.Data, into))
			continue
		}
		require.Nil(t, o.Data)
		part := data[:o.Parameters.Bytes]
		data = data[o.Parameters.Bytes:]
		n := 1
		for _, side := range o.Shape {
			n *= side
		}
		switch v := into.(type) {
		case *[]string:
			for range n {
				length := binary.LittleEndian.Uint32([]byte(part))
				*v, part = append(*v, part[4:4+length]), part[4+length:]
			}
			require.Empty(t, part)
		case *[]float32:
			*v = make([]float32, n)
			require.NoError(t, binary.Read(strings.NewReader(part), binary.LittleEndian, *v))
		case *[]int64:
			*v = make([]int64, n)
			require.NoError(t, binary.Read(strings.NewReader(part), binary.LittleEndian, *v))
		}
	}
	require.Empty(t, data)
	return a
}

// inferRequest is a body with one input, whose data is binary if it is bytes.
func inferRequest(t testing.TB, input map[string]any, data []byte, rest map[string]any) (body string, header []string) {
	if data != nil {
		input["parameters"] = map[string]any{"binary_data_size": len(data)}
	}
	request := map[string]any{"inputs": []any{input}}
	for k, v := range rest {
		request[k] = v
	}
	text, err := json.Marshal(request)
	require.NoError(t, err)
	if data == nil {
		return string(text), nil
	}
	return string(text) + string(data), []string{lengthHeader, strconv.Itoa(len(text))}
}

func element(data []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(data))), data...)
}

// TestInfer sends an image in every form the protocol has; each has /detect's
// answer.
func TestInfer(t *testing.T) {
	s := serve(t, nil)
	im := imaging.New(100, 70)
	rgb := make([]byte, len(im.Pix))
	for i := range im.Pix {
		im.Pix[i] = uint8(i * i / 7)
		rgb[i-i%3+2-i%3] = im.Pix[i]
	}
	image, err := im.Encode(".png")
	require.NoError(t, err)
	_, _, text := s.post(t, "/detect", "image/png", string(image))
	want := read[DetectResponse](t, text)
	require.Greater(t, len(want.Detections), 5)
	check := func(t *testing.T, a inferred, detections []Detection) {
		t.Helper()
		assert.Equal(t, []string{"first", want.Model.Version}, []string{a.ModelName, a.ModelVersion})
		require.Len(t, a.scores, len(detections))
		for i, d := range detections {
			assert.Equal(t, []float32{d.Box.X1, d.Box.Y1, d.Box.X2, d.Box.Y2}, a.boxes[4*i:4*i+4])
			assert.Equal(t, []any{d.Score, int64(d.ClassID), d.Label}, []any{a.scores[i], a.ids[i], a.labels[i]})
		}
	}
	numbers := make([]int, len(rgb))
	for i, v := range rgb {
		numbers[i] = int(v)
	}
	rows := make([][][]int, 70)
	for y := range rows {
		for x := range 100 {
			rows[y] = append(rows[y], numbers[(100*y+x)*3:(100*y+x)*3+3])
		}
	}
	encoded := base64.StdEncoding.EncodeToString(image)
	type object = map[string]any
	for name, c := range map[string]struct {
		input object
		data  []byte
	}{
		"file":            {object{"name": "image", "datatype": "BYTES", "shape": []int{1}}, element(image)},
		"file, [1, 1]":    {object{"name": "image", "datatype": "BYTES", "shape": []int{1, 1}}, element(image)},
		"base64":          {object{"name": "image", "datatype": "BYTES", "shape": []int{1}, "data": []string{encoded}}, nil},
		"base64, nested":  {object{"name": "image", "datatype": "BYTES", "shape": []int{1, 1}, "data": [][]string{{encoded}}}, nil},
		"pixels":          {object{"name": "image", "datatype": "UINT8", "shape": []int{70, 100, 3}}, rgb},
		"pixels, batch":   {object{"name": "image", "datatype": "UINT8", "shape": []int{1, 70, 100, 3}}, rgb},
		"pixels in JSON":  {object{"name": "image", "datatype": "UINT8", "shape": []int{70, 100, 3}, "data": numbers}, nil},
		"pixels in lists": {object{"name": "image", "datatype": "UINT8", "shape": []int{70, 100, 3}, "data": rows}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			for _, binary := range []bool{false, true} {
				body, header := inferRequest(t, c.input, c.data, object{"id": "my id", "parameters": object{"binary_data_output": binary}})
				status, answered, text := s.post(t, "/v2/models/first/infer", "", body, header...)
				require.Equal(t, http.StatusOK, status, text)
				assert.Equal(t, binary, answered.Get(lengthHeader) != "")
				a := readInferred(t, answered, text)
				assert.Equal(t, "my id", a.ID)
				require.Len(t, a.Outputs, 4)
				assert.Equal(t, tensorMetadata{"boxes", "FP32", []int{len(want.Detections), 4}}, a.Outputs[0].tensorMetadata)
				check(t, a, want.Detections)
			}
		})
	}
	file := object{"name": "image", "datatype": "BYTES", "shape": []int{1}}
	infer := func(t *testing.T, path string, rest object) inferred {
		body, header := inferRequest(t, file, element(image), rest)
		status, answered, text := s.post(t, path, "application/octet-stream", body, header...)
		require.Equal(t, http.StatusOK, status, text)
		return readInferred(t, answered, text)
	}
	t.Run("version", func(t *testing.T) {
		check(t, infer(t, "/v2/models/first/versions/"+want.Model.Version+"/infer", nil), want.Detections)
		assert.Equal(t, "second", infer(t, "/v2/models/second/infer", nil).ModelName)
	})
	t.Run("parameters", func(t *testing.T) {
		all := want.Detections
		check(t, infer(t, "/v2/models/first/infer", object{"parameters": object{"threshold": all[2].Score, "priority": 1, "sequence_id": 7, "timeout": 60_000_000}}), all[:3])
		check(t, infer(t, "/v2/models/first/infer?max=5", object{"parameters": object{"max": 2}}), all[:2])
		check(t, infer(t, "/v2/models/first/infer?max=2", nil), all[:2])
		var dogs []Detection
		for _, d := range all {
			if d.Label == "dog" {
				dogs = append(dogs, d)
			}
		}
		check(t, infer(t, "/v2/models/first/infer", object{"parameters": object{"classes": "dog"}}), dogs)
	})
	t.Run("nothing found", func(t *testing.T) {
		for _, binary := range []bool{false, true} {
			a := infer(t, "/v2/models/first/infer", object{"parameters": object{"threshold": 1, "binary_data_output": binary}})
			check(t, a, nil)
			assert.Equal(t, []int{0, 4}, a.Outputs[0].Shape)
			assert.Equal(t, binary, a.Outputs[0].Data == nil)
		}
	})
	t.Run("outputs", func(t *testing.T) {
		a := infer(t, "/v2/models/first/infer", object{"outputs": []object{
			{"name": "labels", "parameters": object{"binary_data": true}}, {"name": "scores"}, {"name": "class_ids", "parameters": object{"binary_data": true}},
		}})
		require.Len(t, a.Outputs, 3)
		assert.Equal(t, []string{"labels", "scores", "class_ids"}, []string{a.Outputs[0].Name, a.Outputs[1].Name, a.Outputs[2].Name})
		assert.NotNil(t, a.Outputs[0].Parameters)
		assert.Nil(t, a.Outputs[1].Parameters)
		assert.Len(t, a.labels, len(want.Detections))
	})
	t.Run("compressed", func(t *testing.T) {
		body, header := inferRequest(t, file, element(image), nil)
		for encoding, data := range map[string]string{"gzip": gzipped(t, body), "deflate": deflated(t, body), "identity": body} {
			status, answered, text := s.post(t, "/v2/models/first/infer", "", data, append(header, "Content-Encoding", encoding)...)
			require.Equal(t, http.StatusOK, status, text)
			check(t, readInferred(t, answered, text), want.Detections)
		}
	})
}

func gzipped(t testing.TB, text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

func deflated(t testing.TB, text string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

func TestProtocolMetadata(t *testing.T) {
	s := serve(t, func(c *Config) { c.Version = "1.2" })
	m := s.config.Models.Acquire("second")
	version := m.Version
	m.Release()
	metadata := `{"name": "second", "versions": ["` + version + `"], "platform": "scalenet",
		"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1]}],
		"outputs": [{"name": "boxes", "datatype": "FP32", "shape": [-1, 4]}, {"name": "scores", "datatype": "FP32", "shape": [-1]},
			{"name": "class_ids", "datatype": "INT64", "shape": [-1]}, {"name": "labels", "datatype": "BYTES", "shape": [-1]}]}`
	for path, want := range map[string]string{
		"/v2":                                   `{"name": "scalenet", "version": "1.2", "extensions": ["binary_tensor_data"]}`,
		"/v2/health/live":                       `{"live": true}`,
		"/v2/health/ready":                      `{"ready": true}`,
		"/v2/models/second":                     metadata,
		"/v2/models/second/versions/" + version: metadata,
		"/v2/models/second/ready":               `{"name": "second", "ready": true}`,
		"/v2/models/second/versions/" + version + "/ready": `{"name": "second", "ready": true}`,
	} {
		status, _, text := s.send(t, "GET", path, "", nil)
		assert.Equal(t, http.StatusOK, status, path)
		assert.JSONEq(t, want, text, path)
	}
	for path, want := range map[string]int{
		"/v2/models/third": 404, "/v2/models/third/ready": 404, "/v2/models/second/versions/1": 404, "/v2/models": 404, "/v2/repository/index": 404,
		"/v2/models/second/infer": 405,
	} {
		status, _, text := s.send(t, "GET", path, "", nil)
		assert.Equal(t, want, status, path)
		assert.NotEmpty(t, read[inferenceError](t, text).Error)
	}
	s.draining.Store(true)
	defer s.draining.Store(false)
	for _, path := range []string{"/v2/health/ready", "/v2/models/second/ready"} {
		status, _, text := s.send(t, "GET", path, "", nil)
		assert.Equal(t, 503, status, path)
		assert.NotEmpty(t, read[inferenceError](t, text).Error)
	}
}

// TestInferRefuses names what is wrong, in the protocol's form.
func TestInferRefuses(t *testing.T) {
	s := serve(t, func(c *Config) {
		c.Limits.Body, c.Limits.Image.Pixels, c.Limits.Image.Side = 100_000, 10_000, 1000
		c.Limits.Memory = 500_000
	})
	file := `{"name": "image", "datatype": "BYTES", "shape": [1], "data": ["aGVsbG8="]}`
	pixels := func(shape, data string) string {
		return `{"inputs": [{"name": "image", "datatype": "UINT8", "shape": ` + shape + `, "data": ` + data + `}]}`
	}
	with := func(more string) string { return `{"inputs": [` + file + `], ` + more + `}` }
	bomb := strings.Repeat(" ", 100_001)
	for name, c := range map[string]struct {
		body    string
		header  []string
		status  int
		message string
	}{
		"nothing":             {``, nil, 400, "invalid JSON"},
		"no JSON":             {`{"inputs": [`, nil, 400, "invalid JSON"},
		"no inputs":           {`{}`, nil, 400, `want one input, "image"`},
		"two inputs":          {`{"inputs": [` + file + `,` + file + `]}`, nil, 400, "want one input"},
		"another input":       {`{"inputs": [{"name": "x"}]}`, nil, 400, "want one input"},
		"datatype":            {`{"inputs": [{"name": "image", "datatype": "FP32", "shape": [1]}]}`, nil, 400, `datatype "FP32"`},
		"no image":            {`{"inputs": [` + file + `]}`, nil, 415, "unsupported"},
		"no base64":           {`{"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": ["!"]}]}`, nil, 400, "not base64"},
		"no list":             {`{"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": "aGVsbG8="}]}`, nil, 400, "a list with one string"},
		"no data":             {`{"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1]}]}`, nil, 400, "a list with one string"},
		"two files":           {`{"inputs": [{"name": "image", "datatype": "BYTES", "shape": [2], "data": ["", ""]}]}`, nil, 400, "want one image"},
		"shared memory":       {`{"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "parameters": {"shared_memory_region": "x"}}]}`, nil, 400, "shared memory"},
		"output":              {with(`"outputs": [{"name": "masks"}]`), nil, 400, `output "masks" is not known`},
		"output twice":        {with(`"outputs": [{"name": "boxes"}, {"name": "boxes"}]`), nil, 400, "twice"},
		"classification":      {with(`"outputs": [{"name": "boxes", "parameters": {"classification": 3}}]`), nil, 400, "classification is not supported"},
		"output in memory":    {with(`"outputs": [{"name": "boxes", "parameters": {"shared_memory_region": "x"}}]`), nil, 400, "shared_memory_region is not supported"},
		"output parameter":    {with(`"outputs": [{"name": "boxes", "parameters": {"binary_data": 1}}]`), nil, 400, "want true or false"},
		"parameter":           {with(`"parameters": {"treshold": 1}`), nil, 400, `"treshold" is not known`},
		"parameter's value":   {with(`"parameters": {"threshold": 2}`), nil, 400, `threshold = "2"`},
		"parameter's kind":    {with(`"parameters": {"threshold": {}}`), nil, 400, `"threshold"`},
		"model":               {with(`"parameters": {"model": "second"}`), nil, 400, `"model" is not known; known are classes, max, nms, overlap, size, tile`},
		"timeout":             {with(`"parameters": {"timeout": -1}`), nil, 400, "timeout"},
		"long id":             {with(`"id": "` + strings.Repeat("x", 5000) + `"`), nil, 400, "id: longer"},
		"shape":               {pixels(`[2, 2]`, `[1,2,3,4]`), nil, 400, "shape [2 2]"},
		"channels":            {pixels(`[1, 1, 4]`, `[1,2,3,4]`), nil, 400, "shape [1 1 4]"},
		"batch":               {pixels(`[2, 1, 1, 3]`, `[1,2,3,4,5,6]`), nil, 400, "shape [2 1 1 3]"},
		"no pixels":           {pixels(`[0, 1, 3]`, `[]`), nil, 400, "shape [0 1 3]"},
		"negative":            {pixels(`[-1, 1, 3]`, `[]`), nil, 400, "shape [-1 1 3]"},
		"overflow":            {pixels(`[4611686018427387905, 4, 3]`, `[1]`), nil, 422, "too large"},
		"many pixels":         {pixels(`[101, 100, 3]`, `[1]`), nil, 422, "10100 pixels"},
		"few values":          {pixels(`[1, 2, 3]`, `[1,2,3,4,5]`), nil, 400, "not as many values"},
		"fewer values":        {pixels(`[1, 2, 3]`, `[100,200,250]`), nil, 400, "3 values in data, 6 in the shape"},
		"many values":         {pixels(`[1, 1, 3]`, `[1,2,3,4]`), nil, 400, "more values"},
		"large value":         {pixels(`[1, 1, 3]`, `[1,256,3]`), nil, 400, "above 255"},
		"huge value":          {pixels(`[1, 1, 3]`, `[1,9999999999999999999999999,3]`), nil, 400, "above 255"},
		"fraction":            {pixels(`[1, 1, 3]`, `[1,2.5,3]`), nil, 400, "numbers from 0 to 255"},
		"string":              {pixels(`[1, 1, 3]`, `["1",2,3]`), nil, 400, "numbers from 0 to 255"},
		"length":              {with(`"id": "x"`), []string{lengthHeader, "x"}, 400, "Inference-Header-Content-Length"},
		"length 0":            {with(`"id": "x"`), []string{lengthHeader, "0"}, 400, "Inference-Header-Content-Length"},
		"length too long":     {with(`"id": "x"`), []string{lengthHeader, "1000"}, 400, "Inference-Header-Content-Length"},
		"data left over":      {`{"inputs": [` + file + `]}abc`, []string{lengthHeader, fmt.Sprint(len(file) + 14)}, 400, "no binary_data_size, after the JSON are 3 bytes"},
		"encoding":            {"x", []string{"Content-Encoding", "br"}, 415, "Content-Encoding br"},
		"no gzip":             {"x", []string{"Content-Encoding", "gzip"}, 400, "gzip form"},
		"half a gzip":         {gzipped(t, bomb)[:60], []string{"Content-Encoding", "gzip"}, 400, "gzip form"},
		"no deflate":          {"x", []string{"Content-Encoding", "deflate"}, 400, "deflate form"},
		"gzip bomb":           {gzipped(t, bomb), []string{"Content-Encoding", "gzip"}, 413, "100000 bytes"},
		"deflate bomb":        {deflated(t, bomb), []string{"Content-Encoding", "deflate"}, 413, "100000 bytes"},
		"long":                {bomb, nil, 413, "100000 bytes"},
		"longer than memory":  {pixels(`[100, 100, 3]`, `[`+strings.Repeat("1,", 29_999)+`1]`), []string{}, 503, "try again"},
		"as long as unpacked": {gzipped(t, bomb[:99_000]), []string{"Content-Encoding", "gzip"}, 400, "invalid JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "longer than memory" {
				require.True(t, s.memory.take(350_000))
				defer s.memory.give(350_000)
			}
			status, _, text := s.post(t, "/v2/models/first/infer", "application/json", c.body, c.header...)
			assert.Equal(t, c.status, status, text)
			assert.Contains(t, read[inferenceError](t, text).Error, c.message)
		})
	}
	for name, c := range map[string]struct {
		size, data, message string
	}{
		"size":          {"7", "abcdef", "binary_data_size is 7, after the JSON are 6 bytes"},
		"no number":     {`"x"`, "abcdef", "binary_data_size"},
		"element":       {"3", "abc", "one element"},
		"element short": {"6", "\x03\x00\x00\x00ab", "one element"},
		"two elements":  {"10", "\x01\x00\x00\x00a\x01\x00\x00\x00b", "one element"},
		"negative":      {"4", "\xff\xff\xff\xff", "one element"},
	} {
		t.Run("binary "+name, func(t *testing.T) {
			text := `{"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": ` + c.size + `}}]}`
			status, _, answer := s.post(t, "/v2/models/first/infer", "", text+c.data, lengthHeader, fmt.Sprint(len(text)))
			assert.Equal(t, 400, status)
			assert.Contains(t, read[inferenceError](t, answer).Error, c.message)
		})
	}
	t.Run("time out", func(t *testing.T) {
		body, _ := inferRequest(t, map[string]any{"name": "image", "datatype": "UINT8", "shape": []int{1, 1, 3}, "data": []int{1, 2, 3}}, nil, map[string]any{"parameters": map[string]any{"timeout": 1}})
		status, _, text := s.post(t, "/v2/models/first/infer", "", body)
		assert.Equal(t, 504, status)
		assert.NotEmpty(t, read[inferenceError](t, text).Error)
	})
}
