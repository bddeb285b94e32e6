"""Writes *.json.gz beside it: detections of torchvision's own Faster R-CNN models with weights from a formula.

    python torchvision.py [NAME ...] [SEED ... | --search]   # torch 2.15, torchvision 0.29; some minutes for each

NAME is a key of VARIANTS, which has the seeds that were taken; others are for trying. Weights: u(name, i) is element i (in PyTorch's memory order) of splitmix64 seeded by the FNV-1a hash
of seed + name, in [-1, 1); the value is float32(offset) + float32(scale) * u, rounded to float32 after the product and after the
sum (values and parameter below). The file lists name, shape, scale and offset of every tensor but num_batches_tracked. Pictures
come from the same generator (picture below). They are resized in float32, as torchvision does it, and the rest is computed in
float64; `float32` says how far PyTorch's own run in float32 strays from it. A seed is taken only if the labels and their order are
the same in float64, in float32, and in float32 with a resize in float64 and all weights moved by a few parts in a million,
and if no score, overlap or gap is close to a decision (LIMITS).
"""
import copy
import gzip
import json
import math
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path = [p for p in sys.path if Path(p).resolve() != HERE]  # this file is named torchvision, too

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torchvision  # noqa: E402
from torch import nn  # noqa: E402
from torchvision.models import detection, mobilenet_v3_large, resnet50  # noqa: E402
from torchvision.models.detection._utils import overwrite_eps  # noqa: E402
from torchvision.ops import FrozenBatchNorm2d, box_iou  # noqa: E402

torch.set_num_threads(2)
# name: model, FrozenBatchNorm2d as in the published file, seed. Seeds are such that the background's bias is the largest of the
# classes' by far, see candidates: so most regions are background.
VARIANTS = {
    "resnet50_fpn": ("fasterrcnn_resnet50_fpn", True, "0242168."),
    "resnet50_fpn_batchnorm": ("fasterrcnn_resnet50_fpn", False, "0242168."),
    "resnet50_fpn_v2": ("fasterrcnn_resnet50_fpn_v2", False, "0242168."),
    "mobilenet_v3_large_fpn": ("fasterrcnn_mobilenet_v3_large_fpn", True, "0340363."),
    "mobilenet_v3_large_320_fpn": ("fasterrcnn_mobilenet_v3_large_320_fpn", True, "0340363."),
}
# Width and height. floor(334 * (800 / 334)) is 799, and floor(303 * (320 / 303)) is 319.
SIZES = (640, 480), (334, 500), (97, 61), (300, 40), (1280, 720)
SIZES_320 = (640, 480), (303, 450), (97, 61), (300, 40), (1280, 720)
LIMITS = {"score_gap": 1e-5, "score_threshold": 1e-4, "nms": 1e-4, "rpn_nms": 5e-6}
STRAY = {"boxes": 0.01, "scores": 5e-5}  # of float32, at most


def generated(name, count):
    """count outputs of splitmix64 seeded by the FNV-1a hash of name."""
    h = 0xCBF29CE484222325
    for b in name.encode():
        h = (h ^ b) * 0x100000001B3 % 2**64
    with np.errstate(over="ignore"):
        z = np.uint64(h) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        return z ^ z >> np.uint64(31)


def values(name, count):
    """In [-1, 1), exact in float32."""
    return ((generated(name, count) >> np.uint64(40)).astype(np.float64) / 2**23 - 1).astype(np.float32)


def parameter(name, shape, scale, offset):
    u = values(name, math.prod(shape))
    return torch.from_numpy((np.float32(offset) + np.float32(scale) * u).reshape(shape))


def picture(width, height):
    """Bytes in RGB, height x width x 3: (10 a + 6 b) >> 4, a and b being grids of bytes interpolated between nodes B pixels apart,
    B = max(W, H) / 10 for a and max(2, max(W, H) / 40) for b, rounded down. A node's byte is the upper 8 bits of element
    (row * columns + column) * 3 + channel of "image.WxH/B", columns = (W - 1) / B + 2, rows = (H - 1) / B + 2. At x = column * B + i,
    y = row * B + j: ((B - j) * ((B - i) * v00 + i * v01) + j * ((B - i) * v10 + i * v11)) / (B * B), rounded down."""
    total = 0
    for block, weight in ((max(width, height) // 10, 10), (max(2, max(width, height) // 40), 6)):
        rows, columns = (height - 1) // block + 2, (width - 1) // block + 2
        grid = generated(f"image.{width}x{height}/{block}", rows * columns * 3) >> np.uint64(56)
        v = grid.astype(np.int64).reshape(rows, columns, 3)
        (row, j), (column, i) = np.divmod(np.arange(height), block), np.divmod(np.arange(width), block)
        i, j = i[None, :, None], j[:, None, None]
        across = lambda r: (block - i) * v[r][:, column] + i * v[r][:, column + 1]
        total = total + weight * (((block - j) * across(row) + j * across(row + 1)) // (block * block))
    return (total >> 4).astype(np.uint8)


def image(width, height, dtype):
    return torch.from_numpy(picture(width, height)).permute(2, 0, 1).contiguous().to(dtype) / 255


def build(name, frozen, **options):
    """The model as built with weights=None; frozen: as torchvision builds it for its published file."""
    if frozen:  # _validate_trainable_layers needs is_trained, which needs a download: so the body is put in afterwards
        make = {"fasterrcnn_resnet50_fpn": resnet50}.get(name, mobilenet_v3_large)
        module = detection.faster_rcnn
        original = getattr(module, make.__name__)
        setattr(module, make.__name__, lambda **k: make(**{**k, "norm_layer": FrozenBatchNorm2d}))
    try:
        model = getattr(detection, name)(weights=None, weights_backbone=None, num_classes=91, **options)
    finally:
        if frozen:
            setattr(module, make.__name__, original)
    if frozen and name == "fasterrcnn_resnet50_fpn":
        overwrite_eps(model, 0.0)
    return model.eval()


NORMS = nn.BatchNorm2d, FrozenBatchNorm2d


def rounded(v, bits=8):
    """To so many bits of mantissa: exact in float32 and in few digits."""
    if v == 0:
        return 0.0
    e = 2.0 ** (math.floor(math.log2(abs(v))) + 1 - bits)
    return round(v / e) * e


class Calibration:
    """Fills a model while an image runs through it: scale and offset of each tensor depend on what its layer is given."""

    def __init__(self, model, seed):
        self.model, self.seed, self.tensors = model, seed, {}
        names = [n for n, _ in model.named_modules()]
        self.next = dict(zip(names, names[1:] + [""]))
        self.modules = dict(model.named_modules())

    def set(self, name, tensor, scale, offset=0.0, bits=8):
        scale, offset = rounded(scale, bits), rounded(offset)
        with torch.no_grad():
            tensor.copy_(parameter(self.seed + name, tuple(tensor.shape), scale, offset))
        self.tensors[name] = scale, offset

    def run(self, pictures):
        """[[name, shape, scale, offset]] of the whole model, from the first picture; classes from all of them."""
        hooks = []
        for name, m in self.model.named_modules():
            if isinstance(m, (nn.Conv2d, nn.Linear) + NORMS):
                hooks.append(m.register_forward_pre_hook(lambda m, x, name=name: self.fill(name, m, x[0])))
        heads, given, regions = self.model.roi_heads, [], []
        hooks.append(heads.box_predictor.register_forward_pre_hook(lambda m, x: given.append(x[0])))
        postprocess = heads.postprocess_detections
        heads.postprocess_detections = lambda logits, *rest: regions.append(rest) or postprocess(logits, *rest)
        for p in pictures:
            with torch.no_grad():
                heads.box_roi_pool.scales = None
                self.model([p])
        for h in hooks:
            h.remove()
        heads.postprocess_detections = postprocess
        c, name = heads.box_predictor.cls_score, "roi_heads.box_predictor.cls_score"
        self.set(name + ".weight", c.weight, self.unit(c), bits=24)
        self.set(name + ".bias", c.bias, 36)
        with torch.no_grad():
            factor = self.classes(given, regions, c)
        self.set(name + ".weight", c.weight, factor * self.unit(c), bits=12)
        state = self.model.state_dict()
        return [(n, list(state[n].shape), *self.tensors[n]) for n in state if not n.endswith("num_batches_tracked")]

    def fill(self, name, m, x):
        if name + ".weight" in self.tensors:  # the RPN's head, at its second level
            return
        if isinstance(m, NORMS):
            mean, spread = x.mean().item(), x.mean((0, 2, 3)).std().item()
            self.set(name + ".running_mean", m.running_mean, 0.5 * spread, mean)
            square = (x - m.running_mean.view(-1, 1, 1)).square().mean().item()
            self.set(name + ".running_var", m.running_var, square / 2, square)
            last = name.endswith(("bn3", "block.2.1", "block.3.1"))  # the last of a residual branch
            self.set(name + ".weight", m.weight, *((0.1, 0.4) if last else (0.2, 1)))
            self.set(name + ".bias", m.bias, 0.1, 0 if last or ".fpn." in name else -0.3)
            return
        unit = self.unit(m)
        if isinstance(self.modules.get(self.next[name]), NORMS):
            # Small in some layers: there it makes a difference whether epsilon is 1e-3, 1e-5 or 0.
            self.set(name + ".weight", m.weight, unit / 32 if values(name, 1)[0] > 0.2 else unit)
            return
        self.set(name + ".weight", m.weight, unit)
        with torch.no_grad():
            m.bias.zero_()
        y = m.forward(x)
        deviation, mean, bias = self.goal(name)
        factor = deviation / y.std().item()
        self.set(name + ".weight", m.weight, factor * unit)
        self.set(name + ".bias", m.bias, bias, mean - factor * y.mean().item())

    def unit(self, m):
        return math.sqrt(3 / m.weight[0].numel())

    def goal(self, name):
        """Standard deviation and mean of a layer without norm; the scale of its bias."""
        for end, goal in ((".fc1", (1, 0.5, 0.1)), (".fc2", (0.5, 1, 0.1)), ("cls_logits", (1.5, -1.5, 0.3)), ("head.bbox_pred", (0.3, 0, 0.1)),
                          ("predictor.bbox_pred", (1.5, 0, 0.2)), (".fc6", (1, -0.5, 0.1)), (".fc7", (1, -0.5, 0.1)), ("box_head.5", (1, -0.5, 0.1))):
            if name.endswith(end):
                return goal
        return (1, -0.3, 0.1) if "rpn.head.conv" in name else (1, 0, 0.1)

    def classes(self, given, regions, c):
        """So large that the best classes of few regions are sure, and then where no two scores are alike."""
        logits, low, high = [x @ c.weight.T for x in given], 0.01, 1000.0
        for _ in range(40):
            mid = math.sqrt(low * high)
            best = torch.softmax(torch.cat(logits) * mid + c.bias, 1)[:, 1:].max(1)[0]
            low, high = (mid, high) if best.sort(descending=True)[0][20].item() < 0.5 else (low, mid)
        heads, found = self.model.roi_heads, []
        heads.detections_per_img += 1
        for i in range(150):
            factor = rounded(low * (1.15 - i / 400) * self.unit(c), 12) / self.unit(c)
            scores = [heads.postprocess_detections(l * factor + c.bias, *r)[1][0] for l, r in zip(logits, regions)]
            found.append((min(gaps({"scores": s}) for s in scores), factor))
            if found[-1][0] > 2.5 * LIMITS["score_gap"]:
                break
        heads.detections_per_img -= 1
        return max(found)[1]


def fill(model, seed, tensors):
    state = model.state_dict()
    with torch.no_grad():
        for name, shape, scale, offset in tensors:
            state[name].copy_(parameter(seed + name, tuple(shape), scale, offset))
    return model


class Watch:
    """What happens inside a model while an image runs through it."""

    def __init__(self, model):
        self.model, self.nms = model, []
        boxes = torchvision.ops.boxes
        self.original = boxes.batched_nms
        boxes.batched_nms = self.batched_nms
        self.seen = {}
        keep = lambda name: lambda module, given, out: self.seen.__setitem__(name, (given, out))
        parts = {"input": model.transform, "body": model.backbone.body, "fpn": model.backbone, "rpn": model.rpn,
                 "pool": model.roi_heads.box_roi_pool, "head": model.roi_heads.box_predictor}
        self.hooks = [m.register_forward_hook(keep(n)) for n, m in parts.items()]

    def close(self):
        torchvision.ops.boxes.batched_nms = self.original
        for h in self.hooks:
            h.remove()

    def batched_nms(self, boxes, scores, groups, threshold):
        keep = self.original(boxes, scores, groups, threshold)
        self.nms.append((boxes, scores, groups, threshold, keep))
        return keep

    def margin(self, call, count):
        """How close an overlap came to the threshold among the boxes that matter for the first count kept ones."""
        boxes, scores, groups, threshold, keep = self.nms[call]
        if not len(keep):
            return 1.0
        matter = scores >= scores[keep[:count]][-1]
        out = 1.0
        for group in groups[matter].unique():
            every = torch.where(matter & (groups == group))[0]
            kept = keep[groups[keep] == group]
            iou = box_iou(boxes[every], boxes[kept])
            iou = torch.where(scores[kept][None] > scores[every][:, None], iou, torch.zeros_like(iou))  # only better ones decide
            out = min(out, (iou.max(1)[0] - threshold).abs().min().item())
        return out


def run(model, size, dtype, watch=False, resize=torch.float32):
    """Detections of the model, which is of type dtype; the picture is normalised and resized in type resize."""
    w = Watch(model) if watch else None
    model.roi_heads.box_roi_pool.scales = None  # it keeps those of its first image
    original = type(model.transform).forward

    def transform(images, targets=None):
        images, targets = original(model.transform, images, targets)
        images.tensors = images.tensors.to(dtype)
        return images, targets

    model.transform.forward = transform
    try:
        with torch.no_grad():
            out = model([image(*size, resize)])[0]
    finally:
        del model.transform.forward
        if w:
            w.close()
    return out, w


def moved(model, seed):
    """A copy with every weight off by up to two parts in a million."""
    g = torch.Generator().manual_seed(seed)
    model = copy.deepcopy(model)
    with torch.no_grad():
        for v in model.state_dict().values():
            if v.is_floating_point():
                v.mul_(1 + (torch.rand(v.shape, generator=g) * 4e-6 - 2e-6))
    return model


def gaps(out):
    s = out["scores"].double()
    return (s[:-1] - s[1:]).min().item() if len(s) > 1 else 1.0


def samples(t, count=6):
    """[[flat index, value]]"""
    flat = t.flatten()
    index = sorted({int(i) % flat.numel() for i in generated("sample", count)})
    return [[i, flat[i].item()] for i in index]


def debug(w):
    images = w.seen["input"][1][0]
    boxes, _ = w.seen["rpn"][1]
    scores = w.nms[0][1][w.nms[0][4]][: len(boxes[0])]
    logits, deltas = w.seen["head"][1]
    levels = lambda which: {k: {"shape": list(v.shape[1:]), "samples": samples(v)} for k, v in w.seen[which][1].items()}
    return {"input": {"shape": list(images.tensors.shape[1:]), "samples": samples(images.tensors)}, "body": levels("body"), "fpn": levels("fpn"),
            "proposals": len(boxes[0]), "first": {"boxes": boxes[0][:20].tolist(), "scores": scores[:20].tolist()},
            "pooled": samples(w.seen["pool"][1][:4]), "logits": samples(logits[:4], 12), "deltas": samples(deltas[:4], 12)}


class Refused(Exception):
    pass


def golden(variant, seed):
    name, frozen, _ = VARIANTS[variant]
    sizes = SIZES_320 if "320" in variant else SIZES
    model = build(name, frozen or name == "fasterrcnn_resnet50_fpn")
    tensors = Calibration(model, seed).run([image(*s, torch.float32) for s in sizes])
    if not frozen and name == "fasterrcnn_resnet50_fpn":
        model = fill(build(name, False), seed, tensors)
    single = {}
    for size in sizes:
        single[size], w = run(model, size, torch.float32, True)
        out = single[size]
        print(variant, seed, size, len(out["scores"]), "detections of", out["labels"].unique().numel(), "labels, best", out["scores"][:3].tolist(),
              "gap", gaps(out), "nms", w.margin(1, 100), "proposals", len(w.seen["rpn"][1][0][0]), w.margin(0, 1000), flush=True)
    if min(gaps(out) for out in single.values()) < LIMITS["score_gap"]:
        raise Refused("scores too close")
    found = [len(out["scores"]) for out in single.values()]
    if sorted(found)[2] < 6 or sum(found) < 60 or len({v for out in single.values() for v in out["labels"].tolist()}) < 3:
        raise Refused("too few detections")
    other = moved(model, 1)
    for size in sizes:
        if run(other, size, torch.float32, resize=torch.float64)[0]["labels"].tolist() != single[size]["labels"].tolist():
            raise Refused("changes with the weights' rounding")
    del other
    model = model.double()
    model.roi_heads.score_thresh = 0.05 - LIMITS["score_threshold"]
    result, stray = [], {"boxes": 0.0, "scores": 0.0}
    for size in sizes:
        out, w = run(model, size, torch.float64, True)
        s = out["scores"]
        if out["labels"].tolist() != single[size]["labels"].tolist():
            raise Refused("other labels in float64")
        margins = {"score_gap": gaps(out), "nms": w.margin(1, 100), "rpn_nms": w.margin(0, model.rpn.post_nms_top_n())}
        last = w.nms[1][1][w.nms[1][4]]
        if len(last) > 100:
            margins["score_gap"] = min(margins["score_gap"], (last[99] - last[100]).item())
        margins["score_threshold"] = (s - 0.05).abs().min().item() if len(s) else 1
        for k, v in margins.items():
            if v < LIMITS[k]:
                raise Refused(f"{size}: {k} {v}")
        off = {k: (out[k] - single[size][k].double()).abs().max().item() if len(s) else 0 for k in stray}
        stray = {k: max(stray[k], off[k]) for k in stray}
        if any(stray[k] > STRAY[k] for k in STRAY):
            raise Refused(f"{size}: float32 off by {off}")
        print(variant, seed, size, margins, "float32 off by", off, flush=True)
        images = w.seen["input"][1][0]
        result.append({"width": size[0], "height": size[1], "resized": list(images.image_sizes[0]), "padded": list(images.tensors.shape[2:]),
                       "boxes": out["boxes"].tolist(), "scores": s.tolist(), "labels": out["labels"].tolist()})
        if size == sizes[0]:
            inside = debug(w)
    eps = {m.eps for m in model.modules() if isinstance(m, NORMS)}
    return {"model": name, "norm": "FrozenBatchNorm2d" if frozen else "BatchNorm2d", "eps": eps.pop(), "seed": seed, "versions": [torch.__version__, torchvision.__version__],
            "tensors": [dict(zip(("name", "shape", "scale", "offset"), t)) for t in tensors], "images": result, "inside": inside, "float32": stray}


def digits(v):
    if isinstance(v, dict):
        return {k: digits(x) for k, x in v.items()}
    if isinstance(v, (list, tuple)):
        return [digits(x) for x in v]
    return float(f"{v:.9g}") if isinstance(v, float) else v


def write(path, data):
    text = json.dumps(digits(data), separators=(",", ":")) + "\n"
    with open(path, "wb") as f, gzip.GzipFile("", "wb", 9, f, 0) as z:
        z.write(text.encode())
    print(path.name, path.stat().st_size)


def candidates():
    """Seeds for which the background's bias exceeds all others by 0.12 of its scale, and those of the next six classes are close."""
    tail, prime = b".roi_heads.box_predictor.cls_score.bias", np.uint64(0x100000001B3)
    for start in range(0, 10_000_000, 200_000):
        n = np.arange(start, start + 200_000)
        h = np.full(n.size, 0xCBF29CE484222325, dtype=np.uint64)
        with np.errstate(over="ignore"):
            for d in range(6, -1, -1):
                h = (h ^ (48 + n // 10**d % 10).astype(np.uint64)) * prime
            for b in tail:
                h = (h ^ np.uint64(b)) * prime
            z = h[:, None] + np.arange(1, 92, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
            z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
            z ^= z >> np.uint64(31)
        u = (z >> np.uint64(40)).astype(np.float64) / 2**23 - 1
        best = np.sort(u[:, 1:], 1)[:, :-8:-1]
        for i in np.nonzero((u[:, 0] - best[:, 0] > 0.12) & (best[:, 0] - best[:, 5] < 0.07))[0]:
            yield f"{n[i]:07d}."


def main():
    given = [a for a in sys.argv[1:] if a not in VARIANTS and a != "--search"]
    for variant in [a for a in sys.argv[1:] if a in VARIANTS] or VARIANTS:
        for seed in given or (candidates() if "--search" in sys.argv else [VARIANTS[variant][2]]):
            try:
                write(HERE / f"{variant}.json.gz", golden(variant, seed))
                break
            except Refused as e:
                print(variant, seed, "refused:", e, flush=True)


if __name__ == "__main__":
    main()
