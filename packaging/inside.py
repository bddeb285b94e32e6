"""Says what is inside the program: writes the licences, and adds the libraries that are not Go to the SBOM.

    python3 packaging/inside.py --program tree/bin/scalenet --copyright tree/share/doc/scalenet/copyright --sbom scalenet.cdx.json

The Go modules are those that the program names itself (go version -m). The other libraries are Debian packages: those of LIBRARIES.
A module or package without a licence is an error.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Debian package (its copyright file), and how the library comes with the program.
LIBRARIES = {
    "libopencv-core-dev": "linked into the program (core, imgproc, imgcodecs; built from Debian's source)",
    "libjpeg62-turbo-dev": "linked into the program",
    "libpng-dev": "linked into the program",
    "libwebp-dev": "linked into the program",
    "zlib1g-dev": "linked into the program",
    "libdnnl2": "lib/scalenet/libdnnl.so.2, as in Debian",
    "libgomp1": "lib/scalenet/libgomp.so.1, as in Debian",
    "ocl-icd-libopencl1": "lib/scalenet/libOpenCL.so.1, as in Debian",
}
LICENCE = re.compile(r"(licen[cs]e|copying|notice|unlicense|patents|authors)([.\-_].*)?", re.IGNORECASE)
COMMON = pathlib.Path("/usr/share/common-licenses")


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout


def licences_below(folder):
    """Returns the licence files of a folder or, if it has none, of the nearest folder above in the same module."""
    return sorted(p for p in folder.iterdir() if p.is_file() and LICENCE.fullmatch(p.name) and p.suffix != ".go")


def modules(program):
    """Returns {"path version": [licence files]} of the Go modules in the program, and of Go itself."""
    found = {}
    wanted = dict(line.split()[1:3] for line in output("go", "version", "-m", str(program)).splitlines() if line.split()[:1] == ["dep"])
    listed = json.loads("[" + output("go", "list", "-m", "-json", *wanted).replace("}\n{", "},\n{") + "]")
    for module in listed:
        actual = module.get("Replace", module)
        found[f"{module['Path']} {wanted[module['Path']]}"] = licences_below(pathlib.Path(actual["Dir"]))
    goroot = pathlib.Path(output("go", "env", "GOROOT").strip())
    found["The Go standard library " + output("go", "env", "GOVERSION").strip()] = licences_below(goroot)
    return found


def assets():
    """Returns {folder: [licence files]} of the folders below web/assets that have licences of their own."""
    found = {}
    for path in sorted((ROOT / "web" / "assets").rglob("*")):
        if path.is_file() and LICENCE.fullmatch(path.name):
            found.setdefault(f"web page: {path.parent.relative_to(ROOT)}", []).append(path)
    return found


def package(name):
    """Returns the source package, its version and the copyright file of an installed Debian package."""
    source, version = output("dpkg-query", "-W", "-f", "${source:Package} ${source:Version}", name).split()
    return source, version, pathlib.Path("/usr/share/doc") / name / "copyright"


def copyright_text(parts):
    """Returns the text of the copyright file. parts is {name: [files]}."""
    rule = "=" * 78
    text = [(ROOT / "LICENSE").read_text(), "", "The program contains the following, under their own terms.", ""]
    text += [f"  {name}" for name in parts]
    common = set()
    for name, files in parts.items():
        if not files:
            raise ValueError(f"{name}: has no licence file")
        for path in files:
            licence = path.read_text(errors="replace")
            common |= set(re.findall(r"/usr/share/common-licenses/([A-Za-z]+(?:-[0-9.]*[0-9])?)", licence))
            text += ["", rule, f"{name}: {path.name}", rule, "", licence]
    for name in sorted(common):  # the files above refer to these
        text += ["", rule, f"/usr/share/common-licenses/{name}", rule, "", (COMMON / name).read_text()]
    return "\n".join(text)


def component(source, version, how):
    return {
        "bom-ref": f"pkg:deb/debian/{source}@{version}", "type": "library", "name": source, "version": version, "description": how,
        "purl": f"pkg:deb/debian/{source}@{version.replace('+', '%2B')}?arch=source",
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=pathlib.Path, required=True)
    parser.add_argument("--copyright", type=pathlib.Path, required=True, help="file to write")
    parser.add_argument("--sbom", type=pathlib.Path, required=True, help="CycloneDX file to complete")
    args = parser.parse_args()
    try:
        parts, components = modules(args.program.resolve()), []
        parts.update(assets())
        for name, how in LIBRARIES.items():
            source, version, text = package(name)
            parts[f"{source} {version} (source package of Debian): {how}"] = [text]
            components.append(component(source, version, how))
        args.copyright.write_text(copyright_text(parts))
        sbom = json.loads(args.sbom.read_text())
        sbom.setdefault("components", []).extend(components)
        args.sbom.write_text(json.dumps(sbom, indent=2) + "\n")
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        sys.exit(f"inside.py: {error}")


if __name__ == "__main__":
    main()
