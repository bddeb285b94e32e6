"""Golden values of the published networks, by PyTorch in float64: `python golden.py` writes the .json files beside it.

Needs torch and torchvision; ScaleNet is bench/peers/scalenet_torch.py, ResNet is torchvision's. Weights, statistics and
images come from a formula (values below, formula_test.go in Go), so that no weights need to be stored. `float32` and
`bfloat16` in each file are how far PyTorch's own runs of that type stray from these values, relative to the scale of each array.
`python golden.py tiny SHARED` prints the same for two SGD steps of shared/reference/scalenet-tiny.
"""
import copy
import json
import math
import sys
from pathlib import Path

import numpy as np
import torch
import torchvision

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / 'bench' / 'peers'))
import scalenet_torch  # noqa: E402

torch.set_num_threads(2)
SAMPLES = 48


def values(name, count):
    """count numbers in [-1, 1), exact in float32: FNV-1a of the name seeds SplitMix64."""
    h = 0xcbf29ce484222325
    for b in name.encode():
        h = (h ^ b) * 0x100000001b3 % 2**64
    with np.errstate(over='ignore'):
        z = np.uint64(h) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9e3779b97f4a7c15)
        z = (z ^ z >> np.uint64(30)) * np.uint64(0xbf58476d1ce4e5b9)
        z = (z ^ z >> np.uint64(27)) * np.uint64(0x94d049bb133111eb)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(40)).astype(np.float64) / 2**23 - 1


def parameter(name, shape):
    """Weights as He's for what follows a rectifier; the last norm of a block is small, so that features stay of order one."""
    u = values(name, math.prod(shape))
    if name.endswith('running_mean'):
        v = 0.1 * u
    elif name.endswith('running_var'):
        v = 1 + 0.25 * u
    elif len(shape) == 1 and name.endswith('bn3.weight'):
        v = 0.3 + 0.1 * u
    elif len(shape) == 1 and name.endswith('.weight'):
        v = 1 + 0.2 * u
    elif len(shape) == 1:
        v = 0.1 * u
    else:
        v = u * math.sqrt(6 / math.prod(shape[1:]))
    return torch.from_numpy(v.astype(np.float32).astype(np.float64).reshape(shape))


def network(name):
    net = scalenet_torch.scalenet(name[8:]) if name.startswith('scalenet') else getattr(torchvision.models, name)()
    net = net.double().eval()
    for key, p in net.state_dict().items():
        if not key.endswith('num_batches_tracked'):
            p.copy_(parameter(key, tuple(p.shape)))
    return net


def images(n, h, w):
    """(N, 3, H, W), from values in the order N, H, W, C."""
    v = (1.7 * values('images', n * h * w * 3)).astype(np.float32).astype(np.float64)
    return torch.from_numpy(v.reshape(n, h, w, 3)).permute(0, 3, 1, 2).contiguous()


def features(net, x):
    """Arrays after the stem and each stage, and the logits."""
    stem = net.stem(x) if hasattr(net, 'stem') else net.maxpool(net.relu(net.bn1(net.conv1(x))))
    out = [stem]
    for s in range(1, 5):
        out.append(getattr(net, f'layer{s}')(out[-1]))
    return out[0:5], net.fc(out[-1].mean((2, 3)))


def flat(a):
    """As our arrays lie in memory: N, H, W, C."""
    return (a.permute(0, 2, 3, 1) if a.dim() == 4 else a).reshape(-1).double()


def stray(want, got):
    return float((flat(want) - flat(got)).abs().max() / flat(want).abs().max())


def digits(v):
    return [float(f'{x:.9g}') for x in v]


def sampled(a):
    a = flat(a)
    return {'scale': float(f'{a.abs().max():.9g}'), 'mean': float(f'{a.mean():.9g}'), 'step': len(a) // SAMPLES,
            'samples': digits(a[::len(a) // SAMPLES][:SAMPLES])}


def forward(name, h, w):
    net, x = network(name), images(1, h, w)
    with torch.no_grad():
        stages, logits = features(net, x)
        single = copy.deepcopy(net).float()
        stages32, logits32 = features(single, x.float())
        with torch.autocast('cpu', torch.bfloat16):
            stages16, logits16 = features(single, x.float())
    out = {'network': name, 'height': h, 'width': w,
           'float32': max(map(stray, stages + [logits], stages32 + [logits32])),
           'bfloat16': max(map(stray, stages + [logits], stages16 + [logits16])),
           'features': [sampled(a) for a in stages], 'logits': digits(flat(logits))}
    save(f'{name}_{h}x{w}', out)


def gradients(net, x, labels):
    loss = torch.nn.functional.cross_entropy(net(x), labels)
    loss.backward()
    return loss.item(), {k: p.grad for k, p in net.named_parameters()}


def backward(name, n, h, w, train):
    """A norm and a projection on fixed directions of every gradient: the norm alone does not see a permutation."""
    net, x = network(name).train(train), images(n, h, w)
    labels = torch.arange(n) * 7 + 3
    loss32, grads32 = gradients(copy.deepcopy(net).float(), x.float(), labels)
    loss, grads = gradients(net, x, labels)
    table = {}
    for k, g in grads.items():
        direction = torch.from_numpy(values(k + ' direction', g.numel()))
        table[k] = digits([g.norm(), (g.reshape(-1) * direction).sum()])
    worst = sorted(((float((grads32[k].double() - g).abs().max() / g.abs().max()), k) for k, g in grads.items()), reverse=True)
    print(name, 'train' if train else 'eval', 'loss', loss, loss32, 'float32 strays most at', worst[:3])
    save(f'{name}_{"train" if train else "frozen"}_{h}x{w}', {
        'network': name, 'images': n, 'height': h, 'width': w, 'labels': labels.tolist(), 'loss': loss,
        'float32': worst[0][0], 'gradients': table})


def save(name, out):
    text = json.dumps(out, separators=(',', ':')).replace('],"', '],\n"').replace('},', '},\n')
    (HERE / f'{name}.json').write_text(text + '\n')
    print(name, 'float32 strays by', out['float32'], 'bfloat16 by', out.get('bfloat16'), [f.get('scale') for f in out.get('features', [])], len(text), 'bytes')


def tiny(shared):
    """How far PyTorch's float32 state strays from the float64 golden state after each of two SGD steps."""
    from safetensors.torch import load_file
    path = Path(shared) / 'reference' / 'scalenet-tiny'
    meta = json.loads((path / 'meta.json').read_text())
    for dtype in (torch.float64, torch.float32):
        net = scalenet_torch.ScaleNet(meta['layers'], meta['structure'], meta['classes'], meta['stem'], meta['planes'], meta['strides'])
        net.load_state_dict(load_file(path / 'tiny.safetensors'), strict=False)
        net = net.to(dtype).train()
        sgd = torch.optim.SGD(net.parameters(), 0.1, 0.9, weight_decay=1e-4)
        x = torch.from_numpy(np.load(path / 'in.npy')).to(dtype)
        for step in (1, 2):
            sgd.zero_grad()
            torch.nn.functional.cross_entropy(net(x), torch.tensor([3, 7])).backward()
            sgd.step()
            want = load_file(path / f'state_after_step{step}.safetensors')
            state = net.state_dict()
            rows = sorted(((float((state[k].double() - v.double()).abs().max()), float(v.abs().max()), k)
                           for k, v in want.items() if not k.endswith('tracked')), reverse=True)
            relative = max((d / s, k) for d, s, k in rows)
            over = [r for r in rows if r[0] > max(1e-4 * r[1], 2e-5)]
            print(dtype, 'step', step, 'most', rows[0], 'of its scale', relative, 'over 1e-4:', len(over))


def main():
    if sys.argv[1:2] == ['tiny']:
        return tiny(sys.argv[2])
    for name in ('scalenet50', 'scalenet50_light', 'resnet50'):
        for h, w in ((224, 224), (250, 310)):
            forward(name, h, w)
    forward('resnet50', 64, 64)
    backward('resnet50', 2, 64, 64, train=False)
    backward('resnet50', 2, 64, 64, train=True)


if __name__ == '__main__':
    main()
