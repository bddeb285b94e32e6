"""Writes golden.json: grey images of 32 x 32 pixels and their hashes by the Python package imagehash (4.3.2).

    pip install imagehash && python golden.py
"""

import json

import imagehash
import numpy as np
from PIL import Image

rng = np.random.default_rng(1)
y, x = np.mgrid[0:32, 0:32]
images = {
    "noise": rng.integers(0, 256, (32, 32)),
    "dark noise": rng.integers(0, 5, (32, 32)),
    "slope": x * 5 + y * 2,
    "waves": 128 + 60 * np.sin(x / 3 + y / 7) + 50 * np.cos(x * y / 90),
    "disc": 200.0 * ((x - 20) ** 2 + (y - 9) ** 2 < 50) + x,
    "corner": 255.0 * ((x < 9) & (y < 13)) + rng.integers(0, 3, (32, 32)) * 0.9,
}
golden = {}
for name, image in images.items():
    image = np.clip(image, 0, 255).astype(np.uint8)
    golden[name] = {"pixels": image.flatten().tolist(), "hash": str(imagehash.phash(Image.fromarray(image)))}
with open("golden.json", "w") as f:
    json.dump(golden, f)
    f.write("\n")
