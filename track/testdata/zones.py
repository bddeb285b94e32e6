"""Golden counts of lines and zones, and of assignments: zones.json.gz.

    python3 -m venv venv && venv/bin/pip install supervision==0.31.2 scipy==1.17.1 && venv/bin/python zones.py

No track is absent for more than one frame, because LineZone forgets it after two. Corners of zones are whole pixels, and no box stands within two pixels
of their borders, because PolygonZone rounds.
"""

import gzip
import json
import pathlib

import numpy as np
import scipy.optimize
import supervision as sv


def to_border(p, polygon):
    """Distance of a point to the border of a polygon."""
    best = np.inf
    for a, b in zip(polygon, np.roll(polygon, -1, axis=0)):
        t = np.clip(np.dot(p - a, b - a) / np.dot(b - a, b - a), 0, 1)
        best = min(best, np.linalg.norm(p - a - t * (b - a)))
    return best


def walk(rng, tracks, frames, polygons):
    pos = rng.uniform(50, 450, (tracks, 2))
    goal = rng.uniform(50, 450, (tracks, 2))
    side = rng.uniform(10, 50, (tracks, 2))
    absent = np.zeros(tracks, bool)
    for _ in range(frames):
        objects = []
        for i in range(tracks):
            to = goal[i] - pos[i]
            if np.linalg.norm(to) < 15:
                goal[i] = rng.uniform(50, 450, 2)
            pos[i] += to / max(np.linalg.norm(to), 1) * 12
            absent[i] = not absent[i] and rng.random() < 0.1
            box = np.round(np.concatenate([pos[i] - side[i] / 2, pos[i] + side[i] / 2]), 1)
            while any(to_border(np.array([(box[0] + box[2]) / 2, box[3]]), p) < 2 for p in polygons):
                box[3] += 1
            if absent[i]:
                continue
            objects.append([i + 1] + box.tolist())
        yield objects


def counts(rng):
    lines = [[100, 250, 400, 250], [400, 100, 100, 380], [250, 50, 250, 450], [30, 40, 480, 55]]
    polygons = [[[100, 100], [300, 90], [280, 300], [120, 280]], [[200, 200], [450, 200], [450, 450], [325, 320], [200, 450]],
                [[60, 60], [440, 440], [440, 60], [60, 440]]]
    arrays = [np.array(p) for p in polygons]
    frames = list(walk(rng, 15, 300, arrays))
    line_zones = [sv.LineZone(start=sv.Point(*l[:2]), end=sv.Point(*l[2:])) for l in lines]
    zones = [sv.PolygonZone(polygon=p) for p in arrays]
    found = []
    for objects in frames:
        d = sv.Detections.empty()
        d.tracker_id = np.array([], dtype=int)
        if objects:
            d = sv.Detections(xyxy=np.array([o[1:] for o in objects], dtype=float), tracker_id=np.array([o[0] for o in objects]))
        for z in line_zones + zones:
            z.trigger(d)
        found.append({"in": [z.in_count for z in line_zones], "out": [z.out_count for z in line_zones], "inside": [z.current_count for z in zones]})
    return {"lines": lines, "zones": polygons, "frames": frames, "counts": found}


def assignments(rng):
    out = []
    for n, m in [(1, 1), (1, 5), (5, 1), (2, 2), (6, 6), (4, 9), (9, 4), (30, 30), (25, 40), (60, 60)]:
        for kind in range(3):
            cost = rng.random((n, m))
            if kind == 1:
                cost = np.minimum(cost, 0.3)  # many equal costs, as those above the limit
            if kind == 2:
                cost = np.round(cost * 3) / 4
            rows, columns = scipy.optimize.linear_sum_assignment(cost)
            out.append({"cost": cost.tolist(), "sum": float(cost[rows, columns].sum())})
    return out


def main():
    rng = np.random.default_rng(5)
    data = {"counts": counts(rng), "assignments": assignments(rng)}
    path = pathlib.Path(__file__).with_name("zones.json.gz")
    path.write_bytes(gzip.compress(json.dumps(data, separators=(",", ":")).encode(), mtime=0))


main()
