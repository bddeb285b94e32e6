"""Makes images/: four small images with their boxes as COCO JSON. See README.md for where they are from.

python images.py BCCD CARDS   (the two data sets' folders)"""
import json
import sys
import xml.etree.ElementTree as ET

from PIL import Image

NAMES = ['RBC', 'WBC', 'Platelets', 'king']
bccd, cards = sys.argv[1:]


def cells(name):
    boxes = []
    for o in ET.parse(f'{bccd}/Annotations/{name}.xml').iter('object'):
        boxes.append((o.find('name').text, [float(o.find('bndbox').find(k).text) for k in ('xmin', 'ymin', 'xmax', 'ymax')]))
    return f'{bccd}/JPEGImages/{name}.jpg', boxes


def card(name):
    data = json.load(open(f'{cards}/instances_train.json'))
    names = {c['id']: c['name'] for c in data['categories']}
    image = next(i for i in data['images'] if i['file_name'] == name)
    boxes = []
    for a in data['annotations']:
        if a['image_id'] == image['id']:
            x, y, w, h = a['bbox']
            boxes.append((names[a['category_id']], [x, y, x + w, y + h]))
    return f'{cards}/images/{name}', boxes


out = {'images': [], 'annotations': [], 'categories': [{'id': k + 1, 'name': n} for k, n in enumerate(NAMES)]}
for (path, boxes), crop, size in [
    (cells('BloodImage_00148'), (0, 40, 640, 440), (240, 150)),
    (card('IMG_2385.jpg'), (0, 0, 378, 504), (135, 180)),
    (cells('BloodImage_00154'), (0, 0, 640, 480), (192, 144)),
    (cells('BloodImage_00143'), (0, 0, 640, 480), (192, 144)),
]:
    name = path.split('/')[-1].split('.')[0] + '.png'
    Image.open(path).convert('RGB').resize(size, Image.LANCZOS, crop).save(f'images/{name}', optimize=True)
    image = len(out['images']) + 1
    out['images'].append({'id': image, 'file_name': name, 'width': size[0], 'height': size[1]})
    sx, sy = size[0] / (crop[2] - crop[0]), size[1] / (crop[3] - crop[1])
    for label, (x1, y1, x2, y2) in boxes:
        x1, x2 = ((min(max(v, crop[0]), crop[2]) - crop[0]) * sx for v in (x1, x2))
        y1, y2 = ((min(max(v, crop[1]), crop[3]) - crop[1]) * sy for v in (y1, y2))
        if x2 - x1 < 3 or y2 - y1 < 3:
            continue
        box = [round(v, 2) for v in (x1, y1, x2 - x1, y2 - y1)]
        out['annotations'].append({'id': len(out['annotations']) + 1, 'image_id': image, 'category_id': NAMES.index(label) + 1,
                                   'bbox': box, 'area': round(box[2] * box[3], 2), 'iscrowd': 0})
with open('images/instances.json', 'w') as f:
    json.dump(out, f, indent=1)
