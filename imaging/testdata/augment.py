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


def rotated(image, angle):
    margin = max(image.shape[1:]) + 2
    padded = torch.tensor(FILL, dtype=torch.uint8).reshape(3, 1, 1).repeat(1, image.shape[1] + 2 * margin, image.shape[2] + 2 * margin)
    padded[:, margin:-margin, margin:-margin] = image
    out = F.rotate(padded, angle, interpolation=InterpolationMode.BILINEAR, fill=FILL)
    return out[:, margin:-margin, margin:-margin]


for name, image in images.items():
    case(name, 'source', image)
    for what, change in (('brightness', F.adjust_brightness), ('contrast', F.adjust_contrast), ('saturation', F.adjust_saturation)):
        for factor in (0.3, 0.8, 1.25, 1.7):
            case(name, what, change(image, factor), value=factor)
    for shift in (-0.5, -0.3, -0.07, 0.01, 0.2, 0.5):
        case(name, 'hue', F.adjust_hue(image, shift), value=shift)
    for angle in (-90, -33.3, -10, -0.5, 0, 2, 7.5, 45, 180):
        case(name, 'rotate', rotated(image, angle), value=angle)
    for w, h in ((31, 23), (40, 37), (64, 23), (13, 9), (31, 60), (5, 3), (1, 1)):
        whole = {'bilinear': F.resize(image, [h, w], InterpolationMode.BILINEAR, antialias=False),
                 'pillow': F.resize(image, [h, w], InterpolationMode.BILINEAR, antialias=True)}
        for x, y, cw, ch in ((0, 0, w, h), (w // 3, h // 4, w - w // 3, h // 2 + 1), (w - 1, h - 1, 1, 1)):
            ch = min(ch, h - y)
            for kind, resized in whole.items():
                case(name, 'resize', F.crop(resized, y, x, ch, cw), kind=kind, resized=[w, h], part=[x, y, x + cw, y + ch])
(HERE / 'augment.json').write_text(json.dumps(cases, indent=0) + '\n')
