"""Golden values of augmentation: python augment.py writes augment.json beside it (torch 2.15, torchvision 0.29).

Each case is one function of torchvision.transforms.v2.functional on uint8 pixels. `rgb` is the result, base64. The images are noise, rgb.png and a
single pixel. Rotated images are padded with the fill colour before, and the centre is cropped after, so that their border is mixed with it once."""
import base64
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F

HERE = Path(__file__).resolve().parent
FILL = [124, 116, 104]
noise = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (23, 31, 3), dtype=np.uint8)).permute(2, 0, 1)
rgb = torch.from_numpy(np.asarray(Image.open(HERE / 'rgb.png').convert('RGB')).copy()).permute(2, 0, 1)
images = {'noise': noise, 'rgb': rgb, 'pixel': torch.tensor([200, 100, 30], dtype=torch.uint8).reshape(3, 1, 1)}
cases = []


def bytes64(image):
    return base64.b64encode(image.permute(1, 2, 0).contiguous().numpy().tobytes()).decode()


def case(name, what, image, **parameters):
    cases.append({'image': name, 'what': what, 'size': [image.shape[2], image.shape[1]], **parameters, 'rgb': bytes64(image)})


def padded(image, w, h):
    out = torch.tensor(FILL, dtype=torch.uint8).reshape(3, 1, 1).repeat(1, h, w)
    y, x = (h - image.shape[1]) // 2, (w - image.shape[2]) // 2
    out[:, y:y + image.shape[1], x:x + image.shape[2]] = image
    return out


def rotated(image, angle, scale):
    """The image scaled and rotated counterclockwise, in its scaled size. (affine's angles are clockwise.)"""
    h, w = image.shape[1:]
    scaled_w, scaled_h = round(w * scale), round(h * scale)
    # Twice the diagonal: far enough that affine's own border does not reach the picture, and centred on it.
    side = 2 * (w + h)
    canvas = padded(image, w + 2 * max(side, scaled_w), h + 2 * max(side, scaled_h))
    if scale == 1:
        out = F.rotate(canvas, angle, interpolation=InterpolationMode.BILINEAR, fill=FILL)
    else:
        out = F.affine(canvas, -angle, [0, 0], scale, [0.0, 0.0], interpolation=InterpolationMode.BILINEAR, fill=FILL)
    y, x = (out.shape[1] - scaled_h) // 2, (out.shape[2] - scaled_w) // 2
    return out[:, y:y + scaled_h, x:x + scaled_w]


for name, image in images.items():
    case(name, 'source', image)
    for what, change in (('brightness', F.adjust_brightness), ('contrast', F.adjust_contrast), ('saturation', F.adjust_saturation)):
        for factor in (0.3, 0.8, 1.25, 1.7):
            case(name, what, change(image, factor), value=factor)
    for shift in (-0.5, -0.3, -0.07, 0.01, 0.2, 0.5):
        case(name, 'hue', F.adjust_hue(image, shift), value=shift)
    for angle in (-90, -33.3, -10, -0.5, 0, 2, 7.5, 45, 180):
        case(name, 'rotate', rotated(image, angle, 1), value=angle, kind='bilinear')
    for w, h in ((31, 23), (40, 37), (64, 23), (13, 9), (31, 60), (5, 3), (1, 1)):
        whole = {'bilinear': F.resize(image, [h, w], InterpolationMode.BILINEAR, antialias=False),
                 'pillow': F.resize(image, [h, w], InterpolationMode.BILINEAR, antialias=True)}
        for x, y, cw, ch in ((0, 0, w, h), (w // 3, h // 4, w - w // 3, h // 2 + 1), (w - 1, h - 1, 1, 1)):
            ch = min(ch, h - y)
            for kind, resized in whole.items():
                case(name, 'resize', F.crop(resized, y, x, ch, cw), kind=kind, resized=[w, h], part=[x, y, x + cw, y + ch])
for scale in (0.5, 1.5, 2, 3.25):  # of rgb.png, whose sides stay whole and even
    for angle in (-33.3, 0, 7.5):
        w, h = round(24 * scale), round(16 * scale)
        case('rgb', 'rotate', rotated(rgb, angle, scale), value=angle, kind='bilinear', resized=[w, h])
        small = F.resize(rgb, [h, w], InterpolationMode.BILINEAR, antialias=True)
        if scale < 1:
            case('rgb', 'rotate', rotated(small, angle, 1), value=angle, kind='pillow', resized=[w, h])
(HERE / 'augment.json').write_text(json.dumps(cases, indent=0) + '\n')
