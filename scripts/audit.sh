#!/bin/sh
# Measures `scalenet data audit` on a data set with damaged labels:
#
#     scripts/audit.sh DATA OUT [BUDGET [PERCENT]]
#
# PERCENT of the labels of DATA's part $SPLIT (train) are damaged (internal/audit/testdata/damage.py). The images are split in halves, a model
# is trained on each with its damaged labels for BUDGET (15m) and judges the other half, and the audit of all images is compared with
# what was damaged. The same detections audit the labels as published, to count their own mistakes apart. A stopped run goes on where
# it was. $SCALENET is the program (bin/scalenet).
set -eu
if [ $# -lt 2 ]; then
	sed -n '2,9p' "$0" >&2
	exit 2
fi
data=$1 out=$2 budget=${3:-15m} percent=${4:-5} split=${SPLIT:-train}
scalenet=${SCALENET:-bin/scalenet} damage=$(dirname "$0")/../internal/audit/testdata/damage.py
mkdir -p "$out"
coco=$out/coco
[ -e "$coco" ] || "$scalenet" data convert "$data" "$coco" --to coco --split "$split"
gt=$coco/instances_$split.json
[ -e "$out/truth.json" ] || python3 "$damage" damage "$gt" "$coco/damaged.json" "$out/truth.json" "$percent"
[ -e "$coco/b.json" ] || "$scalenet" data split --force --first "$coco/a.json" --second "$coco/b.json" --fraction 0.5 "$coco/damaged.json"
for half in a b; do
	other=$(echo "$half" | tr ab ba)
	if [ -e "$out/$half/state.safetensors" ] && [ ! -e "$out/$half.trained" ]; then
		"$scalenet" train --resume --out "$out/$half"
	elif [ ! -e "$out/$half.trained" ]; then
		"$scalenet" train --data "$coco/$half.json" --budget "$budget" --out "$out/$half"
	fi
	touch "$out/$half.trained"
	[ -e "$out/$other-judged.json" ] || "$scalenet" eval --model "$out/$half/best.safetensors" --data "$coco/$other.json" --results "$out/$other-judged.json"
done
for labels in damaged "instances_$split"; do
	"$scalenet" data audit --force --top 0 --results "$out/a-judged.json" --results "$out/b-judged.json" --out "$out/audit-$labels" "$coco/$labels.json"
done
python3 "$damage" score "$out/truth.json" "$out/audit-damaged/audit.json" "$out/audit-instances_$split/audit.json"
