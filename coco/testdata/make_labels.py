"""Writes labels/: data sets of CVAT, Label Studio and Open Images, as their tools or datumaro write them, and what these read back.

    pip install -r labels/requirements.txt && pip install --no-deps labelme==5.5.0 && python make_labels.py

golden.json has the boxes (class, left, top, right, bottom) by data set and image. They are read by datumaro (CVAT, Open Images), Label
Studio's converter (COCO export, and its function for rotated boxes), and LabelMe's shape_to_mask as its labelme2coco.py uses it.
rle.json has masks as pycocotools encodes them, with their boxes.
"""
import importlib.util
import json
import logging
import pathlib
import shutil
import sys
import tempfile
import types
import uuid

import cv2
import datumaro as dm
import numpy as np
from datumaro.components.annotation import AnnotationType
from label_studio_sdk.converter import brush
from label_studio_sdk.converter.converter import Converter
from label_studio_sdk.converter.utils import convert_annotation_to_yolo_obb
from pycocotools import mask as masks

out = pathlib.Path(__file__).parent / "labels"
for name in ["cvat", "studio", "openimages", "labelme"]:
    shutil.rmtree(out / name, ignore_errors=True)
random = np.random.default_rng(22)
classes = ["zebra", "ant & bee", "cat"]
sizes = {"a": (64, 48), "b": (33, 70), "empty": (40, 30)}
golden = {}


def corners(box):
    x, y, w, h = box
    return [float(v) for v in (x, y, x + w, y + h)]


def blob(w, h):
    mask = np.zeros((h, w), np.uint8)
    x, y = random.integers(0, w - 4), random.integers(0, h - 4)
    mask[y : y + random.integers(1, h - y), x : x + random.integers(1, w - x)] = 1
    return mask


def annotations(name, kinds):
    w, h = sizes[name]
    made = []
    if name == "empty":
        return made
    for i, kind in enumerate(kinds):
        label = int(random.integers(len(classes)))
        x1, x2 = sorted(random.choice(w + 1, 2, replace=False).astype(float))
        y1, y2 = sorted(random.choice(h + 1, 2, replace=False).astype(float))
        if kind == "box":
            made.append(dm.Bbox(x1 + 0.25, y1, x2 - x1, y2 - y1, label=label))
        elif kind == "polygon":
            points = (random.random((5, 2)) * [w, h]).round(2)
            made.append(dm.Polygon(points.flatten().tolist(), label=label))
        elif kind == "mask":
            made.append(dm.Mask(blob(w, h), label=label))
        made[-1].id = made[-1].group = i + 1
    return made


def read(path, format):
    boxes = {}
    for item in dm.Dataset.import_from(str(path), format):
        names = item_labels
        boxes[item.id.split("/")[-1]] = [[names(item, a), corners(a.get_bbox())] for a in item.annotations if a.type != AnnotationType.label]
    return boxes


def item_labels(item, a):
    return loaded_classes[a.label]


def image(name):
    w, h = sizes[name]
    return dm.Image.from_numpy(np.full((h, w, 3), 128, np.uint8), ext=".png")


def write(format, kinds, **options):
    items = [dm.DatasetItem(id=n, subset="train", media=image(n), annotations=annotations(n, kinds), attributes={"frame": i})
             for i, n in enumerate(sizes)]
    data = dm.Dataset.from_iterable(items, categories=classes, media_type=dm.Image)
    folder = out / {"cvat": "cvat", "open_images": "openimages"}[format]
    data.export(str(folder), format, save_media=True, **options)
    return folder


# CVAT: datumaro writes and reads.
folder = write("cvat", ["box", "polygon", "mask", "box"])
file = next(folder.glob("*.xml"))
text = file.read_text()
rotated = '<box label="cat" occluded="0" xtl="10.5" ytl="12" xbr="40" ybr="30" rotation="30.5" z_order="0"></box>'
at = text.index("</image>")
file.write_text(text[:at] + rotated + text[at:])
loaded_classes = [c.name for c in dm.Dataset.import_from(str(folder), "cvat").categories()[AnnotationType.label]]
golden["cvat"] = read(folder, "cvat")

# Open Images: datumaro writes and reads.
folder = write("open_images", ["box", "box", "box"])
loaded_classes = [c.name for c in dm.Dataset.import_from(str(folder), "open_images").categories()[AnnotationType.label]]
golden["openimages"] = read(folder, "open_images")
for path in folder.rglob("*"):
    if path.is_file() and path.suffix not in (".png", ".jpg") and "-bbox" not in path.name and "class-descriptions" not in path.name:
        path.unlink()

# Label Studio: an export as version 1.x writes it; its converter reads it.
folder = out / "studio"
(folder / "images").mkdir(parents=True)
tasks, golden["studio"] = [], {}


def region(kind, w, h, value, labels):
    return {"id": str(uuid.UUID(bytes=random.bytes(16)))[:10], "type": kind, "from_name": kind, "to_name": "image", "origin": "manual",
            "original_width": w, "original_height": h, "image_rotation": 0, "value": value | {kind: labels}}


obb, brushes, painted = {}, {}, {}
for i, (name, (w, h)) in enumerate(sizes.items()):
    cv2.imwrite(str(folder / "images" / f"0f1e2d3c-{name}.png"), np.full((h, w, 3), 128, np.uint8))
    result = []
    if name != "empty":
        for k in range(3):
            x1, x2, y1, y2 = *sorted(random.random(2) * 100), *sorted(random.random(2) * 100)
            result.append(region("rectanglelabels", w, h, {"x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1, "rotation": 0}, [classes[k]]))
        result.append(region("polygonlabels", w, h, {"points": (random.random((6, 2)) * 100).tolist(), "closed": True}, ["cat"]))
        turned = region("rectanglelabels", w, h, {"x": 40, "y": 20, "width": 30, "height": 20, "rotation": 35}, ["zebra"])
        mask = blob(w, h)
        rle = [int(v) for v in brush.encode_rle(np.repeat(mask.flatten() * 255, 4))]
        painted[name] = region("brushlabels", w, h, {"format": "rle", "rle": rle}, ["ant & bee"])
        alpha = brush.decode_rle(rle).reshape(h, w, 4)[:, :, 3]
        ys, xs = np.nonzero(alpha)
        brushes[name] = ["ant & bee", [float(v) for v in (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)]]
        points = np.array(convert_annotation_to_yolo_obb(turned["value"] | {"original_width": w, "original_height": h})) * [w, h]
        obb[name] = ["zebra", [float(v) for v in (*points.min(0), *points.max(0))]]
    tasks.append({"id": i + 1, "annotations": [{"id": 7 + i, "was_cancelled": False, "ground_truth": False, "result": result,
                                                "created_at": "2026-01-02T03:04:05Z", "completed_by": 1}],
                  "data": {"image": f"/data/upload/3/0f1e2d3c-{name}.png"}, "predictions": [], "file_upload": f"0f1e2d3c-{name}.png"})
config = """<View><Image name="image" value="$image"/>
<RectangleLabels name="rectanglelabels" toName="image">{0}</RectangleLabels>
<PolygonLabels name="polygonlabels" toName="image">{0}</PolygonLabels></View>""".format(
    "".join(f'<Label value="{c.replace("&", "&amp;")}"/>' for c in classes))
with tempfile.TemporaryDirectory() as made:
    (pathlib.Path(made) / "tasks.json").write_text(json.dumps(tasks))
    Converter(config, made, download_resources=False).convert_to_coco(f"{made}/tasks.json", f"{made}/out", is_dir=False)
    result = json.loads(pathlib.Path(made, "out", "result.json").read_text())
names = {c["id"]: c["name"] for c in result["categories"]}
golden["studio"] = {n: [] for n in sizes}
for a in result["annotations"]:
    name = next(i["file_name"] for i in result["images"] if i["id"] == a["image_id"]).split("-")[-1].removesuffix(".png")
    golden["studio"][name].append([names[a["category_id"]], corners(a["bbox"])])
for i, (name, boxes) in enumerate(golden["studio"].items()):
    if name in obb:
        w, h = sizes[name]
        tasks[i]["annotations"][0]["result"] += [
            region("rectanglelabels", w, h, {"x": 40, "y": 20, "width": 30, "height": 20, "rotation": 35}, ["zebra"]), painted[name]]
        boxes.append(obb[name])
        boxes.append(brushes[name])
(folder / "tasks.json").write_text(json.dumps(tasks, indent=1))

# LabelMe: shapes as its window writes them; the boxes of shape_to_mask, whose pixels are at most one more than the outline.
found = importlib.util.find_spec("labelme").submodule_search_locations[0]  # its __init__ wants a window system
sys.modules["labelme"] = types.ModuleType("labelme")
sys.modules["labelme.logger"] = types.ModuleType("labelme.logger")
sys.modules["labelme.logger"].logger = logging.getLogger("labelme")
spec = importlib.util.spec_from_file_location("shape", pathlib.Path(found) / "utils" / "shape.py")
shape = importlib.util.module_from_spec(spec)
spec.loader.exec_module(shape)

folder = out / "labelme"
folder.mkdir()
golden["labelme"] = {}
for name, (w, h) in sizes.items():
    cv2.imwrite(str(folder / f"{name}.png"), np.full((h, w, 3), 128, np.uint8))
    shapes = []
    if name != "empty":
        shapes = [{"label": "zebra", "points": [[20.5, 30.25], [4.0, 5.5]], "shape_type": "rectangle"},
                  {"label": "cat", "points": [[3.0, 4.0], [25.0, 9.5], [12.0, 40.0]], "shape_type": "polygon"},
                  {"label": "cat", "points": [[16.0, 20.0], [22.0, 28.0]], "shape_type": "circle"}]
    golden["labelme"][name] = []
    for s in shapes:
        points = sorted(s["points"]) if s["shape_type"] == "rectangle" else s["points"]  # Pillow wants the upper left corner first
        mask = shape.shape_to_mask((h, w), points, s["shape_type"])
        ys, xs = np.nonzero(mask)
        golden["labelme"][name].append([s["label"], [float(v) for v in (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)]])
    (folder / f"{name}.json").write_text(json.dumps({
        "version": "5.5.0", "flags": {}, "shapes": [s | {"group_id": None, "description": "", "flags": {}, "mask": None} for s in shapes],
        "imagePath": f"{name}.png", "imageData": "iVBORw0KGgo=", "imageHeight": h, "imageWidth": w}, indent=2))

# Masks of COCO.
cases = []
shapes = [np.zeros((5, 7)), np.ones((5, 7)), np.eye(9), np.ones((1, 1)), np.pad(np.ones((2, 3)), 4), np.pad(np.ones((30, 1)), ((0, 0), (3, 4)))]
shapes += [random.random((int(random.integers(1, 90)), int(random.integers(1, 300)))) < p for p in (0.001, 0.01, 0.5, 0.99) for _ in range(8)]
for mask in shapes:
    rle = masks.encode(np.asfortranarray(mask.astype(np.uint8)))
    flat = mask.astype(np.uint8).flatten(order="F")
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flat]))) if len(flat) else np.array([], int)
    counts = np.diff(np.concatenate([[0], edges, [len(flat)]])).tolist()
    cases.append({"size": rle["size"], "compressed": rle["counts"].decode(), "counts": counts, "box": masks.toBbox(rle).tolist()})
    assert masks.decode(masks.frPyObjects({"size": rle["size"], "counts": counts}, *rle["size"])).tolist() == mask.astype(int).tolist()
(out / "rle.json").write_text(json.dumps(cases))
(out / "golden.json").write_text(json.dumps(golden, indent=1))
