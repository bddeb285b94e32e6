package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"scalenet/checkpoint"
)

// The files of a run.
const (
	// LastFile is the model after the last save.
	LastFile = "last.safetensors"
	bestFile = "best.safetensors"
	// StateFile has everything that resume needs.
	StateFile = "state.safetensors"
)

// state is the state of a run without its tensors: the JSON under
// checkpoint.StateKey in the metadata of state.safetensors.
type state struct {
	Version int `json:"version"`
	// Step counts optimiser steps done; Epoch, from 0, and Batch say which
	// batch comes next. Batch is Batches if only the end of the epoch is left.
	Step    int  `json:"step"`
	Epoch   int  `json:"epoch"`
	Batch   int  `json:"batch"`
	Batches int  `json:"batches"` // per epoch
	Done    bool `json:"done"`
	// Best is the best value of Config.Best so far, nil before the first evaluation.
	Best *float64 `json:"best"`
	// Stale is the number of evaluations since that of Best.
	Stale int `json:"stale,omitempty"`
	// Pace is the plan of a run with a budget, nil otherwise.
	Pace *pace    `json:"pace,omitempty"`
	Rand []byte   `json:"rand,omitempty"`
	Mean meanLoss `json:"mean"`
	// Scale is the loss scale of a float16 run, nil otherwise.
	Scale *LossScale `json:"scale,omitempty"`
	// TrainRows and EvalRows are the numbers of log rows up to the state.
	TrainRows int    `json:"train_rows"`
	EvalRows  int    `json:"eval_rows"`
	Config    Config `json:"config"`
	// Data are the digests of the data sets at the start of the run, by their use.
	Data map[string]string `json:"data,omitempty"`
	// Threads is Loop.Threads; 0 in states of earlier versions of the program.
	Threads int `json:"threads,omitempty"`
}

// stateVersion is that of new runs. A run whose state has version 2 goes on as it was
// begun: it adds gradients in sequence, and its model draws from the run's Rand. Version 1 had only SGD, with
// momentum buffers under velocityPrefix, and goes on as version 2.
const (
	stateVersion      = 3
	sequentialVersion = 2
)

// The prefixes of tensors in state.safetensors: of the model, the optimiser state
// and the averages.
const (
	modelPrefix     = "model/"
	optimizerPrefix = "optimizer/"
	averagePrefix   = "average/"
	velocityPrefix  = "velocity/"
)

// optimizerTensor returns the name of an optimiser tensor in a state file.
func optimizerTensor(version int, name string) string {
	if version == 1 {
		_, parameter, _ := strings.Cut(name, "/")
		return velocityPrefix + parameter
	}
	return optimizerPrefix + name
}

// start prepares training from the beginning or from the saved state.
func (l *Loop[B]) start(resume bool) (err error) {
	if err := l.Config.Validate(); err != nil {
		return err
	}
	if l.Source.Batches() < 1 {
		return errors.New("the training data has no batches")
	}
	if err := l.Lock.Held(); err != nil {
		return err
	}
	saved, err := openState(filepath.Join(l.Dir, StateFile), resume)
	if err != nil {
		return err
	}
	if l.writes() {
		if err := os.MkdirAll(l.Dir, 0o755); err != nil {
			return err
		}
	}
	params := l.Model.Params()
	if l.optimizer, err = newOptimizer(l.Device, params, l.Config, l.alone()); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			if l.together != nil {
				err = errors.Join(err, l.together.sum.close(true))
			}
			l.optimizer.Close()
			if l.ema != nil {
				l.ema.Close()
			}
		}
	}()
	l.ema = nil
	if l.Config.EMADecay > 0 {
		if l.ema, err = NewEMA(l.Device, params, l.Config.EMADecay); err != nil {
			return err
		}
	}
	l.mean = window{}
	l.state = state{Version: stateVersion, Batches: l.Source.Batches(), Config: l.Config, Scale: newLossScale(l.Config.Precision), Pace: newPace(l.Config), Data: l.Data, Threads: l.Threads}
	if saved == nil {
		if err := l.Config.Schedule.fits(l.totalSteps()); err != nil && l.state.Pace == nil {
			return err
		}
	} else {
		defer saved.Close()
		if err := l.restore(saved); err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(l.Dir, StateFile), err)
		}
		// The run may have been killed between the two files.
		if err := l.averaged(func() error { return l.saveModel(LastFile) }); err != nil {
			return err
		}
		if err := l.mendBest(); err != nil {
			return err
		}
	}
	if err := l.join(); err != nil || !l.writes() {
		return err
	}
	if err := l.Lock.Held(); err != nil {
		return err
	}
	if err := l.writeConfig(saved == nil); err != nil {
		return err
	}
	l.log, err = openLog(l.Dir, &l.state, l.Progress.Note)
	return err
}

// writeConfig writes config.yaml for a new run, or for a resumed run without it.
func (l *Loop[B]) writeConfig(anew bool) error {
	path := filepath.Join(l.Dir, ConfigFile)
	if l.Described == "" {
		return nil
	}
	if text, err := os.ReadFile(path); !anew && err == nil && string(text) == l.Described {
		return nil
	}
	return checkpoint.WriteAtomic(path, func(w io.Writer) error {
		_, err := io.WriteString(w, l.Described)
		return err
	})
}

// mendBest handles a missing best.safetensors: the next evaluation writes it, or, if
// none is left, the last model is copied.
func (l *Loop[B]) mendBest() error {
	if l.state.Best == nil {
		return nil
	}
	path := filepath.Join(l.Dir, bestFile)
	there := 0.0
	if _, err := os.Stat(path); err == nil {
		there = 1
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	there, err := l.agree(there)
	if err != nil || there == 1 {
		return err
	}
	if l.state.Done {
		l.Progress.Note(path + ": is gone; the last model takes its place")
		return l.averaged(func() error { return l.saveModel(bestFile) })
	}
	l.Progress.Note(path + ": is gone; the best model from here on is kept")
	l.state.Best = nil
	return nil
}

// openState opens the saved state to resume. Without resume it returns an error if
// a saved state exists.
func openState(path string, resume bool) (*checkpoint.Reader, error) {
	if resume {
		r, err := checkpoint.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: does not exist, no run to resume", path)
		}
		return r, err
	}
	if _, err := os.Stat(path); err == nil {
		return nil, fmt.Errorf("%s: a run already exists; resume it or choose another folder", path)
	}
	return nil, nil
}

// restore restores the model, the optimiser and the averages.
func (l *Loop[B]) restore(r *checkpoint.Reader) error {
	if err := r.Verify(); err != nil {
		return err
	}
	s, err := parseState(r.Metadata()[checkpoint.StateKey])
	if err != nil {
		return err
	}
	if err := Continues(s.Config, l.Config, ""); err != nil {
		return err
	}
	if err := l.restoreModel(r); err != nil { // first, because its errors name the classes and keys that differ
		return err
	}
	if err := l.sameData(s); err != nil {
		return err
	}
	if s.Threads > 0 && l.Threads > 0 && s.Threads != l.Threads {
		return fmt.Errorf("the run has %d threads per process, now there are %d: its gradients depend on them, and it would not go on bit for bit; give --threads %d", s.Threads, l.Threads, s.Threads)
	}
	if s.Batches != l.Source.Batches() {
		return fmt.Errorf("the run has %d batches per epoch, but the data now has %d", s.Batches, l.Source.Batches())
	}
	if (len(s.Rand) > 0) != (l.Rand != nil) {
		return errors.New("only one of the saved run and the program has a random state")
	}
	if l.Rand != nil {
		if err := l.Rand.UnmarshalBinary(s.Rand); err != nil {
			return err
		}
	}
	err = l.optimizer.Restore(func(name string) (checkpoint.Tensor, error) { return r.Tensor(optimizerTensor(s.Version, name)) })
	if err != nil {
		return err
	}
	if l.ema != nil {
		err = l.ema.Restore(func(name string) (checkpoint.Tensor, error) { return r.Tensor(averagePrefix + name) })
		if err != nil {
			return err
		}
	}
	s.Version = max(s.Version, sequentialVersion)
	l.optimizer.sequential(s.Version <= sequentialVersion)
	l.state = s
	if err := l.lengthen(); err != nil {
		return err
	}
	l.state.Data, l.state.Threads = l.Data, l.Threads
	return nil
}

// sameData returns an error if the data differs from that at the start of the run.
func (l *Loop[B]) sameData(s state) error {
	for name, digest := range l.Data {
		if was, ok := s.Data[name]; ok && was != digest { // older states have none
			return fmt.Errorf("the %s data differs from that at the start of the run (images, labels, boxes or their order): resume with the same data", name)
		}
	}
	return nil
}

// restoreModel restores the tensors and metadata of the model.
func (l *Loop[B]) restoreModel(r *checkpoint.Reader) error {
	model := &checkpoint.File{Metadata: map[string]string{}}
	for key, value := range r.Metadata() {
		if key != checkpoint.StateKey {
			model.Metadata[key] = value
		}
	}
	for _, info := range r.Infos() {
		if name, ok := strings.CutPrefix(info.Name, modelPrefix); ok {
			tensor, err := r.Tensor(info.Name)
			if err != nil {
				return err
			}
			tensor.Name = name
			model.Tensors = append(model.Tensors, tensor)
		}
	}
	return l.Model.Restore(model)
}

// parseState parses and checks the JSON.
func parseState(text string) (state, error) {
	// Keys that the first version did not have.
	young := DefaultConfig()
	s := state{Config: Config{Precision: young.Precision, Optimizer: young.Optimizer, Betas: young.Betas, Eps: young.Eps}}
	if text == "" {
		return s, errors.New("the metadata has no training state")
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("state of the run: %w", err)
	}
	switch {
	case s.Version < 1 || s.Version > stateVersion:
		return s, fmt.Errorf("state of the run: version is %d, this program reads 1 to %d", s.Version, stateVersion)
	case s.Step < 0 || s.Epoch < 0 || s.Batch < 0 || s.Batch > s.Batches || s.TrainRows < 0 || s.EvalRows < 0 || s.Threads < 0:
		return s, fmt.Errorf("state of the run: step %d, epoch %d, batch %d of %d, rows %d and %d", s.Step, s.Epoch, s.Batch, s.Batches, s.TrainRows, s.EvalRows)
	}
	return s, errors.Join(s.Mean.validate(), s.Pace.validate(), s.Scale.validate(s.Config.Precision))
}
