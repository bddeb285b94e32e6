"""Median times of a request by part, in ms, for each model that a server has: those that POST /detect answers, and the rest of the client's wall
time (transfer, parsing, writing the answer).

    scalenet serve --model models &
    python3 scripts/serving-times.py photo.jpg [URL]"""
import json
import statistics
import sys
import time
import urllib.request

if not 2 <= len(sys.argv) <= 3:
    sys.exit(__doc__)
image = open(sys.argv[1], 'rb').read()
url = sys.argv[2] if len(sys.argv) == 3 else 'http://127.0.0.1:8080'
for model in json.load(urllib.request.urlopen(f'{url}/models'))['models']:
    parts, whole = [], []
    for _ in range(25):
        request = urllib.request.Request(f'{url}/detect?model={model["name"]}', data=image, headers={'Content-Type': 'image/jpeg'})
        start = time.perf_counter()
        parts.append(json.load(urllib.request.urlopen(request))['timing_ms'])
        whole.append((time.perf_counter() - start) * 1e3)
    parts, total = parts[5:], statistics.median(whole[5:])  # the first ones compile
    median = {part: statistics.median(p[part] for p in parts) for part in parts[0]}
    median['rest'] = total - sum(median.values())
    print(model['name'], ', '.join(f'{part} {ms:.1f}' for part, ms in median.items()), f'in all {total:.1f};',
          f'decode and preprocess {(median["decode"] + median["preprocess"]) / total:.1%}')
