#!/bin/sh
# Converts a data set to the formats of labelling tools and compares what datumaro and Label Studio's converter read of it with the
# COCO file of the same boxes: scripts/check-labels.sh [DATA [SPLIT]]. $PYTHON has the packages of coco/testdata/labels/requirements.txt.
set -eu
cd "$(dirname "$0")/.."
data=${1:-../shared/data/bccd} split=${2:-val}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
for to in coco cvat labelstudio openimages labelme; do
	bin/scalenet data convert "$data" "$out/$to" --to "$to" --split "$split" --as val --names 0
done
"${PYTHON:-python3}" coco/testdata/check_labels.py "$out"
