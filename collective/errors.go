package collective

import (
	"errors"
	"fmt"
	"strings"

	"scalenet/engine"
)

// ErrLimit is the reason of an [*Error] after a wait that was longer than the time limit.
var ErrLimit = engine.ErrLimit

// ErrAborted is the reason of an [*Error] after a process has called Abort.
var ErrAborted = errors.New("the group was aborted")

// Error says which process could not go on, where and why.
type Error struct {
	Rank, Size int
	Host       string
	Step       string // as given to SetStep
	Operation  string
	Peer       int // the process waited for, -1 if it is none in particular
	PeerHost   string
	Err        error
}

func (e *Error) Error() string {
	var s strings.Builder
	fmt.Fprintf(&s, "rank %d of %d on %s: ", e.Rank, e.Size, e.Host)
	if e.Step != "" {
		s.WriteString(e.Step + ": ")
	}
	s.WriteString(e.Operation)
	if e.Peer >= 0 {
		fmt.Fprintf(&s, " with rank %d", e.Peer)
		if e.PeerHost != "" {
			s.WriteString(" on " + e.PeerHost)
		}
	}
	return s.String() + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }
