package checkpoint

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReadsPTH(t *testing.T) {
	for _, name := range []string{"plain.pth", "nested.pth", "legacy.pth"} {
		t.Run(name, func(t *testing.T) {
			f, notes, err := LoadPTH("testdata/" + name)
			require.NoError(t, err)
			require.Empty(t, notes.Skipped)
			requireSmall(t, f)
		})
	}
}

func TestReadsPTHViews(t *testing.T) {
	f, _, err := LoadPTH("testdata/views.pth")
	require.NoError(t, err)
	want := map[string][]float32{ // base[i,j,k] = 12i + 4j + k
		"slice":     {16, 17, 18, 19, 20, 21, 22, 23},
		"row":       {8, 9, 10, 11},
		"parameter": {0, 1, 2, 3, 12, 13, 14, 15},
	}
	for name, values := range want {
		tensor, ok := f.Tensor(name)
		require.True(t, ok, name)
		got, err := tensor.Float32s()
		require.NoError(t, err)
		require.Equal(t, values, got, name)
	}
	tensor, _ := f.Tensor("transposed")
	require.Equal(t, []int{4, 2, 3}, tensor.Shape)
	got, err := tensor.Float32s()
	require.NoError(t, err)
	require.Equal(t, []float32{0, 4, 8, 12, 16, 20, 1, 5, 9}, got[:9])
}

// Only what torchvision renames is renamed.
func TestNamesOfFirstDenseNets(t *testing.T) {
	f, _, err := LoadPTH("testdata/densenet.pth")
	require.NoError(t, err)
	var names []string
	for _, tensor := range f.Tensors {
		names = append(names, tensor.Name)
	}
	const layer = "features.denseblock1.denselayer12."
	require.Equal(t, []string{layer + "norm1.weight", layer + "norm1.running_var", layer + "relu.1", layer + "conv2.weight",
		layer + "norm1.num_batches_tracked", "norm.1.weight"}, names)
}

func TestPTHEqualsSafetensors(t *testing.T) {
	pth, notes, err := LoadPTH(sharedFile(t, "reference/scalenet-tiny/tiny.pth"))
	require.NoError(t, err)
	require.Empty(t, notes)
	want, err := Load(sharedFile(t, "reference/scalenet-tiny/tiny.safetensors"))
	require.NoError(t, err)
	require.Len(t, pth.Tensors, len(want.Tensors))
	for _, w := range want.Tensors {
		got, ok := pth.Tensor(w.Name)
		require.True(t, ok, w.Name)
		require.Equal(t, append([]int{}, w.Shape...), append([]int{}, got.Shape...))
		require.Equal(t, w.DType, got.DType)
		require.Equal(t, w.Data, got.Data, w.Name)
	}
}

// written.pth was written by SavePTH from small.safetensors, and checked with
// torch.load(weights_only=True) by testdata/check.py.
func TestWritesPTH(t *testing.T) {
	f, err := Load("testdata/small.safetensors")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "out.pth")
	require.NoError(t, SavePTH(path, f))
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	want, err := os.ReadFile("testdata/written.pth")
	require.NoError(t, err)
	require.Equal(t, want, got)
	back, _, err := LoadPTH(path)
	require.NoError(t, err)
	requireSmall(t, back)
	f.Tensors = append(f.Tensors, f.Tensors[0])
	require.ErrorContains(t, SavePTH(path, f), "occurs twice")
}

func TestCorruptPTH(t *testing.T) {
	plain, err := os.ReadFile("testdata/plain.pth")
	require.NoError(t, err)
	legacy, err := os.ReadFile("testdata/legacy.pth")
	require.NoError(t, err)
	cases := []struct {
		name, want string
		file       []byte
	}{
		{"empty", "not a file of torch.save", nil},
		{"text", "not a file of torch.save", []byte("hello there\n")},
		{"truncated", "not a file of torch.save", plain[:len(plain)/2]},
		{"truncated legacy", "truncated", legacy[:len(legacy)-9]},
		{"legacy without storages", "truncated", legacy[:len(legacy)/3]},
		{"flipped byte", "checksum", bytes.Replace(plain, []byte("K\x03K\x01K\x02"), []byte("K\x7fK\x01K\x02"), 1)},
		{"pickle of a huge string", "not a file of torch.save", []byte("\x80\x04\x8d\x00\x00\x00\x00\x00\x01\x00\x00.")},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "broken.pth")
			require.NoError(t, os.WriteFile(path, c.file, 0o644))
			_, _, err := LoadPTH(path)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "broken.pth: ")
		})
	}
	_, _, err = LoadPTH("testdata/none.pth")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestViewBounds(t *testing.T) {
	gather := func(s storage, offset int, shape, stride []int) error {
		c := container{room: 1 << 20, storage: func(string) ([]byte, error) { return make([]byte, 24), nil }}
		_, err := c.tensors(&stateDict{names: []string{"t"}, views: []*view{{storage: &s, dtype: s.dtype, offset: offset, shape: shape, stride: stride}}})
		return err
	}
	six := storage{"0", "FloatStorage", F32, 6}
	for _, v := range []struct {
		storage       storage
		offset        int
		shape, stride []int
	}{
		{six, -1, []int{2}, []int{1}},
		{six, 6, nil, nil},
		{six, 5, []int{2}, []int{1}},
		{six, 0, []int{2, 3}, []int{4, 1}},
		{six, 0, []int{2}, []int{-1}},
		{six, 0, []int{1 << 62}, []int{1}},
		{six, 1 << 62, []int{2}, []int{1}},
		{six, 0, []int{1 << 40, 1 << 20}, []int{0, 0}},
		{storage{"0", "FloatStorage", F32, 1 << 62}, 0, []int{1}, []int{1}},
		{storage{"0", "FloatStorage", F32, 7}, 0, []int{7}, []int{1}},
		{storage{"0", "QInt8Storage", "", 6}, 0, []int{6}, []int{1}},
	} {
		require.ErrorContains(t, gather(v.storage, v.offset, v.shape, v.stride), `tensor "t"`, "%+v", v)
	}
	require.NoError(t, gather(six, 0, []int{3, 2}, []int{0, 3}), "expanded")
	require.NoError(t, gather(six, 0, []int{3, 20}, []int{0, 0}), "expanded, above its storage")
}

func FuzzPTH(f *testing.F) {
	for _, name := range []string{"plain.pth", "nested.pth", "legacy.pth", "views.pth"} {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, _, err := readPTH(bytes.NewReader(b), int64(len(b)))
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

// FuzzUnpickle is the same without the archive's checksums in the way. What the
// program makes takes no more than it was allowed.
func FuzzUnpickle(f *testing.F) {
	small, err := Load("testdata/small.safetensors")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(small.pickle())
	for _, program := range hostilePickles() {
		f.Add(program)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		const room = 1 << 20
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if root, err := newUnpickler(b, room).run(); err == nil {
			findState(root)
		}
		runtime.ReadMemStats(&after)
		// Slices grow by copying: what was allocated together is some times what is held.
		if took := after.TotalAlloc - before.TotalAlloc; took > 6*(room+uint64(len(b)))+1<<16 {
			t.Fatalf("%d bytes of program took %d of memory", len(b), took)
		}
	})
}
