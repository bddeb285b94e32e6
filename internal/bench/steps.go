package bench

import (
	"fmt"
	"io"
	"time"

	"scalenet/engine"
)

// WriteSteps runs a case for the given time, at least once, and writes the best time of each step of its plan, in their order.
func WriteSteps(w io.Writer, c Case, dev engine.Device, length time.Duration) error {
	s, err := c.start(dev)
	if err != nil {
		return fmt.Errorf("case %s: %w", c.Name, err)
	}
	defer s.close()
	if s.plan == nil {
		return fmt.Errorf("case %s has no plan to show the steps of; classifiers have one", c.Name)
	}
	for range warmUps {
		if err := s.run(); err != nil {
			return fmt.Errorf("case %s: %w", c.Name, err)
		}
	}
	best, err := bestSteps(s.plan, length)
	if err != nil {
		return fmt.Errorf("case %s: %w", c.Name, err)
	}
	var total time.Duration
	for _, step := range best {
		total += step.Time
	}
	fmt.Fprintf(w, "%s: %d steps, %.3f ms\n\n      ms  share  step\n", c.Name, len(best), ms(total))
	for _, step := range best {
		fmt.Fprintf(w, "%8.3f %5.1f%%  %s\n", ms(step.Time), 100*float64(step.Time)/float64(total), step.Step)
	}
	return nil
}

func bestSteps(plan *engine.Plan, length time.Duration) (best []engine.StepTime, err error) {
	for start := time.Now(); best == nil || time.Since(start) < length; {
		times, err := plan.Profile()
		if err != nil {
			return nil, err
		}
		if best == nil {
			best = times
		}
		for i, step := range times {
			best[i].Time = min(best[i].Time, step.Time)
		}
	}
	return best, nil
}

func ms(d time.Duration) float64 { return d.Seconds() * 1e3 }
