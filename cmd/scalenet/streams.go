package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"scalenet/detector"
	"scalenet/geom"
)

const (
	mostStreams = 4
	// streamBytes is the memory for activations above which a network gets one stream by default. Threads wait little for each other in large
	// networks, and each stream takes memory.
	streamBytes = 64 << 20
)

// streamOptions is the flag of commands that run a detector on many images.
type streamOptions struct{ streams int }

func (o *streamOptions) flags(c *cobra.Command, byDefault int) {
	c.Flags().IntVar(&o.streams, "streams", byDefault, fmt.Sprintf("on the CPU, images that are computed at once, on equal parts of the threads; 0 is one per thread, at most %d, for small networks, otherwise 1", mostStreams))
}

// check reads the number of streams.
func (o *streamOptions) check(device *deviceOptions) error {
	if o.streams < 0 {
		return fmt.Errorf("--streams %d: want at least 1, or 0", o.streams)
	}
	if threads := device.cores(); threads > 0 && o.streams > threads {
		return fmt.Errorf("--streams %d: want at most one per thread, and there are %d", o.streams, threads)
	}
	if o.streams > 1 && device.name != "cpu" {
		return fmt.Errorf("--streams %d: --device %s has one", o.streams, device.name)
	}
	return nil
}

// cores returns the number of threads that the CPU device has.
func (o *deviceOptions) cores() int {
	if o.threads != 0 {
		return o.threads
	}
	return runtime.GOMAXPROCS(0)
}

// open copies a loaded model to a device for each stream; close frees them.
func (o *streamOptions) open(m *detector.Model, on *modelOptions) (d *detector.Detector, close func(), err error) {
	d, close, err = on.open(m)
	if err != nil || o.streams == 1 || on.device.name != "cpu" {
		return d, close, err
	}
	streams := o.streams
	if streams == 0 {
		need, err := d.DetectionBytes(geom.Size{W: 640, H: 480})
		if err != nil {
			close()
			return nil, nil, err
		}
		if need > streamBytes {
			return d, close, nil
		}
		streams = min(on.device.cores(), mostStreams)
	}
	if streams == 1 {
		return d, close, nil
	}
	close()
	return openDetector(m, on.device, on.precision, detector.Options{}, streams)
}
