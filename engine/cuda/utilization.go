//go:build gpu

package cuda

// #include "nvml.h"
import "C"

import "fmt"

// Utilization is the share of the last sample (a sixth of a second to a second) in which a GPU computed, for this and other programs. The
// error says that it cannot be told: NVML is missing, or the GPU is a part of one.
func Utilization(ordinal int) (share float64, err error) {
	if _, err := find(ordinal); err != nil {
		return 0, fmt.Errorf("cuda: %w", err)
	}
	opening.Lock()
	defer opening.Unlock()
	var m message
	var percent C.uint
	if C.sn_utilization(C.CUdevice(ordinal), &percent, m.c()) != 0 {
		return 0, fmt.Errorf("cuda: utilisation of GPU %d: %s", ordinal, &m)
	}
	return float64(percent) / 100, nil
}
