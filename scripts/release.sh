#!/bin/bash
# Makes the packages of a release, for x86-64 Linux with glibc 2.35 or later, in a folder:
#
#     scripts/release.sh build/release        # make release
#
#     scalenet-VERSION-linux-amd64.tar.gz     bin/, lib/, share/, to unpack anywhere
#     scalenet_VERSION_amd64.deb
#     scalenet_detector-VERSION-....whl       the same as a Python wheel
#     scalenet-VERSION.cdx.json               SBOM (CycloneDX)
#     SHA256SUMS
#
# VERSION is the git tag (v1.2.0 is 1.2.0), with the commit after it for commits after the tag. The folder "tree" has what is in the
# packages. Installs what is missing. A package that is too large or needs too new a system is an error.
set -euo pipefail
if [ $# -ne 1 ]; then
	echo "usage: scripts/release.sh FOLDER" >&2
	exit 2
fi
cd "$(dirname "$0")/.."
scripts/install.sh --release
scripts/opencv.sh build/opencv
mkdir -p "$1"
out=$(cd "$1" && pwd)
tree=$out/tree
rm -rf "$tree"
rm -f "$out"/scalenet* "$out/SHA256SUMS"
mkdir -p "$tree"/{bin,lib/scalenet,share/scalenet/models,share/doc/scalenet}

tools=$PWD/build/tools
nfpm=2.43.4
cyclonedx=1.10.0
# installed MODULE VERSION: install a Go program, unless that version is there. It is compiled without the settings of env.sh.
installed() {
	local name=${1##*/}
	go version -m "$tools/$name" 2>/dev/null | grep -q "	v$2	" ||
		(cd / && GOBIN=$tools CGO_ENABLED=0 GOFLAGS= go install "$1@v$2")
}
installed github.com/goreleaser/nfpm/v2/cmd/nfpm $nfpm
installed github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod $cyclonedx

# 1.2.0 at the tag, 1.2.0+3.g0123abc three commits later, 0.0.0+g0123abc without tags: versions of Debian and of PEP 440.
described=$(git describe --tags --match 'v[0-9]*' --dirty=.changes 2>/dev/null) || described=v0.0.0-$(git describe --always --dirty=.changes)
version=$(sed -E 's/^v//; s/-([0-9]+)-g/+\1.g/; s/^0\.0\.0-/0.0.0+g/; s/-(alpha|beta|rc)\.?([0-9]+)/~\1\2/' <<<"$described")
wheel=$(sed -E 's/~alpha/a/; s/~beta/b/; s/~//' <<<"$version")
date=$(git log -1 --format=%ct)

# The program. gin without MessagePack, which no endpoint has. RPATH, not RUNPATH, because the libraries of a library are found by it, too.
unset ONEDNN_ROOT CUDA_ROOT
export OPENCV_ROOT=$PWD/build/opencv
# shellcheck source=scripts/env.sh
source scripts/env.sh
export GOFLAGS=${GOFLAGS/customenv/customenv,nomsgpack}
go build -trimpath -buildvcs=true -o "$tree/bin/scalenet" \
	-ldflags "-s -w -extldflags '-Wl,--disable-new-dtags -Wl,-rpath,\$ORIGIN/../lib/scalenet'" ./cmd/scalenet
for library in libdnnl.so.2 libgomp.so.1 libOpenCL.so.1; do
	path=$(ldd "$tree/bin/scalenet" | awk -v name=$library '$1 == name { print $3 }')
	install -m 644 "$(realpath "$path")" "$tree/lib/scalenet/$library"
done

for model in backbone bccd everyday; do
	install -m 644 models/$model.safetensors models/$model.md "$tree/share/scalenet/models/"
done
install -m 644 packaging/README.models.md "$tree/share/scalenet/README.md"
"$tree/bin/scalenet" manual --date "$(date -u -d "@$date" +%F)" "$tree/share"
gzip -9n "$tree"/share/man/man1/*
install -m 644 CHANGELOG.md "$tree/share/doc/scalenet/"
"$tools/cyclonedx-gomod" bin -json -output "$out/scalenet-$version.cdx.json" "$tree/bin/scalenet" 2>/dev/null
python3 packaging/inside.py --program "$tree/bin/scalenet" --copyright "$tree/share/doc/scalenet/copyright" --sbom "$out/scalenet-$version.cdx.json"
find "$tree" -type d -exec chmod 755 {} +

tar -C "$out" --sort=name --mtime="@$date" --owner=0 --group=0 --numeric-owner --transform "s,^tree,scalenet-$version," -cf - tree |
	gzip -9n >"$out/scalenet-$version-linux-amd64.tar.gz"
TREE=$tree VERSION=$version SOURCE_DATE_EPOCH=$date "$tools/nfpm" package --config packaging/nfpm.yaml --packager deb \
	--target "$out/scalenet_${version}_amd64.deb" >/dev/null
python3 packaging/wheel.py --tree "$tree" --version "$wheel" --date "$date" --out "$out" >/dev/null
packaging/limits.sh "$tree" "$out"
(cd "$out" && sha256sum scalenet* >SHA256SUMS && du -h --apparent-size scalenet* | sort -k2)
