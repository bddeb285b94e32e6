"""quantize_openvino.py MODEL.onnx OUT.xml: an ONNX network in OpenVINO's int8 form, calibrated by NNCF on eight images of noise."""
import sys

import nncf
import numpy as np
import openvino

path, out = sys.argv[1:]
core = openvino.Core()
model = core.read_model(path)
shape = [int(d) for d in model.input(0).shape]
random = np.random.default_rng(0)
data = nncf.Dataset([random.standard_normal(shape).astype('float32') for _ in range(8)], lambda x: x)
openvino.save_model(nncf.quantize(model, data, subset_size=8), out)
