"""cuda_stubs.py TORCH_LIB: libraries that stand in for CUDA's, so that PyTorch's CUDA build loads on a machine without them.

Each has the names and symbol versions that torch's own libraries ask for; every function fails with "no CUDA".
"""
import collections
import re
import subprocess
import sys
import tempfile
from pathlib import Path

CUDA = re.compile(r'^lib(cu|nv|nccl)')
PLAIN = re.compile(r'^_{0,2}(cu|nccl|nv)')


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def needed(libraries):
    """Names of missing libraries, the symbol versions of each, the symbols of each version."""
    names, versions, symbols = set(), collections.defaultdict(set), collections.defaultdict(set)
    for library in libraries:
        current = None
        for line in output('readelf', '-dVW', library).splitlines():
            if m := re.search(r'\(NEEDED\).*\[(.*)\]', line):
                if CUDA.match(m[1]):
                    names.add(m[1])
            elif m := re.search(r'Version:.*File: (\S+)', line):
                current = m[1]
            elif (m := re.search(r'Name: (\S+)\s+Flags', line)) and current and CUDA.match(current):
                versions[current].add(m[1])
        for line in output('nm', '-D', '--undefined-only', library).splitlines():
            name, _, version = line.split()[-1].partition('@')
            symbols[version].add(name)
    return names, versions, symbols


def function(name):
    if 'GetErrorString' in name or 'GetErrorName' in name:
        return f'const char* {name}() {{ return "no CUDA"; }}'
    return f'int {name}() {{ return 100; }}'


def build(library, versions, symbols, folder):
    body = [f'int __stub_{re.sub(r"[^a-zA-Z0-9]", "_", library)}() {{ return 100; }}']
    script, done = [], set()
    for version in sorted(versions):
        names = sorted(symbols[version])
        done |= set(names)
        script.append(f'{version} {{ global: {" ".join(n + ";" for n in names)} }};')
        body += map(function, names)
    if library.startswith('libcudart'):
        body += [function(n) for n in sorted(symbols['']) if PLAIN.match(n) and n not in done]
    with tempfile.TemporaryDirectory() as work:
        source, exports = Path(work) / 'stub.c', Path(work) / 'stub.map'
        source.write_text('\n'.join(body))
        exports.write_text('\n'.join(script) + '\n')
        link = [f'-Wl,--version-script={exports}'] if script else []
        subprocess.run(['gcc', '-w', '-fno-builtin', '-shared', '-fPIC', '-O0', source, f'-Wl,-soname,{library}',
                        '-o', folder / library, *link], check=True)


folder = Path(sys.argv[1])
names, versions, symbols = needed(sorted(folder.glob('*.so')))
for library in sorted(names):
    build(library, versions[library], symbols, folder)
