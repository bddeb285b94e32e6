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

// unpickler runs a pickle, which is a program for a machine with a stack, marks
// on it and a memo. It knows containers, numbers and what makes tensors; all
// else becomes inert. Every step pays for the memory that it may take, at most a
// constant for each byte of the program, so work and memory are bounded by room.
type unpickler struct {
	code     []byte
	at       int
	stack    []any
	marks    []int // heights of the stack
	memo     map[int]any
	highest  int // that the stack was
	storages map[string]*storage
	room     int64 // bytes
}

// What a pickle's objects become, besides nil, bool, int, float64 and string.
type (
	tuple []any
	list  struct{ items []any }
	// dict has what was set in order; of equal keys the last counts. views of the
	// values are tensors.
	dict struct {
		keys, values []any
		views        int
	}
	inert struct{}
	// global is a class or a function by its name.
	global struct{ module, name string }
)

// What a step pays, in bytes: a place on the stack or in a container with what it
// leaves behind as it grows, an object, and a place in the memo.
const (
	slotCost   = 40
	objectCost = 48
	memoCost   = 64
)

// longestInteger bounds integers, in bytes or digits: the format before 1.6 begins
// with one of ten bytes.
const longestInteger = 1000

var (
	errPickleCut   = errors.New("broken pickle: it ends in the middle")
	errPickleStack = errors.New("broken pickle: an instruction finds too little on the stack")
	errPickleRoom  = errors.New("the pickle asks for far more memory than the file has bytes")
)

// run executes the program and returns the object that it makes.
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

// take are the next bytes of the program.
func (u *unpickler) take(n int) ([]byte, error) {
	if n < 0 || n > len(u.code)-u.at {
		return nil, errPickleCut
	}
	u.at += n
	return u.code[u.at-n : u.at], nil
}

// number is a little-endian integer of so many bytes.
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

// counted are bytes behind their number.
func (u *unpickler) counted(width int) ([]byte, error) {
	n, err := u.number(width)
	if err != nil {
		return nil, err
	}
	return u.take(n)
}

// line is text up to the end of a line.
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

// bottom is the height that the stack must keep: that of the last mark.
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

// popN takes n objects off the stack; they stay valid until the next push.
func (u *unpickler) popN(n int) ([]any, error) {
	if len(u.stack)-u.bottom() < n {
		return nil, errPickleStack
	}
	items := u.stack[len(u.stack)-n:]
	u.stack = u.stack[:len(u.stack)-n]
	return items, nil
}

// popMark takes off all above the last mark, and the mark.
func (u *unpickler) popMark() ([]any, error) {
	if len(u.marks) == 0 {
		return nil, errors.New("broken pickle: an instruction finds no mark on the stack")
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
		return fmt.Errorf("broken pickle: nothing is remembered under %d", i)
	}
	return u.push(v)
}

// decimal reads an integer of a line, which may end in L.
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
		return nil, fmt.Errorf("broken pickle: %q is no integer", brief.Text(text))
	}
	return n, nil
}

// binaryInteger reads a little-endian two's complement of any length.
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
