"""Writes golden.json: labels, targets and detections of torchvision's RoIHeads.

    python golden.py        # torch 2.15, torchvision 0.29
"""
import json
import pathlib

import torch
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.ops import clip_boxes_to_image

g = torch.Generator().manual_seed(31)


def short(v):
    if isinstance(v, torch.Tensor):
        v = v.tolist()
    if isinstance(v, list):
        return [short(x) for x in v]
    return float(f"{v:.9g}") if isinstance(v, float) else v


def boxes(n, height, width, places=8):
    p = torch.rand(places, 4, generator=g)[torch.randint(places, (n,), generator=g)]
    size = 12 + p[:, 2:] * 80 * torch.exp(torch.randn(n, 2, generator=g) / 5)
    mid = p[:, :2] * torch.tensor([width, height]) + torch.randn(n, 2, generator=g) * size / 10
    return clip_boxes_to_image(torch.cat((mid - size / 2, mid + size / 2), 1), (height, width))


def heads(score=0.05, nms=0.5, per_image=100):
    return RoIHeads(None, None, None, 0.5, 0.5, 256, 0.25, None, score, nms, per_image)


def targets():
    out = []
    for n, truths in ((60, 0), (60, 5), (0, 3), (0, 0), (5, 60)):
        h, gt, labels = heads(), boxes(truths, 200, 300), torch.randint(1, 6, (truths,), generator=g)
        proposals = boxes(n, 200, 300)
        proposals[: n // 2][: len(gt)] = gt[: n // 2] + 5 if truths and n >= 2 * truths else proposals[: n // 2][: len(gt)]
        every = h.add_gt_proposals([proposals], [gt])
        matches, found = h.assign_targets_to_proposals(every, [gt], [labels])
        positive = (found[0] > 0).nonzero()[:, 0]
        deltas = h.box_coder.encode([gt[matches[0][positive]]], [every[0][positive]])[0] if len(gt) else torch.zeros(0, 4)
        out.append({"proposals": short(proposals), "truth": short(gt), "classes": labels.tolist(), "labels": found[0].tolist(),
                    "positive": positive.tolist(), "deltas": short(deltas)})
    return out


def detections():
    out = []
    for name, n, classes, score, overlap, per_image, spread, agnostic in (
        ("usual", 60, 5, 0.05, 0.5, 100, 1.0, False),
        ("few kept", 60, 5, 0.05, 0.3, 10, 1.0, False),
        ("every score", 40, 6, 0.0, 0.3, 1000, 1.0, False),
        ("large deltas", 40, 4, 0.05, 0.5, 100, 12.0, False),
        ("class-agnostic", 50, 5, 0.05, 0.5, 100, 1.0, True),
        ("high score", 20, 4, 0.999, 0.5, 100, 1.0, False),
        ("none", 0, 4, 0.05, 0.5, 100, 1.0, False),
    ):
        proposals = boxes(n, 200, 300)
        logits = torch.randn(n, classes + 1, generator=g) * 2
        deltas = torch.randn(n, 4 if agnostic else 4 * (classes + 1), generator=g) * spread
        if name == "large deltas":
            deltas[:, 2::4] -= 40  # boxes without width
            deltas[:, 6] = 50
        full = deltas.repeat(1, classes + 1) if agnostic else deltas
        b, s, c = heads(score, overlap, per_image).postprocess_detections(logits, full, [proposals], [(200, 300)])
        out.append({"name": name, "proposals": short(proposals), "logits": short(logits.flatten()), "deltas": short(deltas.flatten()), "classes": classes,
                    "score": score, "nms_iou": overlap, "per_image": per_image, "agnostic": agnostic,
                    "boxes": short(b[0]), "scores": short(s[0]), "labels": c[0].tolist()})
    return out


golden = {"targets": targets(), "detections": detections()}
pathlib.Path(__file__).with_name("golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
