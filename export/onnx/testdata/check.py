"""check.py JOB.json: runs an ONNX model in ONNX Runtime and OpenVINO on the images of a job and compares the results with the expected ones.

The job is written by TestRuntimes. An image has the file of its RGB bytes, its size, and either boxes, labels and scores, or log-probabilities. Images of one size
are also run as one batch. Exit status 1 if a result differs by more than the job's tolerances. scripts/pypi.sh installs what is needed.
"""
import collections
import json
import sys
import time

import numpy as np
import onnx


def onnx_runtime(path):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])
    names = [o.name for o in session.get_outputs()]
    return lambda image: dict(zip(names, session.run(None, {'image': image})))


def openvino(path):
    import openvino
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(path), 'CPU', {'INFERENCE_PRECISION_HINT': 'f32', 'INFERENCE_NUM_THREADS': 2})
    names = [o.name for o in onnx.load(path, load_external_data=False).graph.output]

    def run(image):
        result = compiled(image)
        return {name: result[compiled.output(name)].copy() for name in names}
    return run


def per_image(outputs, count):
    """Splits the detections of a batch by image."""
    of = outputs['batch_indices']
    return [{k: outputs[k][of == i] for k in ('boxes', 'labels', 'scores')} for i in range(count)]


class Difference:
    """The largest differences of a model in one runtime, and what has no counterpart."""

    def __init__(self, job):
        self.job, self.box, self.score, self.logit, self.detections, self.lost = job, 0.0, 0.0, 0.0, 0, []
        self.values, self.off, self.largest = 0, 0, 0.0

    def detector(self, name, want, got):
        free = list(range(len(got['scores'])))
        self.detections += len(want['scores'])
        for box, label, score in zip(want['boxes'], want['labels'], want['scores']):
            near = [(np.abs(got['boxes'][i] - box).max(), i) for i in free if got['labels'][i] == label]
            worst, i = min(near, default=(np.inf, -1))
            if worst > self.job['pixels'] or abs(got['scores'][i] - score) > self.job['scores']:
                self.missing(name, f'no counterpart of label {label}, score {score:.5f}, box {np.round(box, 2).tolist()}; nearest {worst:.3g}', score, want)
                continue
            free.remove(i)
            self.box, self.score = max(self.box, worst), max(self.score, abs(got['scores'][i] - score))
        for i in free:
            self.missing(name, f'superfluous: label {got["labels"][i]}, score {got["scores"][i]:.5f}', got['scores'][i], want)

    def missing(self, name, text, score, want):
        """A detection at the threshold, or at the end of a full list, may be there or not."""
        edge = self.job['threshold']
        if len(want['scores']) >= self.job['limit']:
            edge = max(edge, min(want['scores']))
        if abs(score - edge) > self.job['scores']:
            self.lost.append(f'{name}: {text}')

    def classifier(self, name, want, got):
        got = got - np.log(np.exp(got.astype(np.float64)).sum())
        worst = np.abs(np.array(want['logits']) - got).max()
        self.logit = max(self.logit, worst)
        if worst > self.job['logits'] or np.argmax(want['logits']) != np.argmax(got):
            self.lost.append(f'{name}: logits differ by {worst:.3g}')

    def resized(self, name, want, got):
        """Bytes may differ by one, a small share of them."""
        expected = np.fromfile(want['expected'], np.float32).reshape(want['shape'])
        if expected.shape != got.shape:
            self.lost.append(f'{name}: resized to {got.shape}, want {expected.shape}')
            return
        off = np.abs(expected - got)
        self.values, self.off = self.values + off.size, self.off + np.count_nonzero(off > 0.5)
        self.largest = max(self.largest, off.max())
        if off.max() > self.job['bytes'] or self.off > self.values * self.job['share']:
            self.lost.append(f'{name}: values differ by {off.max():.3g}, {self.off} of {self.values} by more than a half')

    def text(self):
        if self.values:
            return f'{self.values} bytes within {self.largest:.2g}, {self.off} by more than a half'
        if self.logit:
            return f'logits within {self.logit:.2g}'
        return f'{self.detections} detections, boxes within {self.box:.2g} pixels, scores within {self.score:.2g}'


def main(path):
    job = json.load(open(path))
    model = onnx.load(job['model'])
    onnx.checker.check_model(model, full_check=True)
    classes = json.loads({p.key: p.value for p in model.metadata_props}['classes'])
    assert classes == job['classes'], classes
    sizes = collections.defaultdict(list)
    for image in job['images']:
        image['rgb'] = np.fromfile(image['file'], np.uint8).reshape(1, image['height'], image['width'], 3)
        sizes[image['width'], image['height']].append(image)
    batches = [[i] for i in job['images']] + [list(b) for b in sizes.values() if len(b) > 1]
    failed = False
    for runtime in (onnx_runtime, openvino):
        limits = dict(job)
        if runtime is openvino and job['openvino_scores']:
            limits['scores'] = job['openvino_scores']
        run, difference, seconds = runtime(job['model']), Difference(limits), 0
        for batch in batches:
            name = f'{len(batch)} of {batch[0]["width"]}x{batch[0]["height"]}'
            start = time.process_time()
            outputs = run(np.concatenate([i['rgb'] for i in batch]))
            seconds += time.process_time() - start
            if 'logits' in outputs:
                compare, results = difference.classifier, outputs['logits']
            elif 'resized' in outputs:
                compare, results = difference.resized, outputs['resized']
            else:
                compare, results = difference.detector, per_image(outputs, len(batch))
            for want, got in zip(batch, results):
                compare(name, want, got)
        print(f'{runtime.__name__}: {difference.text()}; CPU time {seconds:.2f} s')
        for line in difference.lost[:10]:
            print('  ' + line)
        failed |= bool(difference.lost)
    return failed


sys.exit(main(sys.argv[1]))
