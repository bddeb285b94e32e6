"""Writes scalenet_fpn_step.json.gz: a training step of torchvision's FasterRCNN with a feature pyramid around a small ScaleNet.

    python scalenet_fpn_step.py        # torch 2.15, torchvision 0.29

The network is bench/peers/scalenet_torch.py's. The formula of the weights, the pictures, the step and the form of what is written are those of
published/testdata/torchvision.py and torchvision_step.py. Names, and the order of fc1's columns (y, x, channel), are ours. `frozen` has all BatchNorms
frozen, `trained` has all trained on the statistics of the batch; both have the same samples.
"""
import importlib.util
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PUBLISHED = ROOT / "detector" / "published" / "testdata"
sys.dont_write_bytecode = True
sys.path = [p for p in sys.path if Path(p).resolve() != HERE] + [str(ROOT / "bench" / "peers")]  # torchvision.py is here, too


def module(name):
    """A script of PUBLISHED as a module: without its last line, which runs it."""
    made = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader=None))
    made.__file__ = str(PUBLISHED / f"{name}.py")
    source = Path(made.__file__).read_text()
    exec(compile(source.replace("\nmain()\n", "\n"), made.__file__, "exec"), made.__dict__)
    return made


reference = module("torchvision_step")
golden = reference.golden

import torch  # noqa: E402
from scalenet_torch import Pyramid, ScaleNet  # noqa: E402
from torch import nn  # noqa: E402
from torchvision.models.detection.faster_rcnn import FasterRCNN, FastRCNNPredictor, TwoMLPHead  # noqa: E402
from torchvision.models.detection.rpn import AnchorGenerator  # noqa: E402
from torchvision.ops import MultiScaleRoIAlign  # noqa: E402

SEED = "scalenet_fpn."
BLOCKS, PLANES, STEM, CHANNELS, CLASSES, SIDE, HIDDEN = [1, 2, 1, 1], [6, 8, 12, 16], 16, 16, 90, 5, 32
STRUCTURE = [[5, 2, 2, 2, 56], [6, 3, 2, 0, 28], [4, 3, 2, 3, 28], [8, 4, 3, 0, 14], [10, 6, 0, 0, 7]]


def build():
    sizes = tuple((s,) for s in (8, 16, 32, 64, 128))
    return FasterRCNN(
        Pyramid(ScaleNet(BLOCKS, STRUCTURE, stem=STEM, planes=PLANES), CHANNELS), **{**reference.OPTIONS, "box_batch_size_per_image": 32},
        rpn_anchor_generator=AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * 5),
        rpn_batch_size_per_image=64, rpn_pre_nms_top_n_train=200, rpn_post_nms_top_n_train=60,
        box_roi_pool=MultiScaleRoIAlign(["0", "1", "2", "3"], SIDE, 2, canonical_scale=48),
        box_head=TwoMLPHead(CHANNELS * SIDE * SIDE, HIDDEN), box_predictor=FastRCNNPredictor(HIDDEN, CLASSES + 1))


def ours(name):
    name = name.removeprefix("backbone.").removeprefix("body.").replace("rpn.head.conv.0.0.", "rpn.head.conv.")
    return name.replace(".fc6.", ".fc1.").replace(".fc7.", ".fc2.")


def columns(name, t, shape, order):
    """The weight of fc1 in another order of columns."""
    return t.reshape(HIDDEN, *shape).permute(0, *order).reshape(HIDDEN, -1) if name.endswith(".fc1.weight") else t


def scales(name, t):
    """Scale and offset of a tensor: activations stay of order one."""
    if name.endswith("running_var"):
        return 0.3, 1
    if t.dim() == 1:  # biases, and the weights of norms, which are smaller at the end of a residual branch
        norm = name.endswith(".weight")
        return (0.2, 0.5 if "bn3" in name else 1) if norm else (0.1, 0)
    gain = {"rpn.head.bbox_pred.weight": 0.1, "roi_heads.box_predictor.bbox_pred.weight": 0.2, "roi_heads.box_predictor.cls_score.weight": 0.3}.get(name, 1)
    return golden.rounded(gain * (6 / t[0].numel()) ** 0.5), 0


def fill(model):
    """Fills the model and returns what it is filled with."""
    tensors = []
    for name, t in model.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        name = ours(name)
        scale, offset = scales(name, t)
        tensors.append({"name": name, "shape": list(t.shape), "scale": scale, "offset": offset})
        value = golden.parameter(SEED + name, tuple(t.shape), scale, offset)
        with torch.no_grad():
            t.copy_(columns(name, value, (SIDE, SIDE, CHANNELS), (3, 1, 2)))
    return tensors


def step(dtype, frozen, replay=None):
    model = build()
    fill(model)
    model.to(dtype).train()
    for m in model.modules():
        if frozen and isinstance(m, nn.BatchNorm2d):
            m.eval().requires_grad_(False)
    log, losses, grads = reference.step(model, dtype, replay)
    grads = {ours(n): g for n, g in grads.items() if g is not None}
    return log, losses, {n: columns(n, g, (CHANNELS, SIDE, SIDE), (2, 3, 1)) for n, g in grads.items()}


def compared(frozen, log):
    """The step with given samples in float64, and how far that in float32 strays from it, as in torchvision_step.py."""
    _, losses, grads = step(torch.float64, frozen, log)
    _, single, off = step(torch.float32, frozen, log)
    worst = max(((off[n].double() - v).norm().item() / v.norm().item(), n) for n, v in grads.items())
    stray = {"losses": max(abs(single[k] / v - 1) for k, v in losses.items()), "gradients": worst[0], "worst": worst[1]}
    print("frozen" if frozen else "trained", losses, stray)
    return {"losses": losses, "float32": stray, "gradients": [
        {"name": n, "max": v.abs().max().item(), "l2": v.norm().item(), "samples": golden.samples(v, 8)} for n, v in grads.items()]}


def main():
    torch.manual_seed(1)
    log, _, _ = step(torch.float64, True)
    print([len(a["positive"]) for a in log["anchors"]], [sum(v > 0 for v in r["labels"]) for r in log["regions"]],
          [len(r["labels"]) for r in log["regions"]])
    images = [{"width": w, "height": h, "resized": log["resized"][i], "labels": l, "resized_boxes": log["truth"][i]}
              for i, ((w, h), _, l) in enumerate(reference.PICTURES)]
    golden.write(HERE / "scalenet_fpn_step.json.gz", {
        "seed": SEED, "tensors": fill(build()), "padded": log["padded"], "images": images, "anchors": log["anchors"], "regions": log["regions"],
        "frozen": compared(True, log), "trained": compared(False, log)})


main()
