"""Writes levels.json: anchors and proposals of torchvision on several levels.

    python levels.py        # torch 2.15, torchvision 0.29

Anchors: first and last ones of each level. Proposals: objectness and deltas of each level in (height, width, anchor) order, anchors
of 3 ratios and one size a level (sizes), or of all of them. `level` is the level each proposal came from. Scores are
sigmoids. Each case gives the same proposals in the same order in float64, with no decision on an overlap closer than 1e-4.
"""
import json
import pathlib

import torch
import torchvision
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import RegionProposalNetwork, concat_box_prediction_layers
from torchvision.ops import box_iou

g = torch.Generator().manual_seed(41)
RATIOS = (0.5, 1.0, 2.0)
PYRAMID = ((32,), (64,), (128,), (256,), (512,))
MOBILENET = ((32, 64, 128, 256, 512),) * 3


def short(v):
    if isinstance(v, torch.Tensor):
        v = v.tolist()
    if isinstance(v, (list, tuple)):
        return [short(x) for x in v]
    return float(f"{v:.9g}") if isinstance(v, float) else v


def grid(sizes, padded, levels, dtype=torch.float32):
    """The anchors of each level."""
    generator = AnchorGenerator(sizes, (RATIOS,) * len(sizes))
    maps = [torch.zeros(1, 1, h, w, dtype=dtype) for h, w in levels]
    every = generator(ImageList(torch.zeros(1, 3, *padded), [tuple(padded)]), maps)[0]
    return every.split([h * w * len(s) * len(RATIOS) for (h, w), s in zip(levels, sizes)])


def anchors():
    out = []
    for name, sizes, padded, levels in (
        ("padded 800x1088: the last level of 13x17 cells moves by 61 and 64", PYRAMID, (800, 1088), ((200, 272), (100, 136), (50, 68), (25, 34), (13, 17))),
        ("padded 768x1344", PYRAMID, (768, 1344), ((192, 336), (96, 168), (48, 84), (24, 42), (12, 21))),
        ("padded 192x1344: 3x21 cells", PYRAMID, (192, 1344), ((48, 336), (24, 168), (12, 84), (6, 42), (3, 21))),
        ("padded 32x32: 1x1 cell", PYRAMID, (32, 32), ((8, 8), (4, 4), (2, 2), (1, 1), (1, 1))),
        ("mobilenet, padded 800x1088", MOBILENET, (800, 1088), ((25, 34), (25, 34), (13, 17))),
        ("mobilenet 320, padded 320x448", MOBILENET, (320, 448), ((10, 14), (10, 14), (5, 7))),
    ):
        found = grid(sizes, padded, levels)
        out.append({"name": name, "sizes": sizes, "ratios": RATIOS, "padded": padded, "levels": [
            {"height": h, "width": w, "count": len(a), "first": short(a[:4]), "second_row": short(a[w * (len(a) // (h * w)):][:2]), "last": short(a[-4:])} for (h, w), a in zip(levels, found)]})
    return out


def filtered(case, objectness, deltas, dtype):
    """boxes, scores, levels and how close an overlap came to the threshold."""
    counts = lambda n: {"training": n, "testing": n}
    generator = AnchorGenerator(case["sizes"], (RATIOS,) * len(case["sizes"]))
    rpn = RegionProposalNetwork(generator, torch.nn.Identity(), 0.7, 0.3, 256, 0.5, counts(case["before"]), counts(case["after"]), case["nms"],
                                score_thresh=case["score_thresh"]).eval()
    boxes = torch.cat(grid(case["sizes"], case["padded"], case["levels"], dtype))
    shape = lambda v, h, w: v.to(dtype).reshape(1, h, w, -1).permute(0, 3, 1, 2)
    o, d = concat_box_prediction_layers([shape(v, *s) for v, s in zip(objectness, case["levels"])], [shape(v, *s) for v, s in zip(deltas, case["levels"])])
    decoded = rpn.box_coder.decode(d, [boxes]).view(1, -1, 4)
    original, calls = torchvision.ops.boxes.batched_nms, []

    def nms(boxes, scores, levels, threshold):
        keep = original(boxes, scores, levels, threshold)
        iou = box_iou(boxes, boxes[keep])
        iou[(levels[:, None] != levels[keep][None]) | (scores[:, None] >= scores[keep][None])] = 0
        calls.append((levels[keep], (iou.max(1)[0] - threshold).abs().min().item() if len(keep) else 1))
        return keep

    torchvision.ops.boxes.batched_nms = nms
    try:
        b, s = rpn.filter_proposals(decoded, o, [tuple(case["image"])], [len(v) for v in objectness])
    finally:
        torchvision.ops.boxes.batched_nms = original
    return b[0], s[0], calls[0][0][: len(s[0])], calls[0][1]


def proposals():
    three = ((16,), (32,), (64,))
    cases = (
        # name, sizes, padded, levels, image, before, after, score_thresh, scale of logits, of deltas, shift of the sizes' deltas
        ("three levels", three, (48, 64), ((6, 8), (3, 4), (2, 2)), (45, 60), 1000, 1000, 0, 2, 0.4, 0),
        ("fewer before NMS than a level has", three, (48, 64), ((6, 8), (3, 4), (2, 2)), (48, 64), 20, 1000, 0, 2, 0.3, 0),
        ("fewer after NMS", three, (48, 64), ((6, 8), (3, 4), (2, 2)), (48, 64), 40, 12, 0, 2, 0.6, 0),
        ("a level of one cell", three, (48, 32), ((6, 4), (3, 2), (1, 1)), (40, 32), 30, 25, 0, 2, 0.5, 0),
        ("score threshold", three, (48, 64), ((6, 8), (3, 4), (2, 2)), (48, 64), 100, 100, 0.05, 4, 0.5, 0),
        ("all below the score threshold", three, (32, 32), ((4, 4), (2, 2), (1, 1)), (32, 32), 100, 100, 0.05, 0.5, 0.5, 0),
        ("all too small", three, (32, 32), ((4, 4), (2, 2), (1, 1)), (32, 32), 100, 100, 0, 1, 0.1, -20),
        ("sizes of mobilenet", ((8, 16, 32),) * 3, (64, 96), ((2, 3), (2, 3), (1, 2)), (64, 96), 40, 30, 0.05, 2, 0.4, 0),
        ("two levels alike: NMS is by level", ((16,), (16,)), (32, 32), ((3, 3), (3, 3)), (32, 32), 100, 100, 0, 2, 0.2, 0),
    )
    out = []
    for name, sizes, padded, levels, image, before, after, score, logit, delta, shift in cases:
        case = {"name": name, "sizes": sizes, "ratios": RATIOS, "padded": padded, "levels": levels, "image": image, "before": before, "after": after,
                "nms": 0.7, "score_thresh": score}
        for attempt in range(1000):
            objectness, deltas = [], []
            for (h, w), s in zip(levels, sizes):
                n = h * w * len(s) * len(RATIOS)
                objectness.append((torch.randn(n, generator=g, dtype=torch.float64) * logit * 1000).round() / 1000)
                if name.startswith("all below"):
                    objectness[-1] -= 6
                deltas.append((torch.randn(n, 4, generator=g, dtype=torch.float64) * delta * 1000).round() / 1000)
                deltas[-1][:, 2:] += shift
            if "alike" in name:
                deltas[1] = deltas[0].clone()
            if any(len(v.unique()) < len(v) for v in objectness) or len(torch.cat(objectness).unique()) < sum(map(len, objectness)):
                continue
            double = filtered(case, objectness, deltas, torch.float64)
            single = filtered(case, objectness, deltas, torch.float32)
            same = len(double[0]) == len(single[0]) and torch.equal(double[2], single[2]) and (double[0] - single[0]).abs().max() < 1e-3 if len(double[0]) else len(single[0]) == 0
            if same and double[3] > 1e-4 and not ((torch.sigmoid(torch.cat(objectness)) - score).abs() < 1e-4).any():
                break
        else:
            raise SystemExit(name + ": no sample is far enough from every decision")
        out.append({**case, "objectness": [short(v) for v in objectness], "deltas": [short(v.flatten()) for v in deltas],
                    "boxes": short(double[0]), "scores": short(double[1]), "level": double[2].tolist()})
        print(name, len(double[0]), "proposals, tries", attempt + 1)
    return out


pathlib.Path(__file__).with_name("levels.json").write_text(json.dumps({"anchors": anchors(), "proposals": proposals()}, separators=(",", ":")) + "\n")
