#!/bin/sh
# Installs the build dependencies on Debian 12: a C++ compiler, make, oneDNN and three OpenCV modules. Does nothing, without output,
# if all are installed. Go (1.26 or later) is checked for, not installed. --pip also installs pip (for onednn3.sh), --browser a
# headless browser (for the tests of package web), --mpi Open MPI (for those of package collective),
# --media ffmpeg and heif-convert (videos, HEIC and AVIF, in detect and the tests of package media),
# --release what scripts/opencv.sh and scripts/release.sh need, --chroots what packaging/try.sh needs.
set -eu

want_go=26
if ! command -v go >/dev/null 2>&1; then
	echo "install.sh: Go 1.$want_go or later is needed and 'go' is not on the PATH: see https://go.dev/doc/install" >&2
	exit 1
fi
have_go=$(go env GOVERSION)
minor=$(printf '%s\n' "$have_go" | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
if [ -n "$minor" ] && [ "$minor" -lt "$want_go" ]; then
	echo "install.sh: Go 1.$want_go or later is needed, $(command -v go) is $have_go: see https://go.dev/doc/install" >&2
	exit 1
fi

missing=
# need_command NAME PACKAGE, need_file PATH PACKAGE: add the package to the list if the command or file is missing.
need_command() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
need_file() { [ -e "$1" ] || missing="$missing $2"; }
need_command g++ g++
need_command gcc gcc
need_command make make
need_command pkg-config pkg-config
need_file /usr/include/dnnl.hpp libdnnl-dev
need_file /usr/include/opencv4/opencv2/core.hpp libopencv-core-dev
need_file /usr/include/opencv4/opencv2/imgproc.hpp libopencv-imgproc-dev
need_file /usr/include/opencv4/opencv2/imgcodecs.hpp libopencv-imgcodecs-dev
need_file /usr/include/jpeglib.h libjpeg62-turbo-dev
case "${1:-}" in
--pip) need_command pip3 python3-pip ;;
--browser) need_command chromium-headless-shell chromium-headless-shell ;;
--mpi) need_command mpirun openmpi-bin ;;
--media)
	need_command ffmpeg ffmpeg
	command -v heif-dec >/dev/null 2>&1 || need_command heif-convert libheif-examples
	;;
--release)
	need_command cmake cmake
	need_command ninja ninja-build
	need_command dpkg-source dpkg-dev
	need_command python3 python3
	need_command git git
	need_command gzip gzip
	need_command xz xz-utils
	need_file /usr/include/webp/decode.h libwebp-dev
	need_file /usr/include/png.h libpng-dev
	need_file /usr/include/zlib.h zlib1g-dev
	;;
--chroots)
	need_command debootstrap debootstrap
	need_command python3 python3
	need_file /usr/share/doc/python3-venv python3-venv
	;;
esac
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
	echo "install.sh: needed and not found:$missing (names of Debian 12 packages); install them with this system's package manager" >&2
	exit 1
fi
if [ "$(id -u)" -eq 0 ]; then
	as_root=
elif command -v sudo >/dev/null 2>&1; then
	as_root=sudo
else
	echo "install.sh: needed and not found:$missing; not root and no sudo, so run as root: apt-get install --no-install-recommends$missing" >&2
	exit 1
fi

echo "install.sh: installing$missing" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # both are lists of words
if ! { $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q &&
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing; } >"$log" 2>&1; then
	tail -n 20 "$log" >&2
	echo "install.sh: apt-get could not install:$missing" >&2
	exit 1
fi
