//go:build gpu

package cuda

import (
	"errors"
	"fmt"
	"unsafe"

	"gorgonia.org/cu"
)

// transfers copies between the host's memory and the GPU's through pinned memory, in the device's stream.
type transfers struct {
	stream cu.Stream
	*staging
	down  []byte // pinned
	fault cu.DevicePtr
}

const faultBytes = 8 // of the word that kernels report in, at the end of the buffer for reading

func newTransfers(stream cu.Stream) (t *transfers, err error) {
	t = &transfers{stream: stream}
	defer func() {
		if err != nil {
			t.close()
			t = nil
		}
	}()
	if t.staging, err = newStaging(stream); err != nil {
		return t, err
	}
	if t.down, err = pin(bufferBytes + faultBytes); err != nil {
		return t, err
	}
	if t.fault, err = cu.MemAlloc(faultBytes); err != nil {
		return t, describe(err)
	}
	return t, describe(cu.MemsetD8Async(t.fault, 0, faultBytes, stream))
}

// read copies and waits; with what it was asked for comes what kernels have reported.
func (t *transfers) read(dst []byte, src cu.DevicePtr) error {
	for first := true; first || len(dst) > 0; first = false {
		n := min(len(dst), bufferBytes)
		if n > 0 {
			if err := cu.MemcpyDtoHAsync(unsafe.Pointer(&t.down[0]), src, int64(n), t.stream); err != nil {
				return describe(err)
			}
		}
		word := unsafe.Pointer(&t.down[bufferBytes])
		if err := cu.MemcpyDtoHAsync(word, t.fault, faultBytes, t.stream); err != nil {
			return describe(err)
		}
		if err := t.stream.Synchronize(); err != nil {
			return describe(err)
		}
		if err := t.faulty(*(*uint64)(word)); err != nil {
			return err
		}
		copy(dst, t.down[:n])
		dst, src = dst[n:], src+cu.DevicePtr(n)
	}
	return nil
}

// faulty is the error that a word brought down stands for; kernels may report the next one then.
func (t *transfers) faulty(word uint64) error {
	if word == 0 {
		return nil
	}
	return errors.Join(reported(word), describe(cu.MemsetD8Async(t.fault, 0, faultBytes, t.stream)))
}

// reported is the error of the word that a kernel wrote (kernels/device.h).
func reported(fault uint64) error {
	row, value, limit := fault>>32&(1<<29-1), fault>>16&0xffff, fault&0xffff
	switch fault >> 61 {
	case 1:
		return fmt.Errorf("region %d is of image %d of %d", row, value, limit)
	case 2:
		return fmt.Errorf("label %d of row %d: there are %d classes", value, row, limit)
	case 4:
		return fmt.Errorf("image %d lies outside of its bytes or of its image", row)
	}
	return fmt.Errorf("region %d has a corner that is not finite", row)
}

func (t *transfers) close() error {
	var failures []error
	failures = append(failures, t.stream.Synchronize())
	if t.staging != nil {
		failures = append(failures, t.staging.close())
	}
	if t.down != nil {
		failures = append(failures, cu.MemFreeHost(unsafe.Pointer(&t.down[0])))
	}
	if t.fault != 0 {
		failures = append(failures, cu.MemFree(t.fault))
	}
	return errors.Join(failures...)
}
