# Source this file (bash or sh started in the repository, or bash anywhere) before plain `go build`, `go test`, `go vet`:
#
#     source scripts/env.sh && go test ./...
#
# Effects:
#   - Only three OpenCV modules are used: imaging/opencv, with its own opencv_modules.hpp, comes first on the include path, because
#     that of OpenCV lists modules that need not be installed.
#   - gin is built without MessagePack, which nothing uses and which takes as long to compile as the C++ of the operations.
#   - If ONEDNN_ROOT is a prefix with include/ and lib/ (see scripts/onednn3.sh), that oneDNN is used instead of the system's.
#   - If OPENCV_ROOT is a prefix of scripts/opencv.sh, its static OpenCV is linked, with static libraries of JPEG, PNG and WebP, instead
#     of the system's shared ones.
#   - If CUDA_ROOT is a folder of scripts/cuda.sh, the CUDA device is built, too (tag gpu).
# Sourcing it twice is harmless.

if [ -n "${BASH_SOURCE:-}" ]; then
	scalenet_root=$(cd "$(dirname "${BASH_SOURCE}")/.." && pwd)
else
	scalenet_root=$PWD
fi
if [ ! -f "$scalenet_root/imaging/opencv/opencv2/opencv_modules.hpp" ]; then
	echo "scripts/env.sh: $scalenet_root is not the repository's root; cd there first" >&2
	unset scalenet_root
	return 1
fi

export CGO_ENABLED=1
export CGO_CPPFLAGS="-I$scalenet_root/imaging/opencv -I/usr/include/opencv4"
export CGO_CXXFLAGS="--std=c++11 -DNDEBUG -O2"
export CGO_LDFLAGS="-lopencv_core -lopencv_imgproc -lopencv_imgcodecs"

if [ -n "${OPENCV_ROOT:-}" ]; then
	if [ ! -f "$OPENCV_ROOT/lib/libopencv_core.a" ]; then
		echo "scripts/env.sh: OPENCV_ROOT=$OPENCV_ROOT has no lib/libopencv_core.a; make one with scripts/opencv.sh" >&2
		unset scalenet_root
		return 1
	fi
	# Each function has a section of its own, so that the linker drops those of OpenCV that nothing calls.
	export CGO_CPPFLAGS="-I$scalenet_root/imaging/opencv -I$OPENCV_ROOT/include/opencv4"
	export CGO_CFLAGS="-O2 -ffunction-sections -fdata-sections"
	export CGO_CXXFLAGS="$CGO_CXXFLAGS -ffunction-sections -fdata-sections"
	export CGO_LDFLAGS="-L$OPENCV_ROOT/lib -Wl,--gc-sections -lopencv_imgcodecs -lopencv_imgproc -lopencv_core -lwebp -lpng16 -ljpeg -lz -ldl -lpthread"
fi

if [ -n "${ONEDNN_ROOT:-}" ]; then
	if [ ! -f "$ONEDNN_ROOT/include/dnnl.hpp" ] && [ ! -f "$ONEDNN_ROOT/include/oneapi/dnnl/dnnl.hpp" ]; then
		echo "scripts/env.sh: ONEDNN_ROOT=$ONEDNN_ROOT has no include/dnnl.hpp; make one with scripts/onednn3.sh" >&2
		unset scalenet_root
		return 1
	fi
	export CGO_CPPFLAGS="-I$ONEDNN_ROOT/include $CGO_CPPFLAGS"
	export CGO_LDFLAGS="-L$ONEDNN_ROOT/lib -Wl,-rpath,$ONEDNN_ROOT/lib $CGO_LDFLAGS"
fi

# Flags that the user has set (go env -w, or the environment) are kept.
scalenet_goflags=$(go env GOFLAGS)
case " $scalenet_goflags " in
*gocv_specific_modules*) ;;
*) scalenet_goflags="${scalenet_goflags:+$scalenet_goflags }-tags=customenv,gocv_specific_modules,nomsgpack" ;;
esac
if [ -n "${CUDA_ROOT:-}" ]; then
	if [ ! -f "$CUDA_ROOT/include/cuda.h" ]; then
		echo "scripts/env.sh: CUDA_ROOT=$CUDA_ROOT has no include/cuda.h; make one with scripts/cuda.sh" >&2
		unset scalenet_root scalenet_goflags
		return 1
	fi
	# Not by way of CGO_CFLAGS: a change there compiles every package with C in it anew.
	export C_INCLUDE_PATH="$CUDA_ROOT/include" LIBRARY_PATH="$CUDA_ROOT/lib"
	case "$scalenet_goflags" in
	*gocv_specific_modules,gpu*) ;;
	*) scalenet_goflags=$(printf '%s' "$scalenet_goflags" | sed 's/gocv_specific_modules/&,gpu/') ;;
	esac
fi
export GOFLAGS="$scalenet_goflags"
unset scalenet_root scalenet_goflags
