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

// InterruptedError says that a run was stopped by the end of its context,
// after it was saved.
type InterruptedError struct {
	Step int
	Dir  string
}

func (e *InterruptedError) Error() string {
	return fmt.Sprintf("stopped after step %d; the run in %s can be resumed", e.Step, e.Dir)
}

// ExitCode is the exit status of a process that Ctrl-C ended: 128 + SIGINT.
func (e *InterruptedError) ExitCode() int { return 130 }

// NonFiniteError says that a loss was NaN or infinite.
type NonFiniteError struct {
	Step   int
	Loss   Metric
	Images []string
}

func (e *NonFiniteError) Error() string {
	return fmt.Sprintf("step %d: loss %s is %v on images %s: is the learning rate too high or a box broken?",
		e.Step, e.Loss.Name, e.Loss.Value, strings.Join(e.Images, ", "))
}

// OverflowError says that gradients in float16 were not finite although losses were no longer multiplied.
type OverflowError struct {
	Step   int
	Images []string
}

func (e *OverflowError) Error() string {
	return fmt.Sprintf("step %d: gradients are not finite in float16 on images %s: is the learning rate too high? train.precision bfloat16 has float32's range",
		e.Step, strings.Join(e.Images, ", "))
}

// Interruptible returns a context that ends with the first Ctrl-C or SIGTERM,
// which it acknowledges at once on w with what happens now. The second signal
// ends the process. The function that is returned gives the signals back.
func Interruptible(parent context.Context, w io.Writer, what string) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
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

// oneSignal is how long the same signal may come again: timeout(1) and others
// send it to a process and to its group.
const oneSignal = 100 * time.Millisecond

// acknowledge says what happens, when no second half of the first signal can
// come any more.
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

// die ends the process by a signal, as if nobody listened. One that was started
// with the signal ignored, as a shell's background jobs are, exits instead.
func die(s os.Signal, signals chan<- os.Signal) {
	signal.Stop(signals)
	if number, ok := s.(syscall.Signal); ok {
		syscall.Kill(os.Getpid(), number)
		time.Sleep(oneSignal)
	}
	os.Exit(130)
}
