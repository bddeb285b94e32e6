package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"

	"scalenet/internal/brief"
)

// step executes an instruction.
func (u *unpickler) step(op byte) error {
	switch op {
	case 0x80: // protocol
		n, err := u.number(1)
		if err == nil && n > 5 {
			err = fmt.Errorf("unknown pickle protocol %d", n)
		}
		return err
	case 0x95: // frame: its content are instructions
		_, err := u.number(8)
		return err
	case '(':
		u.marks = append(u.marks, len(u.stack))
		return u.pay(slotCost)
	case '0', '1', '2':
		return u.drop(op)
	case 'I', 'J', 'K', 'L', 'M', 'F', 'G', 'N', 0x88, 0x89, 0x8a, 0x8b:
		return u.scalar(op)
	case 'S', 'T', 'U', 'V', 'X', 'B', 'C', 0x8c, 0x8d, 0x8e, 0x96:
		return u.text(op)
	case ')', 't', 0x85, 0x86, 0x87:
		return u.tuple(op)
	case '}', 'd', 's', 'u':
		return u.dict(op)
	case ']', 'l', 'a', 'e', 0x8f, 0x90, 0x91:
		return u.list(op)
	case 'g', 'h', 'j', 'p', 'q', 'r', 0x94:
		return u.memory(op)
	case 'c', 'P', 'Q', 'R', 'b', 'i', 'o', 0x81, 0x92, 0x93:
		return u.object(op)
	}
	return fmt.Errorf("broken pickle: unknown instruction %#02x", op)
}

// drop removes objects from the stack, or duplicates the top.
func (u *unpickler) drop(op byte) error {
	switch {
	case op == '2':
		v, err := u.top()
		if err != nil {
			return err
		}
		return u.push(v)
	case op == '1' || len(u.stack) == u.bottom() && len(u.marks) > 0: // POP also removes a mark
		_, err := u.popMark()
		return err
	}
	_, err := u.pop()
	return err
}

// scalar pushes None, a bool or a number.
func (u *unpickler) scalar(op byte) (err error) {
	var v any
	switch op {
	case 'N':
	case 0x88, 0x89:
		v = op == 0x88
	case 'K':
		v, err = u.number(1)
	case 'M':
		v, err = u.number(2)
	case 'J':
		var n int
		n, err = u.number(4)
		v = int(int32(n))
	case 'G':
		var b []byte
		if b, err = u.take(8); err == nil {
			v = math.Float64frombits(binary.BigEndian.Uint64(b))
		}
	case 0x8a, 0x8b:
		var b []byte
		if b, err = u.counted(1 + 3*int(op-0x8a)); err == nil {
			v, err = binaryInteger(b)
		}
	default:
		v, err = u.written(op)
	}
	if err := errors.Join(err, u.pay(16)); err != nil {
		return err
	}
	return u.push(v)
}

// written reads a number of protocol 0: a line of text.
func (u *unpickler) written(op byte) (any, error) {
	text, err := u.line()
	switch {
	case err != nil:
		return nil, err
	case op == 'I' && (text == "00" || text == "01"):
		return text == "01", nil
	case op != 'F':
		return decimal(text)
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, fmt.Errorf("broken pickle: %q is not a number", brief.Text(text))
	}
	return v, nil
}

// text pushes a string, or bytes as a string.
func (u *unpickler) text(op byte) (err error) {
	var s string
	var b []byte
	switch op {
	case 'S', 'V':
		s, err = u.line()
		if n := len(s); err == nil && op == 'S' {
			if n < 2 || s[0] != s[n-1] {
				return fmt.Errorf("broken pickle: the string %s has no quotes", brief.Text(s))
			}
			s = s[1 : n-1]
		}
	case 'U', 'C', 0x8c:
		b, err = u.counted(1)
	case 'T', 'X', 'B':
		b, err = u.counted(4)
	default:
		b, err = u.counted(8)
	}
	if err != nil {
		return err
	}
	if u.numpy && isBytes(op) {
		if err := u.pay(objectCost); err != nil {
			return err
		}
		return u.push(blob(b)) // not copied
	}
	if err := u.pay(len(b) + objectCost); err != nil {
		return err
	}
	return u.push(s + string(b))
}

// tuple pushes a tuple of the objects above the mark, or of the top one, two or three.
func (u *unpickler) tuple(op byte) (err error) {
	var items []any
	switch op {
	case ')':
	case 't':
		items, err = u.popMark()
	default:
		items, err = u.popN(int(op - 0x84))
	}
	if err != nil {
		return err
	}
	if err := u.pay(objectCost + slotCost*len(items)); err != nil {
		return err
	}
	return u.push(append(tuple{}, items...))
}

// dict pushes a dict, or sets items of the dict below them.
func (u *unpickler) dict(op byte) (err error) {
	var items []any
	switch op {
	case 's':
		items, err = u.popN(2)
	case 'd', 'u':
		items, err = u.popMark()
	}
	if err != nil {
		return err
	}
	if len(items)%2 != 0 {
		return fmt.Errorf("broken pickle: a dict is given %d keys and values together", len(items))
	}
	if err := u.pay(objectCost + slotCost*len(items)); err != nil {
		return err
	}
	if op == 'd' || op == '}' {
		d := &dict{}
		d.set(items)
		return u.push(d)
	}
	target, err := u.top()
	if d, ok := target.(*dict); ok {
		d.set(items)
	}
	return err
}

func (d *dict) set(items []any) {
	for i := 0; i < len(items); i += 2 {
		d.keys, d.values = append(d.keys, items[i]), append(d.values, items[i+1])
		if _, ok := items[i+1].(*view); ok {
			d.views++
		}
	}
}

// list pushes a list or a set, or adds items to the list or set below them.
func (u *unpickler) list(op byte) (err error) {
	var items []any
	switch op {
	case 'a':
		items, err = u.popN(1)
	case 'l', 'e', 0x90, 0x91:
		items, err = u.popMark()
	}
	if err != nil {
		return err
	}
	if err := u.pay(objectCost + slotCost*len(items)); err != nil {
		return err
	}
	if op == ']' || op == 'l' || op == 0x8f || op == 0x91 {
		return u.push(&list{append([]any{}, items...)})
	}
	target, err := u.top()
	if l, ok := target.(*list); ok {
		l.items = append(l.items, items...)
	}
	return err
}

// memory stores the top of the stack in the memo, or pushes an object of the memo.
func (u *unpickler) memory(op byte) error {
	if op == 0x94 {
		return u.remember(len(u.memo))
	}
	var i int
	var err error
	switch op {
	case 'g', 'p':
		var text string
		if text, err = u.line(); err == nil {
			if i, err = strconv.Atoi(text); err != nil {
				err = fmt.Errorf("broken pickle: %q is not an index of the memo", brief.Text(text))
			}
		}
	case 'h', 'q':
		i, err = u.number(1)
	default:
		i, err = u.number(4)
	}
	if err != nil {
		return err
	}
	if op == 'g' || op == 'h' || op == 'j' {
		return u.recall(i)
	}
	return u.remember(i)
}

// object pushes classes and functions, and calls them.
func (u *unpickler) object(op byte) error {
	if err := u.pay(objectCost); err != nil {
		return err
	}
	switch op {
	case 'c', 'i', 0x93:
		return u.find(op)
	case 'P', 'Q':
		return u.reference(op)
	case 'o': // mark, class, arguments
		if _, err := u.popMark(); err != nil {
			return err
		}
		return u.push(inert{})
	case 'b': // state of the object below
		state, err := u.popN(1)
		if err != nil || !u.numpy {
			return err
		}
		return u.build(state[0])
	}
	n := 2
	if op == 0x92 { // also keyword arguments
		n = 3
	}
	parts, err := u.popN(n)
	if err != nil {
		return err
	}
	args, _ := parts[1].(tuple)
	v, err := u.call(parts[0], args)
	if err != nil {
		return err
	}
	return u.push(v)
}

// find pushes a class or a function, or for 'i' an object of the class.
func (u *unpickler) find(op byte) error {
	if op == 0x93 {
		parts, err := u.popN(2)
		if err != nil {
			return err
		}
		module, ok1 := parts[0].(string)
		name, ok2 := parts[1].(string)
		if !ok1 || !ok2 {
			return errors.New("broken pickle: a class whose name is not a string")
		}
		return u.named(module, name)
	}
	module, err := u.line()
	if err != nil {
		return err
	}
	name, err := u.line()
	if err != nil {
		return err
	}
	if op == 'c' {
		return u.named(module, name)
	}
	if u.numpy {
		return fmt.Errorf("broken pickle: an object of %q by the instruction of protocol 0", brief.Text(module+"."+name))
	}
	if _, err := u.popMark(); err != nil {
		return err
	}
	return u.push(inert{})
}

// named pushes a class or a function. In a pickle of arrays, only those of NumPy's pickles
// are permitted.
func (u *unpickler) named(module, name string) error {
	g := global{module, name}
	if u.numpy {
		if _, ok := numpyGlobals[g.numpyName()]; !ok {
			return fmt.Errorf("the pickle uses %q, which is refused: only NumPy arrays, numbers, strings and containers are read",
				brief.Text(brief.Text(module)+"."+brief.Text(name)))
		}
	}
	return u.push(g)
}
