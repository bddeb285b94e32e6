package collective

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestLauncher(t *testing.T) {
	type variables map[string]string
	for _, c := range []struct {
		set  variables
		want launch
		err  string
	}{
		{want: launch{by: "no launcher", size: 1}},
		{set: variables{"OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_SIZE": "8", "OMPI_COMM_WORLD_LOCAL_RANK": "1", "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
			"PMIX_RANK": "3", "SLURM_STEP_NUM_TASKS": "2"}, want: launch{"mpirun", 3, 8, 1, 2}},
		{set: variables{"PMI_RANK": "1", "PMI_SIZE": "2"}, want: launch{by: "a launcher with PMI", rank: 1, size: 2}},
		{set: variables{"PMIX_RANK": "1", "SLURM_STEP_NUM_TASKS": "4"}, want: launch{by: "srun --mpi=pmix", rank: 1, size: 4}},
		{set: variables{"SLURM_PROCID": "0", "SLURM_NTASKS": "4"}, want: launch{by: "no launcher", size: 1}}, // a batch script
		{set: variables{"SLURM_STEP_NUM_TASKS": "1"}, want: launch{by: "no launcher", size: 1}},
		{set: variables{"SLURM_STEP_NUM_TASKS": "4"}, err: "srun has started 4 processes that do not know each other: start them with srun --mpi=pmix"},
		{set: variables{"PMI_RANK": "2", "PMI_SIZE": "2"}, err: "the environment says rank 2 of 2 (PMI_RANK, PMI_SIZE)"},
		{set: variables{"PMI_RANK": "x", "PMI_SIZE": "2"}, err: `the environment variable PMI_RANK is "x", not a number`},
	} {
		got, err := launchedBy(func(name string) string { return c.set[name] })
		if c.err != "" {
			assert.EqualError(t, err, c.err)
			continue
		}
		assert.NoError(t, err)
		assert.Equal(t, c.want, got)
	}
}

func TestChildEnvironment(t *testing.T) {
	assert.Equal(t, []string{"PATH=/bin", "SLURM_JOB_ID=1", "COMPILE=1"}, ChildEnvironment([]string{
		"PATH=/bin", "OMPI_COMM_WORLD_RANK=1", "PMIX_RANK=1", "PMI_RANK=1", "SLURM_JOB_ID=1", "PRTE_X=", "COMPILE=1"}))
}
