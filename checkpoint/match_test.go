package checkpoint

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMatch(t *testing.T) {
	have := []Info{
		{"conv1.weight", BF16, []int{8, 3, 7, 7}},
		{"bn1.num_batches_tracked", I64, nil},
		{"fc.weight", F32, []int{10, 64}},
		{"extra", F32, []int{1}},
	}
	want := []Info{
		{"conv1.weight", F32, []int{8, 3, 7, 7}},
		{"fc.weight", F32, []int{21, 64}},
		{"fc.bias", F32, []int{21}},
	}
	r := Match(have, want)
	require.Equal(t, Report{
		Matched:    []string{"conv1.weight"},
		Missing:    want[2:],
		LeftOver:   have[3:],
		WrongShape: []Mismatch{{"fc.weight", []int{10, 64}, []int{21, 64}}},
		Ignored:    []string{"bn1.num_batches_tracked"},
	}, r)
	require.Equal(t, "1 matched, 1 missing, 1 unexpected, 1 of wrong shape, 1 ignored"+
		"\n  missing: fc.bias [21]\n  unexpected: extra [1]"+
		"\n  wrong shape: fc.weight has [10 64], the model wants [21 64]"+
		"\n  ignored: bn1.num_batches_tracked", r.String())
	require.EqualError(t, r.Err("m.safetensors"), `m.safetensors: tensor "fc.weight" has shape [10 64], the model wants [21 64]`+
		` (1 matched, 1 missing, 1 of wrong shape, 1 unexpected): is it a checkpoint of another structure?`)
}

func TestMatchEdges(t *testing.T) {
	tracked := []Info{{"num_batches_tracked", I64, nil}}
	require.NoError(t, Match(nil, nil).Err("f"))
	require.Equal(t, []string{"num_batches_tracked"}, Match(tracked, tracked).Matched, "wanted, so not ignored")
	require.NoError(t, Match(tracked, nil).Err("f"))
	require.ErrorContains(t, Match(nil, tracked).Err("f"), `f: tensor "num_batches_tracked" of shape [] is missing`)
	var many []Info
	for i := range 9 {
		many = append(many, Info{Name: fmt.Sprint("t", i)})
	}
	require.Contains(t, Match(many, nil).String(), "t3 []; and 5 more")
}
