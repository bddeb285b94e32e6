"""Golden values of what classifiers do to images: python resample.py writes resampled.json beside it (Pillow 13.0, torchvision 0.29).

Each case is rgb.png cropped (x, y, w, h), then resized by Pillow, or changed by torchvision; the bytes are RGB, base64."""
import base64
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import functional as F

HERE = Path(__file__).resolve().parent
image = Image.open(HERE / 'rgb.png').convert('RGB')
W, H = image.size


def bytes64(image):
    return base64.b64encode(np.asarray(image, dtype=np.uint8).tobytes()).decode()


cases = []
for crop in ((0, 0, W, H), (1, 2, W - 3, H - 5), (3, 1, 7, 5), (0, 0, 1, 1)):
    part = image.crop((crop[0], crop[1], crop[0] + crop[2], crop[1] + crop[3]))
    for size in ((crop[2], crop[3]), (16, 11), (5, 40), (1, 1), (crop[2], 9), (9, crop[3]), (61, 57)):
        cases.append({'what': 'resample', 'crop': crop, 'size': size, 'rgb': bytes64(part.resize(size, Image.BILINEAR))})
tensor = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)
for what, change in (('contrast', F.adjust_contrast), ('saturation', F.adjust_saturation), ('brightness', F.adjust_brightness)):
    for factor in (0, 0.4, 1, 1.35, 2.5):
        cases.append({'what': what, 'factor': factor, 'rgb': bytes64(change(tensor, factor).permute(1, 2, 0).numpy())})
(HERE / 'resampled.json').write_text(json.dumps(cases, indent=0) + '\n')
