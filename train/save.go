package train

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"

	"scalenet/checkpoint"
)

// save writes the state, and then the model of the same step. Resume reads only the
// state. Nothing is written if a parameter is NaN or infinite.
func (l *Loop[B]) save() error {
	if err := l.finite(); err != nil || !l.writes() {
		return err
	}
	if err := l.log.Sync(); err != nil {
		return err
	}
	f, err := l.gather()
	if err != nil {
		return err
	}
	if err := l.write(StateFile, f); err != nil {
		return err
	}
	return l.averaged(func() error { return l.saveModel(LastFile) })
}

// finite returns an error if a parameter is NaN or infinite.
func (l *Loop[B]) finite() error {
	for _, p := range l.Model.Params() {
		squares, err := l.Device.SumSquares(p.Value, p.Len)
		if err != nil {
			return fmt.Errorf("parameter %q: %w", p.Name, err)
		}
		if math.IsNaN(squares) || math.IsInf(squares, 0) {
			return fmt.Errorf("parameter %q is not finite after step %d; the last save is kept: is the learning rate too high?", p.Name, l.state.Step)
		}
	}
	return nil
}

// gather returns the content of the state file.
func (l *Loop[B]) gather() (*checkpoint.File, error) {
	l.state.TrainRows, l.state.EvalRows = l.log.rows()
	if l.Rand != nil {
		var err error
		if l.state.Rand, err = l.Rand.MarshalBinary(); err != nil {
			return nil, err
		}
	}
	text, err := json.Marshal(l.state)
	if err != nil {
		return nil, err
	}
	f := &checkpoint.File{Metadata: map[string]string{checkpoint.StateKey: string(text)}}
	for key, value := range l.Model.Metadata() {
		if key != checkpoint.StateKey {
			f.Metadata[key] = value
		}
	}
	parts := []struct {
		prefix  string
		tensors func() ([]checkpoint.Tensor, error)
	}{{modelPrefix, l.Model.Tensors}, {optimizerPrefix, l.optimizer.State}}
	if l.ema != nil {
		parts = append(parts, struct {
			prefix  string
			tensors func() ([]checkpoint.Tensor, error)
		}{averagePrefix, l.ema.State})
	}
	for _, part := range parts {
		tensors, err := part.tensors()
		if err != nil {
			return nil, err
		}
		for _, t := range tensors {
			t.Name = part.prefix + t.Name
			f.Tensors = append(f.Tensors, t)
		}
	}
	return f, nil
}

// saveModel writes the current model to a file.
func (l *Loop[B]) saveModel(name string) error {
	if !l.writes() {
		return nil
	}
	tensors, err := l.Model.Tensors()
	if err != nil {
		return err
	}
	return l.write(name, &checkpoint.File{Metadata: l.Model.Metadata(), Tensors: tensors})
}

// write writes a file of the run.
func (l *Loop[B]) write(name string, f *checkpoint.File) error {
	if err := l.Lock.Held(); err != nil {
		return err
	}
	if err := checkpoint.Save(filepath.Join(l.Dir, name), f); err != nil {
		return cmp.Or(l.Lock.Held(), err) // the folder may have gone meanwhile
	}
	return nil
}
