"""pycocotools on problems from standard input: reads lines of {"gt": instances, "dt": results}, writes for each a line of {"stats": the
twelve figures, "classes": the twelve of each category by ascending id, "precision": of each category, at IoU 0.5, 0.75 and 0.95 the
precision at the 101 recall points, "areas": AP of each of the given "areas" [[from, to], ...] if there are any}."""
import contextlib, io, json, sys
import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def mean(values):
    values = values[values > -1]
    return float(values.mean()) if values.size else -1.0


def twelve(precision, recall):
    """COCOeval.summarize on precision[threshold, recall point, category, area, cut] and recall[threshold, category, area, cut]."""
    area = lambda a: mean(precision[..., a, 2])
    return [area(0), mean(precision[0, ..., 0, 2]), mean(precision[5, ..., 0, 2]), area(1), area(2), area(3),
            *(mean(recall[..., 0, m]) for m in range(3)), *(mean(recall[..., a, 2]) for a in (1, 2, 3))]


def evaluate(gt, dt, areas=None):
    e = COCOeval(gt, dt, 'bbox')
    if areas:
        e.params.areaRng, e.params.areaRngLbl = areas, [str(i) for i in range(len(areas))]
    e.evaluate()
    e.accumulate()
    return e


np.seterr(all='ignore')  # boxes of 1e200
for line in sys.stdin:
    problem = json.loads(line)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        gt = COCO()
        gt.dataset = problem['gt']
        gt.createIndex()
        dt = gt.loadRes(problem['dt'])
        e = evaluate(gt, dt)
        e.summarize()
        precision, recall = e.eval['precision'], e.eval['recall']
        classes = range(precision.shape[2])
        answer = dict(stats=[float(v) for v in e.stats],
                      classes=[twelve(precision[:, :, k:k + 1], recall[:, k:k + 1]) for k in classes],
                      precision=[[precision[t, :, k, 0, 2].tolist() for t in (0, 5, 9)] for k in classes])
        if problem.get('areas'):
            p = evaluate(gt, dt, problem['areas']).eval['precision']
            answer['areas'] = [mean(p[..., a, 2]) for a in range(p.shape[3])]
    print(json.dumps(answer), flush=True)
