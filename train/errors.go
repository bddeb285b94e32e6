package train

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

// InterruptedError is the error of a run that was saved and stopped because its
// context ended.
type InterruptedError struct {
	Step int
	Dir  string
}

func (e *InterruptedError) Error() string {
	return fmt.Sprintf("stopped after step %d; the run in %s can be resumed", e.Step, e.Dir)
}

// ExitCode returns the exit status of a process killed by Ctrl-C: 128 + SIGINT.
func (e *InterruptedError) ExitCode() int { return 130 }

// RankError is what ended the step of one process of several, which all of them return.
type RankError struct {
	Rank   int
	Host   string
	Failed string
}

func (e *RankError) Error() string { return fmt.Sprintf("rank %d on %s: %s", e.Rank, e.Host, e.Failed) }

// NonFiniteError is the error of a NaN or infinite loss.
type NonFiniteError struct {
	Step   int
	Loss   Metric
	Images []string
}

func (e *NonFiniteError) Error() string {
	return fmt.Sprintf("step %d: loss %s is %v on images %s: is the learning rate too high or a box broken?",
		e.Step, e.Loss.Name, e.Loss.Value, strings.Join(e.Images, ", "))
}

// OverflowError is the error of NaN or infinite float16 gradients at the minimum loss scale.
type OverflowError struct {
	Step   int
	Images []string
}

func (e *OverflowError) Error() string {
	return fmt.Sprintf("step %d: gradients are not finite in float16 on images %s: is the learning rate too high? train.precision bfloat16 has float32's range",
		e.Step, strings.Join(e.Images, ", "))
}

// Interruptible returns a context that ends with the first Ctrl-C or SIGTERM. It
// then writes its last argument, which says what happens now, to w. The second
// signal ends the process. The returned function stops the handling of signals.
// Below a context of Interruptible, whose signals are handled already, it does nothing more.
func Interruptible(parent context.Context, w io.Writer, what string) (context.Context, context.CancelFunc) {
	if parent.Value(handled{}) != nil {
		return context.WithCancel(parent)
	}
	ctx, cancel := context.WithCancel(context.WithValue(parent, handled{}, true))
	signals, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		defer signal.Stop(signals)
		select {
		case first := <-signals:
			cancel()
			acknowledge(signals, w, first, what)
		case <-done:
			return
		}
		select {
		case second := <-signals:
			die(second, signals)
		case <-done:
		}
	}()
	return ctx, sync.OnceFunc(func() { cancel(); close(done) })
}

// handled is the key of contexts of Interruptible.
type handled struct{}

// oneSignal is the time within which a repeated signal counts as the first one:
// timeout(1) and others send it to a process and to its group.
const oneSignal = 100 * time.Millisecond

// acknowledge writes the message after oneSignal.
func acknowledge(signals <-chan os.Signal, w io.Writer, first os.Signal, what string) {
	time.Sleep(oneSignal)
	select {
	case <-signals:
	default:
	}
	if isTerminal(w) {
		fmt.Fprintln(w) // a bar, or the ^C, is on the line
	}
	name := "SIGTERM"
	if first == os.Interrupt {
		name = "Ctrl-C"
	}
	fmt.Fprintf(w, "%s: %s; a second one ends the process at once\n", name, what)
}

// die ends the process by the default action of a signal. A process that was
// started with the signal ignored, such as a background job of a shell, exits.
func die(s os.Signal, signals chan<- os.Signal) {
	signal.Stop(signals)
	if number, ok := s.(syscall.Signal); ok {
		syscall.Kill(os.Getpid(), number)
		time.Sleep(oneSignal)
	}
	os.Exit(130)
}
