package nn

// Role says what a value is in a network, and with it which element types it may have on a device.
type Role uint8

// The roles.
const (
	// Full is a float that keeps the precision of its graph: inputs, statistics, logits, boxes, losses, gradients of parameters.
	Full Role = iota
	// Activation is an image, a feature map or the gradient with respect to one. Mixed precision computes it in a 16-bit type.
	Activation
	// Parameter is a model's parameter, or computed from parameters alone. It keeps its precision.
	Parameter
	// Index is int32: labels, and rows of integers.
	Index
	// Byte is uint8: the pixels of decoded images.
	Byte
)

func (r Role) String() string {
	return [...]string{"full precision", "activation", "parameter", "index", "byte"}[r]
}

// Roler is an operation that reads its inputs in roles of its own. Every other operation passes on what it is given: its output is an
// Activation where an input is one, else a Parameter where its first input is one, else Full.
type Roler interface {
	Op
	// Roles says as what each of n inputs is read, and what the output is.
	Roles(n int) (in []Role, out Role)
}

// RolesOf says as what an operation reads inputs of the given roles, and the role of its output. A device converts an input to the element
// type of the role that it is read in.
func RolesOf(op Op, in []Role) (read []Role, out Role) {
	if r, ok := op.(Roler); ok {
		return r.Roles(len(in))
	}
	for i, r := range in {
		if i == 0 && r == Parameter || r == Activation {
			out = r
		}
	}
	read = make([]Role, len(in))
	for i := range read {
		read[i] = out
	}
	return read, out
}

// Reads are the roles of n inputs, of which those beyond the given ones are parameters.
func Reads(n int, roles ...Role) []Role {
	all := make([]Role, n)
	for i := range all {
		all[i] = Parameter
		if i < len(roles) {
			all[i] = roles[i]
		}
	}
	return all
}
