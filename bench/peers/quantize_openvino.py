"""quantize_openvino.py MODEL.onnx OUT.xml: an ONNX network in OpenVINO's int8 form, calibrated by NNCF on eight images of noise."""
import sys
import tempfile

import nncf
import numpy as np
import openvino

path, out = sys.argv[1:]
core = openvino.Core()
with tempfile.TemporaryDirectory() as folder:  # a saved model has no operations that lead nowhere, at which NNCF fails in detectors
    openvino.save_model(core.read_model(path), f'{folder}/model.xml', compress_to_fp16=False)
    model = core.read_model(f'{folder}/model.xml')
    shape = [int(d) for d in model.input(0).shape]
    random = np.random.default_rng(0)
    noise = random.standard_normal if len(shape) == 4 else random.random  # a detector normalises its image itself
    data = nncf.Dataset([noise(shape).astype('float32') for _ in range(8)], lambda x: x)
    openvino.save_model(nncf.quantize(model, data, subset_size=8), out)
