#!/bin/bash
# sbatch deploy/slurm.sh: a training on 4 nodes with 2 processes each, which saves before the time limit and is queued again.
#
# The program, the data and the folder of the run are on a file system that all nodes share. Slurm has to be built with PMIx (srun --mpi=list).
#SBATCH --job-name=scalenet
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=2
#SBATCH --cpus-per-task=8
#SBATCH --time=04:00:00
#SBATCH --signal=B:USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=scalenet-%j.log
set -euo pipefail
data=${DATA:-/shared/data}
out=${OUT:-/shared/runs/own}

# 300 s before the limit Slurm sends SIGUSR1 to this script. srun passes it on to all processes, which save. Then the job is queued again.
again() {
	kill -USR1 "$step"
	sleep 120
	scontrol requeue "$SLURM_JOB_ID"
}
trap again USR1

resume=()
[ ! -e "$out" ] || resume=(--resume)
srun --mpi=pmix scalenet train --data "$data" --set batch=2 --set train.accumulate=8 \
	--threads "$SLURM_CPUS_PER_TASK" --out "$out" "${resume[@]}" &
step=$!
status=0
wait "$step" || status=$?
while kill -0 "$step" 2>/dev/null; do # the signal has ended wait
	status=0
	wait "$step" || status=$?
done
exit "$status"
