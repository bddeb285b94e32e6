"""Writes reduced.json: JPEGs and what Pillow's draft mode, libjpeg's decoding at 1/2, 1/4 and 1/8, makes of them. Run in this folder with numpy, pillow.

Fields of a case: name, file (base64), by, w and h (upright, not reduced), rgb (hexadecimal, upright).
"""
import base64
import io
import json

import numpy as np
from PIL import Image, ImageOps


def image(w, h):
    y, x = np.mgrid[0:h, 0:w]
    rgb = np.stack([x * 255 // (w - 1), y * 255 // (h - 1), (x + y) * 255 // (w + h - 2)], -1).astype(np.uint8)
    rgb[: h // 3, : w // 3] = [250, 20, 20]
    rgb[h * 3 // 4:, : w // 4] = [20, 20, 250]
    rgb[h // 2, w // 2:] = 255  # a line of one pixel
    return Image.fromarray(rgb)


def jpeg(im, **how):
    f = io.BytesIO()
    im.save(f, "JPEG", quality=92, **how)
    return f.getvalue()


exif = Image.Exif()
exif[0x0112] = 6
whole, ragged = image(48, 32), image(50, 34)
files = {
    "4:2:0": jpeg(whole, subsampling=2),
    "4:4:4": jpeg(whole, subsampling=0),
    "progressive": jpeg(whole, progressive=True),
    "grey": jpeg(whole.convert("L")),
    "CMYK": jpeg(whole.convert("CMYK")),
    "turned": jpeg(whole, exif=exif.tobytes()),
    "ragged": jpeg(ragged, subsampling=0),
}
cases = []
for name, data in files.items():
    for by in (2, 4, 8):
        im = Image.open(io.BytesIO(data))
        w, h = ImageOps.exif_transpose(im).size
        im = Image.open(io.BytesIO(data))
        im.draft(None, (im.width // by, im.height // by))
        im = ImageOps.exif_transpose(im)
        if im.mode != "RGB":
            im = im.convert("RGB")
        cases.append({"name": name, "file": base64.b64encode(data).decode(), "by": by, "w": w, "h": h, "rgb": im.tobytes().hex()})
with open("reduced.json", "w") as f:
    json.dump(cases, f, separators=(",", ":"))
