"""Golden values of the kinds of resizing: python resize.py writes resize.json.gz beside it (Pillow 12.1, OpenCV 4.13, numpy 2.4).

Pillow 9.5.0, 10.4.0, 11.3.0, 12.0.0 and 12.1.0 give the same bytes. Pillow 13.0.0 resizes columns before rows where the height shrinks by more than
twice as many pixels as the width, and rounds in that order; published detectors were trained with earlier versions. OpenCV 3.4.18, 4.5.5, 4.6.0, 4.13.0 and 5.0.0 give the same bytes. float32 images are resized without IPP, whose last bits differ.
Source images are not stored: their bytes are those of a generator, beginning anew for each.
"""
import base64
import gzip
import hashlib
import json
import random
from pathlib import Path

import cv2
import numpy as np
import PIL
from PIL import Image

assert int(PIL.__version__.split(".")[0]) < 13, "see above"
HERE = Path(__file__).resolve().parent


def source(w, h):
    out, state = np.empty(w * h * 3, np.uint8), w * 65536 + h
    for i in range(len(out)):
        state = (state * 1664525 + 1013904223) % 2**32
        out[i] = state >> 24
    return out.reshape(h, w, 3)


def stored(array):
    data = array.astype(np.uint8).tobytes()
    return {"bytes": base64.b64encode(data).decode()} if len(data) <= 3000 else {"sha256": hashlib.sha256(data).hexdigest()}


SIZES = [(w, h, tw, th) for w, h in ((1, 1), (1, 7), (7, 1), (2, 2), (13, 9), (16, 10), (31, 24))
         for tw, th in ((1, 1), (w, h), (w, 5), (11, h), (2 * w, 2 * h), (max(1, w // 2), max(1, h // 2)), (19, 14), (3, 23), (29, 2), (8, 8))]
SIZES += [(4000, 20, 333, 2), (20, 4000, 2, 333), (3, 1000, 800, 1), (1000, 3, 1, 800), (2048, 1, 7, 7), (1, 2048, 7, 7),
          (640, 480, 1067, 800), (400, 1000, 333, 833), (640, 480, 320, 240), (500, 375, 333, 250), (427, 640, 800, 1199), (1280, 720, 1422, 800), (1280, 720, 600, 338)]
bytes_cases = []
for w, h, tw, th in dict.fromkeys(SIZES):
    im = source(w, h)
    bytes_cases.append({"kind": "pillow", "from": [w, h], "to": [tw, th],
                        **stored(np.asarray(Image.fromarray(im).resize((tw, th), Image.BILINEAR)))})
    bytes_cases.append({"kind": "opencv", "from": [w, h], "to": [tw, th],
                        **stored(cv2.resize(im, (tw, th), interpolation=cv2.INTER_LINEAR))})

cv2.ipp.setUseIPP(False)
float_cases = []
for w, h, shorter in ((13, 9, 20), (9, 13, 20), (31, 24, 7), (7, 7, 7), (11, 4, 2), (17, 3, 5), (200, 30, 11), (33, 33, 34)):
    scale = shorter / min(w, h)
    out = cv2.resize(source(w, h).astype(np.float32), None, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    float_cases.append({"from": [w, h], "to": [out.shape[1], out.shape[0]], "shorter": shorter, "scale": scale,
                        "values": base64.b64encode(out.astype("<f4").tobytes()).decode()})


def floor(w, h, shorter, longest):  # torchvision, see generate.py
    scale = min(shorter / min(h, w), longest / max(h, w))
    return int(w * scale), int(h * scale)


def detectron2(w, h, shorter, longest):  # ResizeShortestEdge
    scale = shorter * 1.0 / min(h, w)
    th, tw = (shorter, scale * w) if h < w else (scale * h, shorter)
    if max(th, tw) > longest:
        scale = longest * 1.0 / max(th, tw)
        th, tw = th * scale, tw * scale
    return int(tw + 0.5), int(th + 0.5)


def mmdetection(w, h, shorter, longest):  # mmcv's rescale_size
    scale = min(longest / max(h, w), shorter / min(h, w))
    return int(w * float(scale) + 0.5), int(h * float(scale) + 0.5)


def jwyang(w, h, shorter, longest):  # demo.py and py-faster-rcnn; OpenCV rounds half to even
    scale = float(shorter) / float(min(h, w))
    if np.round(scale * max(h, w)) > longest:
        scale = float(longest) / float(max(h, w))
    return int(np.rint(w * scale)), int(np.rint(h * scale))


random.seed(16)
RULES = {"floor": floor, "round": detectron2, "round-once": mmdetection, "round-even": jwyang}
sizes = [(w, h) for w in range(1, 400) for h in range(1, 400)] + [(w, h) for w in range(400, 2001, 16) for h in range(400, 2001, 9)]
fits = []
for shorter, longest in ((600, 1000), (800, 1333), (800, 0), (512, 512)):
    results = {s: [rule(*s, shorter, longest or 10**9) for rule in RULES.values()] for s in sizes}
    apart = [s for s, r in results.items() if r[1] != r[2] and min(map(min, r)) > 0]  # where detectron2 and mmdetection differ
    even = [s for s, r in results.items() if r[2] != r[3] and min(map(min, r)) > 0]
    for s in random.sample(apart, min(30, len(apart))) + random.sample(even, min(20, len(even))) + random.sample(sizes, 40):
        if min(map(min, results[s])) > 0:
            fits.append([*s, shorter, longest, *sum(results[s], ())])

text = json.dumps({"bytes": bytes_cases, "floats": float_cases, "rules": list(RULES), "fits": fits}, separators=(",", ":"))
(HERE / "resize.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
