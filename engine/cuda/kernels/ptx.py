"""Compiles kernels.cu to PTX for each GPU generation with NVRTC 12.9 and checks the result with ptxas:

    python3 engine/cuda/kernels/ptx.py build/cuda/compiler

The first line of a PTX file has the hash of the sources; a test compares it. NVRTC 12.9 writes PTX 8.8, which only its own
driver reads; the kernels use nothing that is new in it, so the version is lowered to the first that knows the target, and
ptxas, which refuses what a version does not have, compiles the lowered text.
"""

import ctypes
import hashlib
import pathlib
import re
import subprocess
import sys

here = pathlib.Path(__file__).parent
compiler = pathlib.Path(sys.argv[1])
targets = {70: "6.0", 80: "7.0", 90: "7.8"}


def sources():
    return sorted(p for p in here.iterdir() if p.suffix in (".cu", ".h"))


def digest():
    h = hashlib.sha256()
    for p in sources():
        h.update(p.name.encode() + b"\0" + p.read_bytes() + b"\0")
    return h.hexdigest()


def compile_to_ptx(nvrtc, arch):
    headers = [p for p in sources() if p.name != "kernels.cu"]
    texts = (ctypes.c_char_p * len(headers))(*(p.read_bytes() for p in headers))
    names = (ctypes.c_char_p * len(headers))(*(p.name.encode() for p in headers))
    program = ctypes.c_void_p()
    main = here / "kernels.cu"

    def check(status):
        if status == 0:
            return
        size = ctypes.c_size_t()
        nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        nvrtc.nvrtcGetProgramLog(program, log)
        sys.exit(f"ptx.py: NVRTC error {status}\n{log.value.decode()}")

    check(nvrtc.nvrtcCreateProgram(ctypes.byref(program), main.read_bytes(), b"kernels.cu", len(headers), texts, names))
    options = [f"--gpu-architecture=compute_{arch}", "--std=c++17", "--fmad=false", "--device-as-default-execution-space"]
    check(nvrtc.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*(o.encode() for o in options))))
    size = ctypes.c_size_t()
    check(nvrtc.nvrtcGetPTXSize(program, ctypes.byref(size)))
    ptx = ctypes.create_string_buffer(size.value)
    check(nvrtc.nvrtcGetPTX(program, ptx))
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    return ptx.value.decode()


ctypes.CDLL(str(next(compiler.glob("libnvrtc-builtins.so*"))), mode=ctypes.RTLD_GLOBAL)
nvrtc = ctypes.CDLL(str(compiler / "libnvrtc.so.12"))
for arch, version in targets.items():
    text = compile_to_ptx(nvrtc, arch)
    text = re.sub(r"(?m)^//.*\n", "", text)  # comments name the compiler's build
    text = re.sub(r"(?m)^\.version .*$", f".version {version}", text, count=1)
    text = f"// source sha256 {digest()}\n" + text.lstrip("\n")
    target = here / f"kernels_{arch}.ptx"
    part = target.with_suffix(".part")
    part.write_text(text)
    subprocess.run([compiler / "ptxas", f"--gpu-name=sm_{arch}", "--output-file=/dev/null", part], check=True)
    part.replace(target)
    print(f"{target.name}: {len(re.findall('[.]entry', text))} kernels")
