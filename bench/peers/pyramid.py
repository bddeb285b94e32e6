"""torchvision's Faster R-CNNs with a feature pyramid, as its builders make them: --model is fasterrcnn_resnet50_fpn (at 600/1000) or
fasterrcnn_mobilenet_v3_large_320_fpn; or scalenet50, for the former around ScaleNet-50. Random weights, 91 classes. ONNX Runtime and OpenVINO run the whole detector, from image to boxes."""
import numpy as np

import common

p = common.parser(__doc__)
p.add_argument('--mode', default='infer', choices=['infer', 'train'])
p.add_argument('--model', default='fasterrcnn_resnet50_fpn')
p.add_argument('--height', type=int, default=600)
p.add_argument('--width', type=int, default=904)
a = p.parse_args()
if a.engine == 'torch':
    torch = common.torch_with(a.threads)
    common.serve_detector(torch, a, common.pyramid(torch, a.model))
else:
    image = np.random.default_rng(0).random((3, a.height, a.width), np.float32)
    run, version = {'onnxruntime': common.onnxruntime, 'openvino': common.openvino}[a.engine](a, image)
    common.serve(run, a.seconds, version)
