#!/bin/bash
# Installs the packages where nothing else is, and compares what `detect` prints there with what the program built from source prints:
#
#     UBUNTU=http://MIRROR/ubuntu packaging/try.sh build/release bin/scalenet bookworm trixie jammy noble
#
# SUITE is a release of Debian or Ubuntu, whose base system is installed below build/chroots (debootstrap, as root). The .deb is installed
# in it without a network, used, and removed; then the tar.gz is unpacked there. The wheel is installed in a fresh virtual environment of this system.
set -euo pipefail
if [ $# -lt 3 ]; then
	echo "usage: packaging/try.sh PACKAGES PROGRAM SUITE..." >&2
	exit 2
fi
packages=$(cd "$1" && pwd)
program=$(realpath "$2")
shift 2
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
models=(bccd everyday)
mkdir "$work/images"
cp examples/*.jpg "$work/images/"
for model in "${models[@]}"; do
	(cd "$work" && "$program" detect --json --model "$OLDPWD/models/$model.safetensors" images) >"$work/$model.json" 2>/dev/null
	[ -s "$work/$model.json" ] || { echo "try.sh: $program found nothing in examples/" >&2; exit 1; }
done

# same WHERE: compare the outputs of a place.
same() {
	for model in "${models[@]}"; do
		cmp "$work/$model.json" "$work/out-$model.json" || { echo "try.sh: $1: detect --model $model prints other bytes" >&2; exit 1; }
	done
	echo "$1: the bytes of the build from source"
}

# base SUITE: print the folder of a base system.
base() {
	local root=build/chroots/$1 from script=sid
	. /etc/os-release
	from=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' | sed -n "s/^$VERSION_CODENAME //p" | head -n 1)
	case "$1" in
	jammy | noble) from=${UBUNTU:?the address of an Ubuntu mirror} script=gutsy ;; # the scripts of all newer releases; without Ubuntu's keys, unchecked
	esac
	if [ ! -e "$root/complete" ]; then
		rm -rf "$root"
		mkdir -p build/chroots
		debootstrap --variant=minbase "$1" "$root" "$from" "/usr/share/debootstrap/scripts/$script" >"$work/log" 2>&1 || {
			tail -n 5 "$work/log" >&2
			echo "try.sh: debootstrap of $1 failed" >&2
			return 1
		}
		touch "$root/complete"
	fi
	echo "$root"
}

# inside SUITE COMMAND: run a shell command in a base system, with its own /proc (the loader finds lib/scalenet by it) and no network.
inside() { unshare --mount --pid --net --fork --root="build/chroots/$1" --mount-proc sh -c "$2"; }

for suite in "$@"; do
	root=$(base "$suite")
	rm -rf "$root/try"
	mkdir -p "$root/try"
	cp -r "$work/images" "$packages"/*.deb "$packages"/*.tar.gz "$root/try/"
	inside "$suite" 'dpkg -P scalenet' >/dev/null 2>&1 || true # of a run that was stopped
	(cd "$root" && find . -xdev -path ./try -prune -o -path ./var -prune -o -path ./proc -prune -o -print | sort) >"$work/before"
	inside "$suite" 'dpkg -i /try/*.deb' >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
	for model in "${models[@]}"; do
		inside "$suite" "cd /try && scalenet detect --json --model /usr/share/scalenet/models/$model.safetensors images" >"$work/out-$model.json" 2>"$work/log" ||
			{ cat "$work/log" >&2; exit 1; }
	done
	same "$suite, .deb"
	inside "$suite" 'scalenet --version && dpkg -S /usr/bin/scalenet && dpkg --verify scalenet' >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
	inside "$suite" 'dpkg -P scalenet' >/dev/null
	(cd "$root" && find . -xdev -path ./try -prune -o -path ./var -prune -o -path ./proc -prune -o -print | sort) >"$work/after"
	diff "$work/before" "$work/after" || { echo "try.sh: $suite: removing the package leaves files" >&2; exit 1; }

	inside "$suite" 'cd /try && tar xzf *.tar.gz' # by root, who has /try to itself
	for model in "${models[@]}"; do
		inside "$suite" "cd /try && scalenet-*/bin/scalenet detect --json --model scalenet-*/share/scalenet/models/$model.safetensors images" \
			>"$work/out-$model.json" 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
	done
	same "$suite, tar.gz"
	rm -rf "$root/try"
done

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-index "$packages"/*.whl
for model in "${models[@]}"; do
	(cd "$work" && venv/bin/scalenet detect --json --model "venv/share/scalenet/models/$model.safetensors" images) >"$work/out-$model.json" 2>/dev/null
done
same "wheel"
# Exit status and streams of an error.
status=0
"$work/venv/bin/scalenet" detect --trheshold 1 x >"$work/stdout" 2>"$work/stderr" || status=$?
wanted=0
"$program" detect --trheshold 1 x >"$work/stdout.wanted" 2>"$work/stderr.wanted" || wanted=$?
[ $status = $wanted ] && cmp "$work/stdout" "$work/stdout.wanted" && cmp "$work/stderr" "$work/stderr.wanted"
"$work/venv/bin/pip" uninstall --quiet --yes scalenet-detector
left=$(find "$work/venv" -iname '*scalenet*')
[ -z "$left" ] || { echo "try.sh: uninstalling the wheel leaves $left" >&2; exit 1; }
