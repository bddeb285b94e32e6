package backbone

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/nn"
)

func TestReadStructure(t *testing.T) {
	for _, c := range []struct{ name, content, want string }{
		{"one row", "[[3, 2, 1, 1, 28]]", ""},
		{"absent branches", "[[0, 0, 0, 1, 7], [1, 0, 0, 0, 7]]", ""},
		{"two scales", "[[3, 2, 28]]", ""},
		{"empty file", "", "unexpected end of JSON input"},
		{"broken", "[[3, 2", "unexpected end of JSON input"},
		{"more behind it", "[[3, 2, 28]] [[1, 1, 1]]", "after top-level value"},
		{"no rows", "[]", "has no rows"},
		{"null", "null", "has no rows"},
		{"null row", "[[3, 2, 28], null]", "row 2 has 0 numbers, want 2 scales and the side"},
		{"a list of numbers", "[3, 2, 28]", "a JSON number"},
		{"an object", `{"rows": []}`, "a JSON object"},
		{"fraction", "[[3.5, 2, 28]]", "a JSON number 3.5"},
		{"text", `[["3", 2, 28]]`, "a JSON string"},
		{"beyond an int", "[[1e30, 2, 28]]", "a JSON number 1e30"},
		{"empty row", "[[]]", "row 1 has 0 numbers"},
		{"side only", "[[28]]", "row 1 has 1 numbers"},
		{"rows of two lengths", "[[3, 2, 1, 28], [3, 2, 28]]", "row 2 has 3 numbers, want 3 scales and the side"},
		{"negative", "[[3, 2, 28], [3, -1, 28]]", "row 2, scale 2: -1 neurons"},
		{"too many", "[[3, 16385, 28]]", "row 1, scale 2: 16385 neurons, want 0 to 16384"},
		{"no neurons", "[[3, 2, 28], [0, 0, 28]]", "row 2 has no neurons"},
		{"no side", "[[3, 2, 0]]", "row 1: side 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "rows.json")
			require.NoError(t, os.WriteFile(path, []byte(c.content), 0o644))
			rows, err := ReadStructure(path)
			if c.want == "" {
				require.NoError(t, err)
				require.NotEmpty(t, rows)
				return
			}
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, path)
			require.NotContains(t, err.Error(), "\n")
		})
	}
	_, err := ReadStructure(filepath.Join(t.TempDir(), "absent.json"))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "absent.json")
}

func TestConfigErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rows.json")
	require.NoError(t, os.WriteFile(path, []byte("[[3, 2, 1, 1, 28]]"), 0o644))
	rows := Structure{{3, 2, 1, 1, 28}, {3, 2, 1, 1, 14}}
	for _, c := range []struct {
		name   string
		config Config
		want   string
	}{
		{"no name", Config{}, `backbone.name ""`},
		{"unknown name", Config{Name: "scalenet18"}, `"scalenet18": want scalenet, resnet or one of cifar_resnet101`},
		{"other blocks", Config{Name: "resnet50", Blocks: []int{2, 2, 2, 2}}, "backbone.blocks [2 2 2 2]: resnet50 has [3 4 6 3]"},
		{"structure of another", Config{Name: "scalenet50", Structure: rows}, "structure: 2 rows for 16 blocks"},
		{"file of another", Config{Name: "scalenet50", StructureFile: path}, path + ": scalenet: structure: 1 rows for 16 blocks"},
		{"missing file", Config{Name: "scalenet50", StructureFile: path + "x"}, "rows.jsonx"},
		{"no stages", Config{Name: "scalenet"}, "blocks [], planes [], strides []"},
		{"no structure", Config{Name: "scalenet", Blocks: []int{1}, Planes: []int{8}}, "structure: 0 rows for 1 blocks"},
		{"planes a stage short", Config{Name: "resnet", Blocks: []int{1, 1}, Planes: []int{8}}, "planes [8]"},
		{"no blocks", Config{Name: "resnet", Blocks: []int{1, 0}, Planes: []int{8, 8}}, "stage 2: 0 blocks"},
		{"negative blocks", Config{Name: "scalenet", Blocks: []int{3, -1}, Planes: []int{8, 8}, Structure: rows}, "stage 2: -1 blocks"},
		{"too many blocks", Config{Name: "resnet", Blocks: []int{2000}, Planes: []int{8}}, "stage 1: 2000 blocks"},
		{"negative planes", Config{Name: "resnet", Blocks: []int{1}, Planes: []int{-8}}, "stage 1: -8 planes"},
		{"too many planes", Config{Name: "resnet", Blocks: []int{1}, Planes: []int{1 << 20}}, "stage 1: 1048576 planes"},
		{"no stride", Config{Name: "scalenet", Blocks: []int{1, 1}, Planes: []int{8, 8}, Strides: []int{1, 0}, Structure: rows}, "stage 2: stride 0"},
		{"no scales", Config{Name: "scalenet", Blocks: []int{1, 1}, Planes: []int{8, 8}, Scales: []int{}, Structure: rows}, "scales []"},
		{"coarse first", Config{Name: "scalenet", Blocks: []int{1, 1}, Planes: []int{8, 8}, Scales: []int{2, 1, 4, 7}, Structure: rows}, "scales [2 1 4 7]"},
		{"scale of nothing", Config{Name: "scalenet", Blocks: []int{1, 1}, Planes: []int{8, 8}, Scales: []int{1, 0, 4, 7}, Structure: rows}, "scales [1 0 4 7]"},
		{"more scales", Config{Name: "scalenet", Blocks: []int{1, 1}, Planes: []int{8, 8}, Scales: []int{1, 2, 4, 7, 9}, Structure: rows}, "row 1 has 5 numbers, want 5 scales and the side"},
		{"even stem", Config{Name: "resnet50", Stem: Stem{Channels: 64, Kernel: 4}}, "kernel 4"},
		{"no stem", Config{Name: "resnet50", Stem: Stem{Kernel: 3}}, "stem of 0 channels"},
		{"stride of the stem", Config{Name: "resnet50", Stem: Stem{Channels: 64, Kernel: 7, Stride: 3}}, "stem.stride 3: want 1, 2 or 4"},
		{"pool of a stem without one", Config{Name: "resnet50", Stem: Stem{Channels: 64, Kernel: 7, Stride: 2, CeilPool: true}}, "stem.ceil_pool: a stem of stride 2"},
		{"ScaleNet that is dilated", Config{Name: "scalenet50", DilateLast: true}, "dilate_last and stem.ceil_pool are a resnet's"},
		{"no such way down", Config{Name: "cifar_scalenet38", Downsample: "blur"}, `downsample "blur": want one of`},
		{"ResNet with a way down", Config{Name: "cifar_resnet38", Downsample: MaxPool}, "are a scalenet's"},
		{"ResNet with scales", Config{Name: "resnet50", Scales: []int{1, 2}}, "strides, scales, downsample and structure are a scalenet's"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, err := c.config.New()
			require.Nil(t, n)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

// Sides of features as those of detectron2's DC5 and of jwyang's ResNet, whose pool rounds up without padding.
func TestSidesOfResNets(t *testing.T) {
	dilated, err := Config{Name: "resnet50", DilateLast: true}.New()
	require.NoError(t, err)
	caffe, err := Config{Name: "resnet50", Stem: Stem{Channels: 64, Kernel: 7, CeilPool: true}}.New()
	require.NoError(t, err)
	require.Equal(t, 16, dilated.Stride(4))
	for _, c := range []struct {
		network           Network
		side, stage, want int
	}{
		{dilated, 224, 4, 14}, {dilated, 1, 4, 1}, {caffe, 600, 1, 150}, {caffe, 602, 1, 150}, {caffe, 602, 3, 38}, {caffe, caffe.MinSide(4), 4, 1},
	} {
		g := nn.NewGraph(nn.NewShapes(), false)
		require.NoError(t, nn.Build(func() {
			require.Equal(t, c.want, Features(g, c.network, g.Features("images", 1, c.side, c.side, 3), c.stage).Shape()[1])
		}), "%+v", c)
	}
}

// A structure file gives an error or a network that can be built.
func FuzzStructure(f *testing.F) {
	for _, name := range []string{"scalenet50", "scalenet152"} {
		data, err := published.ReadFile("structures/" + name + ".json")
		require.NoError(f, err)
		f.Add(data)
	}
	for _, s := range []string{"", "null", "[]", "[[]]", "[null]", "[[1]]", "[[1,1]]", "[[0,3,2,1,1]]", "[[1,-1,7]]",
		"[[9223372036854775807,1,7]]", "[[1,2,3],[4]]", "[[1,1,1,1,56]", strings.Repeat("[", 100)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, err := parseStructure(data, "fuzzed")
		if err != nil {
			require.Contains(t, err.Error(), "fuzzed")
			return
		}
		scales := make([]int, len(rows[0])-1)
		for i := range scales {
			scales[i] = i + 1
		}
		if len(scales) > 8 || len(rows) > maxBlocks {
			return
		}
		n, err := NewScaleNet(Config{Stem: Stem{Channels: 4, Kernel: 3}, Blocks: []int{len(rows)}, Planes: []int{2}, Scales: scales, Structure: rows})
		require.NoError(t, err)
		neurons := 0
		for _, row := range rows {
			for _, c := range row[:len(scales)] {
				neurons += c
			}
		}
		if neurons > 1<<10 {
			return // the parameters would take the fuzzer's time
		}
		_, total, err := Summarize(n, 8*len(scales), 8*len(scales), 2)
		require.NoError(t, err)
		require.Positive(t, total.Params)
	})
}
