#!/bin/sh
# Installs the packages of a list (PyPI, pinned) into a folder, for tests that compare with them or run them:
#
#     scripts/pypi.sh scripts/clients.txt build/clients --no-deps && PYTHONPATH=build/clients python3 -c 'import tritonclient.http'
#
# Further arguments are pip's. Installs pip if missing. Does nothing if the folder is complete.
set -eu
if [ $# -lt 2 ]; then
	echo "usage: scripts/pypi.sh LIST FOLDER [PIP-OPTION...]" >&2
	exit 2
fi
list=$1 folder=$2
shift 2
complete=$folder/complete-$(sha256sum "$list" | cut -c1-12)
[ ! -e "$complete" ] || exit 0
"$(dirname "$0")/install.sh" --pip
mkdir -p "$folder"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! pip3 install --quiet --disable-pip-version-check --upgrade --target "$folder" "$@" -r "$list" >"$log" 2>&1; then
	tail -n 5 "$log" >&2
	echo "pypi.sh: pip could not install what $list lists" >&2
	exit 1
fi
touch "$complete"
