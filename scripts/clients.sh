#!/bin/sh
# Installs clients of compatible APIs (deepstack-sdk, codeproject-ai-api and tritonclient from PyPI, pinned in clients.txt) into a
# folder, for the tests that run them against our server:
#
#     scripts/clients.sh build/clients && PYTHONPATH=build/clients python3 -c 'import tritonclient.http'
#
# Installs pip if missing. Does nothing if the folder is complete.
set -eu
if [ $# -ne 1 ]; then
	echo "usage: scripts/clients.sh FOLDER" >&2
	exit 2
fi
scripts=$(dirname "$0")
complete=$1/complete-$(sha256sum "$scripts/clients.txt" | cut -c1-12)
[ ! -e "$complete" ] || exit 0
"$scripts/install.sh" --pip
mkdir -p "$1"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! pip3 install --quiet --disable-pip-version-check --no-deps --upgrade --target "$1" -r "$scripts/clients.txt" >"$log" 2>&1; then
	tail -n 5 "$log" >&2
	echo "clients.sh: pip could not install what $scripts/clients.txt lists" >&2
	exit 1
fi
touch "$complete"
