"""Golden values of the loader's geometry: python augment.py writes augment.json beside it (torch 2.15, torchvision 0.29).

Each case takes noise and boxes through resize, rotate, crop and flip of torchvision.transforms.v2.functional, which change pixels and BoundingBoxes
together. For bilinear, pixels are resized and rotated in one step by affine, for pillow in two if the picture becomes smaller. Before rotations, pixels
are padded with the fill colour, so that the border is mixed with it once."""
import base64
import json
from pathlib import Path

import numpy as np
import torch
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F

HERE = Path(__file__).resolve().parent
FILL = [124, 116, 104]
MARGIN = 40


def rotate(image, boxes, size, angle, scale):
    """Scaled and rotated counterclockwise. (affine's angles are clockwise.)"""
    w, h = size
    height, width = image.shape[1:]
    canvas = torch.tensor(FILL, dtype=torch.uint8).reshape(3, 1, 1).repeat(1, height + 2 * MARGIN, width + 2 * MARGIN)
    canvas[:, MARGIN:-MARGIN, MARGIN:-MARGIN] = image
    canvas = F.affine(canvas, -angle, [0, 0], scale, [0.0, 0.0], interpolation=InterpolationMode.BILINEAR, fill=FILL)
    return F.center_crop(canvas, [h, w]), F.rotate(boxes, angle)


def case(seed, source, resized, angle, part, flip_x, flip_y, kind):
    w, h = source
    random = np.random.default_rng(seed)
    image = torch.from_numpy(random.integers(0, 256, (h, w, 3), dtype=np.uint8)).permute(2, 0, 1)
    corner = random.uniform(0, 0.7, (6, 2))
    boxes = np.concatenate([corner, np.minimum(corner + random.uniform(0.05, 0.6, (6, 2)), 1)], 1) * [w, h, w, h]
    boxes[0] = [0, 0, w, h]
    moved = tv_tensors.BoundingBoxes(torch.from_numpy(boxes), format='XYXY', canvas_size=(h, w))
    source_bytes = bytes64(image)
    scale = resized[0] / w
    moved = F.resize(moved, [resized[1], resized[0]])
    if not angle or kind == 'pillow' and resized[0] * resized[1] < w * h:
        image = F.resize(image, [resized[1], resized[0]], InterpolationMode.BILINEAR, antialias=kind == 'pillow')
        scale = 1
    if angle:
        image, moved = rotate(image, moved, resized, angle, scale)
    x1, y1, x2, y2 = part
    image, moved = F.crop(image, y1, x1, y2 - y1, x2 - x1), F.crop(moved, y1, x1, y2 - y1, x2 - x1)
    if flip_x:
        image, moved = F.horizontal_flip(image), F.horizontal_flip(moved)
    if flip_y:
        image, moved = F.vertical_flip(image), F.vertical_flip(moved)
    return {'source': source, 'resized': resized, 'degrees': angle, 'part': part, 'flip': [flip_x, flip_y], 'kind': kind,
            'boxes': [[round(float(v), 9) for v in (b[0], b[1], b[2] - b[0], b[3] - b[1])] for b in boxes],
            'moved': [[round(float(v), 6) for v in b] for b in moved.as_subclass(torch.Tensor)], 'pixels': source_bytes, 'rgb': bytes64(image)}


def bytes64(image):
    return base64.b64encode(image.permute(1, 2, 0).contiguous().numpy().tobytes()).decode()


cases = []
for source, sizes in (((30, 20), ((30, 20), (24, 16), (48, 32), (60, 40))), ((16, 28), ((16, 28), (8, 14), (24, 42))), ((1, 1), ((1, 1), (3, 3)))):
    for w, h in sizes:
        for angle in (0, 7.5, -33):
            for part in ([0, 0, w, h], [w // 4, h // 3, max(w // 4 + 1, w - w // 5), h]):
                for kind in ('bilinear', 'pillow'):
                    n = len(cases)
                    cases.append(case(n, source, (w, h), angle, part, n // 2 % 2 == 1, n // 2 % 3 == 1, kind))
for w, h in ((21, 14), (64, 20), (1, 2)):  # not one scale for both sides
    for kind in ('bilinear', 'pillow'):
        cases.append(case(len(cases), (30, 20), (w, h), 0, [0, 0, w, h], False, False, kind))
(HERE / 'augment.json').write_text(json.dumps(cases, indent=0) + '\n')
