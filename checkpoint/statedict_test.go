package checkpoint

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func namesOf(f *File) (names []string) {
	for _, t := range f.Tensors {
		names = append(names, t.Name)
	}
	return names
}

// What training scripts save, as PyTorch wrote it.
func TestCheckpointsOfTrainingScripts(t *testing.T) {
	both := []string{"conv1.weight", "bn1.weight"}
	for name, want := range map[string]struct {
		names []string
		lines []string
	}{
		"imagenet_example.pth": {both, []string{`used the tensors under "state_dict"`, `removed "module." from the names`}},
		"tutorial.pth":         {both, []string{`used the tensors under "model_state_dict"`}},
		"compiled.pth":         {both, []string{`removed "_orig_mod." from the names`}},
		"model_best.pth.tar":   {both, nil},
	} {
		f, notes, err := LoadPTH("testdata/refused/" + name)
		require.NoError(t, err, name)
		require.Subset(t, namesOf(f), want.names, name)
		require.Equal(t, want.lines, notes.Lines(), name)
	}
}

func TestExpandedTensor(t *testing.T) {
	f, _, err := LoadPTH("testdata/refused/expand.pth")
	require.NoError(t, err)
	require.Equal(t, []int{3, 4}, f.Tensors[0].Shape)
	values, err := f.Tensors[0].Float32s()
	require.NoError(t, err)
	require.Equal(t, values[:4], values[4:8])
	require.Equal(t, values[:4], values[8:])
}

// Types without use to our networks go through unchanged, in both formats.
func TestOddTypes(t *testing.T) {
	f, _, err := LoadPTH("testdata/refused/int8.pth")
	require.NoError(t, err)
	types := map[DType]bool{}
	for _, t := range f.Tensors {
		types[t.DType] = true
	}
	require.True(t, types[I8] && types[I16] && types[F32], types)
	f8, _, err := LoadPTH("testdata/refused/f8.pth")
	require.NoError(t, err)
	require.Equal(t, F8E4M3, f8.Tensors[0].DType)
	odd, err := Load("testdata/refused/odd.safetensors")
	require.NoError(t, err)
	var all File
	for i, dtype := range []DType{F64, F32, F16, BF16, F8E4M3, F8E5M2, F8E8M0, C64, I64, I32, I16, I8, U64, U32, U16, U8, Bool} {
		all.Tensors = append(all.Tensors, Tensor{Info{string(rune('a' + i)), dtype, []int{3}}, bytes.Repeat([]byte{1}, 3*dtype.Size())})
	}
	for _, f := range []*File{f, f8, odd, &all} {
		path := filepath.Join(t.TempDir(), "f.safetensors")
		require.NoError(t, Save(path, f))
		again, err := Load(path)
		require.NoError(t, err)
		require.Equal(t, f.Tensors, again.Tensors)
		require.NoError(t, SavePTH(path, f))
		again, _, err = LoadPTH(path)
		require.NoError(t, err)
		require.Equal(t, f.Tensors, again.Tensors)
	}
}

func TestValuesOfOddTypes(t *testing.T) {
	for _, c := range []struct {
		dtype DType
		data  []byte
		want  []float32
	}{
		{F8E4M3, []byte{0, 0x38, 0xb8, 0x7e, 1, 0x08}, []float32{0, 1, -1, 448, 1.0 / 512, 1.0 / 64}},
		{F8E5M2, []byte{0, 0x3c, 0xbc, 0x7b, 1}, []float32{0, 1, -1, 57344, 1.0 / 65536}},
		{F8E8M0, []byte{127, 128, 126}, []float32{1, 2, 0.5}},
	} {
		got, err := (Tensor{Info{"t", c.dtype, []int{len(c.want)}}, c.data}).Float32s()
		require.NoError(t, err)
		require.Equal(t, c.want, got, c.dtype)
	}
	for _, dtype := range []DType{C64, I64, I32, I16, I8, U64, U32, U16, U8, Bool} { // none of them is a parameter by itself
		_, err := (Tensor{Info{"t", dtype, []int{1}}, make([]byte, dtype.Size())}).Float32s()
		require.EqualError(t, err, `tensor "t": it is `+string(dtype)+`, want floating-point numbers`)
	}
	for _, c := range []struct {
		dtype DType
		data  []byte
		want  []int64
	}{
		{I8, []byte{0xff, 5}, []int64{-1, 5}},
		{I16, []byte{0xfe, 0xff}, []int64{-2}},
		{U16, []byte{0xfe, 0xff}, []int64{65534}},
		{U32, []byte{0, 0, 0, 0x80}, []int64{1 << 31}},
	} {
		got, err := (Tensor{Info{"t", c.dtype, []int{len(c.want)}}, c.data}).Int64s()
		require.NoError(t, err)
		require.Equal(t, c.want, got, c.dtype)
	}
}

func tensorOf(name string) *view {
	return &view{storage: &storage{name, "FloatStorage", F32, 1}, dtype: F32, shape: []int{1}, stride: []int{1}}
}

func dictOf(pairs ...any) *dict {
	d := &dict{}
	d.set(pairs)
	return d
}

func TestFindsTheStateDict(t *testing.T) {
	state := dictOf("a.weight", tensorOf("1"), "a.bias", tensorOf("2"))
	optimiser := dictOf("state", dictOf(0, dictOf("exp_avg", tensorOf("3"))))
	for name, c := range map[string]struct {
		root  any
		names []string
		under string
		err   string
	}{
		"alone":                       {state, []string{"a.weight", "a.bias"}, "", ""},
		"beside a tensor":             {dictOf("best", tensorOf("9"), "net", state), []string{"a.weight", "a.bias"}, "net", ""},
		"beside a tensor, any name":   {dictOf("best", tensorOf("9"), "weights", state, "optimizer", optimiser), []string{"a.weight", "a.bias"}, "weights", ""},
		"in two dicts":                {dictOf("model", dictOf("state_dict", state), "epoch", 3), []string{"a.weight", "a.bias"}, "model.state_dict", ""},
		"and averaged weights":        {dictOf("state_dict_ema", state, "state_dict", dictOf("b", tensorOf("4"))), []string{"b"}, "state_dict", ""},
		"two models":                  {dictOf("encoder", state, "decoder", state), nil, "", "tensors under several keys, encoder, decoder"},
		"no tensors":                  {dictOf("epoch", 3, 7, nil), nil, "", "its keys are epoch, number 7"},
		"a model that is no dict":     {dictOf("model", inert{}, "epoch", 3), nil, "", `"model" in the file is not a dict but a Python object`},
		"no dict at all":              {&list{}, nil, "", "the file has a list instead of a dict"},
		"a tensor":                    {tensorOf("1"), nil, "", "the file has a tensor instead"},
		"compiled DataParallel":       {dictOf("module._orig_mod.a", tensorOf("1"), "module._orig_mod.b", tensorOf("2")), []string{"a", "b"}, "", ""},
		"a module of this name":       {dictOf("module.a", tensorOf("1"), "b", tensorOf("2")), []string{"module.a", "b"}, "", ""},
		"set twice":                   {dictOf("a", tensorOf("1"), "a", tensorOf("2")), []string{"a"}, "", ""},
		"a name that is a number":     {dictOf("a", tensorOf("1"), 5, tensorOf("2")), []string{"a"}, "", ""},
		"the prefix and nothing else": {dictOf("module.", tensorOf("1")), []string{"module."}, "", ""},
	} {
		s, err := findState(c.root)
		if c.err != "" {
			require.ErrorContains(t, err, c.err, name)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, c.names, s.names, name)
		require.Equal(t, c.under, s.notes.Under, name)
	}
}

// A file of 8 kB with lists of lists in lists, 200^8 of them.
func TestLegacyLaughs(t *testing.T) {
	stat, err := os.Stat("testdata/refused/legacy_laughs.pth")
	require.NoError(t, err)
	requireBounded(t, int(stat.Size()), func() {
		f, _, err := LoadPTH("testdata/refused/legacy_laughs.pth")
		if err == nil {
			require.NotEmpty(t, f.Tensors)
		}
	})
}

// A file of PyTorch where one of ours belongs names what helps.
func TestOpenNamesConvert(t *testing.T) {
	for _, name := range []string{"testdata/plain.pth", "testdata/legacy.pth"} {
		_, err := Open(name)
		require.ErrorContains(t, err, name+": a PyTorch checkpoint; convert it first: scalenet convert "+name+" testdata/")
	}
	b, err := os.ReadFile("testdata/plain.pth")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "m.safetensors") // the suggested name is another
	require.NoError(t, os.WriteFile(path, b, 0o644))
	_, err = Open(path)
	require.EqualError(t, err, path+": a PyTorch checkpoint; convert it first: scalenet convert "+path+" "+strings.TrimSuffix(path, ".safetensors")+"-converted.safetensors")
	for head, want := range map[string]string{"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00": "gzip", "\x89HDF\r\n\x1a\n\x00": "HDF5"} {
		_, err := Decode([]byte(head), "other")
		require.ErrorContains(t, err, want)
	}
}

// The state of a run is not read as if it was a model; a file of others may have the key.
func TestLoadAnyRefusesTheStateOfARun(t *testing.T) {
	for _, c := range []struct {
		metadata map[string]string
		want     string
	}{
		{map[string]string{StateKey: "{}", DetectorKey: "x"}, "the state of a training run, not a model; best.safetensors and last.safetensors beside it are models"},
		{map[string]string{StateKey: "{}", ClassifierKey: "x"}, "the state of a training run, not a model; best.safetensors and last.safetensors beside it are models"},
		{map[string]string{StateKey: "CA"}, ""},
		{map[string]string{DetectorKey: "x"}, ""},
	} {
		path := filepath.Join(t.TempDir(), "state.safetensors")
		require.NoError(t, Save(path, &File{Metadata: c.metadata, Tensors: []Tensor{Float32Tensor("a", []int{1}, []float32{7})}}))
		_, _, err := LoadAny(path)
		if c.want == "" {
			require.NoError(t, err)
			continue
		}
		require.EqualError(t, err, path+": "+c.want)
	}
}
