#!/usr/bin/env bash
# Gives the module the path under which it is published, in place:
#
#     scripts/module-path.sh example.com/me/scalenet
#
# It changes go.mod and every import in the Go files that git knows. Then other modules can require it: `go get example.com/me/scalenet/detector@v1.2.3`.
set -euo pipefail
cd "$(dirname "$0")/.."
to=${1:-}
if [ $# -ne 1 ] || ! [[ $to =~ ^[a-z0-9.-]+\.[a-z]+(/[A-Za-z0-9._~-]+)+$ ]]; then
	echo "usage: scripts/module-path.sh PATH, such as example.com/me/scalenet" >&2
	exit 2
fi
from=$(sed -n 's/^module //p' go.mod)
if [ "$from" = "$to" ]; then
	echo "scripts/module-path.sh: the module's path is $to already" >&2
	exit 0
fi
sed -i "s|^module .*|module $to|" go.mod
git ls-files -z '*.go' Makefile | xargs -0 sed -i -e "s|\"$from/|\"$to/|g" -e "s|-coverpkg=$from/|-coverpkg=$to/|"
echo "module $to: $(git ls-files '*.go' | wc -l) Go files"
