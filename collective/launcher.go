package collective

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// launch is what a launcher has told this process.
type launch struct {
	by                   string // for messages
	rank, size           int
	localRank, localSize int // localSize is 0 if the launcher does not tell
}

// launchers are the variables by which a process knows its place, in the order in which they are believed: mpirun inside a job of Slurm sets its
// own beside Slurm's.
func launchers() []struct{ by, rank, size string } {
	return []struct{ by, rank, size string }{
		{"mpirun", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
		{"a launcher with PMI", "PMI_RANK", "PMI_SIZE"},
		{"srun --mpi=pmix", "PMIX_RANK", "SLURM_STEP_NUM_TASKS"},
	}
}

// launchedBy reads the environment. Without a launcher the size is 1.
func launchedBy(getenv func(string) string) (launch, error) {
	number := func(name string) (int, error) {
		n, err := strconv.Atoi(getenv(name))
		if err != nil || n < 0 {
			return 0, fmt.Errorf("the environment variable %s is %q, not a number", name, getenv(name))
		}
		return n, nil
	}
	for _, l := range launchers() {
		if getenv(l.rank) == "" || getenv(l.size) == "" {
			continue
		}
		rank, err := number(l.rank)
		size, err2 := number(l.size)
		if err := errors.Join(err, err2); err != nil {
			return launch{}, err
		}
		if rank >= size {
			return launch{}, fmt.Errorf("the environment says rank %d of %d (%s, %s)", rank, size, l.rank, l.size)
		}
		found := launch{by: l.by, rank: rank, size: size}
		if getenv("OMPI_COMM_WORLD_LOCAL_SIZE") != "" && getenv("OMPI_COMM_WORLD_LOCAL_RANK") != "" {
			found.localRank, err = number("OMPI_COMM_WORLD_LOCAL_RANK")
			found.localSize, err2 = number("OMPI_COMM_WORLD_LOCAL_SIZE")
		}
		return found, errors.Join(err, err2)
	}
	// Slurm sets its numbers with any kind of MPI and with none. Where a step has several tasks, each would train for itself.
	if tasks := getenv("SLURM_STEP_NUM_TASKS"); tasks != "" && tasks != "1" {
		return launch{}, fmt.Errorf("srun has started %s processes that do not know each other: start them with srun --mpi=pmix", tasks)
	}
	return launch{by: "no launcher", size: 1}, nil
}

// ChildEnvironment returns the environment (os.Environ) without the variables by which a child process could take part in this process's group:
// MPI in a child would take the parent's place, and the parent would crash. Use it for every command that is started.
func ChildEnvironment(environ []string) []string {
	var kept []string
next:
	for _, variable := range environ {
		for _, prefix := range []string{"OMPI_", "PMIX_", "PMI_", "PRTE_"} {
			if strings.HasPrefix(variable, prefix) {
				continue next
			}
		}
		kept = append(kept, variable)
	}
	return kept
}
