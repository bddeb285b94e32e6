"""Writes random.json: for each seed the figures of pycocotools (2.0.11) on a random problem; random_test.go builds the same problems.
python make_random.py 300 > random.json. Numbers are drawn as integers and divided, so that both languages get the same bits."""
import contextlib, io, json, sys
import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


class Source:
    """Knuth's MMIX generator."""
    def __init__(self, seed): self.state = seed
    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % n
    def chance(self, percent): return self.below(100) < percent


def problem(seed):
    s = Source(seed)
    images, classes = 1 + s.below(8), 1 + s.below(4)
    digits = [10, 100, 1000, 1000000][s.below(4)]
    crowds, tight, busy = s.below(3) * 10, s.chance(50), s.chance(15)
    image_ids = [(i * 7 + 3) % 11 * (1 + 40 * s.below(2)) for i in range(images)]
    image_ids = [v * 10 + i for i, v in enumerate(image_ids)]          # unique, unordered, may begin at 0
    category_ids = [2 * i + s.below(2) for i in range(classes)]
    category_ids = category_ids[::-1] if s.chance(50) else category_ids
    gt, dt = [], []
    for image in image_ids:
        objects = []
        for _ in range(s.below(10)):
            side = [32, 96, 20 + s.below(80), 1 + s.below(300)][s.below(4)]
            box = [s.below(800) / 4 - 20, s.below(800) / 4, float(side), float(side)]
            fifths = 3 + s.below(4)
            if s.chance(60): box[3] = side * fifths / 5
            if s.chance(3): box[2 + s.below(2)] = 0.0
            category = category_ids[s.below(classes)]
            area, sevenths = box[2] * box[3], 1 + s.below(7)
            if s.chance(50): area = area * sevenths / 7
            gt.append(dict(id=len(gt) + 1, image_id=image, category_id=category, bbox=box, area=area, iscrowd=int(s.chance(crowds))))
            objects.append((category, box))
        for _ in range(s.below(40) + (130 if busy else 0)):
            score = (1 + s.below(digits)) / digits
            if objects and s.chance(70):
                category, b = objects[s.below(len(objects))]
                k = 40 if tight else 9
                box = [b[0] + (s.below(7) - 3) * b[2] / k, b[1] + (s.below(7) - 3) * b[3] / k, b[2] * (k + s.below(5) - 2) / k, b[3] * (k + s.below(5) - 2) / k]
                if s.chance(10): category = category_ids[s.below(classes)]
            else:
                category, box = category_ids[s.below(classes)], [s.below(800) / 4, s.below(800) / 4, s.below(900) / 7, s.below(900) / 7]
            if s.chance(2): category = 99                              # not listed
            dt.append(dict(image_id=image, category_id=category, bbox=box, score=score))
    if s.chance(50): dt.reverse()
    return dict(images=[dict(id=i) for i in image_ids], categories=[dict(id=c, name=str(c)) for c in category_ids], annotations=gt), dt


def figures(gt, dt):
    with contextlib.redirect_stdout(io.StringIO()):
        g = COCO(); g.dataset = gt; g.createIndex()
        e = COCOeval(g, g.loadRes(dt), 'bbox'); e.evaluate(); e.accumulate(); e.summarize()
    classes = []
    for k in range(len(e.params.catIds)):
        for p in (e.eval['precision'][:, :, k, 0, 2], e.eval['precision'][0, :, k, 0, 2]):
            classes.append(float(p[p > -1].mean()) if (p > -1).any() else -1.0)
    return [float(v) for v in e.stats], classes


cases, seed = [], 0
while len(cases) < int(sys.argv[1]):
    seed += 1
    gt, dt = problem(seed)
    if dt:  # pycocotools raises on an empty list
        stats, classes = figures(gt, dt)
        cases.append(f'[{seed}, {len(gt["annotations"])}, {len(dt)}, {json.dumps(stats + classes)}]')
print('[' + ',\n'.join(cases) + ']')
