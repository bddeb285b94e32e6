package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"scalenet/engine"
	"scalenet/internal/bench"
)

type benchOptions struct {
	cases   []string
	options bench.Options
	device  deviceOptions
	json    bool
	list    bool
	steps   bool
	serve   string
}

func newBenchCommand() *cobra.Command {
	var o benchOptions
	c := &cobra.Command{
		Use:   "bench",
		Short: "Benchmark against PyTorch, ONNX Runtime and OpenVINO",
		Long: `Time benchmark cases in ScaleNet and in the baseline frameworks, in turn. Each
case prints best and median time, the ratio of the best times, resident memory,
and whether its target is reached.

bench/peers/setup.sh FOLDER installs the baseline frameworks. Without --peers,
only ScaleNet is timed. With --device cuda the GPU cases are timed, with PyTorch
on the same GPU as baseline.

Each framework runs in a process of its own, which is idle while another process
is timed. On a shared machine, compare only times of the same run.

--steps shows where the time of a classifier goes: the best time of each step of its plan.`,
		Example: `  scalenet bench --case scalenet50-224-f32
  bench/peers/setup.sh peers && scalenet bench --peers peers/bin/python --case 'scalenet50-*' --json
  scalenet bench --steps --threads 1 --case xception-224-f32
  scalenet bench --list`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			if o.options.Rounds < 1 {
				return fmt.Errorf("--rounds %d: want at least 1", o.options.Rounds)
			}
			if !(o.options.Seconds >= 0) || math.IsInf(o.options.Seconds, 0) {
				return fmt.Errorf("--seconds %v: want at least 0", o.options.Seconds)
			}
			if o.device.threads == 0 {
				o.device.threads = runtime.GOMAXPROCS(0)
			}
			o.options.Threads, o.options.Device = o.device.threads, o.device.name
			if o.serve != "" {
				return o.contestant(c)
			}
			return o.run(c)
		},
	}
	f := c.Flags()
	f.StringArrayVar(&o.cases, "case", nil, "case to run, or a prefix of case names with a star; repeatable (default: all)")
	f.BoolVar(&o.list, "list", false, "list the cases and exit")
	f.BoolVar(&o.steps, "steps", false, "time the steps of each case's plan, instead of comparing")
	f.StringVar(&o.options.Python, "peers", "", "Python interpreter that has the baseline frameworks")
	f.StringVar(&o.options.Scripts, "scripts", filepath.Join("bench", "peers"), "folder of the scripts for the baseline frameworks")
	f.IntVar(&o.options.Rounds, "rounds", 5, "rounds; each framework is timed once per round")
	f.Float64Var(&o.options.Seconds, "seconds", 1, "seconds per timing, which has at least one run")
	o.device.flags(c)
	f.Lookup("threads").Usage = "threads of each framework; 0 is one per core"
	f.BoolVar(&o.json, "json", false, "print one JSON object per case")
	f.StringVar(&o.serve, "serve", "", "serve timing requests for a case on standard input and output (used internally)")
	hide(f, "serve")
	return c
}

func (o *benchOptions) run(c *cobra.Command) error {
	find := bench.Select
	if o.device.gpu() {
		find = bench.SelectGPU
	}
	cases, err := find(o.cases)
	if err != nil {
		return fmt.Errorf("--case: %w", err)
	}
	if o.list {
		for _, k := range cases {
			fmt.Fprintf(c.OutOrStdout(), "%-26s %s\n", k.Name, k.About)
		}
		return nil
	}
	if o.steps {
		return o.writeSteps(c, cases)
	}
	if o.options.Program, err = os.Executable(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	missing, err := o.unsupported()
	if err != nil {
		return err
	}
	o.options.Unsupported = missing
	for _, k := range cases {
		if why := missing[k.Features]; why != nil {
			fmt.Fprintf(c.ErrOrStderr(), "skipping %s: %v\n", k.Name, why)
			continue
		}
		fmt.Fprintln(c.ErrOrStderr(), "timing", k.Name)
		result, err := bench.Compare(ctx, k, o.options)
		if ctx.Err() != nil {
			return fmt.Errorf("case %s: %w", k.Name, context.Cause(ctx))
		}
		if err != nil {
			return err
		}
		if o.json {
			err = json.NewEncoder(c.OutOrStdout()).Encode(result)
		} else {
			err = result.WriteTable(c.OutOrStdout())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writeSteps writes the steps of cases.
func (o *benchOptions) writeSteps(c *cobra.Command, cases []bench.Case) error {
	dev, err := o.device.open()
	if err != nil {
		return err
	}
	defer dev.Close()
	for _, k := range cases {
		if err := bench.WriteSteps(c.OutOrStdout(), k, dev, o.length()); err != nil {
			return err
		}
	}
	return nil
}

// length is how long a case is timed.
func (o *benchOptions) length() time.Duration {
	return time.Duration(o.options.Seconds * float64(time.Second))
}

// unsupported returns the types that the device does not support, with the
// reason for each.
func (o *benchOptions) unsupported() (map[engine.DType]error, error) {
	dev, err := o.device.open()
	if err != nil {
		return nil, err
	}
	defer dev.Close()
	return map[engine.DType]error{
		engine.BFloat16: dev.Capabilities().BFloat16, engine.Float16: dev.Capabilities().Float16,
		engine.UInt8: dev.Capabilities().Int8, // of cases in int8
	}, nil
}

// contestant times rounds as they are requested on standard input, and writes
// the times to standard output.
func (o *benchOptions) contestant(c *cobra.Command) error {
	dev, err := o.device.open()
	if err != nil {
		return err
	}
	defer dev.Close()
	return bench.Serve(o.serve, dev, o.length(), c.InOrStdin(), c.OutOrStdout())
}
