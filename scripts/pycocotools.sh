#!/bin/sh
# Installs pycocotools and numpy (PyPI, pinned) into a folder, for the tests that compare the evaluator with it:
#
#     scripts/pycocotools.sh build/pycocotools && PYTHONPATH=build/pycocotools python3 -c 'import pycocotools'
#
# Installs pip if missing. Does nothing if the folder is complete.
set -eu
if [ $# -ne 1 ]; then
	echo "usage: scripts/pycocotools.sh FOLDER" >&2
	exit 2
fi
version=2.0.11 numpy=2.4.6
complete=$1/complete-$version-$numpy
[ ! -e "$complete" ] || exit 0
"$(dirname "$0")/install.sh" --pip
mkdir -p "$1"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! pip3 install --quiet --disable-pip-version-check --no-deps --upgrade --target "$1" \
	"pycocotools==$version" "numpy==$numpy" >"$log" 2>&1; then
	tail -n 5 "$log" >&2
	echo "pycocotools.sh: pip could not install pycocotools $version and numpy $numpy" >&2
	exit 1
fi
touch "$complete"
