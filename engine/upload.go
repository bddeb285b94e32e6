package engine

import (
	"bytes"
	"fmt"
	"slices"

	"scalenet/nn"
)

// Uploader is a device that copies inputs up and outputs down beside its kernels, without the host's waiting.
type Uploader interface {
	Device
	// Upload prepares copies to memory beside the kernels that run.
	Upload(dst Memory) (Upload, error)
	// Fetch asks for as many bytes as values have, from the start of the memory, as they are when the kernels asked for so far have run.
	// What it returns waits for them, writes them to values, and is called once.
	Fetch(values any, src Memory) (wait func() error, err error)
}

// Upload copies to a block of memory what kernels then read. Its calls come in the order Send, Ready, kernels that read, Used, and again.
type Upload interface {
	// Send copies slices that Write takes, one behind the other, once the kernels before the last Used have run. It returns when the slices
	// may change again.
	Send(parts ...any) error
	// Ready lets the kernels that are asked for from now on wait for what was sent.
	Ready() error
	// Used says that the kernels asked for so far are all that read it.
	Used() error
	// Close waits for the copies.
	Close()
}

// feed is an input that is uploaded beside the kernels, and the stage that reads it.
type feed struct {
	node  *nn.Node
	stage int
	Upload
}

// Upload sets an input, which only one stage may read, to slices one behind the other, from its start on. On an Uploader that does not wait
// for what runs; elsewhere it is as Write. What lies behind the slices is undefined.
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

// feed finds or makes the upload of an input.
func (plan *Plan) feed(device Uploader, n *nn.Node, t Tensor) (*feed, error) {
	for _, f := range plan.feeds {
		if f.node == n {
			return f, nil
		}
	}
	stages := plan.readers[n]
	if len(stages) != 1 {
		return nil, fmt.Errorf("engine: input %s is read by %d stages: only what one reads can be uploaded", n.Name(), len(stages))
	}
	u, err := device.Upload(t.Mem)
	if err != nil {
		return nil, err
	}
	f := &feed{n, stages[0], u}
	plan.feeds = append(plan.feeds, f)
	return f, nil
}

// joined is slices as one.
func joined(parts []any) []byte {
	var all bytes.Buffer
	for _, p := range parts {
		b, _ := HostBytes(p)
		all.Write(b)
	}
	return all.Bytes()
}

// around does what comes before and after a stage for the inputs that are uploaded.
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

// Fetch asks for an output as it is when the stages run so far are done; what it returns waits, and gives it in the slice, of the node's
// size and type. On an Uploader the plan may run again meanwhile; elsewhere the slice is there at once.
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

// stagesReading are the stages whose steps read an input, by node.
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
