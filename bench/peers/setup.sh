#!/bin/bash
# setup.sh FOLDER: a Python environment with the baselines (1.5 GB): PyTorch without its CUDA libraries, ONNX Runtime, OpenVINO with NNCF;
# pycocotools, faster-coco-eval and hotcoco for evaluation.py.
# Needs python3-venv, gcc and binutils.
set -euo pipefail
folder=${1:?usage: setup.sh FOLDER}
here=$(cd "$(dirname "$0")" && pwd)
python3 -m venv "$folder"
"$folder/bin/pip" install -q --no-deps torch==2.15.0 torchvision==0.29.2 timm==1.0.31
"$folder/bin/pip" install -q numpy pillow filelock typing-extensions sympy networkx jinja2 fsspec \
	pyyaml==6.0.4 huggingface_hub==2.4.0 onnx==1.23.2 onnxruntime==1.32.0 openvino==2026.4.1 nncf==3.4.0 safetensors \
	pycocotools==2.0.11 faster-coco-eval==1.8.0 hotcoco==1.3.0
"$folder/bin/python" "$here/cuda_stubs.py" "$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')/torch/lib"
"$folder/bin/python" -c 'import torch; print("peers are installed: PyTorch", torch.__version__)'
