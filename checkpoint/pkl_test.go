package checkpoint

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// zooArray is an array in testdata/pkl.json.
type zooArray struct {
	DType  string
	Shape  []int
	Values []string
}

// requireArray compares a tensor with what NumPy says of the array.
func requireArray(t *testing.T, want zooArray, got Tensor) {
	t.Helper()
	require.NoError(t, got.check())
	require.Equal(t, numpyTypes[want.DType[1:]], got.DType, got.Name)
	require.Equal(t, append([]int{}, want.Shape...), append([]int{}, got.Shape...), got.Name)
	values := make([]string, 0, got.Len())
	if got.DType.IsFloat() {
		floats, err := got.Float32s()
		require.NoError(t, err)
		for i, text := range want.Values {
			v, err := strconv.ParseFloat(text, 64)
			require.NoError(t, err)
			require.Equal(t, float32(v), floats[i], "%s[%d]", got.Name, i)
			if got.DType == F64 {
				require.Equal(t, math.Float64bits(v), binary.LittleEndian.Uint64(got.Data[8*i:]), "%s[%d]", got.Name, i)
			}
		}
		return
	}
	integers, err := got.Int64s()
	require.NoError(t, err)
	for _, v := range integers {
		text := strconv.FormatInt(v, 10)
		if got.DType == Bool {
			text = map[int64]string{0: "False", 1: "True"}[v]
		}
		values = append(values, text)
	}
	require.Equal(t, want.Values, values, got.Name)
}

func TestReadsPKL(t *testing.T) {
	var want map[string]zooArray
	b, err := os.ReadFile("testdata/pkl.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &want))
	for protocol := 2; protocol <= 5; protocol++ {
		t.Run(strconv.Itoa(protocol), func(t *testing.T) {
			f, notes, err := LoadAny(fmt.Sprintf("testdata/protocol%d.pkl", protocol))
			require.NoError(t, err)
			require.Equal(t, Notes{Under: "model", Texts: map[string]string{"__author__": "Some One"}}, notes)
			require.Len(t, f.Tensors, len(want))
			require.Equal(t, "f32", f.Tensors[0].Name, "the order of the file")
			for _, tensor := range f.Tensors {
				requireArray(t, want[tensor.Name], tensor)
			}
			first, last := f.Tensors[0].Data, f.Tensors[len(want)-1].Data
			require.Equal(t, first, last)
			require.NotSame(t, &first[0], &last[0], "tensors of one array have their own data")
		})
	}
}

func TestReadsOtherPKL(t *testing.T) {
	f, notes, err := LoadPKL("testdata/ordered.pkl")
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, namesOf(f))
	require.Equal(t, Notes{Skipped: []string{"epoch"}}, notes)
	f, notes, err = LoadPKL("testdata/python2.pkl")
	require.NoError(t, err)
	require.Equal(t, "blobs", notes.Under)
	values, err := f.Tensors[0].Float32s()
	require.NoError(t, err)
	require.Equal(t, []float32{1.5, -2, 200}, values)
}

// The content decides what a file is read as, not its name.
func TestFormatOfPKL(t *testing.T) {
	zoo, err := os.ReadFile("testdata/protocol4.pkl")
	require.NoError(t, err)
	python2, err := os.ReadFile("testdata/python2.pkl")
	require.NoError(t, err)
	plain, err := os.ReadFile("testdata/plain.pth")
	require.NoError(t, err)
	legacy, err := os.ReadFile("testdata/legacy.pth")
	require.NoError(t, err)
	// A header of 640 bytes begins like a pickle of protocol 2.
	header := `{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`
	header += strings.Repeat(" ", 640-len(header))
	for name, b := range map[string][]byte{
		"zoo": zoo, "zoo.pth": zoo, "zoo.safetensors": zoo, "R-50.bin": python2,
		"plain.pkl": plain, "legacy.pkl": legacy, "header.pkl": raw(header, 4),
	} {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, b, 0o644))
		f, _, err := LoadAny(path)
		require.NoError(t, err, name)
		require.NotEmpty(t, f.Tensors, name)
		require.True(t, LooksLikeOne(path), name)
	}
	_, err = Load("testdata/protocol3.pkl")
	require.ErrorContains(t, err, "scalenet convert testdata/protocol3.pkl testdata/protocol3.safetensors")
}

// unicode is the instruction for a short text.
func unicode(s string) string { return "\x8c" + string(rune(len(s))) + s }

// zooArrayOf is a pickle of {"model": {"w": array}}, of an array by _reconstruct.
func zooArrayOf(code, order, shape, fortran, data string) []byte {
	return []byte("\x80\x04}" + unicode("model") + "}" + unicode("w") + "cnumpy._core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R" +
		"(K\x01" + shape + "cnumpy\ndtype\n" + unicode(code) + "\x89\x88\x87R(K\x03" + unicode(order) + "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb" +
		fortran + data + "tbss.")
}

func TestRefusedPKL(t *testing.T) {
	const two, no, four = "K\x02\x85", "\x89", "C\x08\x00\x00\x80\x3f\x00\x00\x80\x3f"
	f, _, err := readPKL(bytes.NewReader(zooArrayOf("f4", "<", two, no, four)), 1000)
	require.NoError(t, err)
	require.Equal(t, []int{2}, f.Tensors[0].Shape)
	model := func(value string) []byte {
		return []byte("\x80\x04}" + unicode("model") + "}" + unicode("w") + value + "ss.")
	}
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"empty":               {nil, "not a pickle of protocol 2 to 5"},
		"protocol 0":          {[]byte("(dp1\nS'model'\n."), "not a pickle of protocol 2 to 5"},
		"protocol 6":          {[]byte("\x80\x06}."), "unknown pickle protocol 6"},
		"os.system":           {[]byte("\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R."), `the pickle uses "os.system", which is refused`},
		"by name on stack":    {[]byte("\x80\x04" + unicode("builtins") + unicode("eval") + "\x93."), `"builtins.eval"`},
		"unused":              {model("cnumpy\nload\n"), `"numpy.load"`},
		"an instance":         {[]byte("\x80\x02(ios\nsystem\n."), `"os.system"`},
		"of the module":       {[]byte("\x80\x02cnumpy._core.multiarray\nfromfile\n."), `"numpy._core.multiarray.fromfile"`},
		"a torch tensor":      {model("ctorch._utils\n_rebuild_tensor_v2\n"), `"torch._utils._rebuild_tensor_v2"`},
		"a long name":         {[]byte("\x80\x02cos\n" + strings.Repeat("x", 1<<20) + "\n."), `"os.xxx`},
		"ndarray called":      {model("cnumpy\nndarray\n)R"), "it calls numpy.ndarray"},
		"bytes of a size":     {model("cbuiltins\nbytes\nJ\xff\xff\xff\x7f\x85R"), "bytes() with arguments"},
		"encode to zip":       {model("c_codecs\nencode\n" + unicode("x") + unicode("zip") + "\x86R"), `to a string "zip", want text to latin1`},
		"no latin1":           {model("c_codecs\nencode\n" + "\x8c\x03€" + unicode("latin1") + "\x86R"), "'€' at byte 0 of a text is not in latin1"},
		"a list":              {[]byte("\x80\x04]."), "the file has a list instead of a dict"},
		"no arrays":           {model("K\x01"), "no tensors in the file"},
		"array without state": {model("cnumpy._core.multiarray\n_reconstruct\n)R"), `tensor "w" is an array without a state`},
		"too short":           {zooArrayOf("f4", "<", "K\x03\x85", no, four), `tensor "w": dtype F32 and shape [3] take 12 bytes, but the array has 8`},
		"too long":            {zooArrayOf("f2", "<", two, no, four), `tensor "w": dtype F16 and shape [2] take 4 bytes, but the array has 8`},
		"huge shape":          {zooArrayOf("f4", "<", "J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86", no, four), `tensor "w": shape [2147483647 2147483647] is negative or too large`},
		"negative shape":      {zooArrayOf("f4", "<", "J\xff\xff\xff\xff\x85", no, four), `tensor "w": shape [-1] is negative`},
		"too many dimensions": {zooArrayOf("f4", "<", "("+strings.Repeat("K\x01", 65)+"t", no, four), "want a tuple of at most 64 integers"},
		"shape of text":       {zooArrayOf("f4", "<", unicode("2"), no, four), "the shape of an array is a string"},
		"objects":             {zooArrayOf("O8", "|", two, no, "](NNe"), `tensor "w" is an array of Python objects (dtype "O8")`},
		"records":             {zooArrayOf("V8", "|", two, no, four), `tensor "w" has dtype "V8", which is not supported`},
		"big-endian":          {zooArrayOf("f4", ">", two, no, four), `tensor "w" has dtype "f4" of byte order ">" (big-endian)`},
		"unknown byte order":  {zooArrayOf("f4", "?", two, no, four), `unknown byte order "?"`},
		"order of text":       {zooArrayOf("f4", "<", two, unicode("F"), four), "the order of an array is a string"},
		"data is a list":      {zooArrayOf("f4", "<", two, no, "]"), `tensor "w" is an array whose data is a list instead of bytes`},
		"a reference":         {model("K\x01Q"), "a reference to no storage"},
		"bad axes":            {model(buffered("K", "K\x00K\x00\x86")), "axes [0 0] of an array of 2 dimensions"},
		"unknown order":       {model(buffered("A", "N")), `an array of order "A"`},
		"state of dtype":      {model("cnumpy\ndtype\n" + unicode("f4") + "\x85RNb"), "the state of a dtype is a None"},
		"dtype of a number":   {model("cnumpy\ndtype\nK\x04\x85R"), "a dtype whose name is a number 4"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "bad.pkl")
			require.NoError(t, os.WriteFile(path, c.file, 0o644))
			_, _, err := LoadPKL(path)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "bad.pkl: ")
			require.Less(t, len(err.Error()), 1000)
		})
	}
	_, _, err = LoadPKL("testdata/none.pkl")
	require.ErrorIs(t, err, os.ErrNotExist)
}

// buffered is an array of protocol 5 of two dimensions.
func buffered(order, axes string) string {
	return "cnumpy._core.numeric\n_frombuffer\n(C\x02abcnumpy\ndtype\n" + unicode("u1") + "\x85RK\x01K\x02\x86" + unicode(order) + axes + "tR"
}

// A file that ends too early is an error, wherever it ends.
func TestTruncatedPKL(t *testing.T) {
	for _, name := range []string{"protocol2.pkl", "protocol4.pkl", "protocol5.pkl", "python2.pkl"} {
		b, err := os.ReadFile("testdata/" + name)
		require.NoError(t, err)
		for n := range b {
			_, _, err := readPKL(bytes.NewReader(b[:n]), int64(n))
			require.Error(t, err, "%s: the first %d bytes", name, n)
			_, _, _ = readPKL(bytes.NewReader(append(bytes.Clone(b[:n]), b[n+1:]...)), int64(len(b)-1)) // no panic
		}
	}
}

// hostileArrays are pickles whose arrays refer to each other's data, shapes and names.
func hostileArrays() map[string][]byte {
	const size, times = 1 << 22, 1 << 14
	head := "\x80\x04\x8e\x00\x00\x40\x00\x00\x00\x00\x00" + strings.Repeat("x", size) + "q\x00cnumpy\ndtype\n" + unicode("u1") + "\x85Rq\x01" +
		"J\x00\x00\x40\x00\x85q\x02cnumpy._core.numeric\n_frombuffer\nq\x03" + unicode("C") + "q\x04"
	array := "h\x03(h\x00h\x01h\x02h\x04tR"
	name := func(i int) string { return unicode(fmt.Sprintf("%06d", i)) }
	var many, same, encoded, shapes strings.Builder
	many.WriteString(head + "}(")
	same.WriteString(head + array + "q\x05}(")
	encoded.WriteString("\x80\x04\x8d\x00\x00\x40\x00\x00\x00\x00\x00" + strings.Repeat("x", size) + "q\x00c_codecs\nencode\nq\x01" + unicode("latin1") + "q\x02](")
	shapes.WriteString("\x80\x04C\x01xq\x00cnumpy\ndtype\n" + unicode("u1") + "\x85Rq\x01(" + strings.Repeat("K\x01", maxDims) + "tq\x02(" +
		axesOf(maxDims) + "tq\x05cnumpy._core.numeric\n_frombuffer\nq\x03" + unicode("K") + "q\x04}(")
	for i := range times {
		many.WriteString(name(i) + array)
		same.WriteString(name(i) + "h\x05")
		encoded.WriteString("h\x01h\x00h\x02\x86R")
	}
	for i := range 8 * times {
		shapes.WriteString(name(i) + "h\x03(h\x00h\x01h\x02h\x04h\x05tR")
	}
	return map[string][]byte{
		"arrays of one buffer": []byte(many.String() + "u."),
		"one array":            []byte(same.String() + "u."),
		"texts to latin1":      []byte(encoded.String() + "e."),
		"many dimensions":      []byte(shapes.String() + "u."),
		"dimensions of 0":      zooArrayOf("f4", "<", "("+strings.Repeat("J\xff\xff\xff\x7f", 40)+"K\x00t", "\x88", "C\x00"),
	}
}

func axesOf(n int) (axes string) {
	for i := range n {
		axes += "K" + string(rune(i))
	}
	return axes
}

func TestHostilePKL(t *testing.T) {
	all := hostileArrays()
	for name, program := range hostilePickles() {
		all["pickle of "+name] = append([]byte("\x80\x02"), program...)
	}
	for name, b := range all {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "hostile.pkl")
			require.NoError(t, os.WriteFile(path, b, 0o644))
			requireBounded(t, len(b), func() {
				_, _, err := LoadPKL(path)
				require.ErrorContains(t, err, path+": ")
				require.Less(t, len(err.Error()), 1000)
				require.NotContains(t, err.Error(), "\n")
			})
		})
	}
}

// An ordinary file needs little more than its own size for the tensors.
func TestMemoryOfPKL(t *testing.T) {
	const size = 64 << 20
	b := zooArrayOf("f4", "<", "K\x01J\x00\x00\x00\x01\x86", "\x89", "\x8e\x00\x00\x00\x04\x00\x00\x00\x00"+strings.Repeat("\x00", size))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f, _, err := readPKL(bytes.NewReader(b), int64(len(b)))
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	require.Equal(t, []int{1, 1 << 24}, f.Tensors[0].Shape)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(size*5/2))
}

// FuzzLoadPKL checks that a file never panics, never yields a tensor whose data does not
// fit its shape, and takes no more memory than it was allowed.
func FuzzLoadPKL(f *testing.F) {
	for _, name := range []string{"protocol2.pkl", "protocol3.pkl", "protocol4.pkl", "protocol5.pkl", "ordered.pkl", "python2.pkl"} {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("\x80\x04}" + unicode("w") + buffered("K", "K\x01K\x00\x86") + "s."))
	f.Add(zooArrayOf("f4", "<", "K\x02\x85", "\x88", "C\x08\x00\x00\x80\x3f\x00\x00\x80\x3f"))
	f.Fuzz(func(t *testing.T, b []byte) {
		const room = 1 << 20
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		file, _, err := decodePKL(b, room)
		runtime.ReadMemStats(&after)
		// Slices and maps grow by copying, see FuzzUnpickle.
		if took := after.TotalAlloc - before.TotalAlloc; took > 6*(room+uint64(len(b)))+1<<16 {
			t.Fatalf("%d bytes of pickle took %d of memory", len(b), took)
		}
		if err != nil {
			return
		}
		for _, tensor := range file.Tensors {
			if err := tensor.check(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
