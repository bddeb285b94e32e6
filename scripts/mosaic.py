"""Makes a data set of large pictures: sixteen pictures of a data set per mosaic, four rows of four.

    pip install pillow && python scripts/mosaic.py data/bccd/ImageSets/Main/val.txt OUT

The input is a Pascal VOC folder and one of its lists. Pictures that do not fill a mosaic are left out. OUT gets mosaicN.png and instances.json (COCO),
with the classes in alphabetical order.
"""
import json
import pathlib
import sys
import xml.etree.ElementTree as ET

from PIL import Image

SIDE = 4

listing, out = map(pathlib.Path, sys.argv[1:])
root = listing.parents[2]
out.mkdir()
names = listing.read_text().split()

pictures = []
for name in names:
    tree = ET.parse(root / "Annotations" / f"{name}.xml")
    objects = [(o.find("name").text, [float(o.find("bndbox").find(k).text) for k in ("xmin", "ymin", "xmax", "ymax")]) for o in tree.iter("object")]
    pictures.append((root / "JPEGImages" / f"{name}.jpg", objects))
classes = sorted({c for _, objects in pictures for c, _ in objects})

images, annotations = [], []
for n in range(len(pictures) // SIDE**2):
    group = pictures[n * SIDE**2:(n + 1) * SIDE**2]
    w, h = Image.open(group[0][0]).size
    mosaic = Image.new("RGB", (SIDE * w, SIDE * h))
    images.append({"id": n + 1, "file_name": f"mosaic{n}.png", "width": mosaic.width, "height": mosaic.height})
    for i, (file, objects) in enumerate(group):
        x, y = i % SIDE * w, i // SIDE * h
        picture = Image.open(file).convert("RGB")
        assert picture.size == (w, h), file
        mosaic.paste(picture, (x, y))
        for name, (x1, y1, x2, y2) in objects:
            annotations.append({"id": len(annotations) + 1, "image_id": n + 1, "category_id": classes.index(name) + 1, "iscrowd": 0,
                                "bbox": [x + x1, y + y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1)})
    mosaic.save(out / images[-1]["file_name"])

(out / "instances.json").write_text(json.dumps({
    "images": images, "annotations": annotations, "categories": [{"id": i + 1, "name": c} for i, c in enumerate(classes)]}))
print(f"{len(images)} mosaics of {SIDE**2} pictures, {len(annotations)} objects")
