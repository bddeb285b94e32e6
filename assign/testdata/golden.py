"""Writes golden.json: matches of torchvision's Matcher.

    python golden.py        # torch 2.15, torchvision 0.29
"""
import json
import pathlib

import torch
from torchvision.models.detection._utils import Matcher
from torchvision.ops import box_iou

g = torch.Generator().manual_seed(11)


def boxes(n, grid):
    """Integer boxes on a coarse grid, so that overlaps tie."""
    corner = torch.randint(0, 12, (n, 2), generator=g) * grid
    size = torch.randint(1, 6, (n, 2), generator=g) * grid
    return torch.cat((corner, corner + size), 1).float()


cases = []
for n, truths, grid in ((1, 1, 8), (60, 1, 8), (200, 6, 8), (200, 12, 16), (150, 40, 10)):
    candidates, truth = boxes(n, grid), boxes(truths, grid) + 0.25 * (grid == 10)
    # No candidate at all overlaps such a box: the one deliberate difference.
    truth = truth[(box_iou(truth, candidates) > 0).any(1)] if n > 1 else candidates.clone()
    iou = box_iou(truth, candidates)
    for high, low, low_quality in ((0.7, 0.3, True), (0.7, 0.3, False), (0.5, 0.5, False), (0.95, 0.9, True)):
        cases.append({"boxes": candidates.tolist(), "truth": truth.tolist(), "high": high, "low": low, "low_quality": low_quality,
                      "matches": Matcher(high, low, low_quality)(iou).tolist()})
pathlib.Path(__file__).with_name("golden.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")
