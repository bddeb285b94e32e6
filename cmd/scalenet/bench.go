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
	"scalenet/bench"
	"scalenet/engine"
)

type benchOptions struct {
	cases   []string
	options bench.Options
	device  deviceOptions
	json    bool
	list    bool
	serve   string
}

func newBenchCommand() *cobra.Command {
	var o benchOptions
	c := &cobra.Command{
		Use:   "bench",
		Short: "Time this program side by side with PyTorch, ONNX Runtime and OpenVINO",
		Long: `Time this program's cases, each in turn with peers that do the same, and say
which goals are met: best and median time, ratio of the best times, resident
memory. The peers are installed by bench/peers/setup.sh FOLDER; without --peers,
ours are timed alone. With --device cuda the cases for GPUs are timed, beside PyTorch
on the same one.

Every contestant is a process of its own and keeps still while another is
timed; figures of different runs of this command do not compare on a machine
that others use.`,
		Example: `  scalenet bench --case scalenet50-224-f32
  bench/peers/setup.sh peers && scalenet bench --peers peers/bin/python --case 'scalenet50-*' --json
  scalenet bench --list`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			if o.options.Rounds < 1 {
				return fmt.Errorf("--rounds %d: want at least 1", o.options.Rounds)
			}
			if !(o.options.Seconds >= 0) || math.IsInf(o.options.Seconds, 0) {
				return fmt.Errorf("--seconds %v: want a number that is not negative", o.options.Seconds)
			}
			if o.device.threads < 0 {
				return fmt.Errorf("--threads %d: want at least 1, or 0 for one for each core", o.device.threads)
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
	f.StringArrayVar(&o.cases, "case", nil, "case to run, or the beginning of names and a star; can be repeated; default all")
	f.BoolVar(&o.list, "list", false, "list the cases and end")
	f.StringVar(&o.options.Python, "peers", "", "Python that has the peers")
	f.StringVar(&o.options.Scripts, "scripts", filepath.Join("bench", "peers"), "folder of the peers' scripts")
	f.IntVar(&o.options.Rounds, "rounds", 5, "rounds in which each contestant has a turn")
	f.Float64Var(&o.options.Seconds, "seconds", 1, "length of a turn; it has at least one run")
	o.device.flags(c)
	f.Lookup("threads").Usage = "threads of each contestant; 0 is one for each core"
	f.BoolVar(&o.json, "json", false, "print a JSON object a case")
	f.StringVar(&o.serve, "serve", "", "be the contestant of a case")
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
	if o.options.Program, err = os.Executable(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	missing, err := o.unsupported()
	if err != nil {
		return err
	}
	for _, k := range cases {
		if why := missing[k.Features]; why != nil {
			fmt.Fprintf(c.ErrOrStderr(), "leaving out %s: %v\n", k.Name, why)
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

// unsupported are the types that the device does not compute in, and why.
func (o *benchOptions) unsupported() (map[engine.DType]error, error) {
	dev, err := o.device.open()
	if err != nil {
		return nil, err
	}
	defer dev.Close()
	return map[engine.DType]error{
		engine.BFloat16: dev.Capabilities().BFloat16, engine.Float16: dev.Capabilities().Float16,
	}, nil
}

// contestant answers rounds on standard input and output.
func (o *benchOptions) contestant(c *cobra.Command) error {
	dev, err := o.device.open()
	if err != nil {
		return err
	}
	defer dev.Close()
	length := time.Duration(o.options.Seconds * float64(time.Second))
	return bench.Serve(o.serve, dev, length, c.InOrStdin(), c.OutOrStdout())
}
