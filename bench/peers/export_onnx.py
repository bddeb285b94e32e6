"""export_onnx.py MODEL HEIGHT WIDTH FILE: a network with random weights as ONNX."""
import sys

import common

model, height, width, path = sys.argv[1:]
torch = common.torch_with(2)
net = common.network(torch, model).eval()
torch.onnx.export(net, (torch.randn(1, 3, int(height), int(width)),), path, dynamo=False, opset_version=17)
