package checkpoint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"

	"scalenet/internal/brief"
)

// unpickler runs a pickle, which is a program for a stack machine with marks and a memo.
// It supports containers, numbers and tensors. All other objects become inert. Every
// instruction pays for the memory that it may need, at most a constant per byte of the
// pickle, so room limits both memory and time.
type unpickler struct {
	code     []byte
	at       int
	stack    []any
	marks    []int // heights of the stack at the marks
	memo     map[int]any
	highest  int // maximum height of the stack so far
	storages map[string]*storage
	room     int64 // bytes that may still be used
	numpy    bool  // arrays of NumPy instead of PyTorch's tensors, see pkl.go
}

// The types of a pickle's objects, besides nil, bool, int, float64 and string.
type (
	tuple []any
	list  struct{ items []any }
	// dict has items in the order in which they were set. Of equal keys, the last one is
	// used. views is the number of values that are tensors.
	dict struct {
		keys, values []any
		views        int
	}
	inert struct{}
	// global is a class or a function, by name.
	global struct{ module, name string }
)

// The costs in bytes of a place on the stack or in a container (including what growing
// leaves behind), of an object, and of a place in the memo.
const (
	slotCost   = 40
	objectCost = 48
	memoCost   = 64
)

// longestInteger is the maximum length of an integer in bytes or digits. The format before
// PyTorch 1.6 begins with an integer of ten bytes.
const longestInteger = 1000

var (
	errPickleCut   = errors.New("broken pickle: it is truncated")
	errPickleStack = errors.New("broken pickle: too few objects on the stack")
	errPickleRoom  = errors.New("the pickle needs far more memory than the size of the file")
)

// run executes the pickle and returns its object.
func (u *unpickler) run() (any, error) {
	for {
		op, err := u.take(1)
		if err != nil {
			return nil, err
		}
		if op[0] == '.' {
			return u.pop()
		}
		if err := u.step(op[0]); err != nil {
			return nil, err
		}
	}
}

func (u *unpickler) pay(bytes int) error {
	if u.room -= int64(bytes); u.room < 0 {
		return errPickleRoom
	}
	return nil
}

// take returns the next n bytes of the pickle.
func (u *unpickler) take(n int) ([]byte, error) {
	if n < 0 || n > len(u.code)-u.at {
		return nil, errPickleCut
	}
	u.at += n
	return u.code[u.at-n : u.at], nil
}

// number reads a little-endian integer of width bytes.
func (u *unpickler) number(width int) (int, error) {
	b, err := u.take(width)
	if err != nil {
		return 0, err
	}
	var le [8]byte
	copy(le[:], b)
	n := binary.LittleEndian.Uint64(le[:])
	if n > math.MaxInt {
		return 0, errPickleCut
	}
	return int(n), nil
}

// counted reads a length of width bytes, and as many bytes.
func (u *unpickler) counted(width int) ([]byte, error) {
	n, err := u.number(width)
	if err != nil {
		return nil, err
	}
	return u.take(n)
}

// line reads text up to the end of the line.
func (u *unpickler) line() (string, error) {
	n := bytes.IndexByte(u.code[u.at:], '\n')
	if n < 0 {
		return "", errPickleCut
	}
	b, err := u.take(n + 1)
	return string(b[:n]), errors.Join(err, u.pay(n))
}

func (u *unpickler) push(v any) error {
	u.stack = append(u.stack, v)
	if len(u.stack) <= u.highest {
		return nil
	}
	u.highest = len(u.stack)
	return u.pay(slotCost)
}

// bottom returns the height of the last mark, below which nothing may be removed.
func (u *unpickler) bottom() int {
	if len(u.marks) == 0 {
		return 0
	}
	return u.marks[len(u.marks)-1]
}

func (u *unpickler) pop() (any, error) {
	if len(u.stack) <= u.bottom() {
		return nil, errPickleStack
	}
	v := u.stack[len(u.stack)-1]
	u.stack = u.stack[:len(u.stack)-1]
	return v, nil
}

func (u *unpickler) top() (any, error) {
	if len(u.stack) <= u.bottom() {
		return nil, errPickleStack
	}
	return u.stack[len(u.stack)-1], nil
}

// popN removes n objects from the stack. They are valid until the next push.
func (u *unpickler) popN(n int) ([]any, error) {
	if len(u.stack)-u.bottom() < n {
		return nil, errPickleStack
	}
	items := u.stack[len(u.stack)-n:]
	u.stack = u.stack[:len(u.stack)-n]
	return items, nil
}

// popMark removes the last mark and all objects above it.
func (u *unpickler) popMark() ([]any, error) {
	if len(u.marks) == 0 {
		return nil, errors.New("broken pickle: no mark on the stack")
	}
	from := u.bottom()
	u.marks = u.marks[:len(u.marks)-1]
	items := u.stack[from:]
	u.stack = u.stack[:from]
	return items, nil
}

func (u *unpickler) remember(i int) error {
	v, err := u.top()
	if err != nil {
		return err
	}
	u.memo[i] = v
	return u.pay(memoCost)
}

func (u *unpickler) recall(i int) error {
	v, ok := u.memo[i]
	if !ok {
		return fmt.Errorf("broken pickle: the memo has no object %d", i)
	}
	return u.push(v)
}

// decimal parses a decimal integer, which may end in L.
func decimal(text string) (any, error) {
	if len(text) > 0 && text[len(text)-1] == 'L' {
		text = text[:len(text)-1]
	}
	if n, err := strconv.Atoi(text); err == nil {
		return n, nil
	}
	if len(text) > longestInteger {
		return nil, fmt.Errorf("broken pickle: an integer of %d digits, above %d", len(text), longestInteger)
	}
	n, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return nil, fmt.Errorf("broken pickle: %q is not an integer", brief.Text(text))
	}
	return n, nil
}

// binaryInteger parses a little-endian two's complement integer of any length.
func binaryInteger(b []byte) (any, error) {
	if len(b) > longestInteger {
		return nil, fmt.Errorf("broken pickle: an integer of %d bytes, above %d", len(b), longestInteger)
	}
	big1, negative := make([]byte, len(b)), len(b) > 0 && b[len(b)-1] >= 0x80
	for i, v := range b {
		big1[len(b)-1-i] = v
	}
	n := new(big.Int).SetBytes(big1)
	if negative {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	if n.IsInt64() {
		return int(n.Int64()), nil
	}
	return n, nil
}
