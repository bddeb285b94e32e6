"""Writes golden.json: random problems with the error breakdown of tidecv 1.0.1 and the confusion matrix of hotcoco 1.3.0, and what
tidecv says of the problem that comes with the COCO API: python make_golden.py FAKE100 > golden.json, FAKE100 being its folder
(instances_val2014_100.json, instances_val2014_fakebbox100_results.json).

Classes without objects are left out of tidecv's means, where it counts them as 0. hotcoco is asked only where scores are all different and there are
no crowds: among equal scores it has an order of its own, and a detection in a crowd is wrong to it."""
import contextlib, io, json, os, random, sys, tempfile
import hotcoco
from tidecv import TIDE, Data
from tidecv.ap import ClassedAPDataObject

counted = set()  # classes with objects


def mean(self):
    values = [x.get_ap() for c, x in self.objs.items() if c in counted and not x.is_empty()]
    return sum(values) / len(values) if values else 0


ClassedAPDataObject.get_mAP = mean


def problem(seed):
    r = random.Random(seed)
    images, classes = [7 * i + r.randrange(3) for i in range(1 + r.randrange(5))], [2 * i + 1 for i in range(1 + r.randrange(3))]
    crowds, ties = r.choice([0, 0, 0.15]), r.random() < 0.4
    gt, dt = [], []
    for image in images:
        wanted = [r.choice(classes) for _ in range(r.randrange(7))]
        for category in wanted:
            box = [r.randrange(200) / 2, r.randrange(200) / 2, 20 + r.randrange(120) / 2, 20 + r.randrange(120) / 2]
            crowd = int(r.random() < crowds)
            gt.append(dict(id=len(gt) + 1, image_id=image, category_id=category, bbox=box, area=box[2] * box[3], iscrowd=crowd))
            for _ in range(r.randrange(5)):
                far = r.choice([3, 10, 30])
                near = [v + r.randrange(-far, far + 1) / 2 for v in box]
                near = near[:2] + [max(v, 1) for v in near[2:]]
                dt.append(dict(image_id=image, category_id=r.choice([category, category, r.choice(classes)]), bbox=near, score=0))
        for _ in range(r.choice([0, 2, 2, 2, 60])):
            dt.append(dict(image_id=image, category_id=r.choice(classes), bbox=[r.randrange(100), r.randrange(100), 30, 30], score=0))
    scores = [r.randrange(1, 9) / 8 for _ in dt] if ties else r.sample([i / 10000 for i in range(1, 10000)], len(dt))
    for d, score in zip(dt, scores):
        d['score'] = score
    r.shuffle(dt)
    return dict(images=[dict(id=i, width=200, height=200, file_name=f'{i}.jpg') for i in images],
                categories=[dict(id=c, name=f'c{c}') for c in classes], annotations=gt), dt, crowds == 0 and not ties


def tide(gt, dt):
    counted.clear()
    counted.update(a['category_id'] for a in gt['annotations'] if not a['iscrowd'])
    truth, detections = Data('gt'), Data('dt')
    for c in gt['categories']: truth.add_class(c['id'], c['name'])
    for m in gt['images']: truth.add_image(m['id'], str(m['id']))
    for a in gt['annotations']:
        (truth.add_ignore_region if a['iscrowd'] else truth.add_ground_truth)(a['image_id'], a['category_id'], a['bbox'])
    for d in dt: detections.add_detection(d['image_id'], d['category_id'], d['score'], d['bbox'])
    t = TIDE()
    run = t.evaluate(truth, detections, mode=TIDE.BOX)
    kinds = TIDE._error_types  # Cls, Loc, Both, Dupe, Bkg, Miss
    special = run.fix_special_errors()
    return dict(ap=run.ap, loss=list(run.fix_main_errors().values()), count=[run.count_errors()[k] for k in kinds],
                false_positives=[v for k, v in special.items() if k.short_name == 'FalsePos'][0],
                false_negatives=[v for k, v in special.items() if k.short_name == 'FalseNeg'][0])


def confusion(gt, dt, score):
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        for name, value in (('gt', gt), ('dt', dt)):
            with open(f'{folder}/{name}.json', 'w') as f: json.dump(value, f)
        g = hotcoco.COCO(f'{folder}/gt.json')
        e = hotcoco.COCOeval(g, g.loadRes(f'{folder}/dt.json'), 'bbox')
        return [[int(v) for v in row] for row in e.confusion_matrix(iou_thr=0.5, max_det=100, min_score=score)['matrix']]


cases = []
for seed in range(32):
    gt, dt, plain = problem(seed)
    if not dt: continue
    case = dict(gt=gt, dt=dt, tide=tide(gt, dt))
    if plain: case['confusion'] = confusion(gt, dt, 0.3)
    cases.append(json.dumps(case, separators=(',', ':')))
fake = [json.load(open(os.path.join(sys.argv[1], name))) for name in ('instances_val2014_100.json', 'instances_val2014_fakebbox100_results.json')]
print('{"fake100": ' + json.dumps(tide(*fake)) + ', "cases": [\n' + ',\n'.join(cases) + ']}')
