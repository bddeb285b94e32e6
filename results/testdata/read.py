"""Reads the golden files with the tools that they are for, and compares all of them with the JSON lines.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt && venv/bin/python read.py

pycocotools reads coco, supervision reads yolo and voc, label-studio-sdk reads labelstudio, Python's csv reads csv.
"""

import csv
import json
import pathlib
import tempfile

import numpy as np
import supervision as sv
import yaml
from label_studio_sdk.converter import Converter
from label_studio_sdk.label_interface import LabelInterface
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

GOLDEN = pathlib.Path(__file__).parent / "golden"
CLASSES = ["RBC", 'left, "upper"', "тромбоциты"]


def lines(kind):
    return [json.loads(line) for line in (GOLDEN / kind / "jsonl" / "table").read_text().splitlines()]


def same(name, got, want, tolerance):
    got, want = np.array(got, dtype=float).reshape(-1, 4), np.array(want, dtype=float).reshape(-1, 4)
    assert got.shape == want.shape, (name, got.shape, want.shape)
    assert np.abs(got - want).max(initial=0) <= tolerance, (name, np.abs(got - want).max())


def read_coco(kind, images):
    """Results are ground truth, too, so AP is 1."""
    gt = COCO()
    gt.dataset = {
        "images": [{"id": i + 1, "width": m["width"], "height": m["height"]} for i, m in enumerate(images)],
        "categories": [{"id": i + 1, "name": name} for i, name in enumerate(CLASSES)],
        "annotations": [],
    }
    for i, m in enumerate(images):
        for d in m["detections"]:
            x1, y1, x2, y2 = d["box"]
            gt.dataset["annotations"].append({"id": len(gt.dataset["annotations"]) + 1, "image_id": i + 1, "category_id": d["class_id"], "iscrowd": 0,
                                              "bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1)})
    gt.createIndex()
    results = json.loads((GOLDEN / kind / "coco" / "table").read_text())
    if not results:
        assert not gt.dataset["annotations"]
        return
    dt = gt.loadRes(str(GOLDEN / kind / "coco" / "table"))
    for i, m in enumerate(images):
        found = [dt.anns[k] for k in sorted(dt.getAnnIds(imgIds=[i + 1]))]
        same("coco", [d["bbox"] for d in found], [[b[0], b[1], b[2] - b[0], b[3] - b[1]] for b in (d["box"] for d in m["detections"])], 1e-4)
        assert [d["category_id"] for d in found] == [d["class_id"] for d in m["detections"]]
        assert all(d["file_name"] == m["file"] for d in found)
        assert np.allclose([d["score"] for d in found], [d["score"] for d in m["detections"]], atol=1e-7)
    e = COCOeval(gt, dt, "bbox")
    e.evaluate(), e.accumulate(), e.summarize()
    assert abs(e.stats[0] - 1) < 1e-9, e.stats


def out(m):
    """Name of the image of a label file, below the folder of images."""
    stem = pathlib.PurePath(m["file"]).with_suffix("")
    stem = pathlib.PurePath(*stem.parts[1:]) if len(stem.parts) > 1 else stem
    return str(stem) + (f"_{m['frame']:06d}" if "frame" in m else "")


def with_images(images, folder, nested):
    """Blank images for readers that need their sizes."""
    import cv2

    for m in images:
        path = folder / (out(m) + ".png")
        if (len(pathlib.PurePath(out(m)).parts) > 1) == nested:
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), np.zeros((m["height"], m["width"], 3), np.uint8))


def read_folder(kind, images, name):
    """supervision reads one folder at a time."""
    seen = 0
    for nested, sub in ((False, ""), (True, "sub")):
        with tempfile.TemporaryDirectory() as tmp:
            folder = pathlib.Path(tmp)
            with_images(images, folder, nested)
            if not any(folder.rglob("*.png")):
                continue
            if name == "yolo":
                data = sv.DetectionDataset.from_yolo(str(folder / sub), str(GOLDEN / kind / "yolo" / "labels" / sub), str(GOLDEN / kind / "yolo" / "data.yaml"))
                assert data.classes == CLASSES, data.classes
            else:
                data = sv.DetectionDataset.from_pascal_voc(str(folder / sub), str(GOLDEN / kind / "voc" / "Annotations" / sub))
            for m in images:
                path = str(folder / (out(m) + ".png"))
                if path not in data.annotations:
                    continue
                seen += 1
                found = data.annotations[path]
                want = [d["box"] for d in m["detections"]]
                if name == "voc":  # at least one pixel
                    want = [[min(round(b[0] + 1e-9), m["width"] - 1), min(round(b[1] + 1e-9), m["height"] - 1), b[2], b[3]] for b in want]
                    want = [[b[0], b[1], max(b[2], b[0] + 1), max(b[3], b[1] + 1)] for b in want]
                same(name, found.xyxy, want, 1e-3 if name == "yolo" else 0.51)
                assert [data.classes[c] for c in found.class_id] == [d["label"] for d in m["detections"]]
    assert seen == len(images), (name, seen)


CONFIG = """<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">
<Label value="RBC"/><Label value="left, &quot;upper&quot;"/><Label value="тромбоциты"/></RectangleLabels></View>"""


def read_labelstudio(kind, images):
    tasks = json.loads((GOLDEN / kind / "labelstudio" / "table").read_text())
    interface = LabelInterface(CONFIG)
    assert len(tasks) == len(images)
    for task, m in zip(tasks, images):
        assert interface.validate_task({"data": task["data"]}), task  # 2.1.2 fails on any task with predictions
        for p in task["predictions"]:
            assert interface.validate_prediction(p), p
        boxes = []
        for r in task["predictions"][0]["result"]:
            v, w, h = r["value"], r["original_width"] / 100, r["original_height"] / 100
            boxes.append([v["x"] * w, v["y"] * h, (v["x"] + v["width"]) * w, (v["y"] + v["height"]) * h])
        same("labelstudio", boxes, [d["box"] for d in m["detections"]], 1e-3)
        assert [r["value"]["rectanglelabels"] for r in task["predictions"][0]["result"]] == [[d["label"]] for d in m["detections"]]
    if not images:
        return
    with tempfile.TemporaryDirectory() as tmp:  # what annotators accept is exported to COCO
        accepted = [{"id": i + 1, "data": t["data"], "annotations": [{"id": i + 1, "completed_by": 1, **t["predictions"][0]}]} for i, t in enumerate(tasks)]
        (pathlib.Path(tmp) / "in.json").write_text(json.dumps(accepted))
        Converter(CONFIG, project_dir=tmp, download_resources=False).convert_to_coco(str(pathlib.Path(tmp) / "in.json"), tmp + "/out", is_dir=False)
        exported = json.loads((pathlib.Path(tmp) / "out" / "result.json").read_text())
        assert len(exported["annotations"]) == sum(len(m["detections"]) for m in images)


def read_csv(kind, images):
    with open(GOLDEN / kind / "csv" / "table", newline="") as f:
        rows = list(csv.DictReader(f))
    want = [(m, d) for m in images for d in m["detections"]]
    assert len(rows) == len(want)
    for row, (m, d) in zip(rows, want):
        assert row["file"] == m["file"] and row["label"] == d["label"] and int(row["class_id"]) == d["class_id"]
        assert [float(row[k]) for k in ("x1", "y1", "x2", "y2", "score")] == d["box"] + [d["score"]]
        assert row["track_id"] == str(d.get("track_id", "")) and row["frame"] == str(m.get("frame", ""))
        assert (int(row["width"]), int(row["height"])) == (m["width"], m["height"])


def main():
    for kind in ("images", "frames", "nothing"):
        images = lines(kind)
        read_coco(kind, images)
        read_csv(kind, images)
        if images:
            read_folder(kind, images, "yolo")
            read_folder(kind, images, "voc")
        assert list(yaml.safe_load((GOLDEN / kind / "yolo" / "data.yaml").read_text())["names"].values()) == CLASSES
        if kind != "frames":
            read_labelstudio(kind, images)
        print(f"{kind}: {len(images)} images, {sum(len(m['detections']) for m in images)} objects read back from every format")


main()
