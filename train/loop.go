package train

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"scalenet/checkpoint"
	"scalenet/collective"
	"scalenet/engine"
)

// Model is the model that a loop trains. B is its batch type.
type Model[B any] interface {
	// Params returns the parameters, always in the same order.
	Params() []Param
	// Backward computes the losses of a batch, and the gradients of the losses times scale.
	// When the context ends, it may return ctx.Err(), if it has changed nothing but the
	// state of the loop's Rand.
	Backward(ctx context.Context, batch B, scale float32) (Gradients, error)
	// UpdateRunning moves the running statistics of the model's norms towards the
	// moments of a batch.
	UpdateRunning(batch []engine.Moments) error
	// Images returns the file names of the images of a batch, one per image.
	Images(batch B) []string
	// Evaluate returns the metrics on the validation data. It returns ctx.Err()
	// when the context ends.
	Evaluate(ctx context.Context) ([]Metric, error)
	// Tensors and Metadata are the content of the model file.
	Tensors() ([]checkpoint.Tensor, error)
	Metadata() map[string]string
	// Restore sets the model to the tensors that Tensors returned.
	Restore(f *checkpoint.File) error
	// Changed is called after the loop has swapped averages in or out. A model with
	// copies of values, such as running statistics on the host, updates them.
	Changed() error
}

// Gradients is the result of Backward: the losses, whose sum is minimised, the
// scaled gradients of Params, nil for parameters without gradient, and the moments of
// the batch. The memory of the gradients is valid until the next call of Backward.
type Gradients struct {
	Losses  []Metric
	Grads   []engine.Memory
	Moments []engine.Moments
}

// Metric is a named value: a loss, or a metric of an evaluation. A metric with a
// slash in its name, as in "AP/cell", is logged but not shown by Progress.
type Metric struct {
	Name  string
	Value float64
}

// Source returns the batches of an epoch. The same epoch must always have the same
// batches in the same order.
type Source[B any] interface {
	// Batches is the number of batches in every epoch, at least 1.
	Batches() int
	// Seek makes Next continue with a batch of an epoch, both counted from 0.
	Seek(epoch, batch int) error
	// Next returns the next batch of the epoch, or io.EOF after its last.
	Next(ctx context.Context) (B, error)
}

// Loop trains a model. Config, Device, Model, Source and Dir must be set.
type Loop[B any] struct {
	Config Config
	Device Device
	Model  Model[B]
	Source Source[B]
	// Rand is the source of random numbers of the model in training, nil if the
	// model uses none.
	Rand *Rand
	// Dir is the folder of the run, which is created if it does not exist.
	Dir string
	// Lock is that of Dir, by [LockFolder]; nil if no other process writes to it. The
	// run ends with an error before it writes to a folder that has taken Dir's place.
	Lock *Lock
	// Described is the text of config.yaml, the whole configuration including the
	// model; "" writes no file.
	Described string
	// Data are the digests of the data sets, by "training" and "validation".
	// Resume requires equal digests.
	Data map[string]string
	// Progress shows the progress of the run; nil shows nothing.
	Progress *Progress
	// Group is the processes that share the run; nil is this process alone.
	Group *collective.Group
	// EvaluationImages is the number of images of an evaluation, from which the time of the
	// first one is estimated.
	EvaluationImages int
	// Began is when the time of Config.Budget began; default at the call of Run.
	Began time.Time
	// Threads is the number of threads per process if gradients depend on it, else 0. A run keeps it.
	Threads int
	// SaveAsked, if not nil, reports whether the run was asked to save since the last call, see [SaveRequests].
	SaveAsked func() bool
	// OnEpochEnd, if not nil, is called after each epoch, when the run is saved. Its
	// error ends the run.
	OnEpochEnd func() error

	optimizer *Optimizer
	ema       *EMA
	log       *Log
	state     state
	mean      window
	together  *together        // nil if the run has one process
	stopped   bool             // by what all processes know: one was asked to stop
	saving    bool             // the same: one was asked to save
	grace     time.Duration    // Grace, unless a test sets it
	clock     func() time.Time // time.Now, unless a test sets it
	before    float64          // seconds of a run with a budget that earlier processes spent
}

// Grace is the time that a step in progress has to finish when the context ends.
// After that it is abandoned, and repeated on resume.
const Grace = 10 * time.Second

// undefined is the value of a metric that is not defined, such as AP on images without
// objects.
const undefined = -1

// errAbandoned is the error of a step that was abandoned before it changed anything.
var errAbandoned = errors.New("the step is abandoned")

// Run trains from the beginning, or with resume continues the run in Dir. Without
// resume, a run in Dir is an error.
//
// It returns an [*InterruptedError] if the context ended and the run was saved, a
// [*NonFiniteError] if a loss was NaN or infinite, and an [*OverflowError] if
// gradients of a float16 run were NaN or infinite at the minimum loss scale.
func (l *Loop[B]) Run(ctx context.Context, resume bool) (err error) {
	if l.clock == nil {
		l.clock = time.Now
	}
	if l.Began.IsZero() {
		l.Began = l.clock()
	}
	if err := l.start(resume); err != nil {
		return err
	}
	defer func() {
		l.Progress.finish()
		if l.together != nil {
			err = errors.Join(err, l.together.sum.close(err != nil && !errors.As(err, new(*InterruptedError))))
		}
		l.optimizer.Close()
		if l.ema != nil {
			l.ema.Close()
		}
		err = errors.Join(err, l.log.Close())
	}()
	if l.state.Done {
		l.Progress.Note("the run is complete: more train.epochs, a longer train.budget or more train.patience continue it")
	}
	if err := l.seek(); err != nil {
		return err
	}
	for {
		if l.asked(ctx) {
			return l.interrupt()
		}
		if l.state.Batch < l.Source.Batches() && !l.ended() {
			if err := l.step(ctx); errors.Is(err, errAbandoned) {
				return l.interrupt()
			} else if err != nil {
				return err
			}
			if err := l.saveBetween(); err != nil {
				return err
			}
			continue
		}
		done, err := l.endEpoch(ctx)
		if done || err != nil {
			return err
		}
	}
}

// endEpoch evaluates if due, saves, and advances to the next epoch.
func (l *Loop[B]) endEpoch(ctx context.Context) (done bool, err error) {
	if l.state.Done {
		return true, nil
	}
	last := l.last()
	if l.evaluationDue(last) {
		if err := l.saveFirst(); err != nil {
			return false, err
		}
		if err := l.evaluate(ctx); err != nil {
			if ctx.Err() != nil && l.alone() {
				return false, l.interrupt()
			}
			return false, err
		}
		if l.losesPatience() {
			l.Progress.Note(fmt.Sprintf("%d evaluations without a better %s: the run ends (train.patience)", l.state.Stale, l.Config.Best))
			last = true
		}
	}
	if last {
		l.state.Done = true
	} else {
		l.nextEpoch()
	}
	if err := l.save(); err != nil {
		return false, err
	}
	if l.OnEpochEnd != nil && l.writes() {
		if err := l.Lock.Held(); err != nil {
			return false, err
		}
		if err := l.OnEpochEnd(); err != nil {
			return false, err
		}
	}
	if last {
		return true, nil
	}
	return false, l.seek()
}

// saveFirst saves a run that has no state yet, so that model files and evaluations
// never exist without a state. A run can then start again in a folder without them.
func (l *Loop[B]) saveFirst() error {
	if !l.writes() {
		return nil
	}
	if _, err := os.Stat(filepath.Join(l.Dir, StateFile)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return l.save()
}

// report updates progress and, every LogSteps steps, the log.
func (l *Loop[B]) report(lr float64) error {
	l.state.Mean.Steps++
	row := Row{Step: l.state.Step, Epoch: l.state.Epoch + 1, LR: lr, Losses: l.state.Mean.losses()}
	row.ImagesPerSecond, row.DataWait = l.mean.rates()
	l.Progress.step(row, l.totalSteps(), l.epochs(), l.timeLeft())
	if l.state.Step%l.Config.LogSteps != 0 && l.state.Step != l.totalSteps() {
		return nil
	}
	l.state.Mean, l.mean = meanLoss{}, window{}
	if err := l.Lock.Held(); err != nil {
		return err
	}
	return l.log.Train(row)
}

// evaluate evaluates the model, with averaged weights if EMA is on, and saves it if
// it is the best. A model with a NaN or infinite parameter is not evaluated.
func (l *Loop[B]) evaluate(ctx context.Context) error {
	if err := l.finite(); err != nil {
		return err
	}
	return l.averaged(func() error {
		began := l.clock()
		if !l.alone() {
			ctx = context.WithoutCancel(ctx) // all processes finish it
		}
		metrics, err := l.Model.Evaluate(ctx)
		if err != nil {
			return err
		}
		if p := l.state.Pace; p != nil {
			l.spend()
			if p.Spent, err = l.agree(p.Spent); err != nil {
				return err
			}
			if p.Evaluation, err = l.agree(l.clock().Sub(began).Seconds()); err != nil {
				return err
			}
			p.Evaluated = p.Spent
		}
		value, ok := find(metrics, l.Config.Best)
		if !ok {
			return l.Config.CheckBest(metricNames(metrics)...)
		}
		row := EvalRow{Step: l.state.Step, Epoch: l.state.Epoch + 1, Metrics: metrics}
		switch {
		case math.IsNaN(value) || value == undefined: // says nothing, not even that the model is no better
		case l.state.Best == nil || value > *l.state.Best:
			if err := l.saveModel(bestFile); err != nil {
				return err
			}
			l.state.Best, row.Best = &value, true
			l.state.Stale = 0
		default:
			l.state.Stale++
		}
		l.Progress.evaluated(row)
		if err := l.Lock.Held(); err != nil {
			return err
		}
		return l.log.Eval(row)
	})
}

// averaged calls f with the averaged weights swapped in, if EMA is on.
func (l *Loop[B]) averaged(f func() error) (err error) {
	if l.ema == nil {
		return f()
	}
	swap := func() error { return errors.Join(l.ema.Swap(), l.Model.Changed()) }
	if err := swap(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, swap()) }()
	return f()
}

func metricNames(metrics []Metric) (list []string) {
	for _, m := range metrics {
		list = append(list, m.Name)
	}
	return list
}

func find(metrics []Metric, name string) (float64, bool) {
	for _, m := range metrics {
		if m.Name == name {
			return m.Value, true
		}
	}
	return 0, false
}

// asked reports whether the run is to stop before the next step.
func (l *Loop[B]) asked(ctx context.Context) bool {
	if l.alone() {
		return ctx.Err() != nil
	}
	return l.stopped
}

// saveBetween saves after a step if the run was asked to, or if it is time and no end of an epoch follows, which saves.
func (l *Loop[B]) saveBetween() error {
	if l.alone() {
		l.saving = l.SaveAsked != nil && l.SaveAsked()
	}
	n := l.Config.SaveSteps
	if !l.saving && (n < 1 || l.state.Step%n != 0 || l.state.Batch == l.Source.Batches()) {
		return nil
	}
	if err := l.save(); err != nil || !l.saving {
		return err
	}
	l.Progress.Note(fmt.Sprintf("SIGUSR1: saved after step %d, going on", l.state.Step))
	return nil
}

// interrupt saves the run and returns the error for it.
func (l *Loop[B]) interrupt() error {
	if err := l.save(); err != nil {
		return err
	}
	return &InterruptedError{Step: l.state.Step, Dir: l.Dir}
}
