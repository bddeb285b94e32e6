package bench

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"scalenet/engine"
)

// warmUps is the number of runs before the process is ready.
const warmUps = 2

// greeting is the first line that a process writes.
type greeting struct {
	Version string `json:"version"`
}

// round is the response to each line of standard input.
type round struct {
	Ms    []float64 `json:"ms"`     // wall time of each run
	RSSMB float64   `json:"rss_mb"` // resident memory after the runs
}

// Serve is the process of ScaleNet: it loads a case, warms up, and for each line of
// commands makes runs for the given time, at least one run.
func Serve(name string, dev engine.Device, length time.Duration, commands io.Reader, answers io.Writer) error {
	list, err := selectFrom(append(Cases(), GPUCases()...), []string{name})
	if err != nil {
		return err
	}
	s, err := list[0].start(dev)
	if err != nil {
		return fmt.Errorf("case %s: %w", name, err)
	}
	defer s.close()
	run := func() error { return cmp.Or(s.run(), dev.Sync()) }
	for range warmUps {
		if err := run(); err != nil {
			return fmt.Errorf("case %s: %w", name, err)
		}
	}
	out := json.NewEncoder(answers)
	if err := out.Encode(greeting{}); err != nil {
		return err
	}
	lines := bufio.NewScanner(commands)
	for lines.Scan() {
		r := round{}
		for start := time.Now(); len(r.Ms) == 0 || time.Since(start) < length; {
			begin := time.Now()
			if err := run(); err != nil {
				return fmt.Errorf("case %s: %w", name, err)
			}
			r.Ms = append(r.Ms, time.Since(begin).Seconds()*1e3)
		}
		if r.RSSMB, err = residentMB(); err != nil {
			return err
		}
		if err := out.Encode(r); err != nil {
			return err
		}
	}
	return lines.Err()
}

// residentMB returns the resident memory of this process in MiB.
func residentMB() (float64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "\nVmRSS:")
	var kB float64
	if _, err := fmt.Sscan(rest, &kB); err != nil {
		return 0, fmt.Errorf("/proc/self/status has no VmRSS: %w", err)
	}
	return kB / 1024, nil
}
