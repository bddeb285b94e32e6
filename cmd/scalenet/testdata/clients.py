"""Existing clients of other servers against ours, unmodified; scripts/pypi.sh installs them.

    python3 clients.py HOST:PORT IMAGE MODEL THRESHOLD OTHER ITS_THRESHOLD

Prints what they return, as JSON; serve_clients_test.go knows what it should be.
"""
import io
import json
import sys
import warnings

warnings.filterwarnings('ignore')
import numpy as np
from PIL import Image
from codeprojectai import core as codeproject
from deepstack_sdk import Detection, ServerConfig
import tritonclient.http as triton

address, path, model, threshold, other, its_threshold = sys.argv[1:]
host, port = address.split(':')
threshold, its_threshold = float(threshold), float(its_threshold)
image = open(path, 'rb').read()
results = {}


def failure(call):
    """What a call raises."""
    try:
        return repr(call())
    except Exception as e:
        return f'{type(e).__name__}: {e}'


def rows(found):
    return [[d.label, d.confidence, d.x_min, d.y_min, d.x_max, d.y_max] for d in found]


config = ServerConfig(f'http://{address}')
detection, custom = Detection(config), Detection(config, name=other)
results['deepstack'] = {
    'file': rows(detection.detectObject(path, min_confidence=threshold)),
    'bytes': rows(detection.detectObject(image, min_confidence=threshold)),
    'custom': rows(custom.detectObject(image, min_confidence=its_threshold)),
    'no image': failure(lambda: detection.detectObject(b'hello')),
    'truncated': failure(lambda: detection.detectObject(image[:len(image) // 2])),
    'no model': failure(lambda: Detection(config, name='nothing').detectObject(image)),
}


def predictions(name, data=image, least=threshold):
    found = codeproject.CodeProjectAIObject(host, int(port), min_confidence=least, custom_model=name).detect(data)
    return [[p[k] for k in ('label', 'confidence', 'x_min', 'y_min', 'x_max', 'y_max')] for p in found]


results['codeproject'] = {
    'detect': predictions(''),
    'custom': predictions(other, least=its_threshold),
    'no image': failure(lambda: predictions('', b'hello')),
    'no model': failure(lambda: predictions('nothing')),
}

client = triton.InferenceServerClient(address)


def tensors(result):
    out = {name: result.as_numpy(name) for name in ('boxes', 'scores', 'class_ids', 'labels')}
    assert [str(out[n].dtype) for n in out] == ['float32', 'float32', 'int64', 'object'], [out[n].dtype for n in out]
    labels = [v.decode() if isinstance(v, bytes) else v for v in out['labels']]
    return [[label, score.item(), *box.tolist(), id.item()] for label, score, box, id in zip(labels, out['scores'], out['boxes'], out['class_ids'])]


def tensor(values, binary=True):
    t = triton.InferInput('image', list(values.shape), 'UINT8' if values.dtype == np.uint8 else 'BYTES')
    t.set_data_from_numpy(values, binary_data=binary)
    return [t]


def infer(inputs, **options):
    return client.infer(model, inputs, parameters={'threshold': threshold}, **options)


def as_png(image):
    data = io.BytesIO()
    image.save(data, format='png')
    return tensor(np.array([data.getvalue()], dtype=np.object_))


upright = Image.open(path).convert('RGB')
small = upright.resize((64, 48))
pixels = np.asarray(upright)
file = tensor(np.array([image], dtype=np.object_))
in_json = [triton.InferRequestedOutput(n, binary_data=False) for n in ('boxes', 'scores', 'class_ids', 'labels')]
pending = client.async_infer(model, file, parameters={'threshold': threshold})
metadata = client.get_model_metadata(model)
only = client.infer(model, file, outputs=[triton.InferRequestedOutput('scores')], parameters={'max': 2, 'threshold': 0.01}, request_id='mine')
none = client.infer(model, file, parameters={'threshold': 1}, timeout=30_000_000)
results['triton'] = {
    'live': client.is_server_live(),
    'ready': client.is_server_ready(),
    'model ready': [client.is_model_ready(m) for m in (model, other, 'nothing')],
    'server': client.get_server_metadata(),
    'model': metadata,
    'file': tensors(infer(file)),
    'version': tensors(infer(file, model_version=metadata['versions'][0])),
    'file, answered in JSON': tensors(infer(file, outputs=in_json)),
    'gzip': tensors(infer(file, request_compression_algorithm='gzip', response_compression_algorithm='gzip')),
    'deflate': tensors(infer(file, request_compression_algorithm='deflate', response_compression_algorithm='deflate')),
    'async': tensors(pending.get_result()),
    'png': tensors(infer(as_png(upright))),
    'pixels': tensors(infer(tensor(pixels))),
    'pixels, batch': tensors(infer(tensor(pixels[None]))),
    'small png': tensors(infer(as_png(small))),
    'small pixels in JSON': tensors(infer(tensor(np.asarray(small), binary=False))),
    'only scores': [only.get_response()['id'], [o['name'] for o in only.get_response()['outputs']], len(only.as_numpy('scores'))],
    'none': [list(none.as_numpy(n).shape) for n in ('boxes', 'scores', 'class_ids', 'labels')],
    'no image': failure(lambda: infer(tensor(np.array([b'hello'], dtype=np.object_)))),
    'no model': failure(lambda: client.infer('nothing', file)),
    'other input': failure(lambda: client.infer(model, [triton.InferInput('x', [1], 'FP32').set_data_from_numpy(np.zeros(1, np.float32))])),
}
json.dump(results, sys.stdout)
