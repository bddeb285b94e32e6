package server

import (
	"io"
	"sync/atomic"
)

// budget limits the bytes that requests hold. It never waits: a request that exceeds
// the limit is refused.
type budget struct {
	limit int64
	used  atomic.Int64
}

// take reserves n bytes. It returns false if fewer are left.
func (b *budget) take(n int64) bool {
	if b.used.Add(n) > b.limit {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.used.Add(-n) }

// lease is the memory reservation of one request. It is released when all holders
// have ended it: the request, and the queue for each of its images.
type lease struct {
	from    *budget
	held    atomic.Int64
	holders atomic.Int32
}

// lease returns a reservation with one holder.
func (b *budget) lease() *lease {
	l := &lease{from: b}
	l.hold()
	return l
}

func (l *lease) take(n int64) bool {
	ok := l.from.take(n)
	if ok {
		l.held.Add(n)
	}
	return ok
}

func (l *lease) hold() { l.holders.Add(1) }

// end releases the reservation if called by the last holder.
func (l *lease) end() {
	if l.holders.Add(-1) == 0 {
		l.from.give(l.held.Swap(0))
	}
}

// readAll reads to the end and reserves memory as the data grows, so that a client
// with a large Content-Length that sends little reserves little.
func (l *lease) readAll(r io.Reader) ([]byte, error) {
	const first = 64 << 10
	var data []byte
	for {
		if len(data) == cap(data) {
			grow := max(first, len(data))
			if !l.take(int64(grow)) {
				return nil, errMemory
			}
			bigger := make([]byte, len(data), len(data)+grow)
			copy(bigger, data)
			data = bigger
		}
		n, err := r.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if err == io.EOF {
			return data, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
