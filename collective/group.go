package collective

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"time"
)

// DefaultLimit is the time limit of a wait. It is far above the longest that one process works while the others wait: saving a
// checkpoint, or an evaluation on one process.
const DefaultLimit = 10 * time.Minute

// Options of a group.
type Options struct {
	// Limit is the longest that a process waits for another; default DefaultLimit.
	Limit time.Duration
}

// Group is the processes of one run, as one of them sees it. See the package's description for the rules of its use.
type Group struct {
	rank, size           int
	localRank, localSize int
	hosts                []string // by rank; empty while the group is being opened
	host                 string
	limit                time.Duration
	transport            transport
	step                 string
	operations           int // collective operations begun
	broken               error
}

// transport moves bytes between processes.
type transport interface {
	// begin starts to send b to a peer, or to receive it. Between two processes, what has the same tag arrives in order. b must stay as it is
	// until wait has returned nil.
	begin(receive bool, peer, tag int, b []byte) (pending, error)
	// do runs f where begin and wait take the least time.
	do(f func() error) error
	// abort ends the group. It may be called at any moment. It may end the process.
	abort(code int, reason error)
	// close ends the use of the transport, after all processes have met for it.
	close(limit time.Duration) error
}

// pending is a transfer under way.
type pending interface {
	wait(limit time.Duration) error
}

// Open joins the group that a launcher has started this process in, and waits for all of it. Without a launcher the group is this process.
func Open(o Options) (*Group, error) {
	started, err := launchedBy(os.Getenv)
	if err != nil {
		return nil, err
	}
	if started.size == 1 {
		return NewLocal(1, o)[0], nil
	}
	g := newGroup(started.rank, started.size, o)
	if g.transport, err = openMPI(started, g.limit); err != nil {
		return nil, g.error("start", -1, err)
	}
	if err := g.meet(started); err != nil {
		return nil, err
	}
	return g, nil
}

func newGroup(rank, size int, o Options) *Group {
	host, err := os.Hostname()
	if err != nil {
		host = "a host without a name"
	}
	return &Group{rank: rank, size: size, host: host, limit: cmp.Or(o.Limit, DefaultLimit)}
}

// meet learns where all processes are. A launcher knows best which of them share a host: containers on one host can have names of their own.
func (g *Group) meet(started launch) error {
	names, err := g.AllGather([]byte(g.host))
	if err != nil {
		return err
	}
	g.localRank, g.localSize = 0, 0
	for rank, name := range names {
		g.hosts = append(g.hosts, string(name))
		if string(name) == g.host {
			if rank < g.rank {
				g.localRank++
			}
			g.localSize++
		}
	}
	if started.localSize > 0 {
		g.localRank, g.localSize = started.localRank, started.localSize
	}
	return nil
}

// Rank is the number of this process, from 0.
func (g *Group) Rank() int { return g.rank }

// Size is the number of processes.
func (g *Group) Size() int { return g.size }

// LocalRank is the number of this process among those on its host, from 0.
func (g *Group) LocalRank() int { return g.localRank }

// LocalSize is the number of processes on this process's host.
func (g *Group) LocalSize() int { return g.localSize }

// Host is the name of this process's host.
func (g *Group) Host() string { return g.host }

// HostOf is the name of a process's host.
func (g *Group) HostOf(rank int) string {
	if len(g.hosts) == 0 {
		return ""
	}
	return g.hosts[rank]
}

// SetStep sets what errors say about the caller's progress, like "step 1200".
func (g *Group) SetStep(step string) { g.step = step }

// Do runs f on the thread that makes the group's calls. Each operation of the group goes to that thread by itself; several of them, one after the
// other, do so faster in one call of Do. Code that calls MPI itself has to do it here.
func (g *Group) Do(f func() error) error { return g.transport.do(f) }

// Abort ends all processes of the group: with an exit status where they are processes, and with an error of their next or present wait
// where they are goroutines. The reason is printed once or is part of that error. Under MPI, Abort does not return.
func (g *Group) Abort(code int, reason error) {
	if own := (*Error)(nil); !errors.As(reason, &own) { // which says already where
		reason = fmt.Errorf("rank %d of %d on %s: %w", g.rank, g.size, g.host, reason)
	}
	g.transport.abort(max(code, 1), reason)
}

// Close waits for all processes and ends the group. After an error of the group it waits for none; the process should then exit with a status
// other than 0, so that its launcher ends the others.
func (g *Group) Close() error {
	if g.broken != nil {
		return g.broken
	}
	if err := g.Barrier(); err != nil {
		return err
	}
	if err := g.transport.close(g.limit); err != nil {
		return g.fail("end", -1, err)
	}
	return nil
}

// error adds to an error where it was met.
func (g *Group) error(operation string, peer int, err error) *Error {
	e := &Error{Rank: g.rank, Size: g.size, Host: g.host, Step: g.step, Operation: operation, Peer: peer, Err: err}
	if peer >= 0 {
		e.PeerHost = g.HostOf(peer)
	}
	return e
}

// fail breaks the group.
func (g *Group) fail(operation string, peer int, err error) error {
	if g.broken == nil {
		g.broken = g.error(operation, peer, err)
	}
	return g.broken
}
