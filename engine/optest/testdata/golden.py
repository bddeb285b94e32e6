"""Golden values of the operations by PyTorch and torchvision (written with
torch 2.15): for each case of the table its output and its inputs' gradients in
float64, given the gradient fill("<case>/dy") of the output.

    go test ./engine/optest -run TestGolden -export cases.json
    python engine/optest/testdata/golden.py cases.json engine/optest/testdata/golden.safetensors

Inputs follow from the cases by fill(), the same integer arithmetic as fill.go.
Layouts are those of package nn (NHWC); PyTorch's are permuted here.
"""
import json
import math
import sys

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file
from torchvision.ops import roi_align
from torchvision.ops.poolers import LevelMapper

SAMPLES = 96


def seed(name):
    h = 0x811C9DC5
    for b in name.encode():
        h = (h ^ b) * 0x01000193 & 0xFFFFFFFF
    return h


def hashes(s, n):
    x = (np.uint64(s) + np.arange(n, dtype=np.uint64) * np.uint64(0x9E3779B9)).astype(np.uint32)
    x ^= x >> 16
    x *= np.uint32(0x85EBCA6B)
    x ^= x >> 13
    x *= np.uint32(0xC2B2AE35)
    return x ^ x >> 16


def unit(s, n):
    return (hashes(s, n) >> 8).astype(np.float64) / (1 << 24)


def fill(f, n, s):
    kind, i = f["Kind"], np.arange(n)
    if kind == "uniform":
        low, high = f.get("Low", 0), f.get("High", 0)
        v = low + (high - low) * unit(s, n)
    elif kind == "distinct":
        step = n * 618 // 1000 + 1
        while math.gcd(step, n) != 1:
            step += 1
        v = (i * step + s % n) % n / n * 2 - 1
    elif kind == "gap":
        u = unit(s, n) * 2 - 1
        v = u + np.copysign(0.1, u)
    elif kind == "levels":
        v = (hashes(s, n) % 3).astype(np.int64) - 1
    elif kind == "labels":
        v = (hashes(s, n) % np.uint32(f["Classes"] + 1)).astype(np.int64) - 1
    else:
        v = f["Values"]
    return np.asarray(v, dtype=np.float32).astype(np.float64)


def nchw(x):
    return x.permute(0, 3, 1, 2)


def nhwc(x):
    return x.permute(0, 2, 3, 1)


def levels_of(at, rois, levels):
    """The level of each region as torchvision, detectron2 (assign_boxes_to_levels) and mmdetection (map_roi_levels) compute it in float32."""
    boxes, m = rois[:, 1:].float(), at["Mapper"]
    finest = round(-math.log2(at["Scale"]))
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    if m["Formula"] == "torchvision":
        mapper = LevelMapper(finest, finest + levels - 1, int(m["Size"]), m["Level"])
        return torch.where(area >= 0, mapper([boxes]), 0)
    side = torch.sqrt(area.clamp(min=0))
    if m["Formula"] == "detectron2":
        k = torch.floor(m["Level"] + torch.log2(side / m["Size"] + 1e-8)) - finest
    else:
        k = torch.floor(torch.log2(side / (m["Size"] / 2 ** (m["Level"] - finest)) + 1e-6))
    return k.clamp(0, levels - 1).long()


def jwyang_align(x, rois, size, scale):
    """ROIAlignForwardCpu of jwyang's roi_align.c, all points at once. With one row or column, where it reads beyond the features, that one."""
    h, w = x.shape[1:3]

    def axis(low, high, side):
        start = low * scale
        at = start[:, None] + (high * scale - start + 1).clamp(min=0)[:, None] / (size - 1) * torch.arange(size, dtype=low.dtype)
        first = at.floor().clamp(max=side - 2).clamp(min=0)
        ratio = torch.where((torch.tensor(side) > 1), at - first, 0)
        inside = ((at >= 0) & (at < side)).to(low.dtype)
        return first.clamp(0, side - 1).long(), (first + 1).clamp(0, side - 1).long(), (1 - ratio) * inside, ratio * inside

    top, bottom, above, below = axis(rois[:, 2], rois[:, 4], h)
    left, right, before, behind = axis(rois[:, 1], rois[:, 3], w)
    image = rois[:, 0].long()[:, None, None]

    def corner(rows, columns, a, b):
        return x[image, rows[:, :, None], columns[:, None, :]] * (a[:, :, None] * b[:, None, :])[..., None]
    return (corner(top, left, above, before) + corner(top, right, above, behind)
            + corner(bottom, left, below, before) + corner(bottom, right, below, behind))


def jwyang_crop(x, rois, size, scale):
    """jwyang's _affine_grid_gen and the sampling of roi_crop_cuda_kernel.cu, for which a grid's sides may not be one pixel: two zeros more change nothing."""
    x = F.pad(nchw(x), (0, 2, 0, 2))
    h, w = x.shape[2:]
    x1, y1, x2, y2 = (rois[:, k] * scale for k in range(1, 5))
    zero = torch.zeros_like(x1)
    theta = torch.stack([(x2 - x1) / (w - 1), zero, (x1 + x2 - w + 1) / (w - 1), zero, (y2 - y1) / (h - 1), (y1 + y2 - h + 1) / (h - 1)], 1)
    grid = F.affine_grid(theta.view(-1, 2, 3), (len(rois), 1, size, size), align_corners=True)
    return nhwc(F.grid_sample(x[rois[:, 0].long()], grid, align_corners=True))


def rois_of_images(at, *inputs):
    """RoIAlign; regions of no image give zeros."""
    *levels, rois = inputs
    if at["Points"]:
        valid = (rois[:, 0] >= 0).nonzero()[:, 0]
        y = torch.zeros((len(rois), at["Size"], at["Size"], levels[0].shape[3]), dtype=rois.dtype)
        sample = {"jwyang-align": jwyang_align, "jwyang-crop": jwyang_crop}[at["Points"]]
        return y.index_copy(0, valid, sample(levels[0], rois[valid], at["Size"], at["Scale"]))
    level = levels_of(at, rois, len(levels)) if len(levels) > 1 else torch.zeros(len(rois), dtype=torch.long)
    y = torch.zeros((len(rois), at["Size"], at["Size"], levels[0].shape[3]), dtype=rois.dtype)
    for i, x in enumerate(levels):
        valid = ((rois[:, 0] >= 0) & (level == i)).nonzero()[:, 0]
        bins = nhwc(roi_align(nchw(x), rois[valid], at["Size"], at["Scale"] / 2**i, at["Sampling"], at["Aligned"]))
        y = y.index_copy(0, valid, bins)
    return y


def mean_over(total, count):
    return total / count if count else total * 0


def apply(op, at, x):
    if op == "Conv2D":
        b = x[2] if len(x) == 3 else None
        return nhwc(F.conv2d(nchw(x[0]), x[1], b, at["Stride"], at["Pad"], at["Dilation"], at["Groups"]))
    if op == "Linear":
        return F.linear(*x)
    if op == "MaxPool2D":
        return nhwc(F.max_pool2d(nchw(x[0]).contiguous(), at["Kernel"], at["Stride"], at["Pad"], ceil_mode=at["Ceil"]))
    if op == "AvgPool2D":
        return nhwc(F.avg_pool2d(nchw(x[0]), at["Kernel"], at["Stride"], at["Pad"]))
    if op == "GlobalAvgPool2D":
        return F.adaptive_avg_pool2d(nchw(x[0]), 1).flatten(1)
    if op == "Resize2D":
        return nhwc(F.interpolate(nchw(x[0]), (at["Height"], at["Width"]), mode=at["Mode"]))
    if op == "Moments2D":
        v = x[0].flatten(0, -2)
        return torch.stack([v.mean(0), v.var(0, correction=0)])
    if op == "BatchNorm2D":
        c = x[0].shape[-1]
        return nhwc(F.batch_norm(nchw(x[0]), torch.zeros(c).double(), torch.ones(c).double(), x[1], x[2], True, 0.1, at["Eps"]))
    if op == "FrozenBatchNorm2D":
        _, weight, bias, mean, variance = x
        if at["ScaleOnly"]:
            bias, mean = bias * 0, mean * 0
        return nhwc(F.batch_norm(nchw(x[0]), mean, variance, weight, bias, False, 0, at["Eps"]))
    if op == "ReLU":
        return F.relu(x[0])
    if op == "GELU":
        return F.gelu(x[0])
    if op == "HardSwish":
        return F.hardswish(x[0])
    if op == "HardSigmoid":
        return F.hardsigmoid(x[0])
    if op == "Sigmoid":
        return torch.sigmoid(x[0])
    if op == "ScaleChannels":
        return x[0] * x[1]
    if op == "Add":
        return x[0] + x[1]
    if op == "Concat":
        return torch.cat(x, at["Axis"])
    if op == "RoIAlign":
        return rois_of_images(at, *x)
    if op == "SoftmaxCrossEntropy":
        labels = x[1].long().clamp(min=-1)
        total = F.cross_entropy(x[0], labels, ignore_index=-1, reduction="sum", label_smoothing=at["Smoothing"])
        return mean_over(total, int((labels >= 0).sum())).reshape(1)
    if op == "SigmoidCrossEntropy":
        valid = x[1] >= 0
        total = F.binary_cross_entropy_with_logits(x[0][valid], x[1][valid], reduction="sum")
        return mean_over(total, int(valid.sum())).reshape(1)
    if op == "SmoothL1":
        return (x[2] * F.smooth_l1_loss(x[0], x[1], reduction="none", beta=at["Beta"])).sum().reshape(1)
    raise ValueError(op)


def sampled(t):
    v = t.detach().double().reshape(-1).numpy()
    n = len(v)
    at = np.arange(n) if n <= SAMPLES else hashes(0, SAMPLES) % np.uint32(n)
    check = v @ fill({"Kind": "uniform", "Low": -1, "High": 1}, n, seed("projection"))
    return np.append(v[at], check).astype(np.float32)


def main(cases, path):
    golden = {}
    for c in json.load(open(cases)):
        name, op, at = c["Name"], c["Op"], c["At"]
        x = []
        for i, spec in enumerate(c["In"]):
            v = fill(spec["Fill"], math.prod(spec["Shape"]), seed(f"{name}/{i}"))
            x.append(torch.from_numpy(v).reshape(spec["Shape"]).requires_grad_(i in (c["Wrt"] or [])))
        y = apply(op, at, x)
        golden[name] = sampled(y)
        if c["Wrt"]:
            dy = fill({"Kind": "uniform", "Low": -1, "High": 1}, y.numel(), seed(name + "/dy"))
            y.backward(torch.from_numpy(dy).reshape(y.shape))
        for i in c["Wrt"] or []:
            g = x[i].grad
            golden[f"{name}#{i}"] = sampled(torch.zeros_like(x[i]) if g is None else g)
        if op == "RoIAlign":
            golden[name + "@f32"] = sampled(apply(op, at, [v.detach().float() for v in x]))
    save_file(golden, path)


main(*sys.argv[1:])
