package train

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestCtrlC runs itself as a process that notes the first signal and hangs, so
// that only the second one can end it.
func TestCtrlC(t *testing.T) {
	if os.Getenv("TRAIN_TEST_HANG") != "" {
		ctx, stop := Interruptible(context.Background(), os.Stdout, "stopping")
		defer stop()
		inner, stop := Interruptible(ctx, os.Stdout, "stopping what is inside") // does not say it
		defer stop()
		fmt.Println("ready")
		<-inner.Done()
		time.Sleep(time.Minute)
		return
	}
	command := exec.Command(os.Args[0], "-test.run=^TestCtrlC$")
	command.Env = append(os.Environ(), "TRAIN_TEST_HANG=1")
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	defer command.Process.Kill()
	lines := bufio.NewScanner(out)
	for _, want := range []string{"ready", "Ctrl-C: stopping; a second one ends the process at once"} {
		require.True(t, lines.Scan())
		require.Equal(t, want, lines.Text())
		require.NoError(t, command.Process.Signal(os.Interrupt))
	}
	require.False(t, lines.Scan(), lines.Text())
	var exit *exec.ExitError
	require.ErrorAs(t, command.Wait(), &exit)
	status := exit.Sys().(syscall.WaitStatus)
	require.True(t, status.Signaled())
	require.Equal(t, syscall.SIGINT, status.Signal())
}

// A shell's background jobs are started with SIGINT ignored.
func TestCtrlCWhereItIsIgnored(t *testing.T) {
	command := exec.Command("sh", "-c", `trap "" INT; exec "$0" -test.run='^TestCtrlC$'`, os.Args[0])
	command.Env = append(os.Environ(), "TRAIN_TEST_HANG=1")
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	defer command.Process.Kill()
	lines := bufio.NewScanner(out)
	for range 2 {
		require.True(t, lines.Scan())
		require.NoError(t, command.Process.Signal(os.Interrupt))
	}
	var exit *exec.ExitError
	require.ErrorAs(t, command.Wait(), &exit)
	require.Equal(t, 130, exit.ExitCode())
}
