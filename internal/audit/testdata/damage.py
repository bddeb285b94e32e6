"""Damages labels of a COCO file, and counts how many of them an audit finds (scripts/audit.sh).

    python damage.py damage IN.json OUT.json TRUTH.json [PERCENT [SEED]]
    python damage.py score TRUTH.json AUDIT.json [AUDIT_OF_UNDAMAGED.json]

A third of the damaged labels is removed, a third gets another class, and a third is made loose: moved and scaled to an IoU of 0.45 to 0.7.
score counts the damaged labels among the first proposals, twice as many as are damaged. With the audit of the undamaged labels, by the
same detections, proposals of missing labels that are in both are the data set's own missing labels. They are counted apart: removed
before the first are taken. All proposals that are in both are removed for the last line.
"""
import json
import random
import sys


def iou(a, b):
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    return w * h / (a[2] * a[3] + b[2] * b[3] - w * h)


def loosen(box, w, h):
    while True:
        x, y = box[0] + box[2] * random.uniform(-0.4, 0.4), box[1] + box[3] * random.uniform(-0.4, 0.4)
        bw, bh = box[2] * random.uniform(0.7, 1.6), box[3] * random.uniform(0.7, 1.6)
        left, top, right, bottom = max(x, 0), max(y, 0), min(x + bw, w), min(y + bh, h)
        made = [left, top, right - left, bottom - top]
        if right > left and bottom > top and 0.45 <= iou(box, made) <= 0.7:
            return made


def damage(source, target, truth, percent="5", seed="22"):
    random.seed(int(seed))
    data = json.load(open(source))
    images = {i["id"]: i for i in data["images"]}
    whole = [a for a in data["annotations"] if not a.get("iscrowd") and a["bbox"][2] > 0 and a["bbox"][3] > 0]
    chosen = random.sample(whole, round(len(whole) * float(percent) / 100))
    done = []
    for n, a in enumerate(chosen):
        kind = ["missing", "wrong class", "loose box"][n % 3]
        if kind == "wrong class" and len(data["categories"]) < 2:
            kind = "missing"
        done.append({"kind": kind, "image_id": a["image_id"], "annotation_id": a["id"], "bbox": list(a["bbox"]), "category_id": a["category_id"]})
        if kind == "missing":
            data["annotations"].remove(a)
        elif kind == "wrong class":
            a["category_id"] = random.choice([c["id"] for c in data["categories"] if c["id"] != a["category_id"]])
        else:
            a["bbox"] = loosen(a["bbox"], images[a["image_id"]]["width"], images[a["image_id"]]["height"])
            a["area"] = a["bbox"][2] * a["bbox"][3]
    json.dump(data, open(target, "w"))
    json.dump(done, open(truth, "w"))
    print(f"{len(done)} of {len(whole)} labels damaged: {target}")


def hits(proposal, truth):
    if truth["kind"] == "missing":
        return truth["image_id"] == proposal["image_id"] and iou(truth["bbox"], proposal["proposed_bbox"]) >= 0.5
    return truth["annotation_id"] == proposal.get("annotation_id")


def found(proposals, truth):
    count = {}
    for t in truth:
        if any(hits(p, t) for p in proposals):
            count[t["kind"]] = count.get(t["kind"], 0) + 1
    return count


def tell(name, proposals, truth):
    first = proposals[: 2 * len(truth)]
    count = found(first, truth)
    per = ", ".join(f"{count.get(k, 0)}/{sum(t['kind'] == k for t in truth)} {k}" for k in ["missing", "wrong class", "loose box"])
    print(f"{name}: {sum(count.values())} of {len(truth)} damaged labels ({100 * sum(count.values()) / len(truth):.0f} %) in {len(first)} proposals: {per}")


def score(truth, audit, undamaged=None):
    truth, proposals = json.load(open(truth)), json.load(open(audit))["proposals"]
    tell("all proposals", proposals, truth)
    if undamaged:
        own = json.load(open(undamaged))["proposals"]
        key = lambda p: (p["image_id"], p["kind"], p.get("annotation_id"), tuple(p["proposed_bbox"]))  # noqa: E731
        have = {key(p) for p in own}
        other = lambda p: key(p) not in have or any(hits(p, t) for t in truth)  # noqa: E731
        own_first = [p for p in proposals[: 2 * len(truth)] if not other(p)]
        print(f"{sum(p['kind'] == 'missing' for p in own_first)} of the first {2 * len(truth)} proposals are missing labels as published, {len(own_first)} mistakes of any kind")
        tell("own missing labels counted apart", [p for p in proposals if p["kind"] != "missing" or other(p)], truth)
        tell("own mistakes of any kind counted apart", [p for p in proposals if other(p)], truth)


{"damage": damage, "score": score}[sys.argv[1]](*sys.argv[2:])
