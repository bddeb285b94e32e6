"""Writes torchvision_step.json.gz: a training step of torchvision's fasterrcnn_resnet50_fpn, with the weights of resnet50_fpn.json.gz.

    python torchvision_step.py        # torch 2.15, torchvision 0.29; after torchvision.py

FrozenBatchNorm2d with epsilon 0, all other parameters trainable, two small pictures (picture in torchvision.py). Boxes are in pixels
of the pictures as they are before they are resized, except those of `regions`, which are in pixels of the network's input. `anchors`
are indices into the anchors of all levels, level by level, each in the order of rows, columns, anchors. Everything is
computed in float64; `float32` is how far PyTorch's step in float32, with the same samples, strays from it: losses relatively,
gradients by their distance over their norm (the worst, and its parameter).
Samples of a gradient: [flat index, value] at the outputs of splitmix64 for "sample" modulo the size, sorted, without repetition.
"""
import gzip
import importlib.util
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
spec = importlib.util.spec_from_file_location("golden", HERE / "torchvision.py")
golden = importlib.util.module_from_spec(spec)
spec.loader.exec_module(golden)  # takes this folder out of sys.path

import torch  # noqa: E402

OPTIONS = {"min_size": 128, "max_size": 160, "box_batch_size_per_image": 64}
PICTURES = (
    ((200, 150), [[10.5, 20, 90, 120.25], [60, 40, 199, 149], [120, 5, 160, 50]], [17, 62, 1]),
    ((110, 170), [[5, 60, 80, 165.5], [30, 10, 75, 55]], [90, 3]),
)


def model_of(data, dtype):
    model = golden.build(data["model"], True, **OPTIONS)
    golden.fill(model, data["seed"], [tuple(t.values()) for t in data["tensors"]])
    return model.to(dtype).train()


def step(model, dtype, replay=None):
    log = {"anchors": [], "regions": []}
    sampler, heads = model.rpn.fg_bg_sampler, model.roi_heads
    select = heads.select_training_samples

    def sample(labels):
        if replay:
            mask = lambda l, which: torch.zeros_like(l, dtype=torch.uint8).index_fill(0, torch.tensor(which), 1)
            return tuple([mask(l, a[k]) for l, a in zip(labels, replay["anchors"])] for k in ("positive", "negative"))
        positive, negative = sampler(labels)
        for l, p, n in zip(labels, positive, negative):
            log["anchors"].append({"count": len(l), "all_positive": int((l > 0).sum()), "all_negative": int((l == 0).sum()),
                                   "positive": torch.where(p)[0].tolist(), "negative": torch.where(n)[0].tolist()})
        return positive, negative

    def selecting(proposals, targets):
        if replay:
            boxes = [torch.tensor(r["boxes"], dtype=dtype) for r in replay["regions"]]
            matched = [torch.tensor(r["matched"]) for r in replay["regions"]]
            deltas = heads.box_coder.encode([t["boxes"][m] for t, m in zip(targets, matched)], boxes)
            return boxes, matched, [torch.tensor(r["labels"]) for r in replay["regions"]], deltas
        count = [len(p) for p in proposals]
        boxes, matched, labels, deltas = out = select(proposals, targets)
        for n, t, b, m, l in zip(count, targets, boxes, matched, labels):
            log["regions"].append({"proposals": n, "boxes": b.tolist(), "labels": l.tolist(), "matched": m.tolist()})
            log.setdefault("truth", []).append(t["boxes"].tolist())
        return out

    model.rpn.fg_bg_sampler, heads.select_training_samples = sample, selecting
    inputs = []
    hook = model.transform.register_forward_hook(lambda m, i, out: inputs.append(out[0]))
    targets = [{"boxes": torch.tensor(b, dtype=dtype), "labels": torch.tensor(l)} for _, b, l in PICTURES]
    losses = model([golden.image(*s, dtype) for s, _, _ in PICTURES], targets)
    sum(losses.values()).backward()
    hook.remove()
    log["padded"], log["resized"] = list(inputs[0].tensors.shape[2:]), [list(s) for s in inputs[0].image_sizes]
    return log, {k: v.item() for k, v in losses.items()}, {n: p.grad for n, p in model.named_parameters()}


def main():
    data = json.loads(gzip.decompress((HERE / "resnet50_fpn.json.gz").read_bytes()))
    torch.manual_seed(1)
    log, losses, grads = step(model_of(data, torch.float64), torch.float64)
    _, single, off = step(model_of(data, torch.float32), torch.float32, log)
    worst = max(((off[n].double() - v).norm().item() / v.norm().item(), n) for n, v in grads.items())
    stray = {"losses": max(abs(single[k] / v - 1) for k, v in losses.items()), "gradients": worst[0], "worst": worst[1]}
    print(losses, stray, [len(a["positive"]) for a in log["anchors"]], [sum(v > 0 for v in r["labels"]) for r in log["regions"]])
    images = [{"width": w, "height": h, "resized": log["resized"][i], "boxes": b, "labels": l, "resized_boxes": log["truth"][i]}
              for i, ((w, h), b, l) in enumerate(PICTURES)]
    golden.write(HERE / "torchvision_step.json.gz", {
        "weights": "resnet50_fpn.json.gz", "options": OPTIONS, "padded": log["padded"], "images": images, "anchors": log["anchors"], "regions": log["regions"],
        "losses": losses, "gradients": [{"name": n, "shape": list(v.shape), "max": v.abs().max().item(), "l2": v.norm().item(), "samples": golden.samples(v, 16)}
                                        for n, v in grads.items()], "float32": stray})


main()
