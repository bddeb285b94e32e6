package collective

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ended is what mpirun did.
type ended struct {
	folder string // what the processes wrote
	status int
	output string
}

// underMPI runs a case in n processes.
func underMPI(t *testing.T, n int, name string) ended {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	e := mpirun(t, n, name, program)
	noneLeft(t, e.folder)
	return e
}

// mpirun runs a command in n processes. It waits less than DefaultLimit: what ends a run before is that a process fails, not that the others stop waiting.
func mpirun(t *testing.T, n int, name string, command ...string) ended {
	t.Helper()
	launcher, err := exec.LookPath("mpirun")
	if err != nil {
		t.Skip("mpirun not found: install Open MPI (Debian: openmpi-bin)")
	}
	folder := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, launcher, append([]string{"-np", strconv.Itoa(n), "--oversubscribe", "--bind-to", "none"}, command...)...)
	c.Env = append(os.Environ(), childCase+"="+name, childFolder+"="+folder,
		"OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1", "PRTE_ALLOW_RUN_AS_ROOT=1", "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1")
	// A process that mpirun leaves behind would keep the pipe of the output open.
	var output bytes.Buffer
	c.Stdout, c.Stderr, c.WaitDelay = &output, &output, time.Minute
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	err = c.Run()
	e := ended{folder, c.ProcessState.ExitCode(), output.String()}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatalf("mpirun: %v\n%s", err, e.output)
	}
	return e
}

// noneLeft fails if processes of a run are still there, and ends them.
func noneLeft(t *testing.T, folder string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "pid*"))
	require.NoError(t, err)
	require.NotEmpty(t, files, "processes have run")
	for _, file := range files {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		pid, err := strconv.Atoi(string(b))
		require.NoError(t, err)
		gone := func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
		if !assert.Eventually(t, gone, time.Minute, 20*time.Millisecond, "process %d is left behind", pid) {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

func TestMPIGivesTheSameBits(t *testing.T) {
	want, err := hashesOfSums(NewLocal(1, Options{})[0])
	require.NoError(t, err)
	for n := 1; n <= 4; n++ {
		e := underMPI(t, n, "all")
		require.Zero(t, e.status, e.output)
		for rank := range n {
			got, err := os.ReadFile(filepath.Join(e.folder, fmt.Sprintf("hashes%d", rank)))
			require.NoError(t, err)
			require.Equal(t, want, string(got), "rank %d of %d", rank, n)
		}
	}
}

func TestKilledProcessEndsAll(t *testing.T) {
	e := underMPI(t, 4, "kill")
	assert.Equal(t, 137, e.status, e.output)
	assert.Contains(t, e.output, "rank 1")
}

func TestStoppedProcessEndsAll(t *testing.T) {
	t.Parallel() // it mostly waits
	e := underMPI(t, 4, "stop")
	assert.Equal(t, 17, e.status, e.output)
	host, err := os.Hostname()
	require.NoError(t, err)
	assert.Regexp(t, fmt.Sprintf("(?m)^rank [023] of 4 on %[1]s: step 3: sum of gradients with rank 1 on %[1]s: no answer within the time limit of %[2]v$", host, silence), e.output)
}

func TestProcessThatNeverComes(t *testing.T) {
	t.Parallel() // it mostly waits
	e := underMPI(t, 2, "late")
	assert.Equal(t, 3, e.status, e.output)
	assert.Contains(t, e.output, "rank 0 of 2 on ")
	assert.Contains(t, e.output, fmt.Sprintf(": start: MPI_Init: no answer within the time limit of %v: not all processes have come", silence))
}

func TestAbortEndsAll(t *testing.T) {
	e := underMPI(t, 3, "abort")
	assert.Equal(t, 9, e.status, e.output)
	assert.Regexp(t, "(?m)^rank 2 of 3 on .*: the disk is full$", e.output)
}

func TestExchangeProgram(t *testing.T) {
	program := filepath.Join(t.TempDir(), "exchange")
	out, err := exec.Command("go", "build", "-o", program, "./testdata/exchange").CombinedOutput()
	require.NoError(t, err, string(out))
	e := mpirun(t, 2, "", program, "-numbers", "3000", "-rounds", "1", "-places", "4")
	require.Zero(t, e.status, e.output)
	assert.Regexp(t, `(?m)^sum, bfloat16 .* ms .* of MPI_Allreduce$`, e.output)
}

// alone runs the program as a launcher would start it, but without one.
func alone(t *testing.T, environment ...string) string {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	c := exec.Command(program)
	c.Env = append(append(ChildEnvironment(os.Environ()), childCase+"=none", childFolder+"="+t.TempDir()), environment...)
	out, err := c.CombinedOutput()
	require.ErrorContains(t, err, "exit status 3", string(out))
	return strings.TrimSpace(string(out))
}

func TestWrongLibrary(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, library), []byte("nothing"), 0o644))
	path := "LD_LIBRARY_PATH=" + folder
	out := alone(t, path, "OMPI_COMM_WORLD_RANK=1", "OMPI_COMM_WORLD_SIZE=2")
	assert.Contains(t, out, "mpirun has started 2 processes, but Open MPI's library cannot be opened: ")
	assert.Contains(t, out, "; install Open MPI 4.1 or 5 (Debian: openmpi-bin), or set LD_LIBRARY_PATH")

	made, err := exec.Command("gcc", "-shared", "-o", filepath.Join(folder, library), "-x", "c", os.DevNull).CombinedOutput()
	require.NoError(t, err, string(made))
	out = alone(t, path, "PMI_RANK=1", "PMI_SIZE=2")
	assert.Contains(t, out, "a launcher with PMI has started 2 processes, but libmpi.so.40 has no ")
	assert.Contains(t, out, ": it is not Open MPI's library")
}

func TestLauncherOfAnotherMPI(t *testing.T) {
	if _, err := exec.LookPath("mpirun"); err != nil {
		t.Skip("mpirun not found: install Open MPI (Debian: openmpi-bin)")
	}
	// Without a launcher of its own, Open MPI takes each process for the only one.
	out := alone(t, "PMI_RANK=1", "PMI_SIZE=2", "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1")
	assert.Contains(t, out, "a launcher with PMI says that this is rank 1 of 2, Open MPI says rank 0 of 1: "+
		"the launcher is not of the Open MPI that libmpi.so.40 belongs to")
}
