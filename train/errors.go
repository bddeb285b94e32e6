package train

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
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

// Interruptible returns a context that ends with the first Ctrl-C or SIGTERM.
// The second one ends the process, as if nobody listened.
func Interruptible(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(parent, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
