package engine

import (
	"errors"
	"time"
)

// ErrLimit is the error of a wait for another process that was longer than its time limit.
var ErrLimit = errors.New("no answer within the time limit")

// Linker is a device that exchanges memory with the devices of other processes, without the host (NCCL).
type Linker interface {
	Device
	// LinkID returns the ID of a new link. One process makes it, all get it. An error says why the device has no links.
	LinkID() ([]byte, error)
	// Link connects the devices of size processes, which all call it with the same ID and their own rank. It waits for all. limit is the longest wait of
	// this call and of those of the link.
	Link(id []byte, rank, size int, limit time.Duration) (Link, error)
}

// Link connects the devices of several processes. Its work is done in the order of the calls, after the work that the device was given
// before. Calls return before the work is done. After an error only Abort and Close may follow.
type Link interface {
	// Take sets dst = src, and Add dst += src, number by number. The lengths must be equal. If rounds, src and the result are rounded to bfloat16, to nearest
	// even. A NaN of Add is always the same one.
	Take(dst, src Floats, rounds bool) error
	Add(dst, src Floats, rounds bool) error
	// Exchange sends and receives, all at once. What two processes send each other arrives in the order of the parcels. If rounded, the values are those of
	// bfloat16 and travel as such.
	Exchange(send, receive []Parcel, rounded bool) error
	// Wait waits until all work is done, or fails: because of another process, or of the time limit (ErrLimit).
	Wait() error
	// Abort ends the link at once, with work under way. It is not an end for the other processes, whose waits fail.
	Abort()
	// Close ends the link after Wait, together with the other processes.
	Close() error
}

// Floats are float32 values in memory, counted in values.
type Floats struct {
	Mem       Memory
	From, Len int
}

// Parcel is what a process sends to another, or receives.
type Parcel struct {
	Peer int
	Floats
}
