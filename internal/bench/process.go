package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"scalenet/engine"
)

// contestant is the process of one framework.
type contestant struct {
	name    string
	command *exec.Cmd
	stdin   io.WriteCloser
	stdout  *bufio.Reader
	stderr  *lastLines
	version string
	ms      []float64
	cpuMs   float64 // CPU time of a run, minimum over rounds
	rssMB   float64
}

// startContestant starts a process and waits until it has warmed up.
func startContestant(ctx context.Context, name string, env, args []string) (*contestant, error) {
	c := &contestant{name: name, stderr: &lastLines{}}
	c.command = exec.CommandContext(ctx, args[0], args[1:]...)
	c.command.Env = append(os.Environ(), env...)
	c.command.Stderr = c.stderr
	stdout, err := c.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.stdout = bufio.NewReader(stdout)
	if c.stdin, err = c.command.StdinPipe(); err != nil {
		return nil, err
	}
	if err := c.command.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var g greeting
	if err := c.read(&g); err != nil {
		c.stop()
		return nil, err
	}
	c.version = g.Version
	return c, nil
}

// round requests a series of runs.
func (c *contestant) round() error {
	before, err := cpuTimeMs(c.command.Process.Pid)
	if err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	if _, err := io.WriteString(c.stdin, "\n"); err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	var r round
	if err := c.read(&r); err != nil {
		return err
	}
	if len(r.Ms) == 0 {
		return fmt.Errorf("%s answered with no runs", c.name)
	}
	after, err := cpuTimeMs(c.command.Process.Pid)
	if err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	if each := (after - before) / float64(len(r.Ms)); len(c.ms) == 0 || each < c.cpuMs {
		c.cpuMs = each
	}
	c.ms, c.rssMB = append(c.ms, r.Ms...), r.RSSMB
	return nil
}

const tickMs = 10 // the unit of CPU times in Linux

// cpuTimeMs returns the CPU time of a process, user and system, in milliseconds.
func cpuTimeMs(pid int) (float64, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name, in parentheses, may have spaces; 11 fields follow before the two.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields after the name", pid, len(fields))
	}
	total := 0.0
	for _, f := range fields[11:13] {
		ticks, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
		total += tickMs * ticks
	}
	return total, nil
}

// read reads a line of JSON.
func (c *contestant) read(into any) error {
	line, err := c.stdout.ReadString('\n')
	if err != nil {
		c.command.Wait()
		return fmt.Errorf("%s ended: %s", c.name, c.stderr.last())
	}
	if err := json.Unmarshal([]byte(line), into); err != nil {
		return fmt.Errorf("%s wrote %q, not a line of JSON", c.name, strings.TrimSpace(line))
	}
	return nil
}

// stop ends the process by closing its standard input.
func (c *contestant) stop() {
	c.stdin.Close()
	io.Copy(io.Discard, c.stdout)
	c.command.Wait()
}

func (c *contestant) best() float64 { return slices.Min(c.ms) }

func (c *contestant) median() float64 {
	s := slices.Sorted(slices.Values(c.ms))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}

// lastLines keeps the end of what a process writes to standard error.
type lastLines struct{ text []byte }

// Write implements io.Writer.
func (l *lastLines) Write(p []byte) (int, error) {
	l.text = append(l.text, p...)
	if most := 4096; len(l.text) > most {
		l.text = l.text[len(l.text)-most:]
	}
	return len(p), nil
}

// last returns the last line, which usually has the error.
func (l *lastLines) last() string {
	text := strings.TrimSpace(string(l.text))
	if text == "" {
		return "without a word"
	}
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// Options are the options of Compare.
type Options struct {
	Rounds  int
	Seconds float64 // seconds per timing
	Threads int
	Device  string // device of ScaleNet; baselines use "cpu", or the GPU of this name
	Program string // this program, which is started with `bench --serve`
	Python  string // Python with the baselines; "": ScaleNet only
	Scripts string // folder of the scripts of the baselines
	// Unsupported has the types of activations that the device lacks. Baselines of such a type are left out.
	Unsupported map[engine.DType]error
}

// ours starts the process of ScaleNet.
func (o Options) ours(ctx context.Context, name, caseName string) (*contestant, error) {
	return startContestant(ctx, name, nil, []string{o.Program, "bench", "--serve", caseName,
		"--seconds", fmt.Sprint(o.Seconds), "--threads", fmt.Sprint(o.Threads), "--device", o.Device})
}

// malloc is glibc's allocator tuned for PyTorch: without it, a large tensor is
// mapped anew every time, and half of the time goes to page faults.
const malloc = "GLIBC_TUNABLES=glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=8000000000:glibc.malloc.top_pad=268435456"

// peer starts the process of a baseline. GOMP_SPINCOUNT is set as for ScaleNet,
// because libgomp threads would otherwise spin between rounds.
func (o Options) peer(ctx context.Context, p Peer) (*contestant, error) {
	env := []string{"GOMP_SPINCOUNT=5000", fmt.Sprint("OMP_NUM_THREADS=", o.Threads), "PYTHONWARNINGS=ignore", "PYTHONDONTWRITEBYTECODE=1"}
	if p.Name == "PyTorch" {
		env = append(env, malloc)
	}
	script := filepath.Join(o.Scripts, p.Args[0])
	if _, err := os.Stat(script); err != nil {
		return nil, fmt.Errorf("%s's script: %w; run in the repository, or say where the scripts are", p.Name, err)
	}
	args := append([]string{o.Python, script}, p.Args[1:]...)
	if o.Device != "cpu" {
		args = append(args, "--device", o.Device)
	}
	return startContestant(ctx, p.Name, env, append(args, "--seconds", fmt.Sprint(o.Seconds), "--threads", fmt.Sprint(o.Threads)))
}
