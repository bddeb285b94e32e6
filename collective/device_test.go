//go:build gpu

package collective

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"scalenet/engine"
	"scalenet/engine/cuda"

	"github.com/stretchr/testify/require"
)

// onFakeGPUs skips a test on real GPUs, and makes it see as many as it needs.
func onFakeGPUs(t *testing.T, n int) {
	t.Helper()
	t.Setenv("SCALENET_FAKE_DEVICES", fmt.Sprint(n))
	gpus, err := cuda.GPUs()
	require.NoError(t, err)
	if gpus[0].Name != "fake CUDA" {
		t.Skip("not on the fake CUDA libraries")
	}
}

// onGPUs runs f for each member of a group of n, with a GPU of its own, and returns the errors.
func onGPUs(t *testing.T, n int, limit time.Duration, f func(g *Group, d *cuda.Device) error) []error {
	t.Helper()
	onFakeGPUs(t, n)
	errs := make([]error, n)
	var devices []*cuda.Device
	for rank := range n {
		d, err := cuda.New(cuda.Options{Ordinal: rank})
		require.NoError(t, err)
		devices = append(devices, d)
	}
	var wg sync.WaitGroup
	for rank, g := range NewLocal(n, Options{Limit: limit}) {
		wg.Go(func() { errs[rank] = f(g, devices[rank]) })
	}
	wg.Wait()
	for _, d := range devices { // all memory must be free at the end of the last
		require.NoError(t, d.Close())
	}
	return errs
}

// deviceSums is sums for a DeviceReduction.
func deviceSums(g *Group, d *cuda.Device, o ReductionOptions, steps [][][][]float32, want [][][]float32) (err error) {
	r, err := NewDeviceReduction(g, d, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for i, places := range steps {
		first, end := r.Places()
		for place := first; place < end; place++ {
			gradients := make([]engine.Memory, len(places[place]))
			for part, values := range places[place] {
				if values == nil {
					continue
				}
				if gradients[part], err = d.Alloc(4 * len(values)); err != nil {
					return err
				}
				if err := d.Write(gradients[part], values); err != nil {
					return err
				}
			}
			err := r.Add(place, gradients)
			for _, m := range gradients {
				if m != nil {
					d.Free(m)
				}
			}
			if err != nil {
				return err
			}
		}
		sum, err := r.Finish()
		if err != nil {
			return err
		}
		got := make([][]float32, len(sum))
		for part, m := range sum {
			if m != nil {
				got[part] = make([]float32, o.Parts[part])
				if err := d.Read(got[part], m); err != nil {
					return err
				}
			}
		}
		if err := equalBits(want[i], got); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
		if i == 0 && o.Wire == Float32 { // nothing is absent, and what is on its way in bfloat16 is the link's
			numbers := r.deviceBlocks.parts.length()
			used, expected := 4*numbers*len(r.made)+r.bytes, g.DeviceReductionBytes(numbers, o.Places, o.Wire)
			if off := used - expected; off < 0 || off > 8*o.Places { // slices differ by a number
				return fmt.Errorf("%d bytes are used, %d expected", used, expected)
			}
		}
	}
	return nil
}

// The sums of linked GPUs have the bits of the tree, for any number of processes, with absent parts and special numbers.
func TestDeviceSumIsTheTrees(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, m := range []int{1, 2, 3, 4, 6, 8} {
		for n := 1; n <= min(m, 4); n++ {
			for _, lengths := range [][]int{{1}, {3, 0, 501, 1, 40, 130, 0}} {
				for _, wire := range []Wire{Float32, BFloat16} {
					var steps [][][][]float32
					var want [][][]float32
					for step := range 3 {
						steps = append(steps, draw(r, m, lengths, step > 0))
						want = append(want, expected(wire, steps[step]))
					}
					for rank, err := range onGPUs(t, n, 20*time.Second, func(g *Group, d *cuda.Device) error {
						return deviceSums(g, d, ReductionOptions{Places: m, Parts: lengths, Wire: wire}, steps, want)
					}) {
						require.NoError(t, err, "%d places, %d processes, rank %d, %v, %v", m, n, rank, lengths, wire)
					}
				}
			}
		}
	}
}

// What NCCL lacks at the start is said to all processes, which can then sum on the host.
func TestNoLink(t *testing.T) {
	for name, c := range map[string]struct{ set, to, want string }{
		"old":   {"NCCL", "21304", "cuda: NCCL is version 2.13, 2.14 is needed"},
		"ID":    {"FAIL", "ncclGetUniqueId:1", "cuda: ncclGetUniqueId: unhandled system error: a fake reason"},
		"init":  {"FAIL", "ncclCommInitRankConfig:1", "cuda: ncclCommInitRankConfig: unhandled system error"},
		"async": {"FAIL", "ncclCommGetAsyncError:1", "cuda: ncclCommInitRankConfig: internal error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("SCALENET_FAKE_"+c.set, c.to)
			for _, err := range onGPUs(t, 2, time.Second, func(g *Group, d *cuda.Device) error {
				_, err := NewDeviceReduction(g, d, ReductionOptions{Places: 2, Parts: []int{3}})
				return errors.Join(err, g.Barrier())
			}) {
				var no *NoLinkError
				require.ErrorAs(t, err, &no)
				require.False(t, strings.Contains(err.Error(), "\n"), err.Error())
				if name == "init" || name == "async" { // the other one waits for it, or is the first to fail
					require.Regexp(t, "cuda: (ncclCommInitRankConfig|NCCL)", no.Text)
					continue
				}
				require.Contains(t, no.Text, c.want)
			}
		})
	}
	onFakeGPUs(t, 1)
	d, err := cuda.New(cuda.Options{})
	require.NoError(t, err)
	defer d.Close()
	var wg sync.WaitGroup
	for _, g := range NewLocal(2, Options{Limit: time.Second}) { // two processes on one GPU
		wg.Go(func() {
			other, err := cuda.New(cuda.Options{})
			require.NoError(t, err)
			_, err = NewDeviceReduction(g, other, ReductionOptions{Places: 2, Parts: []int{3}})
			require.ErrorContains(t, err, "cuda: ncclCommInitRankConfig: invalid usage")
			require.NoError(t, other.Close())
		})
	}
	wg.Wait()
}

// Whatever call fails in a step, and a process that leaves or does not come, is an error of all that wait for it, within the limit.
func TestLinkFaults(t *testing.T) {
	for call, want := range map[string]string{
		"ncclGroupStart": "ncclGroupStart: unhandled system error", "ncclSend": "ncclSend: unhandled", "ncclRecv": "ncclRecv: unhandled",
		"ncclGroupEnd": "ncclGroupEnd: unhandled", "cuEventQuery": "cuEventQuery: error", "leaves": "remote process exited", "late": "no answer within the time limit of 500ms",
	} {
		t.Run(call, func(t *testing.T) {
			var meet sync.WaitGroup
			meet.Add(2)
			for rank, err := range onGPUs(t, 2, time.Second, func(g *Group, d *cuda.Device) (err error) {
				r, err := NewDeviceReduction(g, d, ReductionOptions{Places: 2, Parts: []int{70}})
				if err != nil {
					return err
				}
				defer func() {
					if g.Rank() == 1 {
						r.Abandon()
					}
					err = errors.Join(err, r.Close())
				}()
				m, err := d.Alloc(280)
				if err != nil {
					return err
				}
				defer d.Free(m)
				if err := r.Add(g.Rank(), []engine.Memory{m}); err != nil {
					return err
				}
				meet.Done()
				meet.Wait()
				if g.Rank() == 0 && call != "leaves" && call != "late" {
					t.Setenv("SCALENET_FAKE_FAIL", call)
				}
				if g.Rank() == 1 && (call == "leaves" || call == "late") {
					_, err := r.tell(r.nodes) // as if it was there
					if call == "late" {
						time.Sleep(2 * time.Second)
					}
					return err
				}
				_, err = r.Finish()
				return err
			}) {
				if rank == 0 {
					require.ErrorContains(t, err, "rank 0 of 2")
					require.ErrorContains(t, err, want)
				}
			}
		})
	}
}
