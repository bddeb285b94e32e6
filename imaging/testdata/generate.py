"""Makes the images and golden values of package imaging's tests: run in this folder with numpy, pillow, torch, torchvision.

Every image is synthetic: smooth gradients with a few hard edges, different in each corner so that turning shows.
"""
import io
import json
import random
import struct
import zlib

import numpy as np
import torch
from PIL import Image, ImageOps
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.transforms.functional import pil_to_tensor

W, H = 24, 16


def image(w=W, h=H):
    y, x = np.mgrid[0:h, 0:w]
    rgb = np.stack([x * 255 // max(1, w - 1), y * 255 // max(1, h - 1), (x + y) * 255 // max(1, w + h - 2)], -1).astype(np.uint8)
    rgb[: h // 3, : w // 3] = [250, 20, 20]
    rgb[h * 3 // 4:, : w // 4] = [20, 20, 250]
    return Image.fromarray(rgb)


def exif(orientation):
    e = Image.Exif()
    e[0x0112] = orientation
    return e.tobytes()


base = image()
base.save("rgb.png")
base.save("rgb.bmp")
base.save("rgb.tiff", compression="tiff_lzw")
base.save("rgb.webp", lossless=True)
base.save("lossy.webp", quality=90)
base.convert("P", palette=Image.ADAPTIVE).save("palette.png")
base.convert("P", palette=Image.ADAPTIVE).save("frame.gif")
frames = [base.convert("P", palette=Image.ADAPTIVE), base.rotate(180).convert("P", palette=Image.ADAPTIVE)]
frames[0].save("animated.gif", save_all=True, append_images=frames[1:])
base.save("animated.webp", save_all=True, append_images=[base.rotate(180)], lossless=True)
base.convert("L").save("grey.png")
base.save("baseline.jpg", quality=95)
base.save("progressive.jpg", quality=95, progressive=True)
base.convert("L").save("grey.jpg", quality=95)
base.convert("CMYK").save("cmyk.jpg", quality=95)
rgba = base.copy()
rgba.putalpha(Image.linear_gradient("L").resize((W, H)))
rgba.save("alpha.png")
Image.fromarray((np.asarray(base.convert("L")).astype(np.uint16) << 8) | 0x5A).save("grey16.png")
image(1, 1).save("1x1.png")
image(4000, 20).save("4000x20.png")

# Sixteen-bit RGB and an interlaced image (Adam7), which Pillow does not write.
def png(w, h, depth, colour, raw, interlace=0):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    header = struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")

a = np.asarray(base)
wide = (a.astype(np.uint16) << 8) | 0x5A
open("rgb16.png", "wb").write(png(W, H, 16, 2, b"".join(b"\0" + row.astype(">u2").tobytes() for row in wide)))
passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
raw = b"".join(b"\0" + row.tobytes() for x, y, dx, dy in passes for row in a[y::dy, x::dx])
open("interlaced.png", "wb").write(png(W, H, 8, 2, raw, 1))
# A declared size of 30000 x 30000 in 100 bytes, and one of 2^31-1.
open("huge.png", "wb").write(png(30000, 30000, 8, 2, b"\0"))
open("huger.png", "wb").write(png(2**31 - 1, 2**31 - 1, 8, 2, b"\0"))

for o in range(1, 9):
    base.save(f"orientation{o}.jpg", quality=95, exif=exif(o))
    base.save(f"orientation{o}.png", exif=exif(o))
    base.save(f"orientation{o}.webp", lossless=True, exif=exif(o))
    base.save(f"orientation{o}.tiff", tiffinfo={0x0112: o})


def upright(name):
    """What a viewer shows, alpha dropped, as (w, h, RGB bytes in hex)."""
    im = ImageOps.exif_transpose(Image.open(name)).convert("RGB")
    return {"w": im.width, "h": im.height, "rgb": im.tobytes().hex()}


names = ["rgb.png", "rgb.bmp", "rgb.tiff", "rgb.webp", "lossy.webp", "palette.png", "frame.gif", "animated.gif", "grey.png",
         "alpha.png", "interlaced.png", "rgb16.png", "baseline.jpg", "progressive.jpg", "grey.jpg", "cmyk.jpg", "1x1.png"]
names += [f"orientation{o}.{ext}" for o in range(1, 9) for ext in ("jpg", "png", "webp", "tiff")]
golden = {name: upright(name) for name in names}
golden["rgb16.png"] = upright("rgb.png")  # pillow's own conversion of 16 bits keeps the high byte as well
golden["grey16.png"] = upright("grey.png")
json.dump(golden, open("decoded.json", "w"))

# The size rule, over what torchvision does to empty images.
random.seed(1)
sizes = [(640, 480), (500, 333), (333, 500), (1, 1), (4000, 20), (20, 4000), (600, 600), (1000, 600), (1333, 800), (427, 640)]
sizes += [(random.randint(20, 2000), random.randint(20, 2000)) for _ in range(200)]
rule = []
for w, h in sizes:
    for shorter, longest in ((600, 1000), (800, 1333), (480, 640)):
        scale = min(shorter / min(w, h), longest / max(w, h))
        if int(h * scale) < 1 or int(w * scale) < 1:
            continue
        out = torch.nn.functional.interpolate(torch.empty(1, 1, h, w), scale_factor=scale, mode="bilinear",
                                              recompute_scale_factor=True, align_corners=False)
        rule.append([w, h, shorter, longest, out.shape[3], out.shape[2]])
json.dump(rule, open("fit.json", "w"))

# Normalised and resized as the detector of torchvision does it, a few odd ratios.
mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
resized = []
for shorter, longest in ((16, 1000), (37, 1000), (8, 1000), (100, 41), (5, 1000), (11, 1000)):
    t = GeneralizedRCNNTransform(shorter, longest, mean, std, size_divisible=1)
    pixels = pil_to_tensor(base).float() / 255
    out = t([pixels])[0].tensors[0]
    plain = torch.nn.functional.interpolate(pil_to_tensor(base)[None].float(), size=out.shape[1:], mode="bilinear", align_corners=False)[0]
    resized.append({"w": out.shape[2], "h": out.shape[1], "shorter": shorter, "longest": longest,
                    "nhwc": [round(v, 7) for v in out.permute(1, 2, 0).flatten().tolist()],
                    "bytes": plain.permute(1, 2, 0).round().byte().flatten().tolist()})
json.dump(resized, open("resized.json", "w"))
