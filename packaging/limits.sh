#!/bin/bash
# Checks the tree and the packages of scripts/release.sh:
#   - no symbol of glibc is newer than 2.35 (Ubuntu 22.04), of libstdc++ than 3.4.30
#   - no other library is needed than those that every Debian and Ubuntu has, and those in lib/scalenet
#   - no package is larger than 60 MB
set -euo pipefail
shopt -s nullglob
if [ $# -ne 2 ]; then
	echo "usage: packaging/limits.sh TREE PACKAGES" >&2
	exit 2
fi
wrong=0
complain() {
	echo "limits.sh: $1" >&2
	wrong=1
}
# newest NAME FILE: the newest version of NAME that the file's undefined symbols ask for.
newest() { objdump -T "$2" | sed -n "s/.*\*UND\*.*(\?$1_\([0-9.]*\)).*/\1/p" | sort -Vu | tail -n 1; }
system="libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1 libstdc++.so.6 libgcc_s.so.1 ld-linux-x86-64.so.2"
for file in "$1/bin/scalenet" "$1"/lib/scalenet/*; do
	while read -r name most; do
		found=$(newest "$name" "$file")
		[ "$(printf '%s\n%s\n' "$found" "$most" | sort -V | tail -n 1)" = "$most" ] ||
			complain "$file needs ${name}_$found: $(objdump -T "$file" | grep "${name}_$found" | awk '{ print $NF }' | head -n 5 | xargs); at most ${name}_$most"
	done <<<$'GLIBC 2.35\nGLIBCXX 3.4.30\nCXXABI 1.3.13'
	for library in $(objdump -p "$file" | awk '/NEEDED/ { print $2 }'); do
		[ -e "$1/lib/scalenet/$library" ] || grep -qw -- "$library" <<<"$system" || complain "$file needs $library, which is not in the package"
	done
done
for package in "$2"/*.tar.gz "$2"/*.deb "$2"/*.whl; do
	bytes=$(stat -c %s "$package")
	[ "$bytes" -le 60000000 ] || complain "$package has $bytes bytes, at most 60000000"
done
exit $wrong
