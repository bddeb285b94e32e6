package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"scalenet/checkpoint"
	"scalenet/detector"
	"scalenet/engine"
	"scalenet/internal/brief"

	"github.com/spf13/cobra"
)

// modelOptions are the flags of the commands that run a detector.
type modelOptions struct {
	path, size string
	reading    reading
	precision  precision
	device     deviceOptions
}

func (o *modelOptions) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.path, "model", "", "model file")
	f.StringVar(&o.size, "size", "", "min_size/max_size of the input: shorter side, maximum longer side (default: those of the model). 600/1000 and 800/1200 also set 300 and 1000 proposals, as published")
	o.reading.flags(c)
	o.precision.flags(c)
	o.device.flags(c)
	requireFlags(c, "model")
}

// reading is the flag of the commands that read a model file.
type reading struct{ unverified bool }

func (o *reading) flags(c *cobra.Command) {
	c.Flags().BoolVar(&o.unverified, "no-verify", false, "do not check the digest (XXH3, 128 bits) of the model file")
}

func (o *reading) options() []checkpoint.Option {
	if o.unverified {
		return []checkpoint.Option{checkpoint.NoVerify}
	}
	return nil
}

// open copies a loaded model to the device; close frees both.
func (o *modelOptions) open(m *detector.Model) (d *detector.Detector, close func(), err error) {
	return openDetector(m, o.device, o.precision, detector.Options{}, 1)
}

// openDetector copies a loaded model to a device, or to several CPU devices with equal parts of the threads. Activations have type p. close frees
// all.
func openDetector(m *detector.Model, device deviceOptions, p precision, o detector.Options, streams int) (d *detector.Detector, close func(), err error) {
	var devices []engine.Device
	closeAll := func() error {
		var err error
		for _, dev := range devices {
			err = errors.Join(err, dev.Close())
		}
		return err
	}
	threads := device.cores()
	for i := range streams {
		device.threads = threads*(i+1)/streams - threads*i/streams
		dev, err := device.open()
		if err == nil {
			devices = append(devices, dev)
			o.Features, o.Quantization, err = p.on(dev, m.Quantization)
		}
		if err != nil {
			return nil, nil, errors.Join(err, closeAll())
		}
	}
	d = detector.NewParallelDetector(m, devices, o)
	return d, func() { d.Close(); closeAll() }, nil
}

// load reads the model, and applies --size if given.
func (o *modelOptions) load() (*detector.Model, error) {
	m, err := detector.Load(o.path, o.reading.options()...)
	if err != nil {
		return nil, pullHint(err, o.path)
	}
	if o.size == "" {
		return m, nil
	}
	shorter, longest, err := parseSides(o.size)
	if err != nil {
		return nil, err
	}
	return m.WithTestSize(shorter, longest), nil
}

// parseSides reads the value of --size, such as 600/1000.
func parseSides(text string) (shorter, longest int, err error) {
	a, b, ok := strings.Cut(text, "/")
	shorter, errA := strconv.Atoi(a)
	longest, errB := strconv.Atoi(b)
	if !ok || errA != nil || errB != nil || shorter < 1 || longest < shorter || longest > detector.MaxSide {
		return 0, 0, fmt.Errorf("--size %q: want SHORTER/LONGEST, such as 600/1000, at most %d", brief.Text(text), detector.MaxSide)
	}
	return shorter, longest, nil
}
