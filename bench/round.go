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

// warmUps are the runs before a contestant says that it is ready.
const warmUps = 2

// greeting is the first line that a contestant writes.
type greeting struct {
	Version string `json:"version"`
}

// round is what a contestant writes for each line that it reads.
type round struct {
	Ms    []float64 `json:"ms"`     // wall time of each run
	RSSMB float64   `json:"rss_mb"` // resident memory after them
}

// Serve is our side of a comparison: it loads a case, warms up and answers each
// line of commands with a round of at least one run and, as long as runs fit,
// the given time.
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

// residentMB is this process's resident memory in MiB.
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
