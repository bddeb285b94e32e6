"""Reads what Go wrote with PyTorch and its safetensors: check.py FILE... equal to small.safetensors."""
import sys
from pathlib import Path
import torch
from safetensors.torch import load_file

want = load_file(Path(__file__).parent / "small.safetensors")
for path in sys.argv[1:]:
    got = torch.load(path, weights_only=True) if path.endswith(".pth") else load_file(path)
    assert sorted(got) == sorted(want), path
    for name, tensor in want.items():
        assert tensor.dtype == got[name].dtype and tensor.shape == got[name].shape, (path, name)
        assert torch.equal(tensor, got[name]), (path, name)
    print(path, "equal:", len(got), "tensors")
