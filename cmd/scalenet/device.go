package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"scalenet/engine"
	"scalenet/engine/cpu"
	"scalenet/engine/ref"
)

// deviceOptions are the flags of every verb that computes.
type deviceOptions struct {
	name    string
	threads int
}

func (o *deviceOptions) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.name, "device", "cpu", `where to compute: "cpu", or "ref", plain Go that is slow and obviously right`)
	c.Flags().IntVar(&o.threads, "threads", 0, "threads of the CPU; 0 is one for each core")
}

func (o *deviceOptions) open() (engine.Device, error) {
	switch o.name {
	case "cpu":
		return cpu.New(cpu.Options{Threads: o.threads})
	case "ref":
		return ref.New(ref.Options{}), nil
	}
	return nil, fmt.Errorf(`--device %q: want "cpu" or "ref"`, o.name)
}
