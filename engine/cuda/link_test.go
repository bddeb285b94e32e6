//go:build gpu

package cuda

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"scalenet/engine"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// onLinkedDevices runs f on two devices with a link.
func onLinkedDevices(t *testing.T, f func(rank int, d *Device, l engine.Link) error) {
	t.Helper()
	onFakeLibraries(t)
	t.Setenv("SCALENET_FAKE_DEVICES", "2")
	var devices []*Device
	for rank := range 2 {
		d, err := New(Options{Ordinal: rank})
		require.NoError(t, err)
		devices = append(devices, d)
	}
	id, err := devices[0].LinkID()
	require.NoError(t, err)
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for rank, d := range devices {
		wg.Go(func() {
			l, err := d.Link(id, rank, 2, 10*time.Second)
			if err == nil {
				err = errors.Join(f(rank, d, l), l.Close())
			}
			errs[rank] = err
		})
	}
	wg.Wait()
	for rank, d := range devices {
		assert.NoError(t, errs[rank], "rank %d", rank)
		require.NoError(t, d.Close())
	}
}

// What is sent arrives after what was asked for before, in float32 and in bfloat16, several parcels between two devices in their order, empty ones
// among them.
func TestLink(t *testing.T) {
	const n = 70_000 // more than a socket takes at once
	onLinkedDevices(t, func(rank int, d *Device, l engine.Link) error {
		x, err := d.Alloc(4 * 3 * n)
		if err != nil {
			return err
		}
		defer d.Free(x)
		values := make([]float32, n)
		for i := range values {
			values[i] = float32(i%200 - 100 + rank) // of bfloat16, too
		}
		part := func(i, length int) engine.Floats { return engine.Floats{Mem: x, From: i * n, Len: length} }
		for _, rounded := range []bool{false, true, true} {
			if err := d.Write(x, values); err != nil {
				return err
			}
			peer := 1 - rank
			send := []engine.Parcel{{Peer: peer, Floats: part(0, n)}, {Peer: peer, Floats: part(0, 0)}, {Peer: peer, Floats: part(0, 3)}}
			receive := []engine.Parcel{{Peer: peer, Floats: part(1, n)}, {Peer: peer, Floats: part(2, 0)}, {Peer: peer, Floats: part(2, 3)}}
			if err := errors.Join(l.Exchange(send, receive, rounded), l.Add(part(1, n), part(0, n), rounded), l.Wait()); err != nil {
				return err
			}
			got := make([]float32, 3*n)
			if err := d.Read(got, x); err != nil {
				return err
			}
			for i, v := range values {
				theirs := float32(i%200 - 100 + peer)
				if got[n+i] != v+theirs || i < 3 && got[2*n+i] != theirs {
					return errors.New("wrong values")
				}
			}
		}
		return errors.Join(l.Exchange(nil, nil, false), l.Wait())
	})
}

func TestLinkRefuses(t *testing.T) {
	onLinkedDevices(t, func(rank int, d *Device, l engine.Link) error {
		x, err := d.Alloc(40)
		if err != nil {
			return err
		}
		defer d.Free(x)
		for want, err := range map[string]error{
			"cuda: 44 bytes for memory of 40": l.Add(engine.Floats{Mem: x, Len: 11}, engine.Floats{Mem: x, Len: 11}, false),
			"cuda: 3 values for 4":            l.Take(engine.Floats{Mem: x, Len: 4}, engine.Floats{Mem: x, Len: 3}, false),
			"cuda: 2 values from -1":          l.Take(engine.Floats{Mem: x, Len: 2}, engine.Floats{Mem: x, From: -1, Len: 2}, false),
			"cuda: 48 bytes for memory of 40": l.Exchange([]engine.Parcel{{Floats: engine.Floats{Mem: x, From: 9, Len: 3}}}, nil, rank == 0),
		} {
			if err == nil || err.Error() != want {
				return errors.Join(errors.New("not refused: "+want), err)
			}
		}
		return l.Take(engine.Floats{Mem: x}, engine.Floats{Mem: x}, true)
	})
	d := newDevice(t)
	_, err := d.Link([]byte("short"), 0, 1, time.Second)
	assert.EqualError(t, err, "cuda: the ID of a link has 128 bytes, not 5")
	id, err := d.LinkID()
	require.NoError(t, err)
	for _, call := range []string{"cuEventCreate", "ncclCommInitRankConfig", "ncclCommFinalize"} {
		t.Setenv("SCALENET_FAKE_FAIL", call)
		l, err := d.Link(id, 0, 1, time.Second)
		if err == nil {
			err = l.Close()
		}
		assert.ErrorContains(t, err, "cuda: ", call)
	}
	t.Setenv("SCALENET_FAKE_FAIL", "")
	l, err := d.Link(id, 0, 1, time.Second)
	require.NoError(t, err)
	require.NoError(t, l.Close())
	assert.EqualError(t, l.Wait(), "cuda: the link has ended")
	l.Abort()
	_, err = d.Link(id, 0, 2, 50*time.Millisecond) // nobody else comes
	assert.EqualError(t, err, "cuda: NCCL: no answer within the time limit of 50ms")
}

// What would hang or spoil memory on a GPU ends the process on the fake libraries, with a line.
func TestFakeNCCLIsStrict(t *testing.T) {
	if wrong := os.Getenv("SCALENET_WRONG"); wrong != "" {
		onLinkedDevices(t, func(rank int, d *Device, l engine.Link) error {
			x, err := d.Alloc(40)
			if err != nil {
				return err
			}
			n, peer := 5, 1-rank
			if wrong == "counts" {
				n -= rank
			}
			err = l.Exchange([]engine.Parcel{{Peer: peer, Floats: engine.Floats{Mem: x, Len: 5}}}, []engine.Parcel{{Peer: peer, Floats: engine.Floats{Mem: x, From: 5, Len: n}}}, false)
			if err == nil && wrong == "wait" {
				err = d.Sync()
			}
			return errors.Join(err, l.Wait())
		})
		return
	}
	onFakeLibraries(t)
	self, err := os.Executable()
	require.NoError(t, err)
	for wrong, want := range map[string]string{
		"counts": "fake CUDA: NCCL: rank 1 receives 16 bytes of a send of 20",
		"wait":   "fake CUDA: a wait without an end for work that another process holds up",
	} {
		child := exec.Command(self, "-test.run=^TestFakeNCCLIsStrict$")
		child.Env = append(os.Environ(), "SCALENET_WRONG="+wrong)
		out, err := child.CombinedOutput()
		require.Error(t, err, "%s", out)
		assert.Contains(t, string(out), want)
	}
}

// Without the library a line says so. The real one has all functions and makes an ID, which needs no GPU: SCALENET_NCCL is its folder.
func TestFindNCCL(t *testing.T) {
	if os.Getenv("SCALENET_OPEN") == "nccl" {
		id, err := newID()
		fmt.Printf("<%d %v>", len(id), err)
		return
	}
	self, err := os.Executable()
	require.NoError(t, err)
	wants := map[string]string{os.Getenv("SCALENET_NCCL"): "<128 <nil>>"}
	wants[""] = "<0 no NCCL on this machine (libnccl.so.2: "
	for path, want := range wants {
		child := exec.Command(self, "-test.run=^TestFindNCCL$")
		child.Env = []string{"SCALENET_OPEN=nccl", "LD_LIBRARY_PATH=" + path}
		out, err := child.CombinedOutput()
		require.NoError(t, err, "%s", out)
		assert.Contains(t, string(out), want)
	}
	if os.Getenv("SCALENET_NCCL") == "" {
		t.Skip("SCALENET_NCCL is not set to the folder of NCCL's library: only its absence was tested")
	}
}

// NCCL is found with its version and file, or an error says what is wrong.
func TestNCCL(t *testing.T) {
	onFakeLibraries(t)
	version, file, err := NCCL()
	require.NoError(t, err)
	require.Equal(t, "2.21.5", version)
	require.Regexp(t, "/lib[a-z]+[.]so", file) // all fake libraries are one, whose first name the system keeps
	t.Setenv("SCALENET_FAKE_NCCL", "21304")
	_, _, err = NCCL()
	require.EqualError(t, err, "NCCL is version 2.13, 2.14 is needed")
}
