#!/bin/sh
# Runs races.cc under ThreadSanitizer, if a compiler has it and the kernels have changed since it was last run:
#
#     engine/cuda/fake/races.sh build/cuda
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$(cd "$1" && pwd)
done=$folder/races-checked
if [ -e "$done" ] && [ -z "$(find "$here" "$here/../kernels" -newer "$done" -type f ! -name '*.ptx')" ]; then
	exit 0
fi
program=$folder/races
if ! echo 'int main() {}' | g++ -fsanitize=thread -x c++ - -o "$program" 2>/dev/null || ! setarch -R "$program" 2>/dev/null; then
	echo "races.sh: ThreadSanitizer does not work here; races within a block are not looked for" >&2
	exit 0
fi
g++ -std=c++17 -O1 -g -fsanitize=thread -ffp-contract=off -Wno-unused-function -Wno-tsan "$here/races.cc" -o "$program" -lpthread
# It does not like addresses that are drawn too freely.
setarch -R "$program"
touch "$done"
