"""COCO evaluation, from files to the twelve metrics: bin/scalenet and the baselines in turns, each run in its own process.

    python bench/peers/evaluation.py [--rounds 5] [--threads 2] [--peers hotcoco,faster-coco-eval,pycocotools]

Prints a line of JSON. wall_ms, cpu_ms and rss_mb are of whole processes, Python's start included; calls_ms are the peer's calls alone.
ratio is our best wall time by the peer's, calls_ratio by its calls. The problem is coco_synth.py's (5,000 images, 487,767 detections),
written into --dir if it is not there yet. All metrics must agree to 1e-9."""
import argparse, json, os, statistics, subprocess, sys, tempfile, time

PEERS = ('hotcoco', 'faster-coco-eval', 'pycocotools')


def call(lib, folder):
    """Runs in the process of the baseline: load, evaluate, summarize, as its users do."""
    import contextlib, importlib.metadata, io
    if lib == 'hotcoco':
        from hotcoco import COCO, COCOeval
    elif lib == 'faster-coco-eval':
        from faster_coco_eval import COCO, COCOeval_faster as COCOeval
    else:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        gt = COCO(folder + '/gt.json')
        e = COCOeval(gt, gt.loadRes(folder + '/dt.json'), 'bbox')
        e.evaluate()
        e.accumulate()
        e.summarize()
    ms = (time.perf_counter() - start) * 1e3
    print(json.dumps(dict(calls_ms=ms, version=importlib.metadata.version(lib), stats=[float(v) for v in list(e.stats)[:12]])))


def measure(command, threads):
    """Runs a command and returns what it printed as JSON, with wall time, CPU time and maximum memory of the process."""
    env = dict(os.environ, GOMAXPROCS=str(threads), RAYON_NUM_THREADS=str(threads), OMP_NUM_THREADS=str(threads))
    with tempfile.TemporaryFile() as out:
        start = time.perf_counter()
        child = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, env=env)
        complaints = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            sys.exit(f'{command[0]}: {complaints.decode()}')
        out.seek(0)
        result = json.loads(out.read().splitlines()[-1])
    return dict(result, wall_ms=wall * 1e3, cpu_ms=(usage.ru_utime + usage.ru_stime) * 1e3, rss_mb=usage.ru_maxrss / 1024)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--scalenet', default='bin/scalenet')
    parser.add_argument('--dir', default='build/evaluation')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--peers', default='hotcoco')
    parser.add_argument('--call', choices=PEERS, help=argparse.SUPPRESS)
    o = parser.parse_args()
    if o.call:
        return call(o.call, o.dir)
    here = os.path.dirname(os.path.abspath(__file__))
    if not os.path.exists(o.dir + '/dt.json'):
        subprocess.run([sys.executable, here + '/coco_synth.py', o.dir], check=True, stdout=sys.stderr)
    commands = {'ours': [o.scalenet, 'coco', 'eval', '--gt', o.dir + '/gt.json', '--dt', o.dir + '/dt.json', '--json']}
    for peer in o.peers.split(','):
        if peer not in PEERS:
            sys.exit(f'--peers {peer}: there are {", ".join(PEERS)}')
        commands[peer] = [sys.executable, os.path.abspath(__file__), '--call', peer, '--dir', o.dir]
    runs = {name: [] for name in commands}
    for _ in range(o.rounds):
        for name, command in commands.items():
            runs[name].append(measure(command, o.threads))
    best = lambda name, key: min(r[key] for r in runs[name])
    contestants = []
    for name, list_ in runs.items():
        for r in list_:
            if any(abs(a - b) > 1e-9 for a, b in zip(r['stats'], runs['ours'][0]['stats'])):
                sys.exit(f'{name} has other figures: {r["stats"]}')
        row = dict(name=name, version=list_[0].get('version', ''), wall_ms=best(name, 'wall_ms'),
                   median_wall_ms=statistics.median(r['wall_ms'] for r in list_), cpu_ms=best(name, 'cpu_ms'),
                   rss_mb=max(r['rss_mb'] for r in list_), ratio=best('ours', 'wall_ms') / best(name, 'wall_ms'))
        if name != 'ours':
            row.update(calls_ms=best(name, 'calls_ms'), calls_ratio=best('ours', 'wall_ms') / best(name, 'calls_ms'),
                       rss_ratio=max(r['rss_mb'] for r in runs['ours']) / row['rss_mb'])
        contestants.append({k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()})
    print(json.dumps(dict(bench='evaluation', rounds=o.rounds, threads=o.threads, stats=runs['ours'][0]['stats'], contestants=contestants)))


main()
