// Exchange times the sum of a block over the processes of mpirun, next to MPI_Allreduce on the same block in the same run:
//
//	. scripts/env.sh && go build -o build/exchange ./collective/testdata/exchange
//	mpirun -np 2 --bind-to core build/exchange
//
// The sum is the time of Finish: gradients have been added before, by either. Rounds of all kinds alternate; medians are shown.
package main

// #cgo LDFLAGS: -ldl
// #include <dlfcn.h>
//
// typedef int (*allreduce_function)(const void *, void *, int, void *, void *, void *);
//
// // Package collective has opened the library.
// static int allreduce(float *block, int n) {
//	void *library = dlopen("libmpi.so.40", RTLD_NOW | RTLD_NOLOAD);
//	allreduce_function f = library ? (allreduce_function)dlsym(library, "MPI_Allreduce") : 0;
//	if (!f) return -1;
//	return f((void *)1, block, n, dlsym(library, "ompi_mpi_float"), dlsym(library, "ompi_mpi_op_sum"), dlsym(library, "ompi_mpi_comm_world"));
// }
import "C"

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"
	"unsafe"

	"scalenet/collective"
)

func main() {
	numbers := flag.Int("numbers", 31_483_618, "length of the block; default: the parameters of ScaleNet-50")
	rounds := flag.Int("rounds", 9, "rounds of each kind")
	places := flag.Int("places", 0, "micro-batches of a step; 0: the number of processes")
	flag.Parse()
	g, err := collective.Open(collective.Options{Limit: 2 * time.Minute})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if *places == 0 {
		*places = g.Size()
	}
	if err := compare(g, *numbers, *rounds, *places); err != nil {
		g.Abort(1, err)
	}
	if err := g.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// kind is something to time; prepare is not timed.
type kind struct {
	name         string
	prepare, run func() error
	times        []time.Duration
}

func compare(g *collective.Group, numbers, rounds, places int) error {
	block := make([]float32, numbers)
	fill := func() error {
		for i := range block {
			block[i] = float32(i%1000) * 1e-3
		}
		return nil
	}
	kinds := []*kind{{name: "MPI_Allreduce", prepare: fill, run: func() error {
		return g.Do(func() error {
			if status := C.allreduce((*C.float)(unsafe.Pointer(&block[0])), C.int(numbers)); status != 0 {
				return fmt.Errorf("MPI_Allreduce: status %d", status)
			}
			return nil
		})
	}}}
	var adds []*kind
	for _, wire := range []collective.Wire{collective.Float32, collective.BFloat16} {
		sum, add, err := sums(g, wire, block, places, fill)
		if err != nil {
			return err
		}
		kinds, adds = append(kinds, sum), append(adds, add)
	}
	for range rounds + 1 {
		for _, k := range kinds {
			if err := k.once(g); err != nil {
				return err
			}
		}
	}
	if g.Rank() > 0 {
		return nil
	}
	for _, k := range append(kinds, adds...) {
		times := k.sorted()
		fmt.Printf("%-22s %7.1f ms (%.1f to %.1f), %.2f of MPI_Allreduce\n", k.name, milliseconds(k.median()), milliseconds(times[0]),
			milliseconds(times[len(times)-1]), float64(k.median())/float64(kinds[0].median()))
	}
	return nil
}

// sums returns the exchange, and the additions inside the process before it.
func sums(g *collective.Group, wire collective.Wire, block []float32, places int, fill func() error) (sum, add *kind, err error) {
	r, err := collective.NewReduction(g, collective.ReductionOptions{Places: places, Parts: []int{len(block)}, Wire: wire})
	if err != nil {
		return nil, nil, err
	}
	add = &kind{name: "adding here, " + wire.String()}
	prepare := func() error {
		if err := fill(); err != nil {
			return err
		}
		start := time.Now()
		for place, end := r.Places(); place < end; place++ {
			if err := r.Add(place, [][]float32{block}); err != nil {
				return err
			}
		}
		add.times = append(add.times, time.Since(start))
		return nil
	}
	run := func() error {
		sum, err := r.Finish()
		if err != nil {
			return err
		}
		if want := float32(places) * 0.5; sum[0][500] != want {
			return errors.New("the sum is wrong")
		}
		return nil
	}
	return &kind{name: "sum, " + wire.String(), prepare: prepare, run: run}, add, nil
}

// once times a round. All begin together.
func (k *kind) once(g *collective.Group) error {
	if err := k.prepare(); err != nil {
		return err
	}
	if err := g.Barrier(); err != nil {
		return err
	}
	start := time.Now()
	if err := k.run(); err != nil {
		return err
	}
	k.times = append(k.times, time.Since(start))
	return nil
}

// sorted returns the times but the first: that round is the first to touch the memory.
func (k *kind) sorted() []time.Duration { return slices.Sorted(slices.Values(k.times[1:])) }

func (k *kind) median() time.Duration { return k.sorted()[(len(k.times)-1)/2] }

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
