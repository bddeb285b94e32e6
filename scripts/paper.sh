#!/usr/bin/env bash
# The classifiers of the paper's Table 3 in miniature, on Tiny ImageNet: ResNet, evenly allocated ScaleNet, the seed network, and the
# ScaleNet allocated from it, with the same multiply-adds and schedule. Each step can be stopped with Ctrl-C and is resumed by the same command.
#
#     scripts/paper.sh data tiny-imagenet-200     arranges the unpacked data set as class folders (links, no copies)
#     scripts/paper.sh networks                   writes the networks: resnet, seed, even
#     scripts/paper.sh train seed                 trains a network: seed, even, resnet, or after the step allocate: allocated
#     scripts/paper.sh allocate                   allocates from the trained seed network
#     scripts/paper.sh table                      compares the trained networks
#
# Settings: WORK (default runs/paper), PROGRAM (bin/scalenet), SEED (1), EPOCHS (15), THREADS (1), PRECISION (float32; bfloat16 on CPUs that have it).
set -euo pipefail
cd "$(dirname "$0")/.."
WORK=${WORK:-runs/paper} PROGRAM=${PROGRAM:-bin/scalenet} SEED=${SEED:-1} EPOCHS=${EPOCHS:-15} THREADS=${THREADS:-1} PRECISION=${PRECISION:-float32}
test_resize=110 side=96 # of the enlarged images: the features of the four stages then have sides 24, 12, 6 and 3, which scales 1, 2 and 3 divide
mkdir -p "$WORK"

fail() { echo "paper.sh: $*" >&2; exit 1; }

# data SOURCE: train/CLASS/images/* and val/images/* with a list become train/CLASS/* and val/CLASS/*.
data() {
	local source=$1 class file label
	[ -f "$source/val/val_annotations.txt" ] || fail "$source: val/val_annotations.txt is not there; want the unpacked tiny-imagenet-200"
	[ ! -e "$WORK/tiny" ] || fail "$WORK/tiny: is there already"
	source=$(cd "$source" && pwd)
	mkdir -p "$WORK/tiny.part/train" "$WORK/tiny.part/val"
	for class in "$source"/train/*/; do
		ln -s "${class}images" "$WORK/tiny.part/train/$(basename "$class")"
	done
	while IFS=$'\t' read -r file label _; do
		mkdir -p "$WORK/tiny.part/val/$label"
		ln -s "$source/val/images/$file" "$WORK/tiny.part/val/$label/$file"
	done <"$source/val/val_annotations.txt"
	mv "$WORK/tiny.part" "$WORK/tiny"
}

# shape NAME: the part of a configuration that all networks share.
shape() { printf 'name: %s\nstem: {channels: 32, kernel: 3}\nblocks: [2, 2, 2, 2]\nplanes: [16, 32, 64, 128]\n' "$1"; }

# network NAME STRUCTURE: a ScaleNet with three scales and an allocation, as `classify train --config` reads it.
network() { { echo "backbone:"; { shape scalenet; echo "scales: [1, 2, 3]"; echo "structure_file: $2"; } | sed 's/^/  /'; } >"$WORK/$1.yaml"; }

networks() {
	{ shape scalenet; echo "scales: [1, 2, 3]"; } >"$WORK/scalenet.yaml"
	"$PROGRAM" allocate seed --model "$WORK/scalenet.yaml" --size $side --out "$WORK/seed.json" --force
	"$PROGRAM" allocate --even --model "$WORK/scalenet.yaml" --budget block --size $side --out "$WORK/even.json" --force
	network seed "$WORK/seed.json"
	network even "$WORK/even.json"
	{ echo "backbone:"; { shape resnet; echo "structure: null"; } | sed 's/^/  /'; } >"$WORK/resnet.yaml" # the preset has one
}

allocate() {
	[ -f "$WORK/seed/last.safetensors" ] || fail "$WORK/seed/last.safetensors is not there: train the seed first"
	"$PROGRAM" allocate --seed "$WORK/seed/last.safetensors" --budget block --out "$WORK/allocated.json" --plots "$WORK/allocation" --force
	network allocated "$WORK/allocated.json"
}

train() {
	[ -f "$WORK/$1.yaml" ] || fail "$WORK/$1.yaml is not there: run the step networks, or allocate"
	local out=$WORK/$1 resume=()
	[ ! -f "$out/state.safetensors" ] || resume=(--resume)
	"$PROGRAM" classify train --data "$WORK/tiny" --preset bccd --config "$WORK/$1.yaml" --set train.epochs="$EPOCHS" --set train.eval_epochs=3 --set input.size=$side --set input.test_resize=$test_resize \
		--set train.save_steps=400 --set train.seed="$SEED" --set train.precision="$PRECISION" --threads "$THREADS" --out "$out" "${resume[@]}"
}

table() {
	local runs=() name
	for name in resnet even allocated seed; do
		[ ! -f "$WORK/$name/eval.csv" ] || runs+=("$WORK/$name")
	done
	[ ${#runs[@]} -gt 0 ] || fail "$WORK: nothing is trained yet"
	"$PROGRAM" curves --out "$WORK/curves.png" --force "${runs[@]}"
}

case "${1:-} ${#}" in
"data 2" | "train 2") "$1" "$2" ;;
"networks 1" | "allocate 1" | "table 1") "$1" ;;
*) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2 ;;
esac
