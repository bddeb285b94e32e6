"""export_onnx.py MODEL HEIGHT WIDTH FILE: a network, or a detector with a feature pyramid, with random weights as ONNX."""
import sys

import common

model, height, width, path = sys.argv[1:]
torch = common.torch_with(2)
shape = int(height), int(width)
if model.startswith('fasterrcnn'):
    net, inputs = common.pyramid(torch, model).eval(), [torch.rand(3, *shape)]  # one image, whose size the file is for
else:
    net, inputs = common.network(torch, model).eval(), torch.randn(1, 3, *shape)
torch.onnx.export(net, (inputs,), path, dynamo=False, opset_version=17)
