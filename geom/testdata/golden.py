"""Writes golden.json: box operations of torchvision, and of the inclusive
convention as py-faster-rcnn and jwyang/faster-rcnn.pytorch define it.

    python golden.py        # torch 2.15, torchvision 0.29
"""
import json
import math
import pathlib

import numpy as np
import torch
from torchvision.models.detection._utils import BoxCoder
from torchvision.ops import batched_nms, box_iou, clip_boxes_to_image, nms, remove_small_boxes

g = torch.Generator().manual_seed(7)


def boxes(n, width=904, height=600, smallest=1.0):
    """n boxes around n/6 places, so that they overlap."""
    places = torch.rand(max(1, n // 6), 4, generator=g)
    p = places[torch.randint(len(places), (n,), generator=g)]
    size = smallest * torch.exp2(p[:, 2:] * 8) * torch.exp(torch.randn(n, 2, generator=g) / 6)
    mid = p[:, :2] * torch.tensor([width, height]) + size * torch.randn(n, 2, generator=g) / 8
    return torch.cat((mid - size / 2, mid + size / 2), 1)


def short(v):
    """float32 values in as few digits as bring them back."""
    if isinstance(v, torch.Tensor):
        v = v.tolist()
    if isinstance(v, list):
        return [short(x) for x in v]
    if isinstance(v, float):
        return float(f"{v:.9g}")
    return v


# Boxes of no area, of one pixel, equal boxes, a box around all others.
odd = torch.tensor([[5, 5, 5, 9], [5, 5, 5, 5], [3, 3, 4, 4], [3, 3, 4, 4], [-10, -10, 2000, 2000], [9, 9, 2, 2]], dtype=torch.float32)


def overlaps():
    a, b = torch.cat((boxes(24), odd)), torch.cat((boxes(12), odd))
    a[:12] = b[:12] + 3
    return {"a": short(a), "b": short(b), "iou": short(torch.nan_to_num(box_iou(a, b)).flatten())}


def inclusive_iou(a, b):
    a, b = a[:, None], b[None]
    iw = (torch.minimum(a[..., 2], b[..., 2]) - torch.maximum(a[..., 0], b[..., 0]) + 1).clamp(min=0)
    ih = (torch.minimum(a[..., 3], b[..., 3]) - torch.maximum(a[..., 1], b[..., 1]) + 1).clamp(min=0)
    area = lambda x: (x[..., 2] - x[..., 0] + 1) * (x[..., 3] - x[..., 1] + 1)
    return iw * ih / (area(a) + area(b) - iw * ih)


def inclusive_overlaps():
    a, b = boxes(20, smallest=2), boxes(10, smallest=2)
    a[:10] = b + 3
    a[10], b[0] = torch.tensor([5, 5, 5, 5.0]), torch.tensor([5, 5, 6, 5.0])
    return {"a": short(a), "b": short(b), "iou": short(inclusive_iou(a, b).flatten())}


def coding():
    out = []
    for weights in ((1.0, 1.0, 1.0, 1.0), (10.0, 10.0, 5.0, 5.0)):
        reference, target = boxes(60), boxes(60)
        coder = BoxCoder(weights)
        deltas = torch.randn(60, 4, generator=g)
        deltas[::9] *= 40  # beyond the bound
        out.append({"weights": weights, "reference": short(reference), "target": short(target),
                    "encoded": short(coder.encode_single(target, reference)),
                    "deltas": short(deltas), "decoded": short(coder.decode_single(deltas, reference))})
    return out


def inclusive_coding():
    """bbox_transform and bbox_transform_inv of jwyang/faster-rcnn.pytorch."""
    std = np.array([0.1, 0.1, 0.2, 0.2], np.float32)
    reference, target = boxes(40, smallest=2).numpy(), boxes(40, smallest=2).numpy()
    deltas = torch.randn(40, 4, generator=g).numpy()

    def center(b):
        w, h = b[:, 2] - b[:, 0] + 1, b[:, 3] - b[:, 1] + 1
        return b[:, 0] + 0.5 * w, b[:, 1] + 0.5 * h, w, h

    x, y, w, h = center(reference)
    tx, ty, tw, th = center(target)
    encoded = np.stack(((tx - x) / w, (ty - y) / h, np.log(tw / w), np.log(th / h)), 1) / std
    d = deltas * std
    px, py, pw, ph = d[:, 0] * w + x, d[:, 1] * h + y, np.exp(d[:, 2]) * w, np.exp(d[:, 3]) * h
    decoded = np.stack((px - 0.5 * pw, py - 0.5 * ph, px + 0.5 * pw, py + 0.5 * ph), 1)
    return {"weights": [10, 10, 5, 5], "reference": short(reference.tolist()), "target": short(target.tolist()),
            "encoded": short(encoded.tolist()), "deltas": short(deltas.tolist()), "decoded": short(decoded.tolist())}


def borders():
    b = torch.cat((boxes(40), odd, torch.tensor([[0, 0, 904, 600], [903.5, 0, 1e9, 600], [-math.inf, -5, math.inf, 5]])))
    clipped = clip_boxes_to_image(b, (600, 904))
    return {"width": 904, "height": 600, "boxes": [[x if math.isfinite(x) else math.copysign(3e38, x) for x in r] for r in short(b)],
            "clipped": short(clipped), "min_size": 10, "large": remove_small_boxes(clipped, 10).tolist()}


def suppression():
    out = []
    for n, thresholds in ((0, [0.5]), (1, [0.5]), (40, [0.0, 0.3, 0.5]), (700, [0.3, 0.5, 0.7, 0.9])):
        b = torch.cat((boxes(n), odd)) if n > 1 else boxes(max(n, 1))[:n]
        scores = torch.randint(300, (len(b),), generator=g) / 300  # with ties
        classes = torch.randint(5, (len(b),), generator=g)
        per_class = []
        for t in thresholds:
            kept = torch.cat([i[nms(b[i], scores[i], t)] for i in ((classes == c).nonzero()[:, 0] for c in range(5))])
            order = sorted(kept.tolist(), key=lambda i: (-scores[i].item(), i))
            if n > 1:
                assert set(order) == set(batched_nms(b, scores, classes, t).tolist()), "coordinate trick differs"
            per_class.append(order)
        out.append({"boxes": short(b), "scores": short(scores), "classes": classes.tolist(), "thresholds": thresholds,
                    "kept": [nms(b, scores, t).tolist() for t in thresholds], "kept_per_class": per_class})
    return out


def inclusive_suppression():
    """py_cpu_nms of py-faster-rcnn."""
    b = boxes(300, smallest=2)
    scores = torch.rand(300, generator=g)
    iou = inclusive_iou(b, b)
    kept = []
    for i in scores.argsort(descending=True).tolist():
        if not any(iou[i, j] > 0.7 for j in kept):
            kept.append(i)
    return {"boxes": short(b), "scores": short(scores), "threshold": 0.7, "kept": kept}


if __name__ == "__main__":
    golden = {"overlaps": overlaps(), "inclusive_overlaps": inclusive_overlaps(), "coding": coding(),
              "inclusive_coding": inclusive_coding(), "borders": borders(), "suppression": suppression(),
              "inclusive_suppression": inclusive_suppression()}
    path = pathlib.Path(__file__).with_name("golden.json")
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
