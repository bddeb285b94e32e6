"""Golden sequences of ByteTrack: bytetrack.json.gz.

    python3 -m venv venv && venv/bin/pip install supervision==0.27.0 && venv/bin/python bytetrack.py

Scores are unique in a sequence, so that a track's score says which detection it has.
"""

import gzip
import json
import pathlib

import numpy as np
from supervision.tracker.byte_tracker.core import ByteTrack


def sequence(rng, objects, frames, miss, speed, size, birth, low, area=1000.0):
    """Boxes that move, turn, grow and shrink, are missed, appear and disappear. Some come back; some frames are empty."""
    pos = rng.uniform(0, area, (objects, 2))
    vel = rng.normal(0, speed, (objects, 2))
    side = rng.uniform(size / 2, size * 2, (objects, 2))
    first = np.where(rng.random(objects) < birth, rng.integers(0, frames, objects), 0)
    last = np.where(rng.random(objects) < birth, rng.integers(0, frames, objects), frames)
    hidden = np.zeros(objects, int)
    used = set()
    for t in range(frames):
        pos += vel
        vel += rng.normal(0, speed / 10, vel.shape)
        side *= rng.normal(1, 0.01, side.shape)
        dets = []
        empty = rng.random() < 0.03
        for i in range(objects):
            if not first[i] <= t <= last[i]:
                continue
            if hidden[i] > 0:
                hidden[i] -= 1
                continue
            if rng.random() < miss:
                hidden[i] = rng.choice([1, 2, 5, 12, 40])
                continue
            score = rng.uniform(0.05, 0.5) if rng.random() < low else rng.uniform(0.5, 1)
            while (score := round(float(score), 5)) in used or score in (0.1, 0.25, 0.5, 0.6):
                score += 1e-5
            used.add(score)
            jitter = rng.normal(0, size / 60, 4)
            x, y = pos[i]
            w, h = side[i]
            box = np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2]) + jitter
            dets.append([round(float(v), 2) for v in box] + [score])
        rng.shuffle(dets)
        yield [] if empty else dets


def run(config, frames):
    t = ByteTrack(track_activation_threshold=config["high"], lost_track_buffer=config["buffer"],
                  minimum_matching_threshold=config["match"], frame_rate=30)
    out = []
    for dets in frames:
        tracks = t.update_with_tensors(np.array(dets, dtype=float).reshape(-1, 5))
        by_score = {d[4]: k for k, d in enumerate(dets)}
        out.append([[int(x.external_track_id), by_score[float(x.score)]] + [round(float(v), 2) for v in x.tlbr] for x in tracks])
    return out


def main():
    rng = np.random.default_rng(20)
    kinds = {
        "one": dict(objects=1, frames=60, miss=0.05, speed=4, size=80, birth=0, low=0.2),
        "few": dict(objects=6, frames=150, miss=0.03, speed=5, size=90, birth=0.5, low=0.2),
        "crossings": dict(objects=12, frames=150, miss=0.02, speed=9, size=120, birth=0.3, low=0.2, area=500.0),
        "crowd": dict(objects=60, frames=50, miss=0.04, speed=3, size=90, birth=0.5, low=0.3),
        "unsure": dict(objects=20, frames=150, miss=0.1, speed=4, size=80, birth=0.5, low=0.6),
        "fast": dict(objects=15, frames=150, miss=0.03, speed=20, size=60, birth=0.5, low=0.1),
        "short memory": dict(objects=25, frames=150, miss=0.1, speed=4, size=90, birth=0.5, low=0.2),
        "other thresholds": dict(objects=25, frames=150, miss=0.05, speed=4, size=90, birth=0.5, low=0.4),
        "nothing": dict(objects=0, frames=5, miss=0, speed=1, size=1, birth=0, low=0),
    }
    config = {"short memory": dict(high=0.5, match=0.8, buffer=3), "other thresholds": dict(high=0.25, match=0.6, buffer=10)}
    out = []
    for name, kind in kinds.items():
        for _ in range(1 if kind["objects"] < 2 else 2):
            c = config.get(name, dict(high=0.5, match=0.8, buffer=30))
            frames = list(sequence(rng, **kind))
            out.append({"name": name, "config": c, "frames": frames, "tracks": run(c, frames)})
    path = pathlib.Path(__file__).with_name("bytetrack.json.gz")
    path.write_bytes(gzip.compress(json.dumps(out, separators=(",", ":")).encode(), mtime=0))


main()
