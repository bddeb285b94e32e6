"""Compares a data set in the formats of labelling tools, as `scalenet data convert` wrote them, with its COCO file (scripts/check-labels.sh).

CVAT and Open Images are read by datumaro, Label Studio by its converter. LabelMe's JSON is compared as it is.
"""
import json
import logging
import pathlib
import shutil
import sys
import tempfile

import datumaro as dm
from label_studio_sdk.converter.converter import Converter

logging.disable(logging.WARNING)
root = pathlib.Path(sys.argv[1])


def stem(name):
    return pathlib.PurePosixPath(name.split("?d=")[-1]).stem


def by_image(data):
    names = {c["id"]: c["name"] for c in data["categories"]}
    images = {i["id"]: stem(i["file_name"]) for i in data["images"]}
    boxes = {}
    for a in data["annotations"]:
        boxes.setdefault(images[a["image_id"]], []).append((names[a["category_id"]], *a["bbox"]))
    return boxes


def datumaro(path, format):
    data = dm.Dataset.import_from(str(path), format)
    names = [c.name for c in data.categories()[dm.AnnotationType.label]]
    return {stem(i.id): [(names[a.label], *a.get_bbox()) for a in i.annotations if a.type == dm.AnnotationType.bbox] for i in data}


def compare(name, got):
    worst = count = 0
    for image, boxes in want.items():
        assert len(boxes) == len(got.get(image, [])), (name, image)
        for a, b in zip(sorted(boxes), sorted(got[image])):
            assert a[0] == b[0], (name, image, a, b)
            worst = max(worst, max(abs(x - y) for x, y in zip(a[1:], b[1:])))
            count += 1
    print(f"{name}: {count} boxes, largest difference {worst:.2g} pixels")
    assert worst < 1e-6


want = by_image(json.loads((root / "coco" / "instances_val.json").read_text()))
compare("CVAT", datumaro(root / "cvat", "cvat"))
with tempfile.TemporaryDirectory() as made:  # datumaro wants folders of other names
    made = pathlib.Path(made)
    (made / "annotations").mkdir()
    shutil.copy(root / "openimages" / "val-annotations-bbox.csv", made / "annotations")
    shutil.copy(root / "openimages" / "class-descriptions-boxable.csv", made / "annotations" / "class-descriptions.csv")
    shutil.copytree(root / "openimages" / "images" / "val", made / "images" / "val")
    compare("Open Images", datumaro(made, "open_images"))
with tempfile.TemporaryDirectory() as made:
    converter = Converter((root / "labelstudio" / "labels.xml").read_text(), made, download_resources=False)
    converter.convert_to_coco(str(root / "labelstudio" / "tasks_val.json"), made + "/out", is_dir=False)
    compare("Label Studio", by_image(json.loads(pathlib.Path(made, "out", "result.json").read_text())))
labelme = {}
for file in (root / "labelme" / "val").glob("*.json"):
    shapes = json.loads(file.read_text())["shapes"]
    labelme[file.stem] = [(s["label"], *s["points"][0], s["points"][1][0] - s["points"][0][0], s["points"][1][1] - s["points"][0][1]) for s in shapes]
compare("LabelMe", labelme)
