package collective

// #cgo CFLAGS: -O3 -Wall -Wextra
// #cgo LDFLAGS: -ldl -lm
// #include "mpi.h"
// #include <stdlib.h>
import "C"

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"
	"unsafe"

	"scalenet/engine"
)

// library is the name that Open MPI's library has since version 4.0.
const library = "libmpi.so.40"

// dying is how long the thread of MPI has to end a wait and call MPI_Abort.
const dying = 2 * time.Second

// OpenMPI looks for the library that Open would use, and returns its version, like "Open MPI v4.1.4", and its file.
func OpenMPI() (version, file string, err error) {
	calls, err := load()
	if err != nil {
		return "", "", err
	}
	var v, f text
	if C.sc_mpi_version(calls, &v[0], &f[0]) != 0 {
		return "", "", fmt.Errorf("%s does not tell its version", library)
	}
	return C.GoString(&v[0]), C.GoString(&f[0]), nil
}

// load opens the library.
func load() (*C.sc_mpi, error) {
	name := C.CString(library)
	defer C.free(unsafe.Pointer(name))
	var message text
	calls := C.sc_mpi_load(name, &message[0])
	if calls == nil {
		return nil, message.error()
	}
	return calls, nil
}

// mpi is the transport of Open MPI. All calls are made on one thread.
type mpi struct {
	thread *engine.Thread
	calls  *C.sc_mpi
	flying map[*flight]struct{} // keeps pinned memory reachable, also after a wait that failed
}

// flight is a message under way.
type flight struct {
	mpi    *mpi
	handle *C.sc_transfer
	memory runtime.Pinner
}

// text is room for the message of a call in C.
type text [C.SC_MESSAGE]C.char

func (t *text) error() error { return errors.New(C.GoString(&t[0])) }

// openMPI starts MPI, which waits until all processes have done so.
func openMPI(started launch, limit time.Duration) (*mpi, error) {
	m := &mpi{flying: map[*flight]struct{}{}}
	var err error
	m.thread, err = engine.NewThread(errors.New("MPI has ended"), func() error { return m.load(started) }, func() error { return nil })
	if err != nil {
		return nil, err
	}
	var rank, size C.int
	err = within(limit, "MPI_Init", func() error {
		return m.thread.Do(func() error {
			var message text
			if C.sc_mpi_start(m.calls, &rank, &size, &message[0]) != 0 {
				return message.error()
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	if int(size) != started.size || int(rank) != started.rank {
		return nil, fmt.Errorf("%s says that this is rank %d of %d, Open MPI says rank %d of %d: the launcher is not of the Open MPI that %s belongs to",
			started.by, started.rank, started.size, rank, size, library)
	}
	return m, nil
}

func (m *mpi) load(started launch) (err error) {
	if m.calls, err = load(); err != nil {
		return fmt.Errorf("%s has started %d processes, but %w; install Open MPI 4.1 or 5 (Debian: openmpi-bin), or set LD_LIBRARY_PATH",
			started.by, started.size, err)
	}
	return nil
}

// within gives an error if f takes too long; f goes on then.
func within(limit time.Duration, what string, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return fmt.Errorf("%s: %w of %v: not all processes have come", what, ErrLimit, limit)
	}
}

func (m *mpi) do(f func() error) error { return m.thread.Do(f) }

func (m *mpi) begin(receive bool, peer, tag int, b []byte) (pending, error) {
	f := &flight{mpi: m}
	receives := C.int(0)
	if receive {
		receives = 1
	}
	data := unsafe.Pointer(unsafe.SliceData(b))
	if len(b) > 0 {
		f.memory.Pin(data)
	}
	var message text
	if C.sc_mpi_begin(m.calls, &f.handle, receives, data, C.int(len(b)), C.int(peer), C.int(tag), &message[0]) != 0 {
		f.memory.Unpin()
		return nil, message.error()
	}
	m.flying[f] = struct{}{}
	return f, nil
}

func (f *flight) wait(limit time.Duration) error {
	var message text
	switch C.sc_mpi_wait(f.mpi.calls, f.handle, C.double(limit.Seconds()), &message[0]) {
	case C.SC_DONE:
		f.memory.Unpin()
		delete(f.mpi.flying, f)
		return nil
	case C.SC_LATE:
		return ErrLimit
	}
	return message.error()
}

// abort ends this process too, by MPI or without: the thread may hang in a call.
func (m *mpi) abort(code int, reason error) {
	fmt.Fprintln(os.Stderr, reason)
	C.sc_mpi_stop(m.calls, C.int(code))
	time.AfterFunc(dying, func() { os.Exit(code) })
	m.thread.Do(func() error {
		C.sc_mpi_abort(m.calls, C.int(code))
		return nil
	})
	os.Exit(code)
}

func (m *mpi) close(limit time.Duration) error {
	err := within(limit, "MPI_Finalize", func() error {
		return m.thread.Do(func() error {
			var message text
			if C.sc_mpi_finish(m.calls, &message[0]) != 0 {
				return message.error()
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	return m.thread.Close()
}
