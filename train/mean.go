package train

import (
	"fmt"
	"math"
	"time"
)

// meanLoss averages the losses over the steps of a log row. It is part of the saved
// state, so that a row that spans a resume is the same.
type meanLoss struct {
	Names []string  `json:"names"`
	Sums  []float64 `json:"sums"`
	Steps int       `json:"steps"`
}

// add adds the losses of a batch, weighted by its fraction of the step.
func (m *meanLoss) add(losses []Metric, share float64) {
	for _, loss := range losses {
		i := 0
		for i < len(m.Names) && m.Names[i] != loss.Name {
			i++
		}
		if i == len(m.Names) {
			m.Names, m.Sums = append(m.Names, loss.Name), append(m.Sums, 0)
		}
		m.Sums[i] += share * loss.Value
	}
}

// losses returns the means over the steps.
func (m *meanLoss) losses() []Metric {
	losses := make([]Metric, len(m.Names))
	for i, name := range m.Names {
		losses[i] = Metric{name, m.Sums[i] / float64(max(m.Steps, 1))}
	}
	return losses
}

func (m *meanLoss) validate() error {
	if len(m.Names) != len(m.Sums) || m.Steps < 0 {
		return fmt.Errorf("state of the run: %d names, %d sums and %d steps of losses", len(m.Names), len(m.Sums), m.Steps)
	}
	return nil
}

// window measures the speed over the steps of a log row. It is reset on resume.
type window struct {
	images          int
	elapsed, waited time.Duration
}

func (w *window) time(elapsed, waited time.Duration) {
	w.elapsed += elapsed
	w.waited += waited
}

// rates returns images per second and the fraction of time spent waiting for data.
func (w *window) rates() (imagesPerSecond, wait float64) {
	seconds := math.Max(w.elapsed.Seconds(), 1e-9)
	return float64(w.images) / seconds, w.waited.Seconds() / seconds
}
