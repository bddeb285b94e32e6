package engine

import (
	"slices"
	"sort"

	"scalenet/nn"
)

// value is an output of a step, an input or a parameter.
type value struct {
	Desc
	role  nn.Role
	param *nn.Param // of a parameter
	input bool      // written from outside before the run
	kept  bool      // read after the run
	name  string

	def  *step // nil for parameters and inputs
	uses int   // how often steps read it
}

// step is one operation of a program.
type step struct {
	op    nn.Op
	in    []*value
	out   *value
	stage int
}

// program is a graph as a list of steps in topological order.
type program struct {
	steps []*step
	nodes map[*nn.Node]*value
	order []*nn.Node // the nodes in the order in which they were added

	weights map[weightRange][2]*value // as bytes with their scales

	images int // that algorithms are chosen for; 0 for the batch's
}

// newProgram returns the steps that the stages' outputs need, each in the first stage that needs it. Within a stage, steps are in the order in which
// their nodes were made. In the backward pass this order computes a weight's gradient as early as possible, which frees its inputs early.
func newProgram(g *nn.Graph, stages [][]*nn.Node) *program {
	p := &program{nodes: map[*nn.Node]*value{}}
	for stage, outputs := range stages {
		var reached []*nn.Node
		seen := map[*nn.Node]bool{}
		var visit func(n *nn.Node)
		visit = func(n *nn.Node) {
			if seen[n] || p.nodes[n] != nil {
				return
			}
			seen[n] = true
			for _, c := range n.Inputs() {
				visit(c)
			}
			reached = append(reached, n)
		}
		for _, n := range outputs {
			visit(n)
		}
		sort.SliceStable(reached, func(i, j int) bool { return reached[i].ID() < reached[j].ID() })
		for _, n := range reached {
			p.add(g, n, stage)
		}
		for _, n := range outputs {
			p.nodes[n].kept = true
		}
	}
	return p
}

func (p *program) add(g *nn.Graph, n *nn.Node, stage int) {
	v := &value{Desc: Desc{n.Shape(), n.DType()}, role: n.Role(), name: n.Name()}
	p.nodes[n] = v
	p.order = append(p.order, n)
	if n.Op() == nil {
		v.param = g.ParamOf(n)
		v.input = v.param == nil
		return
	}
	s := &step{op: n.Op(), out: v, stage: stage}
	for _, c := range n.Inputs() {
		s.in = append(s.in, p.nodes[c])
		p.nodes[c].uses++
	}
	v.def = s
	p.steps = append(p.steps, s)
}

// replace replaces the steps old by one step, in the position of the last, that computes the output of the last. It updates the use counts of inputs.
func (p *program) replace(new nn.Op, in []*value, old ...*step) {
	last := old[len(old)-1]
	for _, v := range in {
		v.uses++
	}
	for _, s := range old {
		for _, v := range s.in {
			v.uses--
		}
	}
	for _, s := range old[:len(old)-1] {
		s.out.def = nil
		s.op = nil
	}
	last.op, last.in = new, slices.Clone(in)
	if len(old) > 1 {
		p.steps = slices.DeleteFunc(p.steps, func(s *step) bool { return s.op == nil })
	}
}

// sweep removes the steps whose outputs are not used.
func (p *program) sweep() {
	for i := len(p.steps) - 1; i >= 0; i-- {
		s := p.steps[i]
		if s.out.uses > 0 || s.out.kept {
			continue
		}
		for _, v := range s.in {
			v.uses--
		}
		p.steps = slices.Delete(p.steps, i, i+1)
	}
}
