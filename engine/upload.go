package engine

import (
	"bytes"
	"fmt"
	"slices"

	"scalenet/nn"
)

// Uploader is a device that copies inputs and outputs asynchronously, while its kernels run.
type Uploader interface {
	Device
	// Upload prepares asynchronous copies to dst.
	Upload(dst Memory) (Upload, error)
	// Fetch starts copying the start of src to the host, after all kernels started so far. The returned function blocks until the slice values is
	// filled; it must be called once.
	Fetch(values any, src Memory) (wait func() error, err error)
}

// Upload copies to a block of memory that kernels read. The order of calls is Send, Ready, kernels that read the memory, Used, and again.
type Upload interface {
	// Send starts copying the concatenated slices, after the kernels before the last Used. The caller may change the slices after Send returns.
	Send(parts ...any) error
	// Ready makes kernels started from now on wait for the copy.
	Ready() error
	// Used marks the end of the kernels that read the memory.
	Used() error
	// Close waits for pending copies.
	Close()
}

// feed is an input that is copied asynchronously, and the stage that reads it.
type feed struct {
	node  *nn.Node
	stage int
	Upload
}

// Upload sets an input, which only one stage may read, to the concatenated slices. The rest of the input is undefined. On an Uploader the copy is
// asynchronous, on other devices Upload is like Write.
func (plan *Plan) Upload(n *nn.Node, parts ...any) error {
	t, ok := plan.memory[n]
	if !ok || !slices.Contains(plan.graph.Inputs(), n) {
		return fmt.Errorf("engine: %s is not an input that the plan uses", n.Name())
	}
	total := 0
	for _, p := range parts {
		b, err := HostBytes(p)
		if err != nil {
			return fmt.Errorf("engine: input %s: %w", n.Name(), err)
		}
		total += len(b)
	}
	if total > t.Bytes() {
		return fmt.Errorf("engine: %d bytes for input %s, which is %v", total, n.Name(), t.Desc)
	}
	device, ok := plan.dev.(Uploader)
	if !ok {
		return plan.dev.Write(t.Mem, joined(parts))
	}
	f, err := plan.feed(device, n, t)
	if err != nil {
		return err
	}
	return f.Send(parts...)
}

// feed returns the feed of an input, and creates it if necessary.
func (plan *Plan) feed(device Uploader, n *nn.Node, t Tensor) (*feed, error) {
	for _, f := range plan.feeds {
		if f.node == n {
			return f, nil
		}
	}
	stages := plan.readers[n]
	if len(stages) != 1 {
		return nil, fmt.Errorf("engine: input %s is read by %d stages: Upload needs an input that one stage reads", n.Name(), len(stages))
	}
	u, err := device.Upload(t.Mem)
	if err != nil {
		return nil, err
	}
	f := &feed{n, stages[0], u}
	plan.feeds = append(plan.feeds, f)
	return f, nil
}

// joined returns the concatenated bytes of slices.
func joined(parts []any) []byte {
	var all bytes.Buffer
	for _, p := range parts {
		b, _ := HostBytes(p)
		all.Write(b)
	}
	return all.Bytes()
}

// around runs a stage between Ready and Used of the inputs that the stage reads.
func (plan *Plan) around(stage int, run func() error) error {
	for _, f := range plan.feeds {
		if f.stage == stage {
			if err := f.Ready(); err != nil {
				return err
			}
		}
	}
	if err := run(); err != nil {
		return err
	}
	for _, f := range plan.feeds {
		if f.stage == stage {
			if err := f.Used(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Fetch starts copying an output to the host, after the stages run so far. into is a slice of the node's size and type. The returned function blocks until
// into holds the values. On an Uploader the plan may run again meanwhile; on other devices Fetch itself blocks.
func (plan *Plan) Fetch(n *nn.Node, into any) (wait func() error, err error) {
	device, ok := plan.dev.(Uploader)
	if !ok {
		return func() error { return nil }, plan.Read(n, into)
	}
	t, err := plan.readable(n, into)
	if err != nil {
		return nil, err
	}
	return device.Fetch(into, t.Mem)
}

// stagesReading returns for each input the stages that read it.
func stagesReading(p *program) map[*nn.Node][]int {
	by := map[*value][]int{}
	for _, s := range p.steps {
		for _, v := range s.in {
			if r := root(v); r.input && !slices.Contains(by[r], s.stage) {
				by[r] = append(by[r], s.stage)
			}
		}
	}
	stages := map[*nn.Node][]int{}
	for n, v := range p.nodes {
		if v.input && len(by[v]) > 0 {
			stages[n] = by[v]
		}
	}
	return stages
}
