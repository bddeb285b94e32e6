package collective

import (
	"errors"
	"fmt"
	"unsafe"
)

// largest is how many bytes one message has at most: MPI counts them with an int of C.
const largest = 1 << 30

// Transfer is a block on its way to or from another process.
type Transfer struct {
	group     *Group
	operation string
	peer      int
	parts     []pending // in the order of the block's bytes
	err       error
}

// Send starts to send a block, which must not change until Wait has returned. Blocks of two processes arrive in the order of the calls.
func (g *Group) Send(to int, block []byte) *Transfer { return g.begin("send", false, to, 0, block) }

// Receive starts to receive a block of exactly this length. Its content is there when Wait has returned nil; until then it must not be used.
func (g *Group) Receive(from int, block []byte) *Transfer {
	return g.begin("receive", true, from, 0, block)
}

func (g *Group) begin(operation string, receive bool, peer, tag int, block []byte) *Transfer {
	t := &Transfer{group: g, operation: operation, peer: peer}
	switch {
	case g.broken != nil:
		t.err = g.broken
		return t
	case peer < 0 || peer >= g.size || peer == g.rank:
		t.err = g.error(operation, -1, fmt.Errorf("rank %d is not another process", peer))
		return t
	}
	t.err = g.Do(func() error {
		for first := true; first || len(block) > 0; first = false {
			n := min(len(block), largest)
			p, err := g.transport.begin(receive, peer, tag, block[:n])
			if err != nil {
				return g.fail(operation, peer, err)
			}
			t.parts = append(t.parts, p)
			block = block[n:]
		}
		return nil
	})
	return t
}

// Wait waits until the block has been sent, that is, may be changed again; or until it has been received. It may be called again.
func (t *Transfer) Wait() error {
	if t.err != nil || len(t.parts) == 0 {
		return t.err
	}
	g := t.group
	if g.broken != nil {
		t.err = g.broken
		return t.err
	}
	t.err = g.Do(func() error {
		for _, p := range t.parts {
			err := p.wait(g.limit)
			if errors.Is(err, ErrLimit) {
				err = fmt.Errorf("%w of %v", err, g.limit)
			}
			if err != nil {
				return g.fail(t.operation, t.peer, err)
			}
		}
		return nil
	})
	t.parts = nil
	return t.err
}

// waitAll waits for transfers, up to the first error.
func waitAll(transfers []*Transfer) error {
	for _, t := range transfers {
		if err := t.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// Number is what blocks are made of.
type Number interface {
	float32 | float64 | uint16 | int64
}

// Bytes returns the memory of a block of numbers, for transfers.
func Bytes[T Number](block []T) []byte {
	if len(block) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&block[0])), len(block)*int(unsafe.Sizeof(block[0])))
}

// Numbers returns a copy of the numbers whose memory was sent.
func Numbers[T Number](block []byte) []T {
	numbers := make([]T, len(block)/int(unsafe.Sizeof(*new(T))))
	copy(Bytes(numbers), block)
	return numbers
}
