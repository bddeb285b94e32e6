"""Writes the golden files of this folder with PyTorch and its safetensors.

small.safetensors   every element type, a scalar, an empty tensor, metadata
small.json          the same values as JSON numbers, rounded to float32
densenet.pth        the names of torchvision's first DenseNets
plain.pth nested.pth legacy.pth views.pth   small.safetensors' tensors in the shapes .pth files come in
"""
import collections, json
from pathlib import Path
import torch
from safetensors.torch import save_file

here = Path(__file__).parent
torch.manual_seed(1)
tensors = collections.OrderedDict(
    a_f64=torch.randn(2, 3, dtype=torch.float64),
    b_f32=torch.randn(3, 1, 2),
    c_f16=torch.tensor([0.0, -0.0, 1.5, 65504.0, 5.9604645e-08, float("inf")]).half(),
    d_bf16=torch.randn(5).bfloat16(),
    e_i64=torch.tensor([-(2**40), 0, 7]),
    f_i32=torch.tensor([[-5], [2**30]], dtype=torch.int32),
    g_u8=torch.tensor([0, 255, 3], dtype=torch.uint8),
    h_bool=torch.tensor([True, False, True]),
    scalar=torch.tensor(2.5),
    empty=torch.zeros(0, 4),
)
save_file(tensors, here / "small.safetensors", metadata={"classes": 'red "cell",été'})


def numbers(t):
    return [str(v) for v in t.double().float().flatten().tolist()] if t.dtype != torch.int64 else [str(v) for v in t.tolist()]


(here / "small.json").write_text(json.dumps({k: {"shape": list(t.shape), "values": numbers(t)} for k, t in tensors.items()}, indent=0))

torch.save(tensors, here / "plain.pth")
torch.save({"epoch": 3, "args": torch.device("cpu"), "optimizer": {"state": {0: {"momentum_buffer": torch.ones(2)}}},
            "state_dict": {"module." + k: v for k, v in tensors.items()}}, here / "nested.pth")
torch.save(tensors, here / "legacy.pth", _use_new_zipfile_serialization=False)
base = torch.arange(24.0).reshape(2, 3, 4)
torch.save({"transposed": base.permute(2, 0, 1), "slice": base[1, 1:], "row": base[0, 2], "parameter": torch.nn.Parameter(base[:, 0])}, here / "views.pth")
block = "features.denseblock1.denselayer12."
torch.save({block + k: torch.ones(1) for k in ("norm.1.weight", "norm.1.running_var", "relu.1", "conv.2.weight", "norm1.num_batches_tracked")} |
           {"norm.1.weight": torch.ones(1)}, here / "densenet.pth")
