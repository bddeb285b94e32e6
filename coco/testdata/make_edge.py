"""Packs the hand-made cases (NN_name_gt.json, NN_name_dt.json, expected.json: figures of pycocotools 2.0.11, and why each case
exists) of a folder into one file: python make_edge.py FOLDER > edge.json"""
import json, sys
folder = sys.argv[1]
load = lambda name: json.load(open(f'{folder}/{name}'))
rows = []
for name, case in load('expected.json')['cases'].items():
    case = dict(name=name, why=case['why'], stats=case['stats'], ap_per_class=case['ap_per_class'], gt=load(name + '_gt.json'), dt=load(name + '_dt.json'))
    rows.append(json.dumps(case, separators=(',', ':')))
print('[' + ',\n'.join(rows) + ']')
