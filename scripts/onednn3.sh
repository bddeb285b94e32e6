#!/bin/sh
# Installs oneDNN 3.2 (PyPI's onednn-cpu-gomp and onednn-devel-cpu-gomp 2023.2.0) into a folder, to build against instead of
# oneDNN 2.6 of the system:
#
#     scripts/onednn3.sh build/onednn3 && ONEDNN_ROOT=$PWD/build/onednn3 && export ONEDNN_ROOT && . scripts/env.sh
#
# Installs pip if missing. Does nothing if the folder is complete.
set -eu
if [ $# -ne 1 ]; then
	echo "usage: scripts/onednn3.sh FOLDER" >&2
	exit 2
fi
version=2023.2.0
mkdir -p "$1"
root=$(cd "$1" && pwd)
if [ -e "$root/lib/libdnnl.so.3" ] && [ -e "$root/include/dnnl.hpp" ]; then
	exit 0
fi
"$(dirname "$0")/install.sh" --pip

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! pip3 download --quiet --disable-pip-version-check --no-deps --dest "$work" \
	"onednn-cpu-gomp==$version" "onednn-devel-cpu-gomp==$version" >"$work/log" 2>&1; then
	tail -n 5 "$work/log" >&2
	echo "onednn3.sh: pip could not download onednn-cpu-gomp and onednn-devel-cpu-gomp $version" >&2
	exit 1
fi
for wheel in "$work"/*.whl; do
	python3 -m zipfile -e "$wheel" "$work/unpacked"
done
mkdir -p "$root/lib"
for data in "$work"/unpacked/*.data/data; do
	if [ -d "$data/include" ]; then cp -R "$data/include" "$root/"; fi
	if [ -e "$data/lib/libdnnl.so.3" ]; then cp "$data/lib/libdnnl.so.3" "$root/lib/"; fi
done
ln -sf libdnnl.so.3 "$root/lib/libdnnl.so"
