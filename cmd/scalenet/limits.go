package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// minAddressSpace is the address space that Go, the libraries and a small model
// need at start, in bytes. Most of it is never resident.
const minAddressSpace = 2 << 30

// checkAddressSpace returns an error if the limit of the address space (ulimit -v)
// is so low that Go or a library would crash later.
func checkAddressSpace() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_AS, &limit); err != nil || limit.Cur >= minAddressSpace {
		return nil
	}
	return fmt.Errorf("the address space is limited to %d MiB (ulimit -v), want at least %d MiB; to limit memory use a control group instead (MemoryMax= of systemd, docker run --memory)",
		limit.Cur>>20, minAddressSpace>>20)
}
