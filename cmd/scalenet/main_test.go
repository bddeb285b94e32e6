package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// scalenet runs a command line in this process.
func scalenet(args ...string) (status int, stdout, stderr string) {
	var out, err bytes.Buffer
	status = run(context.Background(), args, &out, &err)
	return status, out.String(), err.String()
}

func TestUsageErrors(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"frobnicate", `unknown command "frobnicate" for "scalenet"`},
		{"--frobnicate", "unknown flag: --frobnicate"},
		{"summary --frobnicate", "unknown flag: --frobnicate"},
		{"summary extra", `unknown command "extra" for "scalenet summary"`},
		{"summary --classes many", "many"},
	} {
		t.Run(c.args, func(t *testing.T) {
			status, stdout, stderr := scalenet(strings.Fields(c.args)...)
			require.Equal(t, 1, status)
			require.Empty(t, stdout)
			require.Equal(t, 1, strings.Count(stderr, "\n"), "one line: %q", stderr)
			require.Contains(t, stderr, c.want)
		})
	}
}

func TestHelp(t *testing.T) {
	status, stdout, stderr := scalenet()
	require.Zero(t, status)
	require.Empty(t, stderr)
	require.Contains(t, stdout, "summary")
	status, stdout, _ = scalenet("--version")
	require.Zero(t, status)
	require.Regexp(t, `^scalenet \S+`, stdout)
}

// Every verb that runs shows an example, which names the program and the verb.
func TestEveryVerbHasAnExample(t *testing.T) {
	var verbs func(c *cobra.Command)
	verbs = func(c *cobra.Command) {
		if c.Runnable() && !c.Hidden && c.Name() != "help" {
			require.Contains(t, c.Example, c.CommandPath(), c.CommandPath())
		}
		for _, sub := range c.Commands() {
			verbs(sub)
		}
	}
	verbs(newRootCommand())
}

type codedError struct{}

func (codedError) Error() string { return "stopped\nin the middle" }
func (codedError) ExitCode() int { return 130 }

func TestExitStatus(t *testing.T) {
	require.Equal(t, 130, exitStatus(codedError{}))
	require.Equal(t, 1, exitStatus(os.ErrNotExist))
	require.Equal(t, "stopped in the middle", oneLine(codedError{}))
}

// The binary itself: what `go build` makes, not what the test's process does.
func TestBinary(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	program := filepath.Join(t.TempDir(), "scalenet")
	out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	stdout, err := exec.Command(program, "summary", "--model", "scalenet50", "--size", "224", "--json").Output()
	require.NoError(t, err)
	require.Contains(t, string(stdout), `"params":31483618,"macs":3818372352`)
	stdout, err = exec.Command(program, "bench", "--case", "nms-6000", "--rounds", "2", "--seconds", "0", "--json").Output()
	require.NoError(t, err)
	require.Contains(t, string(stdout), `"runs":2`)
	err = exec.Command(program, "summary", "--model", "nothing").Run()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 1, exit.ExitCode())
	t.Run("serve", func(t *testing.T) { testServeProcess(t, program) })
	t.Run("address space", func(t *testing.T) { testAddressSpace(t, program) })
	t.Run("storm", func(t *testing.T) { testServeStorm(t, program) })
	t.Run("clients", func(t *testing.T) { testServeClients(t, program) })
}
