"""One image through a classification network."""
import subprocess
import sys
from pathlib import Path

import numpy as np

import common


def onnx(a):
    """Path of the ONNX file, exported in a separate process so that PyTorch's memory is not counted."""
    path = common.cache() / f'{a.model}-{a.height}x{a.width}.onnx'
    if not path.exists():
        part = path.with_suffix('.part')
        subprocess.run([sys.executable, Path(__file__).with_name('export_onnx.py'), a.model, str(a.height), str(a.width), part],
                       check=True, stdout=sys.stderr)
        part.rename(path)
    return path


def torch(a, x):
    torch = common.torch_with(a.threads)
    net, x = common.network(torch, a.model).eval(), torch.from_numpy(x).to(memory_format=torch.channels_last)
    if a.device == 'cpu':
        def run():
            with torch.inference_mode(), common.precision(torch, a.dtype):
                return net(x)
        return run, torch.__version__
    # On a GPU the weights have the type, too, which is faster than autocast. Copies to and from the GPU are timed, as in ScaleNet.
    dtype = common.element(torch, a.dtype)
    net, x = net.to(a.device, dtype), x.pin_memory()

    def run_gpu():
        with torch.inference_mode():
            return net(x.to(a.device, non_blocking=True).to(dtype)).float().cpu()
    return run_gpu, torch.__version__


def onnxruntime(a, x):
    import onnxruntime
    if a.dtype != 'f32':
        sys.exit('ONNX Runtime runs f32 only')
    o = onnxruntime.SessionOptions()
    o.intra_op_num_threads, o.inter_op_num_threads = a.threads, 1
    o.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(onnx(a), o, providers=['CPUExecutionProvider'])
    feed = {session.get_inputs()[0].name: x}
    return lambda: session.run(None, feed), onnxruntime.__version__


def openvino(a, x):
    import openvino
    core = openvino.Core()
    model = core.compile_model(core.read_model(onnx(a)), 'CPU', {
        'INFERENCE_NUM_THREADS': a.threads, 'PERFORMANCE_HINT': 'LATENCY', 'NUM_STREAMS': '1',
        'INFERENCE_PRECISION_HINT': a.dtype})
    request = model.create_infer_request()
    return lambda: request.infer({0: x}, share_inputs=True, share_outputs=True), openvino.__version__.split('-')[0]


p = common.parser(__doc__)
p.add_argument('--model', default='scalenet50')
p.add_argument('--batch', type=int, default=1)
p.add_argument('--height', type=int, default=224)
p.add_argument('--width', type=int, default=224)
a = p.parse_args()
image = np.random.default_rng(0).standard_normal((a.batch, 3, a.height, a.width)).astype('float32')
run, version = {'torch': torch, 'onnxruntime': onnxruntime, 'openvino': openvino}[a.engine](a, image)
common.serve(run, a.seconds, version)
