package collective

import (
	"fmt"

	"scalenet/engine"
)

// NoLinkError says why the devices of a group cannot be linked.
type NoLinkError struct {
	Rank int // the first that cannot
	Host string
	Text string
}

func (e *NoLinkError) Error() string { return fmt.Sprintf("rank %d on %s: %s", e.Rank, e.Host, e.Text) }

// connect links the devices of all processes, or of none.
func connect(g *Group, device engine.Linker) (engine.Link, error) {
	id, failed := device.LinkID() // also those of ranks whose ID is not used find out whether they can
	if err := g.unanimous(failed); err != nil {
		return nil, err
	}
	ids, err := g.AllGather(id)
	if err != nil {
		return nil, err
	}
	// Not the whole limit: whoever fails at once waits for the answers of those that wait for it.
	link, failed := device.Link(ids[0], g.Rank(), g.Size(), g.limit/2)
	if err := g.unanimous(failed); err != nil {
		if link != nil {
			link.Abort()
		}
		return nil, err
	}
	return link, nil
}

// unanimous returns a NoLinkError if a process has failed.
func (g *Group) unanimous(failed error) error {
	text := ""
	if failed != nil {
		text = failed.Error()
	}
	all, err := g.AllGather([]byte(text))
	if err != nil {
		return err
	}
	for rank, text := range all {
		if len(text) > 0 {
			return &NoLinkError{rank, g.HostOf(rank), string(text)}
		}
	}
	return nil
}
