#!/usr/bin/env bash
# Installs into a folder, from pinned PyPI wheels, what is needed to compile and test the CUDA device without a GPU:
#
#     scripts/cuda.sh FOLDER headers    headers of CUDA 12.9, cuBLAS 12, cuDNN 8.9.7 and an empty libcuda to link with (6 MB)
#     scripts/cuda.sh FOLDER cudnn      the libraries of cuDNN 8.9.7, whose descriptors work without a GPU (960 MB)
#     scripts/cuda.sh FOLDER compiler   NVRTC and ptxas 12.9, which `make ptx` needs (145 MB)
#
# Several parts may be given; a wheel that two of them need is then downloaded once. Does nothing if the folder is complete.
# gorgonia.org/cu compiles with these headers, but not with those of CUDA 13.
set -euo pipefail
if [ $# -lt 2 ]; then
	echo "usage: scripts/cuda.sh FOLDER headers|cudnn|compiler ..." >&2
	exit 2
fi
here=$(cd "$(dirname "$0")/.." && pwd)
folder=$1
shift
version=2
missing=
for part in "$@"; do
	case $part in
	headers | cudnn | compiler) ;;
	*) echo "cuda.sh: no part $part: headers, cudnn or compiler" >&2; exit 2 ;;
	esac
	[ -e "$folder/complete-$part-$version" ] || missing="$missing $part"
done
[ -n "$missing" ] || exit 0

"$here/scripts/install.sh" --pip
mkdir -p "$folder"
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

# wheel NAME==VERSION [FILES-PATTERN SUBFOLDER]...: downloads a wheel and extracts the files whose path matches. Headers keep
# their path after include/, other files only their name.
wheel() {
	if ! pip3 download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest "$temporary" "$1" >"$temporary/log" 2>&1; then
		tail -n 5 "$temporary/log" >&2
		echo "cuda.sh: pip could not download $1" >&2
		exit 1
	fi
	local name=$1
	shift
	python3 - "$temporary" "$folder" "$@" <<'PYTHON' || { echo "cuda.sh: $name is not as expected" >&2; exit 1; }
import glob, os, re, sys, zipfile
temporary, folder, *wanted = sys.argv[1:]
(path,) = glob.glob(temporary + "/*.whl")
with zipfile.ZipFile(path) as wheel:
    for pattern, sub in zip(wanted[::2], wanted[1::2]):
        found = [f for f in wheel.infolist() if not f.is_dir() and re.search(pattern, f.filename)]
        assert found, "nothing matches " + pattern
        for f in found:
            name = f.filename.split("/include/", 1)[1] if "/include/" in f.filename else os.path.basename(f.filename)
            target = os.path.join(folder, sub, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target + ".part", "wb") as out:
                out.write(wheel.read(f))
            os.chmod(target + ".part", 0o755 if "/bin/" in f.filename else 0o644)
            os.replace(target + ".part", target)
os.remove(path)
PYTHON
}

has() { [[ " $missing " == *" $1 "* ]]; }

if has headers; then
	wheel nvidia-cuda-runtime-cu12==12.9.79 '/include/' include
	wheel nvidia-cuda-nvcc-cu12==12.9.86 '/include/' include '/bin/ptxas$' compiler
	wheel nvidia-cuda-cccl-cu12==12.9.27 '/include/nv/' include
	wheel nvidia-cublas-cu12==12.0.1.189 '/include/' include
	# The program finds libcuda when it opens a device (engine/cuda/driver.c): linking needs only a file of that name.
	"$here/engine/cuda/fake/link.sh" "$folder"
fi
if has headers || has cudnn; then
	patterns=('/include/' include)
	! has cudnn || patterns+=('/lib/libcudnn(_(ops|cnn)_(infer|train))?[.]so' cudnn)
	wheel nvidia-cudnn-cu12==8.9.7.29 "${patterns[@]}"
fi
if has compiler; then
	[ -e "$folder/compiler/ptxas" ] || wheel nvidia-cuda-nvcc-cu12==12.9.86 '/bin/ptxas$' compiler
	wheel nvidia-cuda-nvrtc-cu12==12.9.86 '/lib/libnvrtc(-builtins)?[.]so' compiler
fi
for part in $missing; do touch "$folder/complete-$part-$version"; done
