#!/bin/bash
# sbatch deploy/slurm-eval.sh: an evaluation in 16 parts, each a task of its own. Afterwards:
#
#     scalenet merge --out results.json /shared/parts/*-of-16
#     scalenet coco eval --gt instances_val2017.json --dt results.json
#SBATCH --job-name=scalenet-eval
#SBATCH --array=0-15
#SBATCH --cpus-per-task=8
#SBATCH --time=01:00:00
#SBATCH --requeue
#SBATCH --output=scalenet-eval-%A-%a.log
set -euo pipefail
part=/shared/parts/$SLURM_ARRAY_TASK_ID-of-16
resume=()
[ ! -e "$part.partial" ] || resume=(--resume) # the task was queued again
mkdir -p /shared/parts
scalenet eval --model /shared/model.safetensors --data /shared/instances_val2017.json --images /shared/val2017 \
	--shard "$SLURM_ARRAY_TASK_ID/16" --results "$part" --threads "$SLURM_CPUS_PER_TASK" "${resume[@]}"
