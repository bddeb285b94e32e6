"""Writes golden.json: random problems with the thresholds that scikit-learn 1.9.1 gives, for all images and for resamples of them:
python make_golden.py > golden.json.

pycocotools 2.0.11 matches the detections at IoU 0.5. precision_recall_curve then has precision and recall at every score, with the
number of times that an image was drawn as the sample weight. Missed objects are positives below all scores, so that its recall
is that of all objects."""
import contextlib, io, json, random, sys
import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from sklearn.metrics import precision_recall_curve

RULES = ['f1', 'precision=0.75', 'recall=0.6']


def problem(seed):
    r = random.Random(seed)
    images, classes = [3 * i + r.randrange(3) for i in range(r.choice([1, 4, 8]))], [2, 5, 9]
    ties = r.random() < 0.5
    gt, dt = [], []
    for image in images:
        for category in [r.choice(classes[:2]) for _ in range(r.randrange(5))]:  # the last class has no objects
            box = [r.randrange(100), r.randrange(100), 20 + r.randrange(40), 20 + r.randrange(40)]
            crowd = int(r.random() < 0.15)
            gt.append(dict(id=len(gt) + 1, image_id=image, category_id=category, bbox=box, area=box[2] * box[3], iscrowd=crowd))
            for _ in range(r.randrange(4)):
                near = [v + r.randrange(-8, 9) for v in box]
                dt.append(dict(image_id=image, category_id=r.choice([category, category, r.choice(classes)]), bbox=near, score=0))
    for d in dt:
        d['score'] = r.randrange(1, 7) / 8 if ties else r.randrange(1, 10000) / 10000
    return dict(images=[dict(id=i, width=200, height=200, file_name=f'{i}.jpg') for i in images],
                categories=[dict(id=c, name=f'c{c}') for c in classes], annotations=gt), dt


def samples(gt, dt):
    """Returns (score, right, image index) of the detections that count, and of the missed objects with the score -1, by class."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = gt
        truth.createIndex()
        e = COCOeval(truth, truth.loadRes(dt), 'bbox')
        e.evaluate()
    index = {m['id']: i for i, m in enumerate(gt['images'])}
    by_class = {c['id']: [] for c in gt['categories']}
    for v in e.evalImgs:
        if v is None or v['aRng'] != e.params.areaRng[0]:
            continue
        image, found = index[v['image_id']], 0
        for score, match, ignored in zip(v['dtScores'], v['dtMatches'][0], v['dtIgnore'][0]):
            if not ignored:
                by_class[v['category_id']].append((score, int(match > 0), image))
                found += match > 0
        objects = int(sum(1 - np.array(v['gtIgnore'])))
        by_class[v['category_id']] += [(-1, 1, image)] * (objects - found)
    return list(by_class.values())


def choose(rows, weight, rule):
    """Returns threshold, precision, recall and F1, or null."""
    score, right, image = (np.array(x) for x in zip(*rows)) if rows else ([], [], [])
    w = np.array(weight)[image] if rows else []
    if not rows or sum(w * right) == 0 or sum(w * (score >= 0)) == 0:
        return None
    precision, recall, threshold = precision_recall_curve(right, score, sample_weight=w)
    shown = threshold >= 0
    precision, recall, threshold = precision[:-1][shown], recall[:-1][shown], threshold[shown]
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-300)
    if rule == 'f1':
        fit = np.flatnonzero((f1 > 0) & (f1 >= f1.max() - 1e-12))[-1:]
    elif rule.startswith('precision'):
        fit = np.flatnonzero(precision >= float(rule.split('=')[1]))[:1]
    else:
        fit = np.flatnonzero(recall >= float(rule.split('=')[1]))[-1:]
    return [round(float(x[fit[0]]), 12) for x in (threshold, precision, recall, f1)] if len(fit) else None


cases = []
for seed in range(14):
    gt, dt = problem(seed)
    if not dt or not gt['annotations']: continue
    classes = samples(gt, dt)
    classes.append([row for rows in classes for row in rows])
    n, r = len(gt['images']), np.random.default_rng(seed)
    weights = [[1] * n] + [np.bincount(r.integers(n, size=n), minlength=n).tolist() for _ in range(4)]
    chosen = {rule: [[choose(rows, w, rule) for rows in classes] for w in weights] for rule in RULES}
    cases.append(dict(gt=gt, dt=dt, weights=weights, chosen=chosen))
json.dump(cases, sys.stdout, separators=(',', ':'))
print()
