"""Golden values of sahi: slices of pictures, and merged boxes of random problems.

    pip install sahi==0.12.8 && python sahi.py | gzip -9n > sahi.json.gz
"""
import importlib
import json
import random
import sys

sys.path = [p for p in sys.path if p not in ("", sys.path[0])]  # this file has the package's name
get_slice_bboxes = importlib.import_module("sahi.slicing").get_slice_bboxes
ObjectPrediction = importlib.import_module("sahi.prediction").ObjectPrediction
combine = importlib.import_module("sahi.postprocess.combine")

random.seed(20)


def slices():
    sizes = [(1, 1), (31, 700), (640, 640), (641, 640), (640, 641), (1152, 1152), (1153, 1151), (2560, 1920), (4000, 100), (5000, 7001)]
    sizes += [(random.randint(1, 3000), random.randint(1, 3000)) for _ in range(80)]
    for w, h in sizes:
        side = random.choice([32, 100, 320, 640, 641, 1024])
        overlap = random.choice([0, 0.1, 0.2, 0.25, 0.3, 0.5, 0.9 if side > 100 else 0.6])
        rows = get_slice_bboxes(h, w, side, side, False, overlap, overlap)
        if len(rows) <= 300:
            yield {"w": w, "h": h, "side": side, "overlap": overlap, "slices": rows}


def problem(n, kind):
    """Boxes of several tiles: objects, each found a few times with shifted corners or cut in two."""
    boxes = []
    while len(boxes) < n:
        w, h = random.uniform(4, 120), random.uniform(4, 120)
        x, y = random.uniform(0, 900), random.uniform(0, 900)
        c = random.randint(1, 3)
        for _ in range(random.randint(1, 4)):
            d = [random.gauss(0, 0.12) for _ in range(4)]
            b = [x + d[0] * w, y + d[1] * h, x + w + d[2] * w, y + h + d[3] * h]
            if kind == "cut" and random.random() < 0.5:
                b[random.choice([0, 2])] = x + w * random.uniform(0.3, 0.7)
                b[0], b[2] = min(b[0], b[2]), max(b[0], b[2])
            b = [round(max(0.0, v) * 8) / 8 for v in b]  # the same in float32 and float64
            if b[2] - b[0] > 1 and b[3] - b[1] > 1:
                boxes.append(b + [0, c])
    boxes = boxes[:n]
    for b, score in zip(boxes, random.sample(range(1, 1024), len(boxes))):
        b[4] = score / 1024  # no ties
    return boxes


def merged(boxes, method, metric, threshold):
    # Score and class need no mask; full_shape bounds nothing that is used here.
    found = [ObjectPrediction(bbox=b[:4], score=b[4], category_id=b[5], category_name=str(b[5]), full_shape=[2000, 2000]) for b in boxes]
    cls = {"nms": combine.NMSPostprocess, "greedy-nmm": combine.GreedyNMMPostprocess}[method]
    out = cls(match_threshold=threshold, match_metric=metric.upper(), class_agnostic=False)(found)
    return [[float(v) for v in p.bbox.to_xyxy()] + [float(p.score.value), p.category.id] for p in out]


def problems():
    for _ in range(32):
        boxes = problem(random.choice([1, 2, 20, 100, 200]), random.choice(["shifted", "cut"]))
        threshold = random.choice([0.5, 0.5, 0.3, 0.7, 0.05])
        yield {"threshold": threshold, "boxes": boxes, "merged": [
            {"method": method, "metric": metric, "boxes": merged(boxes, method, metric, threshold)}
            for method in ["nms", "greedy-nmm"] for metric in ["iou", "ios"]]}


json.dump({"slices": list(slices()), "problems": list(problems())}, sys.stdout, separators=(",", ":"))
