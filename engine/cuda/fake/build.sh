#!/bin/sh
# Builds the fake CUDA libraries into a folder that scripts/cuda.sh has put the headers into:
#
#     engine/cuda/fake/build.sh build/cuda && LD_LIBRARY_PATH=build/cuda/fake go test -tags ... ./engine/cuda
#
# Does nothing where it is newer than its sources.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$(cd "$1" && pwd)
out=$folder/fake
mkdir -p "$out"
library=$out/libfake.so
if [ -e "$library" ] && [ -z "$(find "$here" "$here/../kernels" "$here/../driver_functions.h" -newer "$library" -type f ! -name '*.ptx')" ]; then
	exit 0
fi
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
flags="-O2 -fPIC -Wall -Wextra -ffp-contract=off -I$folder/include"
# All at once; linking fails if one of them did.
for f in driver launches streams cudnn cublas nvml nccl; do
	g++ -std=c++17 $flags -O3 -c "$here/$f.cc" -o "$temporary/$f.o" &
done
g++ -std=c++17 $flags -O1 -Wno-unused-function -x c++ -c "$here/../kernels/kernels.cu" -o "$temporary/kernels.o" &
gcc $flags -c "$here/unknown.c" -o "$temporary/unknown.o"
wait
g++ -shared -Wl,-Bsymbolic "$temporary/driver.o" "$temporary/launches.o" "$temporary/streams.o" "$temporary/cudnn.o" "$temporary/cublas.o" "$temporary/nvml.o" "$temporary/nccl.o" "$temporary/kernels.o" "$temporary/unknown.o" -o "$library.part"
mv "$library.part" "$library"
for name in libcuda.so.1 libcudnn.so.8 libcublas.so.12 libnvidia-ml.so.1 libnccl.so.2; do
	ln -sf libfake.so "$out/$name"
done
