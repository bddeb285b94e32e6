package checkpoint

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sharedFile finds a file of the shared reference data or skips the test.
func sharedFile(t *testing.T, name string) string {
	t.Helper()
	root := os.Getenv("SCALENET_SHARED")
	if root == "" {
		root = "../../shared"
	}
	path := filepath.Join(root, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("shared data not found: %s", name)
	}
	return path
}

// requireSmall compares with the values that make.py wrote down.
func requireSmall(t *testing.T, f *File) {
	t.Helper()
	b, err := os.ReadFile("testdata/small.json")
	require.NoError(t, err)
	var want map[string]struct {
		Shape  []int
		Values []string
	}
	require.NoError(t, json.Unmarshal(b, &want))
	require.Len(t, f.Tensors, len(want))
	for name, w := range want {
		got, ok := f.Tensor(name)
		require.True(t, ok, name)
		require.Equal(t, append([]int{}, w.Shape...), append([]int{}, got.Shape...), name)
		if !got.DType.IsFloat() {
			values, err := got.Int64s()
			require.NoError(t, err)
			for i, v := range values {
				require.Equal(t, strings.TrimSuffix(w.Values[i], ".0"), strconv.FormatInt(v, 10), name)
			}
			continue
		}
		values, err := got.Float32s()
		require.NoError(t, err)
		require.Len(t, values, len(w.Values))
		for i, v := range values {
			x, err := strconv.ParseFloat(w.Values[i], 32)
			require.NoError(t, err)
			require.Equal(t, math.Float32bits(float32(x)), math.Float32bits(v), "%s[%d]", name, i)
		}
	}
}

func TestReadsWhatPythonWrote(t *testing.T) {
	f, err := Load("testdata/small.safetensors")
	require.NoError(t, err)
	require.Equal(t, map[string]string{"classes": `red "cell",été`}, f.Metadata)
	requireSmall(t, f)
}

// Python's writer and ours give the same bytes for the same tensors in the
// same order, so what Python wrote and we write again is a golden file of ours.
func TestWritesWhatPythonWrote(t *testing.T) {
	requireSameBytes(t, "testdata/small.safetensors")
}

func TestWritesWhatPythonWroteShared(t *testing.T) {
	requireSameBytes(t, sharedFile(t, "reference/scalenet-tiny/tiny.safetensors"))
}

func requireSameBytes(t *testing.T, path string) {
	t.Helper()
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	f, err := Decode(want, path)
	require.NoError(t, err)
	var got bytes.Buffer
	require.NoError(t, f.Encode(&got))
	require.Equal(t, want, got.Bytes())
}

func TestOrderAndAlignment(t *testing.T) {
	f := &File{Tensors: []Tensor{
		{Info{"z", BF16, []int{3}}, make([]byte, 6)},
		Float32Tensor("y", []int{2}, []float32{1, 2}),
		{Info{"x", U8, []int{1}}, []byte{9}},
		Int64Tensor("w <&>\u2028", nil, []int64{-1}),
	}}
	var b bytes.Buffer
	require.NoError(t, f.Encode(&b))
	r, err := NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()), "memory")
	require.NoError(t, err)
	require.Zero(t, r.data%8)
	for i, e := range r.entries {
		require.Equal(t, f.Tensors[i].Name, e.Name)
		require.Zero(t, e.begin%int64(e.DType.Size()), e.Name)
	}
	got, err := r.File()
	require.NoError(t, err)
	for i := range f.Tensors {
		require.Equal(t, f.Tensors[i].Data, got.Tensors[i].Data)
	}
}

func TestEmptyFile(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, (&File{}).Encode(&b))
	f, err := Decode(b.Bytes(), "memory")
	require.NoError(t, err)
	require.Empty(t, f.Tensors)
	require.Empty(t, f.Metadata)
}

// raw puts a header in front of data.
func raw(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

func TestCorrupt(t *testing.T) {
	one := `"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}`
	cases := []struct {
		name, want string
		file       []byte
	}{
		{"empty", "0 bytes", nil},
		{"seven bytes", "7 bytes", make([]byte, 7)},
		{"huge header", "above 100000000", bytes.Repeat([]byte{0xff}, 16)},
		{"header leaves the file", "leaves the file", raw("{"+one+"}", 8)[:20]},
		{"no header", "broken JSON", raw("", 0)},
		{"not JSON", "broken JSON", raw("nonsense", 0)},
		{"not an object", "the header: [", raw("[]", 0)},
		{"cut JSON", "broken JSON", raw("{"+one, 8)},
		{"text behind", "goes on", raw("{"+one+"} {}", 8)},
		{"not UTF-8", "not UTF-8", raw("{\"\xff\":{}}", 0)},
		{"no name", "no name", raw(`{"":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`, 0)},
		{"duplicate tensor", `key "a" twice`, raw("{"+one+","+one+"}", 8)},
		{"duplicate field", `key "dtype" twice`, raw(`{"a":{"dtype":"F32","dtype":"F32","shape":[],"data_offsets":[0,4]}}`, 4)},
		{"unknown field", `unknown key "stride"`, raw(`{"a":{"stride":1}}`, 4)},
		{"missing field", "lacks", raw(`{"a":{"dtype":"F32","shape":[1]}}`, 4)},
		{"unknown dtype", `unknown dtype "F7_E4M2"`, raw(`{"a":{"dtype":"F7_E4M2","shape":[1],"data_offsets":[0,1]}}`, 1)},
		{"dtype a number", "instead of a string", raw(`{"a":{"dtype":3,"shape":[1],"data_offsets":[0,1]}}`, 1)},
		{"negative side", "shape[1] is -1", raw(`{"a":{"dtype":"F32","shape":[1,-1],"data_offsets":[0,4]}}`, 4)},
		{"fraction", "shape[0] is 1.5", raw(`{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}`, 4)},
		{"shape overflows", "too large", raw(`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0)},
		{"bytes overflow", "too large", raw(`{"a":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]}}`, 0)},
		{"offset too large for 64 bits", "data_offsets[1]", raw(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,99999999999999999999]}}`, 4)},
		{"one offset", "1 numbers", raw(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}`, 4)},
		{"backwards", "backwards", raw(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}`, 4)},
		{"truncated data", "truncated", raw("{"+one+"}", 7)},
		{"size disagrees", "takes 8 bytes", raw(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 4)},
		{"overlap", "overlap", raw(`{`+one+`,"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12)},
		{"hole", "hole after byte 8", raw(`{`+one+`,"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}`, 16)},
		{"bytes left over", "4 bytes after the last", raw("{"+one+"}", 12)},
		{"metadata not text", "instead of a string", raw(`{"__metadata__":{"a":1}}`, 0)},
		{"metadata no object", "__metadata__", raw(`{"__metadata__":null}`, 0)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Decode(c.file, "some.safetensors")
			require.ErrorContains(t, err, c.want)
			require.True(t, strings.HasPrefix(err.Error(), "some.safetensors: "), err)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestEncodeRefuses(t *testing.T) {
	good := Float32Tensor("a", []int{1}, []float32{1})
	cases := []struct {
		name, want string
		tensors    []Tensor
	}{
		{"twice", `"a" occurs twice`, []Tensor{good, good}},
		{"no name", "empty or reserved", []Tensor{Float32Tensor("", nil, []float32{1})}},
		{"reserved", "empty or reserved", []Tensor{Float32Tensor("__metadata__", nil, []float32{1})}},
		{"too few bytes", "takes 8 bytes, but has 4", []Tensor{{Info{"a", F32, []int{2}}, make([]byte, 4)}}},
		{"dtype", "unknown dtype", []Tensor{{Info{"a", "F8", []int{1}}, make([]byte, 1)}}},
		{"negative", "negative", []Tensor{{Info{"a", F32, []int{-1}}, nil}}},
		{"Latin-1", `tensor 1: the name "w\xe9" is not UTF-8`, []Tensor{good, Float32Tensor("w\xe9", nil, []float32{1})}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var b bytes.Buffer
			require.ErrorContains(t, (&File{Tensors: c.tensors}).Encode(&b), c.want)
			require.Zero(t, b.Len())
			require.ErrorContains(t, SavePTH(filepath.Join(t.TempDir(), "f.pth"), &File{Tensors: c.tensors}), c.want)
		})
	}
	for key, value := range map[string]string{"key": "caf\xe9", "caf\xe9": "value"} {
		err := (&File{Metadata: map[string]string{key: value}}).Encode(&bytes.Buffer{})
		require.EqualError(t, err, fmt.Sprintf("metadata %q: %q is not UTF-8", key, value))
	}
}

func TestReaderIsLazy(t *testing.T) {
	r, err := Open("testdata/small.safetensors")
	require.NoError(t, err)
	tensor, err := r.Tensor("b_f32")
	require.NoError(t, err)
	require.Equal(t, []int{3, 1, 2}, tensor.Shape)
	_, err = r.Tensor("nobody")
	require.EqualError(t, err, `testdata/small.safetensors: no tensor "nobody"`)
	require.NoError(t, r.Close())
	_, err = r.Tensor("b_f32")
	require.ErrorContains(t, err, `testdata/small.safetensors: tensor "b_f32"`)
}

func TestMissingFileAndFolder(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.safetensors"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = Load(t.TempDir())
	require.ErrorContains(t, err, "not a regular file")
}

func FuzzDecode(f *testing.F) {
	small, err := os.ReadFile("testdata/small.safetensors")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(small)
	f.Add(small[:len(small)-3])
	f.Add(raw(`{"a":{"dtype":"F32","shape":[2,0],"data_offsets":[0,0]}}`, 0))
	f.Add(raw(`{"__metadata__":{"a":"b"}}`, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Decode(b, "fuzz")
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := file.Encode(&again); err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(again.Bytes(), "again"); err != nil {
			t.Fatal(err)
		}
	})
}

func TestClasses(t *testing.T) {
	for text, want := range map[string]string{
		`["cat", "unused 12", "N/A"]`: "",
		`["cat", null]`:               "metadata scalenet.classes: class 2 is null, want a name",
		`["cat", "dog", ""]`:          "metadata scalenet.classes: class 3 has no name",
		`["cat", "dog", "cat"]`:       `metadata scalenet.classes: classes 1 and 3 have the same name "cat"`,
		`null`:                        "metadata scalenet.classes: null is not a JSON list of strings",
		`{"cat": 1}`:                  `metadata scalenet.classes: {"cat": 1} is not a JSON list of strings`,
	} {
		names, err := Classes(map[string]string{classesKey: text})
		if want == "" {
			require.NoError(t, err)
			require.Len(t, names, 3)
			continue
		}
		require.EqualError(t, err, want)
	}
	_, err := Classes(nil)
	require.EqualError(t, err, "metadata scalenet.classes: missing")
}
