package train

import (
	"fmt"
	"math"
	"time"
)

// meanLoss averages the losses over the steps of a row of the log. It is part
// of the saved state: a row that a stop cut in two comes out the same.
type meanLoss struct {
	Names []string  `json:"names"`
	Sums  []float64 `json:"sums"`
	Steps int       `json:"steps"`
}

// add takes in the losses of a batch with the share it has in its step.
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

// losses are the means a step.
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

// window measures the speed over the same steps; it starts anew on resume.
type window struct {
	images          int
	elapsed, waited time.Duration
}

func (w *window) time(elapsed, waited time.Duration) {
	w.elapsed += elapsed
	w.waited += waited
}

// rates are images a second and the share of time spent waiting for data.
func (w *window) rates() (imagesPerSecond, wait float64) {
	seconds := math.Max(w.elapsed.Seconds(), 1e-9)
	return float64(w.images) / seconds, w.waited.Seconds() / seconds
}
