//go:build gpu

package cuda

// #include "driver.h"
import "C"

import (
	_ "embed"
	"fmt"
	"math"
	"regexp"
	"strings"
	"unsafe"

	"scalenet/engine"

	"gorgonia.org/cu"
)

// The kernels as PTX, which ptx.py makes of kernels.cu; a GPU takes the newest that it can run.
var (
	//go:embed kernels/kernels_70.ptx
	ptx70 string
	//go:embed kernels/kernels_80.ptx
	ptx80 string
	//go:embed kernels/kernels_90.ptx
	ptx90 string
)

// threads of a block.
const threads = 256

func (d *Device) loadKernels() (err error) {
	ptx := ptx70
	switch {
	case d.capability >= 90:
		ptx = ptx90
	case d.capability >= 80:
		ptx = ptx80
	}
	if d.module, err = cu.LoadData(ptx); err != nil {
		return fmt.Errorf("the driver does not compile the kernels for compute capability %s: %w", dotted(d.capability), err)
	}
	d.signatures = signatures(ptx)
	return nil
}

var (
	ptxEntry     = regexp.MustCompile(`(?s)\.entry (\w+)\((.*?)\)`)
	ptxParameter = regexp.MustCompile(`\.param \.(\w+)`)
)

// signatures are the parameters of the kernels in PTX, a letter each: p is a pointer, i an integer of 32 bits, f and d floats.
func signatures(ptx string) map[string]string {
	all := map[string]string{}
	for _, entry := range ptxEntry.FindAllStringSubmatch(ptx, -1) {
		var s strings.Builder
		for _, p := range ptxParameter.FindAllStringSubmatch(entry[2], -1) {
			s.WriteByte(map[string]byte{"u64": 'p', "u32": 'i', "f32": 'f', "f64": 'd'}[p[1]])
		}
		all[entry[1]] = s.String()
	}
	return all
}

// launch is a kernel with its arguments.
type launch struct {
	device *Device
	name   string
	fn     cu.Function
	blocks int
	words  []uint64       // of the arguments
	shared map[int]shared // arguments that lie in the shared memory
}

// shared is a place in the memory that kernels need while they run.
type shared int

// launch prepares a kernel of n threads. An argument is a tensor, memory, nil, a place in the shared memory, an int, a bool or a float.
func (d *Device) launch(name string, n int, arguments ...any) (*launch, error) {
	if n < 1 || n > math.MaxInt32 {
		return nil, fmt.Errorf("%s: %d threads", name, n)
	}
	fn, ok := d.functions[name]
	if !ok {
		var err error
		if fn, err = d.module.Function(name); err != nil {
			return nil, fmt.Errorf("kernel %s: %w", name, err)
		}
		d.functions[name] = fn
	}
	l := &launch{device: d, name: name, fn: fn, blocks: (n + threads - 1) / threads, shared: map[int]shared{},
		words: make([]uint64, len(arguments))}
	have := make([]byte, len(arguments))
	for i, a := range arguments {
		var err error
		if l.words[i], have[i], err = argument(a); err != nil {
			return nil, fmt.Errorf("kernel %s: argument %d: %w", name, i, err)
		}
		if s, ok := a.(shared); ok {
			l.shared[i] = s
		}
	}
	if want := d.signatures[name]; want != string(have) {
		return nil, fmt.Errorf("kernel %s has parameters %s, got %s", name, want, have)
	}
	return l, nil
}

// argument is the word and the letter of an argument.
func argument(a any) (word uint64, letter byte, err error) {
	switch a := a.(type) {
	case nil, shared:
		return 0, 'p', nil
	case engine.Tensor:
		return uint64(at(a)), 'p', nil
	case cu.DevicePtr:
		return uint64(a), 'p', nil
	case int:
		if a < math.MinInt32 || a > math.MaxUint32 {
			return 0, 0, fmt.Errorf("%d has more than 32 bits", a)
		}
		return uint64(uint32(a)), 'i', nil
	case bool:
		if a {
			word = 1
		}
		return word, 'i', nil
	case float32:
		return uint64(math.Float32bits(a)), 'f', nil
	case float64:
		return math.Float64bits(a), 'd', nil
	}
	return 0, 0, fmt.Errorf("%T", a)
}

// run puts the kernel into the device's stream.
func (l *launch) run() error {
	for i, s := range l.shared {
		l.words[i] = uint64(l.device.shared) + uint64(s)
	}
	// Not by cu's Launch: it writes pointers into memory fresh from malloc, whose garbage Go's collector may then take for pointers.
	status := C.sn_launch(*(*C.CUfunction)(unsafe.Pointer(&l.fn)), C.uint(l.blocks), threads, C.CUstream(unsafe.Pointer(l.device.stream.C())),
		(*C.uint64_t)(unsafe.Pointer(&l.words[0])), C.int(len(l.words)))
	if status != C.CUDA_SUCCESS {
		return fmt.Errorf("kernel %s: %w", l.name, describe(as(cu.LaunchFailed, status)))
	}
	return nil
}

// as is a status as an error of cu's, whose type has no name outside of cu.
func as[E ~int, S ~uint32](_ E, status S) E { return E(status) }
