package collective

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary runs itself under mpirun. These variables tell it what to do there instead of tests, and where to write.
const (
	childCase   = "SCALENET_COLLECTIVE_CASE"
	childFolder = "SCALENET_COLLECTIVE_FOLDER"
)

// silence is the time limit of the processes in cases in which one does not answer. MPI's start on a busy machine must fit in.
const silence = 20 * time.Second

func TestMain(m *testing.M) {
	if name := os.Getenv(childCase); name != "" {
		os.Exit(child(name))
	}
	os.Exit(m.Run())
}

// child runs a case; its exit status is 3 if there is no group, 4 if the case fails.
func child(name string) int {
	folder := os.Getenv(childFolder)
	rank := os.Getenv("OMPI_COMM_WORLD_RANK")
	pid := []byte(strconv.Itoa(os.Getpid()))
	if err := os.WriteFile(filepath.Join(folder, "pid"+rank), pid, 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 4
	}
	limit := DefaultLimit
	switch name {
	case "late":
		if rank == "1" {
			time.Sleep(time.Hour)
		}
		limit = silence
	case "stop":
		limit = silence
	}
	g, err := Open(Options{Limit: limit})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	if err := cases()[name](g, folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 4
	}
	return 0
}

func cases() map[string]func(g *Group, folder string) error {
	return map[string]func(g *Group, folder string) error{
		"none":  func(g *Group, _ string) error { return g.Close() },
		"all":   everything,
		"kill":  func(g *Group, _ string) error { return endless(g, syscall.SIGKILL) },
		"stop":  func(g *Group, _ string) error { return endless(g, syscall.SIGSTOP) },
		"abort": abortWhileOthersWait,
	}
}

// abortWhileOthersWait also aborts while the process's own thread waits.
func abortWhileOthersWait(g *Group, _ string) error {
	if g.Rank() == g.Size()-1 {
		go func() {
			time.Sleep(200 * time.Millisecond)
			g.Abort(9, errors.New("the disk is full"))
		}()
		return g.Receive(0, make([]byte, 1)).Wait()
	}
	return g.Barrier()
}

// endless sums until the signal that rank 1 sends to itself ends that.
func endless(g *Group, s syscall.Signal) error {
	r, err := NewReduction(g, ReductionOptions{Places: g.Size(), Parts: []int{3 << 20}})
	if err != nil {
		return err
	}
	block := make([]float32, 3<<20)
	for step := 1; ; step++ {
		g.SetStep(fmt.Sprintf("step %d", step))
		if step == 3 && g.Rank() == 1 {
			syscall.Kill(os.Getpid(), s)
		}
		if err := r.Add(g.Rank(), [][]float32{block}); err != nil {
			return err
		}
		if _, err := r.Finish(); err != nil {
			g.Abort(17, err)
			return err
		}
	}
}

// everything writes the hash of all sums, after all other operations have been checked.
func everything(g *Group, folder string) error {
	stop := make(chan struct{})
	defer close(stop)
	go func() { // memory under way must survive collections
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				runtime.GC()
			}
		}
	}()
	if err := errors.Join(others(g), startChildren(folder)); err != nil {
		return err
	}
	hashes, err := hashesOfSums(g)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("hashes%d", g.Rank())), []byte(hashes), 0o644); err != nil {
		return err
	}
	return g.Close()
}

// hashesOfSums sums the same gradients in any group of up to 4 processes.
func hashesOfSums(g *Group) (string, error) {
	var hashes []string
	for _, m := range []int{4, 5, 6, 8} {
		for _, lengths := range [][]int{{0}, {1}, {77, 3}, {1 << 19, 5, 1<<19 - 2}} {
			for _, wire := range []Wire{Float32, BFloat16} {
				r, err := NewReduction(g, ReductionOptions{Places: m, Parts: lengths, Wire: wire})
				if err != nil {
					return "", err
				}
				for _, sparse := range []bool{false, true} {
					h := sha256.New()
					places := draw(rand.New(rand.NewPCG(uint64(m), uint64(wire))), m, lengths, sparse)
					for place, end := r.Places(); place < end; place++ {
						if err := r.Add(place, places[place]); err != nil {
							return "", err
						}
					}
					sum, err := r.Finish()
					if err != nil {
						return "", err
					}
					for _, numbers := range sum {
						fmt.Fprint(h, numbers == nil)
						h.Write(Bytes(numbers))
					}
					hashes = append(hashes, fmt.Sprintf("%d %v %v %v: %x", m, lengths, wire, sparse, h.Sum(nil)))
				}
			}
		}
	}
	return strings.Join(hashes, "\n"), nil
}

// others checks transfers and operations.
func others(g *Group) error {
	const length = 10<<20 + 1
	own, got := make([]byte, length), make([]byte, length)
	for i := range own {
		own[i] = byte(i + g.Rank())
	}
	var transfers []*Transfer
	if next, previous := (g.Rank()+1)%g.Size(), (g.Rank()+g.Size()-1)%g.Size(); next != g.Rank() {
		transfers = append(transfers, g.Receive(previous, got), g.Send(next, own), g.Receive(previous, nil), g.Send(next, nil))
		if err := waitAll(transfers); err != nil {
			return err
		}
		for i, b := range got {
			if b != byte(i+previous) {
				return fmt.Errorf("byte %d from rank %d is %d", i, previous, b)
			}
		}
	}
	if err := g.Broadcast(g.Size()-1, own); err != nil {
		return err
	}
	if own[77] != byte(77+g.Size()-1) || own[length-1] != byte(length-1+g.Size()-1) {
		return errors.New("broadcast: wrong bytes")
	}
	all, err := g.AllGather(make([]byte, g.Rank()))
	if err != nil {
		return err
	}
	for rank, block := range all {
		if len(block) != rank {
			return fmt.Errorf("%d bytes gathered from rank %d", len(block), rank)
		}
	}
	if g.LocalRank() != g.Rank() || g.LocalSize() != g.Size() || g.HostOf(g.Size()-1) != g.Host() {
		return fmt.Errorf("local rank %d of %d, hosts %v", g.LocalRank(), g.LocalSize(), g.hosts)
	}
	return g.Barrier()
}

// startChildren starts this program once more; it must be alone.
func startChildren(folder string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	c := exec.Command(program)
	c.Env = append(ChildEnvironment(os.Environ()), childCase+"=none", childFolder+"="+folder)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("a child process: %w: %s", err, out)
	}
	return nil
}
