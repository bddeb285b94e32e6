#!/usr/bin/env bash
# Ways to allocate neurons, compared on CIFAR-100 at equal multiply-adds (ScaleNet-38; BLOCKS=2: with half its blocks, in half the time).
# Candidates are trained on 45,000 training images and judged on the other 5,000. The test part is for the one that is chosen, once. Each
# step can be stopped with Ctrl-C and is resumed by the same command.
#
#     scripts/allocation.sh data cifar-100-binary.tar.gz   splits the training part 45,000 + 5,000
#     scripts/allocation.sh screen [CANDIDATE...]          trains seed networks and candidates (all) on the 45,000
#     scripts/allocation.sh confirm CANDIDATE even         trains the two on all 50,000, one pair for each of SEEDS
#     scripts/allocation.sh table                          compares the screened networks
#     scripts/allocation.sh difference CANDIDATE           the mean difference of the pairs on the test part, with its 95 % interval
#
# Settings: WORK (default runs/allocation), PROGRAM (bin/scalenet), BLOCKS (of a stage: 4), EPOCHS (7; 20 to confirm), SEEDS ("1 2 3 4 5"),
# THREADS (1), PRECISION (bfloat16).
set -euo pipefail
cd "$(dirname "$0")/.."
WORK=${WORK:-runs/allocation} PROGRAM=${PROGRAM:-bin/scalenet} BLOCKS=${BLOCKS:-4} SEEDS=${SEEDS:-1 2 3 4 5} THREADS=${THREADS:-1} PRECISION=${PRECISION:-bfloat16}
record=3074 held_out=5000 # bytes of an image with its two labels
network="name: scalenet, stem: {channels: 16, kernel: 3, stride: 1}, blocks: [$BLOCKS, $BLOCKS, $BLOCKS], planes: [16, 32, 64], scales: [1, 2, 4]"
mkdir -p "$WORK"
echo "{$network}" >"$WORK/network.yaml"

fail() { echo "allocation.sh: $*" >&2; exit 1; }

data() { # ARCHIVE or folder
	local from=$1 kept=$((record * (50000 - held_out)))
	[ ! -e "$WORK/screen" ] || fail "$WORK/screen: is there already"
	if [ ! -d "$from" ]; then
		mkdir -p "$WORK/all"
		tar -C "$WORK/all" --strip-components=1 -xf "$1"
		from=$WORK/all
	fi
	[ "$(stat -c %s "$from/train.bin")" = $((record * 50000)) ] || fail "$from/train.bin: want the 50,000 images of CIFAR-100's binary version"
	[ -e "$WORK/all" ] || ln -s "$(cd "$from" && pwd)" "$WORK/all"
	mkdir "$WORK/screen.part"
	head -c $kept "$from/train.bin" >"$WORK/screen.part/train.bin"
	tail -c +$((kept + 1)) "$from/train.bin" >"$WORK/screen.part/test.bin"
	mv "$WORK/screen.part" "$WORK/screen"
}

# run OUT DATA EPOCHS SEED STRUCTURE [setting...]: trains the network with a structure unless that is done. The rate falls after half and three
# quarters of the epochs, as in the paper.
run() {
	local out=$1 data=$2 epochs=$3 seed=$4 structure=$5 set=() key resume=()
	for key in train.epochs="$epochs" "train.schedule.milestones=[$((epochs / 2)),$((epochs * 3 / 4))]" train.seed="$seed" train.precision="$PRECISION" train.eval_epochs=1 \
		"backbone={$network, structure_file: $structure}" "${@:6}"; do set+=(--set "$key"); done
	[ ! -f "$out/state.safetensors" ] || resume=(--resume)
	"$PROGRAM" classify train --data "$data" --preset cifar "${set[@]}" --threads "$THREADS" --out "$out" "${resume[@]}"
}

# seed NAME: the seed network without and with a penalty on gamma, or trained three times as long.
seed() {
	local epochs=${EPOCHS:-7} penalty=()
	case $1 in
	plain) ;;
	penalty) penalty=('train.groups=[{match: "*.bn2.*.weight", l1: 1.0e-4}]') ;;
	strong-penalty) penalty=('train.groups=[{match: "*.bn2.*.weight", l1: 1.0e-3}]') ;;
	long) epochs=$((epochs * 3)) ;;
	esac
	[ -f "$WORK/seed.json" ] || "$PROGRAM" allocate seed --model "$WORK/network.yaml" --size 32 --out "$WORK/seed.json"
	run "$WORK/seed-$1" "$WORK/screen" "$epochs" 1 "$WORK/seed.json" "${penalty[@]}"
}

# allocate CANDIDATE: writes CANDIDATE.json.
allocate() {
	local from=plain how=(--budget block)
	case $1 in
	gamma) ;; # the paper's
	output) how+=(--importance output) ;;
	loss) how+=(--importance loss --data "$WORK/screen" --threads "$THREADS") ;;
	gamma-b*) how+=(--exponent "${1#gamma-b}") ;;
	output-b*) how+=(--importance output --exponent "${1#output-b}") ;;
	loss-b*) how+=(--importance loss --data "$WORK/screen" --threads "$THREADS" --exponent "${1#loss-b}") ;;
	penalty | strong-penalty | long) from=$1 ;;
	macs) how=(--budget macs) ;;
	even) ;;
	*) fail "no candidate $1" ;;
	esac
	if [ "$1" = even ]; then
		"$PROGRAM" allocate --even --model "$WORK/network.yaml" --size 32 "${how[@]}" --out "$WORK/even.json" --force
		return
	fi
	seed $from
	"$PROGRAM" allocate --seed "$WORK/seed-$from/last.safetensors" "${how[@]}" --out "$WORK/$1.json" --force
}
candidates="even gamma output loss gamma-b0.05 gamma-b0.1 gamma-b0.25 gamma-b0.5 gamma-b1 penalty strong-penalty long"

screen() {
	local name
	for name in ${*:-$candidates}; do
		[ -f "$WORK/$name.json" ] || allocate "$name"
		run "$WORK/screen-$name" "$WORK/screen" "${EPOCHS:-7}" 1 "$WORK/$name.json"
	done
}

confirm() {
	local name s
	for s in $SEEDS; do
		for name in "$@"; do
			[ -f "$WORK/$name.json" ] || fail "$WORK/$name.json is not there: screen it first"
			run "$WORK/confirm-$name-$s" "$WORK/all" "${EPOCHS:-20}" "$s" "$WORK/$name.json"
		done
	done
}

table() { "$PROGRAM" curves --out "$WORK/curves.png" --force "$WORK"/screen-*/; }

# difference CANDIDATE: Student's t interval of the paired differences of top-1 after the last epoch.
difference() {
	python3 - "$WORK" "$1" "$SEEDS" <<'END'
import csv, math, statistics, sys
work, name, seeds = sys.argv[1], sys.argv[2], sys.argv[3].split()
T = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}
last = lambda n, s: 100 * float(list(csv.DictReader(open(f"{work}/confirm-{n}-{s}/eval.csv")))[-1]["top1"])
pairs = [(last(name, s), last("even", s)) for s in seeds]
for s, (a, b) in zip(seeds, pairs):
    print(f"seed {s}: {name} {a:.2f}, even {b:.2f}, difference {a - b:+.2f}")
d = [a - b for a, b in pairs]
print(f"mean {statistics.mean(d):+.2f}, 95 % interval +- {T[len(d)] * statistics.stdev(d) / math.sqrt(len(d)):.2f} points of top-1")
END
}

case "${1:-} ${#}" in
"data 2") data "$2" ;;
"screen "*) screen "${@:2}" ;;
"confirm "*) confirm "${@:2}" ;;
"difference 2") difference "$2" ;;
"table 1") table ;;
*) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2 ;;
esac
