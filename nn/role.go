package nn

// Role is the role of a value in a network. It determines which element types the value may have on a device.
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

// Roler is an operation that defines the roles of its inputs and output. For any other operation the output is an Activation if an input is, else a
// Parameter if its first input is, else Full.
type Roler interface {
	Op
	// Roles returns the role in which each of n inputs is read, and the role of the output.
	Roles(n int) (in []Role, out Role)
}

// RolesOf returns the roles in which an operation reads inputs of the given roles, and the role of its output. A device converts each input to the element
// type of the role in which it is read.
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

// Reads returns the roles of n inputs: the given ones, then Parameter for the remaining inputs.
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
