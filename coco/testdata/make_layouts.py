"""Writes layouts/: a small data set as supervision writes it in Pascal VOC's and in YOLO's layout, and what it reads back.

    pip install supervision==0.31.2 opencv-python-headless==4.12.0.88 && python make_layouts.py
"""
import json
import pathlib
import random
import shutil

import cv2
import numpy as np
import supervision as sv

out = pathlib.Path(__file__).parent / "layouts"
shutil.rmtree(out, ignore_errors=True)
random.seed(5)
classes = ["zebra", "ant", "bee"]
images = out / "voc" / "JPEGImages"
images.mkdir(parents=True)
annotations, paths = {}, []
for name, (w, h), n in [("a", (64, 48), 3), ("b", (33, 70), 2), ("c", (50, 50), 1), ("empty", (40, 30), 0)]:
    path = str(images / f"{name}.png")
    cv2.imwrite(path, np.full((h, w, 3), 128, np.uint8))
    boxes = []
    for i in range(n):
        x1, x2 = sorted(random.sample(range(w + 1), 2))
        y1, y2 = sorted(random.sample(range(h + 1), 2))
        boxes.append([x1, y1, x2, y2])
    if name == "c":
        boxes = [[0, 0, w, h]]
    annotations[path] = sv.Detections(
        xyxy=np.array(boxes, float).reshape(-1, 4), class_id=np.array([random.randrange(3) for _ in boxes], int))
    paths.append(path)
data = sv.DetectionDataset(classes=classes, images=paths, annotations=annotations)
yolo = out / "yolo"
data.as_pascal_voc(annotations_directory_path=str(out / "voc" / "Annotations"))
data.as_yolo(images_directory_path=str(yolo / "images"), annotations_directory_path=str(yolo / "labels"), data_yaml_path=str(yolo / "data.yaml"))
(yolo / "data.yaml").write_text((yolo / "data.yaml").read_text() + "train: images\n")


def read(d):
    return {
        pathlib.Path(path).name: [
            {"class": d.classes[c], "box": [float(v) for v in box]} for box, c in zip(a.xyxy, a.class_id if len(a) else [])]
        for path, a in d.annotations.items()}


golden = {
    "voc": read(sv.DetectionDataset.from_pascal_voc(str(images), str(out / "voc" / "Annotations"))),
    "yolo": read(sv.DetectionDataset.from_yolo(str(yolo / "images"), str(yolo / "labels"), str(yolo / "data.yaml")))}
(out / "golden.json").write_text(json.dumps(golden, indent=1, sort_keys=True) + "\n")
