"""Training in two processes of one thread beside one process of two threads: images per second of ScaleNet under Open MPI, and of PyTorch's
DistributedDataParallel (gloo) on the same detector of torchvision, with the same batch of two images; norms are not trained, all else is. With
--cifar also a step of the CIFAR ScaleNet-38. All take turns; prints a table and one line of JSON.

    peers/bin/python bench/peers/scaling.py --program bin/scalenet --cifar cifar-100-binary"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
from PIL import Image

import common

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument('--program', default='bin/scalenet')
p.add_argument('--cifar', help='folder of CIFAR-100, binary version')
p.add_argument('--model', default='fasterrcnn_mobilenet_v3_large_320_fpn', help='or fasterrcnn_resnet50_fpn')
p.add_argument('--size', type=int, default=320, help='shorter side of the images')
p.add_argument('--steps', type=int, default=8, help='measured steps of a turn')
p.add_argument('--rounds', type=int, default=3)
p.add_argument('--only', choices=['detector', 'cifar'], help='measure only this')
a = p.parse_args()
LAYOUTS = {'1 process, 2 threads': (1, 2), '2 processes, 1 thread': (2, 1)}
OBJECTS, SKIPPED = 8, 2  # per image; first steps, which compile


def dataset(folder, images):
    """Writes noise with random boxes, as a COCO file and JPEGs."""
    random = np.random.default_rng(0)
    h, w = a.size, a.size * 3 // 2
    annotations = []
    for i in range(images):
        Image.fromarray(random.integers(0, 255, (h, w, 3), np.uint8)).save(folder / f'{i}.jpg')
        for _ in range(OBJECTS):
            x, y = random.random(2) * [w * 0.6, h * 0.6]
            bw, bh = 20 + random.random(2) * [w * 0.3, h * 0.3]
            annotations.append({'id': len(annotations) + 1, 'image_id': i, 'category_id': int(random.integers(1, 91)), 'bbox': [x, y, bw, bh], 'area': bw * bh, 'iscrowd': 0})
    json.dump({'images': [{'id': i, 'file_name': f'{i}.jpg', 'width': w, 'height': h} for i in range(images)], 'annotations': annotations,
               'categories': [{'id': c, 'name': f'class {c}'} for c in range(1, 91)]}, open(folder / 'train.json', 'w'))


def ours(processes, threads, command):
    """Returns images per second of the measured steps of a run, which is ended after them."""
    with tempfile.TemporaryDirectory() as out:
        launch = ['mpirun', '-np', str(processes), '--oversubscribe', '--bind-to', 'none'] if processes > 1 else []
        env = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT='1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM='1')
        with open(f'{out}/errors', 'w+') as errors:
            run = subprocess.Popen(launch + [a.program] + command + ['--threads', str(threads), '--out', f'{out}/run'], env=env, stdout=errors, stderr=errors)
            log, rates = pathlib.Path(out, 'run', 'log.jsonl'), []
            while len(rates) < a.steps and run.poll() is None:
                time.sleep(0.2)
                lines = log.read_text().splitlines(keepends=True) if log.exists() else []
                rows = [json.loads(line) for line in lines if line.endswith('\n')]
                rates = [r['images_per_second'] for r in rows if r['kind'] == 'train'][SKIPPED:]
            run.terminate()
            run.wait()
            if len(rates) < a.steps:
                errors.seek(0)
                sys.exit(errors.read())
        return statistics.harmonic_mean(rates[:a.steps])


def theirs(processes, threads):
    here = pathlib.Path(__file__).with_name('scaling_ddp.py')
    command = [sys.executable, here, '--processes', processes, '--threads', threads, '--model', a.model, '--size', a.size, '--steps', a.steps, '--skipped', SKIPPED]
    run = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if run.returncode:
        sys.exit(run.stderr)
    return float(run.stdout.splitlines()[-1])


def measure(name, cases):
    """Takes turns; prints and returns the best rate of each case and layout."""
    best = {}
    for _ in range(a.rounds):
        for case, run in cases.items():
            for layout, (processes, threads) in LAYOUTS.items():
                best[case, layout] = max(best.get((case, layout), 0), run(processes, threads))
    one, two = LAYOUTS
    for case in cases:
        print(f'{name}, {case}: {best[case, one]:.2f} images/s in one process of two threads, {best[case, two]:.2f} in two of one ({best[case, two] / best[case, one]:.2f})')
    return [{'case': name, 'engine': case, 'layout': layout, 'images_per_second': rate} for (case, layout), rate in best.items()]


results = []
steps = SKIPPED + a.steps
with tempfile.TemporaryDirectory() as folder:
    data = pathlib.Path(folder)
    dataset(data, 2 * steps)
    if a.only != 'cifar':
        torch = common.torch_with(2)
        torch.save(common.pyramid(torch, a.model).state_dict(), data / 'model.pth')
        subprocess.run([a.program, 'convert', data / 'model.pth', data / 'model.safetensors'], check=True, capture_output=True)
    detector = ['train', '--train', f'{data}/train.json', '--train-images', folder, '--val', f'{data}/train.json', '--val-images', folder, '--allow-shared-images',
                '--init', f'{data}/model.safetensors', '--set', f'input.shorter=[{a.size}]', '--set', f'input.longest={a.size * 2}',
                '--set', 'batch=1', '--set', 'train.accumulate=2', '--set', 'train.epochs=1', '--set', 'train.eval_epochs=0', '--set', 'train.log_steps=1', '--set', 'frozen.stages=-1']
    if a.only != 'cifar':
        results += measure(a.model, {'ScaleNet': lambda n, t: ours(n, t, detector), 'PyTorch': theirs})
    if a.cifar and a.only != 'detector':
        cifar = ['classify', 'train', '--data', a.cifar, '--preset', 'cifar', '--set', 'backbone.name=cifar_scalenet38', '--set', 'batch=32', '--set', 'train.accumulate=2',
                 '--set', 'train.log_steps=1', '--set', 'train.epochs=1']
        results += measure('CIFAR ScaleNet-38', {'ScaleNet': lambda n, t: ours(n, t, cifar)})
print(json.dumps(results))
