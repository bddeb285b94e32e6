package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// minAddressSpace is what Go, the libraries and a small model need to begin
// with, most of which never becomes memory.
const minAddressSpace = 2 << 30

// checkAddressSpace is an error where a limit (ulimit -v) would end the process
// in the middle of something, by a crash of Go or of a library.
func checkAddressSpace() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_AS, &limit); err != nil || limit.Cur >= minAddressSpace {
		return nil
	}
	return fmt.Errorf("the address space of the process is limited to %d MiB (ulimit -v): at least %d MiB are needed; a control group limits memory itself (MemoryMax= of systemd, docker run --memory)",
		limit.Cur>>20, minAddressSpace>>20)
}
