package collective

import (
	"fmt"
	"sync"
	"time"
)

// NewLocal returns a group of n members in this process, by rank. Each is for a goroutine of its own. All are on one host.
func NewLocal(n int, o Options) []*Group {
	h := &hub{waiting: map[route][]*message{}, gone: make(chan struct{})}
	groups := make([]*Group, n)
	for rank := range groups {
		g := newGroup(rank, n, o)
		g.localRank, g.localSize = rank, n
		for range n {
			g.hosts = append(g.hosts, g.host)
		}
		g.transport = &member{h, rank}
		groups[rank] = g
	}
	return groups
}

// hub is where the members of a local group meet.
type hub struct {
	mu      sync.Mutex
	waiting map[route][]*message // which end of a route waits is the same for all its messages
	gone    chan struct{}        // closed by abort
	reason  error
}

// route is the way of messages that arrive in order.
type route struct{ from, to, tag int }

// message is one end of a transfer.
type message struct {
	hub     *hub
	receive bool
	bytes   []byte
	done    chan struct{} // closed when the other end has come
	err     error
}

// member is the transport of one rank.
type member struct {
	hub  *hub
	rank int
}

func (m *member) begin(receive bool, peer, tag int, b []byte) (pending, error) {
	h, r := m.hub, route{m.rank, peer, tag}
	if receive {
		r.from, r.to = peer, m.rank
	}
	mine := &message{hub: h, receive: receive, bytes: b, done: make(chan struct{})}
	h.mu.Lock()
	defer h.mu.Unlock()
	queue := h.waiting[r]
	if len(queue) == 0 || queue[0].receive == receive {
		h.waiting[r] = append(queue, mine)
		return mine, nil
	}
	other := queue[0]
	if h.waiting[r] = queue[1:]; len(queue) == 1 {
		delete(h.waiting, r)
	}
	into, from := other, mine
	if receive {
		into, from = mine, other
	}
	if len(into.bytes) != len(from.bytes) {
		into.err = fmt.Errorf("%d bytes were sent, %d are expected", len(from.bytes), len(into.bytes))
	}
	copy(into.bytes, from.bytes)
	close(other.done)
	close(mine.done)
	return mine, nil
}

func (m *message) wait(limit time.Duration) error {
	select {
	case <-m.done:
		return m.err
	default:
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-m.done:
		return m.err
	case <-m.hub.gone:
		return fmt.Errorf("%w: %w", ErrAborted, m.hub.reason)
	case <-timer.C:
		return ErrLimit
	}
}

func (m *member) do(f func() error) error { return f() }

func (m *member) abort(_ int, reason error) {
	m.hub.mu.Lock()
	defer m.hub.mu.Unlock()
	if m.hub.reason == nil {
		m.hub.reason = reason
		close(m.hub.gone)
	}
}

func (m *member) close(time.Duration) error { return nil }
