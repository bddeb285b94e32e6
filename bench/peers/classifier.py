"""One image through a classification network."""
import numpy as np

import common


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


p = common.parser(__doc__)
p.add_argument('--model', default='scalenet50')
p.add_argument('--batch', type=int, default=1)
p.add_argument('--height', type=int, default=224)
p.add_argument('--width', type=int, default=224)
a = p.parse_args()
image = np.random.default_rng(0).standard_normal((a.batch, 3, a.height, a.width)).astype('float32')
run, version = {'torch': torch, 'onnxruntime': common.onnxruntime, 'openvino': common.openvino}[a.engine](a, image)
common.serve(run, a.seconds, version)
