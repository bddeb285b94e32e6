package engine

import (
	"cmp"
	"fmt"
	"time"
)

// StepTime is the time of one step of a plan.
type StepTime struct {
	Step string
	Time time.Duration
}

// Profile runs all stages and times every step.
func (plan *Plan) Profile() (times []StepTime, err error) {
	err = plan.dev.Do(func() error {
		for i, stage := range plan.stages {
			if err := plan.around(i, func() error {
				for _, k := range stage {
					start := time.Now()
					if err := cmp.Or(k.Run(), plan.dev.Sync()); err != nil {
						return fmt.Errorf("engine: %s: %w", k.name, err)
					}
					times = append(times, StepTime{k.String(), time.Since(start)})
				}
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
	return times, err
}
