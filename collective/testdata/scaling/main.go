// Scaling compares a model of latency and bandwidth with measured exchanges, and draws it for more machines than there are here:
//
//	. scripts/env.sh && go run ./collective/testdata/scaling -out docs/images/scaling.png docs/runs/distributed/link-*.txt
//
// An exchange between n processes, n a power of two, is a reduction by halving and a gathering by doubling. Each process sends and receives
// (n-1)/n of the block twice, in 2 log2 n messages, and adds (n-1)/n of it:
//
//	2 log2(n) latency + 2 (n-1)/n bytes / bandwidth + (n-1)/n bytes / addition
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"scalenet/internal/figure"
)

// link is the way between two machines; bandwidth is in bytes per second, in each direction.
type link struct {
	name      string
	latency   float64 // seconds
	bandwidth float64
	addition  float64 // bytes per second that a process adds to others
}

const (
	// tcp is the part of Ethernet's rate that TCP's data gets: 1448 bytes of a frame's 1538.
	tcp = 1448.0 / 1538
	// onCPU is the rate of adding a block to another in memory, as measured beside the links ("adding here").
	onCPU = 5.6e9
	// scaleNet50 is the size of the gradients of ScaleNet-50 in float32.
	scaleNet50 = 4 * 31_483_618
)

// ethernet returns a link of so many Gbit/s through a switch.
func ethernet(gigabits float64) link {
	return link{fmt.Sprintf("%g Gbit/s", gigabits), 50e-6, gigabits / 8 * 1e9 * tcp, onCPU}
}

// exchange returns the seconds of summing a block of so many bytes.
func (l link) exchange(processes int, bytes float64) float64 {
	n := float64(processes)
	moved := (n - 1) / n * bytes
	return 2*math.Log2(n)*l.latency + 2*moved/l.bandwidth + moved/l.addition
}

func main() {
	out := flag.String("out", "scaling.png", "file of the chart")
	flag.Parse()
	for _, path := range flag.Args() {
		if err := compare(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	if err := draw(*out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// compare prints what scripts/link.sh measured beside what the model says.
func compare(path string) error {
	var rate string
	var numbers int
	name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "link-"), ".txt")
	if rate, name, _ = strings.Cut(name, "-"); rate == "" {
		return fmt.Errorf("%s: want a name like link-1gbit-8388608.txt", path)
	}
	numbers, err := strconv.Atoi(name)
	if err != nil {
		return fmt.Errorf("%s: %q is not a number of floats", path, name)
	}
	gigabits, err := gigabits(rate)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	best, err := fastest(path)
	if err != nil {
		return err
	}
	predicted := ethernet(gigabits).exchange(2, 4*float64(numbers)) * 1e3
	fmt.Printf("%-8s %5.1f MB: best of the measured %7.1f ms, model %7.1f ms (%.2f)\n", rate, 4e-6*float64(numbers), best, predicted, predicted/best)
	return nil
}

// gigabits reads a rate as tc writes it.
func gigabits(rate string) (float64, error) {
	for unit, factor := range map[string]float64{"gbit": 1, "mbit": 1e-3} {
		if number, ok := strings.CutSuffix(rate, unit); ok {
			value, err := strconv.ParseFloat(number, 64)
			return value * factor, err
		}
	}
	return 0, fmt.Errorf("rate %q: want a number and gbit or mbit", rate)
}

// fastest reads the shortest exchange in float32, in milliseconds, from what testdata/exchange printed.
func fastest(path string) (ms float64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "sum, float32"); ok {
			var median float64
			_, err := fmt.Sscanf(strings.TrimSpace(rest), "%f ms (%f to", &median, &ms)
			return ms, err
		}
	}
	return 0, errors.New(path + ": has no line \"sum, float32\"")
}

// draw draws the images per second of n machines, per machine and beside one alone, if each computes for a second between exchanges of ScaleNet-50's
// gradients; and for GPUs, for which it is 0.1 seconds.
func draw(path string) error {
	nvlink := link{"8 GPUs, NVLink", 10e-6, 450e9, 1.5e12}
	const machine, gpu = 1, 0.1 // seconds of a step between exchanges
	p := figure.New("Images per second per machine, relative to one machine", "machines or GPUs", "%")
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.ConstantTicks(ticks())
	p.Y.Min, p.Y.Max = 0, 105
	p.Legend.Left = true
	series := []struct {
		link
		step float64
		most int
	}{{nvlink, gpu, 8}, {ethernet(100), machine, 64}, {ethernet(25), machine, 64}, {ethernet(10), machine, 64}, {ethernet(1), machine, 64}}
	for i, s := range series {
		line := plotter.XYs{{X: 1, Y: 100}}
		for n := 2; n <= s.most; n *= 2 {
			line = append(line, plotter.XY{X: float64(n), Y: 100 * s.step / (s.step + s.exchange(n, scaleNet50))})
		}
		l, points, err := plotter.NewLinePoints(line)
		if err != nil {
			return err
		}
		l.Color, points.Color, l.Width = figure.Colours[i], figure.Colours[i], vg.Points(1.5)
		p.Add(l, points)
		p.Legend.Add(fmt.Sprintf("%s, step of %g s", s.name, s.step), l, points)
	}
	return figure.Write(path, 18*vg.Centimeter, 11*vg.Centimeter, p)
}

func ticks() (list []plot.Tick) {
	for n := 1; n <= 64; n *= 2 {
		list = append(list, plot.Tick{Value: float64(n), Label: strconv.Itoa(n)})
	}
	return list
}
