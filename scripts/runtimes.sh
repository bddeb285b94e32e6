#!/bin/sh
# Installs ONNX Runtime and OpenVINO (PyPI, pinned in runtimes.txt) into a folder, for the test that runs exported models in them:
#
#     scripts/runtimes.sh build/runtimes && PYTHONPATH=build/runtimes python3 -c "import onnxruntime"
#
# Installs pip if missing. Does nothing if the folder is complete.
set -eu
if [ $# -ne 1 ]; then
	echo "usage: scripts/runtimes.sh FOLDER" >&2
	exit 2
fi
scripts=$(dirname "$0")
complete=$1/complete-$(sha256sum "$scripts/runtimes.txt" | cut -c1-12)
[ ! -e "$complete" ] || exit 0
"$scripts/install.sh" --pip
mkdir -p "$1"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! pip3 install --quiet --disable-pip-version-check --upgrade --target "$1" -r "$scripts/runtimes.txt" >"$log" 2>&1; then
	tail -n 5 "$log" >&2
	echo "runtimes.sh: pip could not install what $scripts/runtimes.txt lists" >&2
	exit 1
fi
touch "$complete"
