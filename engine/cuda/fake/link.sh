#!/bin/sh
# Makes the library that programs with gorgonia.org/cu are linked with where no driver is installed: FOLDER/lib/libcuda.a holds
# what engine/cuda itself has in driver.c.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1/lib"
gcc -O2 -fPIC -I"$1/include" -c "$here/../driver.c" -o "$1/lib/driver.o"
rm -f "$1/lib/libcuda.a"
ar rcs "$1/lib/libcuda.a" "$1/lib/driver.o"
rm "$1/lib/driver.o"
