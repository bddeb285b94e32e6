"""Writes golden.json: anchors, proposals and targets of torchvision's region
proposal network, and of jwyang/faster-rcnn.pytorch as its formulas define them.

    python golden.py        # torch 2.15, torchvision 0.29
"""
import json
import pathlib

import numpy as np
import torch
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import RegionProposalNetwork, concat_box_prediction_layers

g = torch.Generator().manual_seed(21)
SIZES, RATIOS = (32, 64, 128, 256, 512), (0.5, 1.0, 2.0)


def short(v):
    if isinstance(v, (torch.Tensor, np.ndarray)):
        v = v.tolist()
    if isinstance(v, list):
        return [short(x) for x in v]
    return float(f"{v:.9g}") if isinstance(v, float) else v


class Centred(AnchorGenerator):
    """torchvision's generator without its rounding."""

    def generate_anchors(self, scales, ratios, dtype=torch.float32, device="cpu"):
        round_ = torch.Tensor.round
        torch.Tensor.round = lambda t: t
        try:
            return super().generate_anchors(scales, ratios, dtype, device)
        finally:
            torch.Tensor.round = round_


def grid(generator, h, w, stride):
    images = ImageList(torch.zeros(1, 3, h * stride, w * stride), [(h * stride, w * stride)])
    return generator(images, [torch.zeros(1, 1, h, w)])[0]


def anchors():
    odd = ((20, 33.3),), ((0.3, 1.0, 1.7),)
    out = []
    for kind, generator in (("corners", AnchorGenerator), ("none", Centred)):
        for sizes, ratios in (((SIZES,), (RATIOS,)), odd):
            out.append({"rounding": kind, "sizes": sizes[0], "ratios": ratios[0], "height": 2, "width": 3, "stride": 16,
                        "boxes": short(grid(generator(sizes, ratios), 2, 3, 16))})
    return out


def paper_cell(base=16, ratios=(0.5, 1, 2), scales=(4, 8, 16, 32)):
    """generate_anchors.py."""
    out = []
    for ratio in ratios:
        w = np.round(np.sqrt(base * base / ratio))
        h = np.round(w * ratio)
        for s in scales:
            c = 0.5 * (base - 1)
            out.append([c - 0.5 * (w * s - 1), c - 0.5 * (h * s - 1), c + 0.5 * (w * s - 1), c + 0.5 * (h * s - 1)])
    return np.array(out, np.float32)


def network(before, after):
    counts = lambda n: {"training": n, "testing": n}
    rpn = RegionProposalNetwork(Centred((SIZES,), (RATIOS,)), torch.nn.Identity(), 0.7, 0.3, 256, 0.5, counts(before), counts(after), 0.7)
    return rpn.eval()


def proposals():
    """Logits and deltas in NHWC order; torchvision gets them as NCHW."""
    out = []
    for name, h, w, image, before, after, logit, delta, shift in (
        ("usual", 6, 7, (96, 112), 400, 50, 2.0, 0.5, 0),
        ("all of them", 4, 5, (64, 80), 6000, 2000, 2.0, 0.5, 0),
        ("saturated scores", 5, 5, (80, 80), 200, 30, 40.0, 0.5, 0),
        ("padded image", 5, 6, (61, 70), 300, 40, 2.0, 1.0, 0),
        ("one cell", 1, 1, (16, 16), 10, 5, 1.0, 0.5, 0),
        ("all too small", 2, 2, (32, 32), 100, 50, 1.0, 0.1, -20),
        ("out of bounds", 3, 3, (48, 48), 100, 50, 1.0, 30.0, 0),
    ):
        objectness = torch.randn(1, h, w, 15, generator=g) * logit
        deltas = torch.randn(1, h, w, 15, 4, generator=g) * delta
        deltas[..., 2:] += shift
        rpn = network(before, after)
        boxes = grid(rpn.anchor_generator, h, w, 16)
        o, d = concat_box_prediction_layers([objectness.permute(0, 3, 1, 2)], [deltas.flatten(3).permute(0, 3, 1, 2)])
        decoded = rpn.box_coder.decode(d, [boxes]).view(1, -1, 4)
        b, s = rpn.filter_proposals(decoded, o, [image], [h * w * 15])
        out.append({"name": name, "height": h, "width": w, "image": image, "before": before, "after": after,
                    "objectness": short(objectness.flatten()), "deltas": short(deltas.flatten()),
                    "boxes": short(b[0]), "scores": short(s[0])})
    return out


def paper_proposals():
    """_ProposalLayer: softmax over pairs, clip to the last pixel, NMS with + 1."""
    h, w, a, height, width, before, after = 5, 6, 12, 75, 90, 200, 40
    logits = torch.randn(h, w, 2 * a, generator=g).numpy() * 2
    deltas = torch.randn(h, w, a, 4, generator=g).numpy() * np.float32(0.5)
    probability = torch.softmax(torch.tensor(logits).reshape(h, w, 2, a), 2)[:, :, 1].numpy().reshape(-1)
    y, x = np.meshgrid(np.arange(h) * 16, np.arange(w) * 16, indexing="ij")
    shift = np.stack((x, y, x, y), -1).astype(np.float32)
    anchor = (shift[:, :, None] + paper_cell()).reshape(-1, 4)
    d = deltas.reshape(-1, 4)
    aw, ah = anchor[:, 2] - anchor[:, 0] + 1, anchor[:, 3] - anchor[:, 1] + 1
    cx, cy = d[:, 0] * aw + anchor[:, 0] + 0.5 * aw, d[:, 1] * ah + anchor[:, 1] + 0.5 * ah
    pw, ph = np.exp(d[:, 2]) * aw, np.exp(d[:, 3]) * ah
    box = np.stack((cx - 0.5 * pw, cy - 0.5 * ph, cx + 0.5 * pw, cy + 0.5 * ph), 1)
    box[:, 0::2] = box[:, 0::2].clip(0, width - 1)
    box[:, 1::2] = box[:, 1::2].clip(0, height - 1)
    order = np.argsort(-probability, kind="stable")[:before]
    kept = []
    for i in order:
        if not any(inclusive_iou(box[i : i + 1], box[j : j + 1])[0, 0] > 0.7 for j in kept):
            kept.append(i)
    kept = kept[:after]
    return {"name": "paper", "height": h, "width": w, "image": (height, width), "before": before, "after": after,
            "objectness": short(logits.reshape(-1)), "deltas": short(deltas.reshape(-1)),
            "boxes": short(box[kept]), "scores": short(probability[kept])}


def inclusive_iou(a, b):
    a, b = a[:, None], b[None]
    iw = (np.minimum(a[..., 2], b[..., 2]) - np.maximum(a[..., 0], b[..., 0]) + 1).clip(0)
    ih = (np.minimum(a[..., 3], b[..., 3]) - np.maximum(a[..., 1], b[..., 1]) + 1).clip(0)
    area = lambda x: (x[..., 2] - x[..., 0] + 1) * (x[..., 3] - x[..., 1] + 1)
    return iw * ih / (area(a) + area(b) - iw * ih)


def truth(n, height, width):
    corner = torch.rand(n, 2, generator=g) * torch.tensor([width - 40.0, height - 40.0])
    size = 20 + torch.rand(n, 2, generator=g) * torch.tensor([width / 2, height / 2])
    return torch.cat((corner, torch.minimum(corner + size, torch.tensor([width - 1.0, height - 1.0]))), 1)


def targets():
    out = []
    for n in (0, 1, 5, 12):
        h, w = 8, 9
        rpn = network(1, 1)
        boxes, gt = grid(rpn.anchor_generator, h, w, 16), truth(n, h * 16, w * 16)
        if n == 12:
            gt[3] = boxes[8 * 15 + 1]  # exactly an anchor
        labels, matched = rpn.assign_targets_to_anchors([boxes], [{"boxes": gt}])
        positive = (labels[0] > 0).nonzero()[:, 0]
        deltas = rpn.box_coder.encode(matched, [boxes])[0][positive]
        out.append({"height": h, "width": w, "truth": short(gt), "labels": labels[0].int().tolist(), "positive": positive.tolist(), "deltas": short(deltas)})
    return out


def paper_targets():
    """_AnchorTargetLayer before it samples: anchors inside the image only."""
    h, w, height, width = 20, 24, 310, 380
    y, x = np.meshgrid(np.arange(h) * 16, np.arange(w) * 16, indexing="ij")
    anchor = (np.stack((x, y, x, y), -1).astype(np.float32)[:, :, None] + paper_cell()).reshape(-1, 4)
    gt = truth(6, height, width).numpy().round()
    inside = (anchor[:, 0] >= 0) & (anchor[:, 1] >= 0) & (anchor[:, 2] < width) & (anchor[:, 3] < height)
    iou = inclusive_iou(anchor[inside], gt)
    label = np.full(iou.shape[0], -1)
    label[iou.max(1) < 0.3] = 0
    label[(iou == iou.max(0)).any(1)] = 1
    label[iou.max(1) >= 0.7] = 1
    labels = np.full(len(anchor), -1)
    labels[inside] = label
    positive = np.nonzero(labels == 1)[0]
    match = np.full(len(anchor), -1)
    match[inside] = iou.argmax(1)
    a, t = anchor[positive], gt[match[positive]]
    aw, ah, tw, th = a[:, 2] - a[:, 0] + 1, a[:, 3] - a[:, 1] + 1, t[:, 2] - t[:, 0] + 1, t[:, 3] - t[:, 1] + 1
    deltas = np.stack(((t[:, 0] + 0.5 * tw - a[:, 0] - 0.5 * aw) / aw, (t[:, 1] + 0.5 * th - a[:, 1] - 0.5 * ah) / ah, np.log(tw / aw), np.log(th / ah)), 1)
    return {"height": h, "width": w, "image": (height, width), "truth": short(gt), "labels": labels.tolist(), "positive": positive.tolist(), "deltas": short(deltas)}


golden = {"anchors": anchors(), "paper_cell": short(paper_cell()), "proposals": proposals(), "paper_proposals": paper_proposals(),
          "targets": targets(), "paper_targets": paper_targets()}
pathlib.Path(__file__).with_name("golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
