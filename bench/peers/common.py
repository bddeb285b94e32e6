"""Common code of the baselines: flags, threads, and the protocol of rounds (the other side is in bench/round.go)."""
import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

warnings.filterwarnings('ignore')
WARM_UPS = 2


def parser(doc):
    p = argparse.ArgumentParser(description=doc)
    p.add_argument('--engine', default='torch')
    p.add_argument('--dtype', default='f32', choices=['f32', 'bf16', 'f16', 'int8'])
    p.add_argument('--device', default='cpu', help='cpu, cuda or cuda:N; PyTorch only')
    p.add_argument('--threads', type=int, default=2)
    p.add_argument('--seconds', type=float, default=1, help='length of a round; it has at least one run')
    return p


def torch_with(threads):
    """Returns PyTorch with the given number of threads. On a GPU, TF32 is off and cuDNN searches for the fastest algorithm."""
    import torch
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    torch.manual_seed(0)
    return torch


def network(torch, name):
    """Builds a model with random weights and channels-last memory."""
    if name.startswith('cifar_'):
        import scalenet_torch
        net = scalenet_torch.cifar(name[6:])
    elif name.startswith('scalenet'):
        import scalenet_torch
        net = scalenet_torch.scalenet(name[8:])
    elif name.startswith('seresnet') or name == 'xception':
        import timm
        net = timm.create_model('legacy_' + name, drop_rate=0)
    else:
        import torchvision
        net = getattr(torchvision.models, {'resnext50': 'resnext50_32x4d'}.get(name, name))()
    return net.to(memory_format=torch.channels_last)


def pyramid(torch, name):
    """Builds torchvision's Faster R-CNN of this name with random weights and channels-last memory: resnet50_fpn at 600/1000, mobilenet's 320 as it is.
    The name of a ScaleNet gives that of resnet50_fpn around the ScaleNet."""
    from torchvision.models import detection
    sizes = {} if '320' in name else {'min_size': 600, 'max_size': 1000}
    if name.startswith('scalenet'):
        import scalenet_torch
        model = detection.FasterRCNN(scalenet_torch.Pyramid(network(torch, name)), 91, **sizes)
    else:
        model = getattr(detection, name)(weights=None, weights_backbone=None, num_classes=91, **sizes)
    with torch.no_grad():  # BatchNorm statistics that keep the activations of random weights of order one
        model.backbone.body.train()
        for _ in range(2):
            model.backbone.body(torch.randn(2, 3, 224, 224))
    for m in model.modules():
        if isinstance(m, torch.nn.BatchNorm2d):
            m.requires_grad_(False)
    for part in 'conv1', 'layer1':  # as with trainable_backbone_layers=3
        if hasattr(model.backbone.body, part):
            getattr(model.backbone.body, part).requires_grad_(False)
    return model.to(memory_format=torch.channels_last)


def precision(torch, dtype, device='cpu'):
    return torch.autocast(device.partition(':')[0], dtype=element(torch, dtype), enabled=dtype != 'f32')


def element(torch, dtype):
    return {'f32': torch.float32, 'bf16': torch.bfloat16, 'f16': torch.float16}[dtype]


def finish(torch, device):
    """Waits for a GPU."""
    if device != 'cpu':
        torch.cuda.synchronize(device)


def cache():
    """Folder for exported models."""
    p = Path(os.environ.get('XDG_CACHE_HOME', Path.home() / '.cache')) / 'scalenet' / 'peers'
    p.mkdir(parents=True, exist_ok=True)
    return p


def onnx(a):
    """Path of the ONNX file of a.model, exported in a separate process so that PyTorch's memory is not counted."""
    path = cache() / f'{a.model}-{a.height}x{a.width}.onnx'
    if not path.exists():
        part = path.with_suffix('.part')
        subprocess.run([sys.executable, Path(__file__).with_name('export_onnx.py'), a.model, str(a.height), str(a.width), part],
                       check=True, stdout=sys.stderr)
        part.rename(path)
    return path


def onnxruntime(a, x):
    """Returns a function that runs a.model on x in ONNX Runtime, and its version."""
    import onnxruntime
    if a.dtype != 'f32':
        sys.exit('ONNX Runtime runs f32 only')
    o = onnxruntime.SessionOptions()
    o.intra_op_num_threads, o.inter_op_num_threads = a.threads, 1
    o.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(onnx(a), o, providers=['CPUExecutionProvider'])
    feed = {session.get_inputs()[0].name: x}
    return lambda: session.run(None, feed), onnxruntime.__version__


def quantized(path):
    """Path of the int8 form of an ONNX file, made by NNCF on noise in a separate process."""
    xml = path.with_suffix('.int8.xml')
    if not xml.exists():
        part = path.with_suffix('.part.xml')
        subprocess.run([sys.executable, Path(__file__).with_name('quantize_openvino.py'), path, part], check=True, stdout=sys.stderr)
        part.with_suffix('.bin').rename(xml.with_suffix('.bin'))
        part.rename(xml)
    return xml


def openvino(a, x):
    """Returns a function that runs a.model on x in OpenVINO, and its version."""
    import openvino
    core = openvino.Core()
    path = quantized(onnx(a)) if a.dtype == 'int8' else onnx(a)
    model = core.compile_model(core.read_model(path), 'CPU', {
        'INFERENCE_NUM_THREADS': a.threads, 'PERFORMANCE_HINT': 'LATENCY', 'NUM_STREAMS': '1',
        'INFERENCE_PRECISION_HINT': 'f32' if a.dtype == 'int8' else a.dtype})
    request = model.create_infer_request()
    return lambda: request.infer({0: x}, share_inputs=True, share_outputs=True), openvino.__version__.split('-')[0]


def serve_detector(torch, a, model):
    """Serves detection (a.mode 'infer') or a training step ('train') of a torchvision detector on a random image with eight objects. BatchNorms are
    not trained."""
    model = model.to(a.device)
    image = torch.rand(3, a.height, a.width)
    corner = torch.rand(8, 2) * torch.tensor([a.width * 0.6, a.height * 0.6])
    target = {'boxes': torch.cat([corner, corner + 20 + torch.rand(8, 2) * torch.tensor([a.width * 0.35, a.height * 0.35])], 1),
              'labels': torch.arange(1, 9)}

    def infer():
        with torch.inference_mode(), precision(torch, a.dtype, a.device):
            model([image.to(a.device)])
        finish(torch, a.device)

    def train():
        sgd.zero_grad(set_to_none=True)
        with precision(torch, a.dtype, a.device):
            loss = sum(model([image.to(a.device)], [{k: v.to(a.device) for k, v in target.items()}]).values())
        loss.backward()
        sgd.step()
        finish(torch, a.device)

    model.train(a.mode == 'train')
    for m in model.modules():
        if isinstance(m, torch.nn.BatchNorm2d):
            m.eval()
    sgd = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 1e-3, 0.9, weight_decay=1e-4)
    serve(train if a.mode == 'train' else infer, a.seconds, torch.__version__)


def resident_mb():
    with open('/proc/self/status') as f:
        return next(int(line.split()[1]) for line in f if line.startswith('VmRSS:')) / 1024


def serve(run, seconds, version):
    """Responds to each line of standard input with a round of runs."""
    for _ in range(WARM_UPS):
        run()
    print(json.dumps({'version': version}), flush=True)
    for _ in sys.stdin:
        ms, start = [], time.perf_counter()
        while not ms or time.perf_counter() - start < seconds:
            begin = time.perf_counter()
            run()
            ms.append((time.perf_counter() - begin) * 1e3)
        print(json.dumps({'ms': ms, 'rss_mb': resident_mb()}), flush=True)
