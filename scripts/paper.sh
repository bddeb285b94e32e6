#!/usr/bin/env bash
# The paper's Tables 3 and 6 in miniature: ResNet, evenly allocated ScaleNet, the seed network, and the ScaleNet allocated from it, with
# the same multiply-adds and schedule, as classifiers on Tiny ImageNet, then as backbones of Faster R-CNN. Each step can be stopped with
# Ctrl-C and is resumed by the same command.
#
#     scripts/paper.sh data tiny-imagenet-200     arranges the unpacked data set as class folders (links, no copies)
#     scripts/paper.sh networks                   writes the networks: resnet, seed, even
#     scripts/paper.sh train seed                 trains a network: seed, even, resnet, or after the step allocate: allocated
#     scripts/paper.sh allocate                   allocates from the trained seed network
#     scripts/paper.sh table                      compares the trained networks
#     scripts/paper.sh detector allocated FOLDER  trains a detector around a trained network on FOLDER (images, train.json, val.json), and evaluates it
#     scripts/paper.sh --scale full               prints the commands of the paper's own scale: ImageNet and COCO on eight GPUs
#
# Settings: WORK (default runs/paper), PROGRAM (bin/scalenet), SEED (1), EPOCHS (15; 12 for a detector), THREADS (1), PRECISION (float32;
# bfloat16 on CPUs that have it).
set -euo pipefail
cd "$(dirname "$0")/.."
WORK=${WORK:-runs/paper} PROGRAM=${PROGRAM:-bin/scalenet} SEED=${SEED:-1} THREADS=${THREADS:-1} PRECISION=${PRECISION:-float32}
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
	"$PROGRAM" classify train --data "$WORK/tiny" --preset bccd --config "$WORK/$1.yaml" --set train.epochs="${EPOCHS:-15}" --set train.eval_epochs=3 --set input.size=$side --set input.test_resize=$test_resize \
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

# detector NAME FOLDER: the schedule and the settings are the same for every backbone. The last epoch counts, so that nothing is chosen on val.
detector() {
	local out=$WORK/detector-$1-$SEED data=$2 resume=()
	[ -f "$WORK/$1/last.safetensors" ] || fail "$WORK/$1/last.safetensors is not there: train $1 first"
	[ ! -f "$out/state.safetensors" ] || resume=(--resume)
	"$PROGRAM" train --train "$data/train.json" --train-images "$data/images" --val "$data/val.json" --val-images "$data/images" --preset fpn_small \
		--config "$WORK/$1.yaml" --init "$WORK/$1/last.safetensors" --set neck.extra_level=true --set 'rpn.anchors.sizes=[24,48,96,192]' \
		--set 'input={shorter: [288], longest: 480, test_shorter: 288, test_longest: 480, flip_vertical: false, brightness: 0.3, contrast: 0.3, saturation: 0.3, hue: 0.02, scale_jitter: [0.6, 1.5]}' \
		--set train.epochs="${EPOCHS:-12}" --set train.lr=0.02 --set train.ema_decay=0.998 --set train.eval_epochs=4 --set train.save_steps=400 \
		--set train.seed="$SEED" --set train.precision="$PRECISION" --threads "$THREADS" --out "$out" "${resume[@]}"
	"$PROGRAM" eval --model "$out/last.safetensors" --data "$data/val.json" --images "$data/images"
}

# full prints the same chain for ImageNet (class folders train, val) and COCO. One process a GPU: the batches are those of the paper.
full() {
	local classifier detector name backbone size
	classifier="mpirun -np 8 scalenet classify train --device cuda --data imagenet --preset imagenet --set batch=32 --set train.accumulate=8 --set train.precision=bfloat16"
	detector=("mpirun -np 8 scalenet train --device cuda --preset paper --train instances_train2017.json --train-images train2017"
		"--val instances_val2017.json --val-images val2017 --set batch=2 --set train.accumulate=8 --set train.precision=bfloat16")
	cat <<-END
		# the networks (Table 3)
		scalenet allocate seed --model scalenet50 --out seed.json
		$classifier --set backbone.name=scalenet50 --set backbone.structure_file=seed.json --out runs/seed
		scalenet allocate --seed runs/seed/last.safetensors --budget neurons --neurons 88,175,349,697 --out allocated.json --plots plots
		scalenet allocate --even --model scalenet50 --budget neurons --neurons 88,175,349,697 --out even.json
		$classifier --set backbone.name=scalenet50 --set backbone.structure_file=allocated.json --out runs/allocated
		$classifier --set backbone.name=scalenet50 --set backbone.structure_file=even.json --out runs/even
		$classifier --set backbone.name=resnet50 --out runs/resnet
		scalenet curves --out curves.png runs/resnet runs/even runs/allocated runs/seed

		# the detectors (Table 6)
	END
	for name in resnet even allocated; do
		backbone="--set backbone.name=scalenet50 --set backbone.structure_file=$name.json"
		[ $name != resnet ] || backbone="--set backbone.name=resnet50"
		printf '%s \\\n    %s \\\n    %s --init runs/%s/last.safetensors --out runs/coco-%s\n' "${detector[@]}" "$backbone" $name $name
		for size in 600/1000 800/1200; do
			echo "mpirun -np 8 scalenet eval --device cuda --model runs/coco-$name/last.safetensors --data instances_val2017.json --images val2017 --size $size"
		done
	done
}

case "${1:-} ${#}" in
"data 2" | "train 2") "$1" "$2" ;;
"detector 3") detector "$2" "$3" ;;
"networks 1" | "allocate 1" | "table 1") "$1" ;;
"--scale 2") [ "$2" = full ] && full || fail "--scale $2: want full" ;;
*) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2 ;;
esac
