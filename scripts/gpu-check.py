#!/usr/bin/env python3
"""Checks and times the CUDA device on a machine with a GPU, and writes what came out as JSON and Markdown:

    make gpu-check                        # the table of operations, networks and a detector on the GPU; our times, the server's throughput
    make gpu-check PEERS=peers/bin/python # beside PyTorch's, of a Python whose torch has CUDA

`make gpu-check` builds what this needs. The exit status is 1 if a test fails; a goal that is missed is a line in the report.
"""

import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys

p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
p.add_argument("--program", required=True, help="bin/scalenet-cuda")
p.add_argument("--device", default="cuda")
p.add_argument("--peers", default="", help="Python that has PyTorch with CUDA")
p.add_argument("--out", type=pathlib.Path, required=True, help="folder of the report")
p.add_argument("--seconds", default="2", help="length of a contestant's turn; 0 leaves the timing out")
a = p.parse_args()
a.out.mkdir(parents=True, exist_ok=True)

TESTS = "^(TestOperations|TestPlans|TestPrecision|TestFaults.*|TestLongTransfers|TestUploadsBesideKernels|TestFetchedFaults|TestPacked.*|TestPTX.*|TestRecord.*|Test.*AreTheHosts)$"
NETWORKS = "^(TestTiny.*|Test.*EqualsTorchvision|Test.*EqualTorchvision|TestWholeGraph|TestPendingRuns|TestDevice(Classifies)?)$/^cuda"


def go_test(run, *packages, logged="precision "):
    """Names of the tests that passed, failed and were skipped, and the lines that they log which begin so."""
    command = ["go", "test", "-count=1", "-json", "-timeout", "30m", "-run", run, *packages]
    found = {"pass": [], "fail": [], "skip": []}
    logs = []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        event = json.loads(line) if line.startswith("{") else {}
        name = "/".join(filter(None, [event.get("Package", "").removeprefix("scalenet/"), event.get("Test")]))
        if event.get("Action") in found:
            found[event["Action"]].append(name)
            if event["Action"] == "fail":
                print("FAIL", name, file=sys.stderr)
        elif event.get("Action") == "output" and ": " + logged in event["Output"]:
            logs.append(event["Output"].strip().split(": ", 1)[1])
    process.wait()
    if process.returncode and not found["fail"]:
        found["fail"].append(" ".join(packages) + " (did not build, or ended early)")
    return found, logs


def one_line(command):
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


doctor = json.loads(subprocess.run([a.program, "doctor", "--json"], capture_output=True, text=True).stdout)
gpu = [f["topic"] + ": " + f["value"] for f in doctor if f["topic"].startswith(("CUDA", "cuda"))]
if not any(g.startswith("cuda:") for g in gpu):
    sys.exit("gpu-check: " + "; ".join(gpu))
report = {
    "commit": one_line(["git", "rev-parse", "HEAD"]),
    "when": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    "machine": {f["topic"]: f["value"] for f in doctor},
    "tests": {},
}
print("gpu-check: the table of operations on the GPU", file=sys.stderr)
report["tests"]["operations"], report["precision"] = go_test(TESTS, "./engine/cuda")
print("gpu-check: networks and a detector against PyTorch's numbers", file=sys.stderr)
report["tests"]["networks"], _ = go_test(NETWORKS, "./backbone", "./detector", "./cmd/scalenet")

report["times"], report["server"] = [], []
if float(a.seconds) > 0:
    command = [a.program, "bench", "--device", a.device, "--json", "--seconds", a.seconds]
    if a.peers:
        command += ["--peers", a.peers]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    report["times"] = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode:
        report["times_error"] = "bench ended with an error: see above"
    print("gpu-check: the server's images a second, and the detector's", file=sys.stderr)
    os.environ["SCALENET_SOAK"] = "1"
    report["tests"]["server"], report["server"] = go_test("^TestThroughput$/^cuda", "./server", logged="throughput")

failed = [t for group in report["tests"].values() for t in group["fail"]]
lines = [f"# GPU check of {report['commit'][:12]}, {report['when']}", ""]
lines += [f"* {t}: {v}" for t, v in report["machine"].items()]
lines += ["", "| tests | passed | failed | skipped |", "|---|---|---|---|"]
lines += [f"| {name} | {len(g['pass'])} | {len(g['fail'])} | {len(g['skip'])} |" for name, g in report["tests"].items()]
lines += [f"* FAILED: {t}" for t in failed[:50]]
lines += [""] + [f"* {line}" for line in report["precision"]]
lines += ["", "| case | ours, ms | PyTorch, ms | ours by PyTorch's | goal |", "|---|---|---|---|---|"]
for r in report["times"]:
    ours, *peers = r["contestants"]
    peer = next((c for c in peers if c["name"] == "PyTorch"), None)
    goal = next((g for g in r["goals"] or [] if g["measured"]), None)
    lines.append("| {} | {:.2f} | {} | {} | {} |".format(
        r["case"], ours["best_ms"], f"{peer['best_ms']:.2f}" if peer else "not measured", f"{peer['ratio']:.2f}" if peer else "",
        ("met" if goal["pass"] else "missed") + f" ({goal['limit']})" if goal else ""))
if report["server"]:
    lines += ["", "The model that ships on the example images, in batches of 8, alone and with 24 clients:", ""] + [f"* {line}" for line in report["server"]]
for name, text in (("report.json", json.dumps(report, indent=1)), ("report.md", "\n".join(lines))):
    part = a.out / (name + ".part")
    part.write_text(text + "\n")
    os.replace(part, a.out / name)
print("\n".join(lines))
sys.exit(1 if failed else 0)
