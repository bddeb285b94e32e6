"""Makes a Python wheel that installs the program, its libraries, models and man pages. Nothing in it is Python.

    python3 packaging/wheel.py --tree build/release/tree --version 1.2.0 --date 1767225600 --out dist

pip puts the program into the folder bin of the environment, lib/ and share/ beside it, where the program looks for them. The file is the
same for the same tree, version and date.
"""

import argparse
import base64
import hashlib
import os
import pathlib
import re
import stat
import sys
import time
import zipfile

NAME = "scalenet-detector"
LICENCES = "share/doc/scalenet"
TAG = "py3-none-manylinux_2_35_x86_64"
PEP440 = re.compile(r"\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?(\+[a-z0-9]+(\.[a-z0-9]+)*)?")


def files(tree):
    """Returns (path in the wheel, path in the tree, executable) of all files but the licences, sorted."""
    found = []
    for path in sorted(p for p in tree.rglob("*") if not p.is_dir() and tree / LICENCES not in p.parents):
        if path.is_symlink():
            raise ValueError(f"{path}: is a link, which a wheel cannot hold")
        inside = path.relative_to(tree)
        scheme = pathlib.PurePosixPath("scripts", *inside.parts[1:]) if inside.parts[0] == "bin" else pathlib.PurePosixPath("data", inside)
        found.append((str(scheme), path, bool(path.stat().st_mode & stat.S_IXUSR)))
    return found


def metadata(version, description):
    return "\n".join([
        "Metadata-Version: 2.1",
        f"Name: {NAME}",
        f"Version: {version}",
        "Summary: Train, evaluate and serve object detectors: Faster R-CNN with a ScaleNet backbone",
        "License: Apache-2.0",
        "Classifier: License :: OSI Approved :: Apache Software License",
        "Classifier: Operating System :: POSIX :: Linux",
        "Classifier: Topic :: Scientific/Engineering :: Image Recognition",
        "Requires-Python: >=3.7",
        "Description-Content-Type: text/markdown",
        "",
        description,
    ])


def digest(data):
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def build(tree, version, date, out):
    """Writes the wheel into the folder out and returns its path."""
    if not PEP440.fullmatch(version):
        raise ValueError(f"--version {version!r}: is not a version of PEP 440, such as 1.2.0 or 1.2.0.dev3+g0123abc")
    if not (tree / "bin" / "scalenet").is_file():
        raise ValueError(f"--tree {tree}: has no bin/scalenet")
    base = f"{NAME.replace('-', '_')}-{version}"
    info = f"{base}.dist-info"
    contents = [(f"{base}.data/{inside}", path.read_bytes(), executable) for inside, path, executable in files(tree)]
    licences = [(f"{info}/licenses/{path.name}", path.read_bytes(), False) for path in sorted((tree / LICENCES).glob("*"))]
    contents += licences
    description = "`scalenet` detects objects in images, trains detectors and serves them over HTTP. `scalenet --help` lists its commands.\n"
    contents.append((f"{info}/METADATA", metadata(version, description).encode(), False))
    contents.append((f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: scalenet\nRoot-Is-Purelib: false\nTag: {TAG}\n".encode(), False))
    record = [f"{name},{digest(data)},{len(data)}\n" for name, data, _ in contents]
    contents.append((f"{info}/RECORD", "".join(record + [f"{info}/RECORD,,\n"]).encode(), False))

    out.mkdir(parents=True, exist_ok=True)
    wheel = out / f"{base}-{TAG}.whl"
    part = wheel.with_suffix(".part")
    stamp = time.gmtime(max(date, 315532800))[:6]  # zip begins in 1980
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data, executable in contents:
            entry = zipfile.ZipInfo(name, stamp)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
            archive.writestr(entry, data)
    os.replace(part, wheel)
    return wheel


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tree", type=pathlib.Path, required=True, help="folder with bin/scalenet, lib/ and share/")
    parser.add_argument("--version", required=True)
    parser.add_argument("--date", type=int, required=True, help="time of the files, in seconds since 1970")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder of the wheel")
    args = parser.parse_args()
    try:
        print(build(args.tree, args.version, args.date, args.out))
    except (OSError, ValueError) as error:
        sys.exit(f"wheel.py: {error}")


if __name__ == "__main__":
    main()
