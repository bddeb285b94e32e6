#!/bin/sh
# Measures `scalenet data audit` on a data set with damaged labels:
#
#     scripts/audit.sh DATA OUT [BUDGET [PERCENT [PARTS]]]
#
# PERCENT (5) of the labels of DATA's part $SPLIT (train) are damaged (internal/audit/testdata/damage.py). The audit of these labels, with models
# that it trains on them for BUDGET (30m), is compared with what was damaged. The same detections audit the labels as published, to count
# their own mistakes apart. A stopped run goes on where it was. $SCALENET is the program (bin/scalenet).
set -eu
if [ $# -lt 2 ]; then
	sed -n '2,8p' "$0" >&2
	exit 2
fi
data=$1 out=$2 budget=${3:-30m} percent=${4:-5} parts=${5:-2} split=${SPLIT:-train}
scalenet=${SCALENET:-bin/scalenet} damage=$(dirname "$0")/../internal/audit/testdata/damage.py
mkdir -p "$out"
coco=$out/coco
[ -e "$coco" ] || "$scalenet" data convert "$data" "$coco" --to coco --split "$split"
gt=$coco/instances_$split.json
[ -e "$out/truth.json" ] || python3 "$damage" damage "$gt" "$coco/damaged.json" "$out/truth.json" "$percent"
"$scalenet" data audit --force --top 0 --parts "$parts" --budget "$budget" --out "$out/audit" "$coco/damaged.json"
found=
for part in $(seq "$parts"); do
	found="$found --results $out/audit/part-$part/detections.json"
done
# shellcheck disable=SC2086 # the flags
"$scalenet" data audit --force --top 0 $found --out "$out/audit-published" "$gt"
python3 "$damage" score "$out/truth.json" "$out/audit/audit.json" "$out/audit-published/audit.json"
