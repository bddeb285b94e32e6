#!/usr/bin/env bash
# Which augmentations help: trainings of the same length that differ in one augmentation each, on one data set.
#
#     scripts/augmentation.sh train TRAIN.json VAL.json [NAME...]   trains the variants, or those named; one that was stopped goes on
#     scripts/augmentation.sh table                                 compares what is trained
#
# Settings: WORK (default runs/augmentation), PROGRAM (bin/scalenet), EPOCHS (40), SEEDS ("1"), INIT (a model to start from), THREADS (all).
set -euo pipefail
cd "$(dirname "$0")/.."
WORK=${WORK:-runs/augmentation} PROGRAM=${PROGRAM:-bin/scalenet} EPOCHS=${EPOCHS:-40} SEEDS=${SEEDS:-1} INIT=${INIT:-} THREADS=${THREADS:-0}

none=(input.flip_horizontal=false input.brightness=0 input.contrast=0 input.saturation=0 input.hue=0 input.scale_jitter=[] input.rotation=0 input.mosaic=0 input.repeat_threshold=0)
flip=(input.flip_horizontal=true)
colour=(input.brightness=0.3 input.contrast=0.3 input.saturation=0.3 input.hue=0.02)

# variant NAME: the settings of a variant, which come after those of none.
variant() {
	case $1 in
	none) ;;
	flip) echo "${flip[@]}" ;;
	colour) echo "${flip[@]}" "${colour[@]}" ;;
	jitter) echo "${flip[@]}" "input.scale_jitter=[0.6,1.5]" ;;
	wide-jitter) echo "${flip[@]}" "input.scale_jitter=[0.3,2]" ;;
	rotation) echo "${flip[@]}" input.rotation=10 ;;
	mosaic) echo "${flip[@]}" input.mosaic=0.5 "input.mosaic_epochs=$((EPOCHS * 4 / 5))" ;;
	repeat) echo "${flip[@]}" input.repeat_threshold=0.2 ;;
	colour-jitter) echo "${flip[@]}" "${colour[@]}" "input.scale_jitter=[0.6,1.5]" ;;
	all) echo "${flip[@]}" "${colour[@]}" "input.scale_jitter=[0.6,1.5]" input.rotation=10 input.mosaic=0.5 "input.mosaic_epochs=$((EPOCHS * 4 / 5))" ;;
	*) echo "augmentation.sh: no variant $1" >&2; return 1 ;;
	esac
}
variants="none flip colour jitter wide-jitter rotation mosaic repeat colour-jitter all"

run() { # TRAIN VAL NAME SEED
	local out=$WORK/$3-$4 set=() key settings
	if [ -f "$out/state.safetensors" ]; then
		"$PROGRAM" train --resume --out "$out" --threads "$THREADS"
		return
	fi
	settings=$(variant "$3")
	for key in "${none[@]}"; do
		[[ " $settings " == *" ${key%%=*}="* ]] || set+=(--set "$key")
	done
	for key in $settings; do set+=(--set "$key"); done
	"$PROGRAM" train --train "$1" --val "$2" ${INIT:+--init "$INIT"} --epochs "$EPOCHS" --set "train.seed=$4" "${set[@]}" --threads "$THREADS" --out "$out"
}

case "${1:-}" in
train)
	[ $# -ge 3 ] || { sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
	names=${*:4}
	for seed in $SEEDS; do
		for name in ${names:-$variants}; do run "$2" "$3" "$name" "$seed"; done
	done
	;;
table) "$PROGRAM" curves --out "$WORK/curves.png" --force "$WORK"/*-*/ ;;
*) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2 ;;
esac
