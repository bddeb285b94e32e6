#!/bin/sh
# Fetches a file of an npm package (pinned, checked) into a folder, for tests:
#
#     scripts/npm.sh axe-core@4.11.0 axe.min.js SHA256 build/axe
set -eu
if [ $# -ne 4 ]; then
	echo "usage: scripts/npm.sh PACKAGE@VERSION FILE SHA256 FOLDER" >&2
	exit 2
fi
package=$1 file=$2 sum=$3 folder=$4
target=$folder/$(basename "$file")
check() { echo "$sum  $1" | sha256sum --check --status; }
if [ -e "$target" ] && check "$target"; then
	exit 0
fi
command -v npm >/dev/null 2>&1 || { echo "npm.sh: npm is needed to fetch $package" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
archive=$(npm pack --silent --pack-destination "$work" "$package")
tar -xzf "$work/$archive" -C "$work" "package/$file"
check "$work/package/$file" || { echo "npm.sh: $package: $file is not that which was pinned" >&2; exit 1; }
mkdir -p "$folder"
mv "$work/package/$file" "$target"
