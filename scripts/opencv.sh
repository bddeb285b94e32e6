#!/bin/sh
# Builds OpenCV's modules core, imgproc and imgcodecs as static libraries, from Debian's source package and with Debian's settings of
# the CPU, and puts Debian's static libraries of JPEG, PNG, WebP and zlib beside them:
#
#     scripts/opencv.sh build/opencv && OPENCV_ROOT=$PWD/build/opencv && export OPENCV_ROOT && . scripts/env.sh
#
# The formats are those that package imaging decodes with OpenCV. Other formats, OpenCL and LAPACK are left out. The libraries of the
# system's own OpenCV are the same versions, so pixels are the same. Installs what is missing. Does nothing if the folder is complete.
# JOBS is the number of compilers (nproc). The build takes about 10 minutes of CPU time.
set -eu
if [ $# -ne 1 ]; then
	echo "usage: scripts/opencv.sh FOLDER" >&2
	exit 2
fi
mkdir -p "$1"
root=$(cd "$1" && pwd)
if [ -e "$root/complete" ]; then
	exit 0
fi
"$(dirname "$0")/install.sh" --release

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
	tail -n 20 "$work/log" >&2
	echo "opencv.sh: $1" >&2
	exit 1
}

# Lists of its own, because the system's need not name sources.
. /etc/os-release
mkdir -p "$work/lists/partial" "$work/source"
mirror=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' | sed -n "s/^$VERSION_CODENAME //p" | head -n 1)
[ -n "$mirror" ] || { echo "opencv.sh: apt has no sources for $VERSION_CODENAME; run apt-get update" >&2; exit 1; }
echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $VERSION_CODENAME main" >"$work/sources.list"
from="-o Dir::Etc::sourcelist=$work/sources.list -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists=$work/lists -o APT::Sandbox::User=$(id -un)
	-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache="
# shellcheck disable=SC2086 # a list of words
(cd "$work/source" && apt-get $from -q update && apt-get $from -q source opencv) >"$work/log" 2>&1 ||
	fail "Debian's source package opencv could not be fetched"
source=$(find "$work/source" -maxdepth 1 -type d -name 'opencv-*')

set -- -DBUILD_SHARED_LIBS=OFF -DBUILD_LIST=core,imgproc,imgcodecs -DCMAKE_INSTALL_LIBDIR=lib -DBUILD_INFO_SKIP_TIMESTAMP=ON \
	-DCMAKE_C_FLAGS_RELEASE="-O2 -DNDEBUG -ffile-prefix-map=$work=." -DCMAKE_CXX_FLAGS_RELEASE="-O2 -DNDEBUG -ffile-prefix-map=$work=." \
	-DCPU_BASELINE=SSE2 -DCPU_BASELINE_DISABLE=SSE3 -DENABLE_PRECOMPILED_HEADERS=OFF -DOPENCV_DOWNLOAD_TRIES_LIST=
for off in BUILD_TESTS BUILD_PERF_TESTS BUILD_EXAMPLES BUILD_DOCS BUILD_opencv_apps BUILD_JAVA BUILD_ZLIB BUILD_JPEG BUILD_PNG BUILD_WEBP \
	WITH_TIFF WITH_OPENEXR WITH_OPENJPEG WITH_JASPER WITH_GDAL WITH_GDCM WITH_IMGCODEC_HDR WITH_IMGCODEC_SUNRASTER WITH_IMGCODEC_PXM \
	WITH_IMGCODEC_PFM WITH_IPP WITH_ITT WITH_TBB WITH_OPENMP WITH_OPENCL WITH_LAPACK WITH_EIGEN WITH_CAROTENE WITH_QUIRC WITH_PROTOBUF \
	WITH_ADE WITH_VA WITH_VA_INTEL WITH_CUDA; do
	set -- "$@" "-D$off=OFF"
done
cmake -G Ninja -S "$source" -B "$work/build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$root" "$@" >"$work/log" 2>&1 ||
	fail "OpenCV could not be configured"
# OpenCV's report on its build would have folders of this machine.
sed -i '/Install to:/d; /Python (for build):/d' "$work/build/modules/core/version_string.inc"
ninja -C "$work/build" -j "${JOBS:-$(nproc)}" install >"$work/log" 2>&1 || fail "OpenCV could not be built"

for library in jpeg png16 webp z; do
	cp "$(cc -print-file-name=lib$library.a)" "$root/lib/" 2>"$work/log" || fail "lib$library.a was not found"
done
touch "$root/complete"
