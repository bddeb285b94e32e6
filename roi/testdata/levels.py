"""Writes levels.json: the level of a pyramid that a box is pooled from, by torchvision, detectron2 and mmdetection.

    python levels.py        # torch 2.15, torchvision 0.29

Levels count from the first of the pyramid (k_min); `raw` is what is rounded down, before it is clamped; null where it is infinite.
torchvision's levels come from its LevelMapper; the other two are the formulas of detectron2/modeling/poolers.py
(assign_boxes_to_levels) and mmdet/models/roi_heads/roi_extractors/single_level_roi_extractor.py (map_roi_levels).
All in float32, as those run. Boxes are exactly float32 values.
"""
import json
import math
import pathlib

import numpy as np
import torch
from torchvision.ops.poolers import LevelMapper


def side(v, ulps):
    """The float32 so many steps from v."""
    return float((np.float32(v).view(np.int32) + np.int32(ulps)).view(np.float32))


boxes = []
for edge in (56, 112, 224, 448, 896):
    for ulps in (-40, -20, -16, -14, -12, -11, -10, -9, -8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 10):
        s = side(edge, ulps)
        boxes.append([0, 0, s, s])
    for x, y, w, h in ((16, 32, edge, edge), (0, 0, edge / 2, edge * 2), (8, 0, edge * 4, edge / 4), (0.5, 0.25, edge - 0.5, edge + 0.5), (100, 50, edge - 1, edge - 1), (3, 3, edge + 1, edge + 1)):
        boxes.append([x, y, x + w, y + h])
for w, h in ((0, 0), (0, 100), (100, 0), (1e-6, 1e-6), (1e-3, 1e-3), (1e-12, 1e-12), (1, 1), (7, 9), (31.5, 80.25), (300, 180), (1333, 800), (1e4, 1e4), (1e6, 1e6), (1e15, 1e15), (1e-6, 1e6)):
    boxes.append([0, 0, w, h])
b = torch.tensor(boxes, dtype=torch.float32)
area = (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])


class Raw(LevelMapper):
    def __call__(self, boxlists):
        floor, self.raw = torch.floor, None

        def keep(v):
            self.raw = v
            return floor(v)

        torch.floor = keep
        try:
            return super().__call__(boxlists)
        finally:
            torch.floor = floor


def numbers(t):
    return [float(f"{v:.9g}") if math.isfinite(v) else None for v in t.tolist()]


def torchvision(k_min, k_max):
    mapper = Raw(k_min, k_max)
    levels = mapper([b])
    return {"k_min": k_min, "k_max": k_max, "canonical_size": 224, "canonical_level": 4, "raw": numbers(mapper.raw), "levels": levels.tolist()}


def detectron2(k_min, k_max):
    raw = 4 + torch.log2(torch.sqrt(area) / 224 + 1e-8)
    levels = torch.clamp(torch.floor(raw), min=k_min, max=k_max).to(torch.int64) - k_min
    return {"k_min": k_min, "k_max": k_max, "canonical_size": 224, "canonical_level": 4, "raw": numbers(raw), "levels": levels.tolist()}


def mmdetection(levels):
    raw = torch.log2(torch.sqrt(area) / 56 + 1e-6)
    return {"count": levels, "finest_scale": 56, "raw": numbers(raw), "levels": torch.floor(raw).clamp(min=0, max=levels - 1).long().tolist()}


golden = {"boxes": [[float(f"{v:.9g}") for v in box] for box in b.tolist()], "torchvision": [torchvision(2, 5), torchvision(5, 5), torchvision(3, 4)],
          "detectron2": [detectron2(2, 5), detectron2(3, 6)], "mmdetection": [mmdetection(4), mmdetection(1)]}
for v, box in zip(b.tolist(), golden["boxes"]):
    assert [np.float32(x) for x in box] == v
pathlib.Path(__file__).with_name("levels.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
