"""Golden values of the published networks, by PyTorch in float64: `python golden.py` writes the .json files beside it.

Needs torch, torchvision and timm (1.0.31); ScaleNet is bench/peers/scalenet_torch.py, ResNet, ResNeXt, DenseNet and MobileNetV3
are torchvision's, SE-ResNet and Xception timm's legacy ones, which are Cadene's. Weights, statistics and images come from a formula (values below, formula_test.go in Go), so that no weights need to be stored. `float32` and
`bfloat16` in each file are how far PyTorch's own runs of that type stray from these values, relative to the scale of each array.
`python golden.py checkpoints FOLDER` writes networks of random weights with torch.save, and what they make of an image.
`python golden.py cifar` writes those for 32x32 only (with the others otherwise).
`python golden.py tiny SHARED` prints the same for two SGD steps of shared/reference/scalenet-tiny.
"""
import copy
import hashlib
import json
import math
import sys
import unittest.mock
from pathlib import Path

import numpy as np
import timm
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
    elif len(shape) == 1 and name.endswith('.weight') and '.rep.' in name:
        v = 0.5 + 0.1 * u
    elif len(shape) == 1 and name.endswith('.weight'):
        v = 1 + 0.2 * u
    elif len(shape) == 1:
        v = 0.1 * u
    else:
        v = u * math.sqrt(6 / math.prod(shape[1:]))
    return torch.from_numpy(v.astype(np.float32).astype(np.float64).reshape(shape))


def definition(name):
    """The network as its authors or torchvision define it."""
    if name.startswith('cifar_'):
        return scalenet_torch.cifar(*name[6:].split('/'))
    if name.startswith('scalenet'):
        return scalenet_torch.scalenet(name[8:])
    if name.startswith('resnext'):
        layers = [3, 4, 6 if name == 'resnext50' else 23, 3]
        width = 8 if name.endswith('32x8d') else 4
        return torchvision.models.ResNet(torchvision.models.resnet.Bottleneck, layers, groups=32, width_per_group=width)
    if name.startswith('seresnet') or name == 'xception':
        return timm.create_model('legacy_' + name, drop_rate=0)
    dropout = {'dropout': 0} if name.startswith('mobilenet') else {}  # the other networks have none
    return getattr(torchvision.models, name)(**dropout)


def network(name):
    net = definition(name).double().eval()
    for key, p in net.state_dict().items():
        if not key.endswith('num_batches_tracked'):
            p.copy_(parameter(key, tuple(p.shape)))
    return net


def images(n, h, w, stream='images'):
    """(N, 3, H, W), from values in the order N, H, W, C."""
    v = (1.7 * values(stream, n * h * w * 3)).astype(np.float32).astype(np.float64)
    return torch.from_numpy(v.reshape(n, h, w, 3)).permute(0, 3, 1, 2).contiguous()


def stages(net):
    """The stem, the stages and the head, as our networks are divided."""
    if isinstance(net, torchvision.models.DenseNet):
        f = net.features
        return [[f.conv0, f.norm0, f.relu0, f.pool0], [f.denseblock1], [f.transition1, f.denseblock2],
                [f.transition2, f.denseblock3], [f.transition3, f.denseblock4, f.norm5, torch.nn.ReLU()]], net.classifier
    if isinstance(net, torchvision.models.MobileNetV3):
        f = net.features
        return [f[:2], f[2:4], f[4:7], f[7:13], f[13:14], f[14:]], net.classifier
    if type(net).__name__ == 'Xception':
        blocks = [getattr(net, f'block{i}') for i in range(1, 13)]
        return [[net.conv1, net.bn1, net.act1, net.conv2, net.bn2, net.act2], blocks[:1], blocks[1:2], blocks[2:11],
                [blocks[11], net.conv3, net.bn3, net.act3, net.conv4, net.bn4, net.act4]], net.fc
    layers = [[getattr(net, f'layer{s}')] for s in range(1, 5) if hasattr(net, f'layer{s}')]
    if type(net).__name__ == 'SENet':
        return [[net.layer0, net.pool0]] + layers, net.last_linear
    return [[net.stem] if hasattr(net, 'stem') else [net.conv1, net.bn1, net.relu, net.maxpool]] + layers, net.fc


def features(net, x):
    """Arrays after the stem and each stage, and the logits."""
    out, (parts, head) = [], stages(net)
    for part in parts:
        for layer in part:
            x = layer(x)
        out.append(x.clone())  # the next stage may begin with a rectifier in place
    return out, head(x.mean((2, 3)))


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


def clear_stream(name, n, h, w, streams=300):
    """The stream of images that keeps what enters the rectifiers farthest from zero, in parts of its scale. What is nearer than
    float32 rounds switches a rectifier on one processor and not on another, and its gradient with it."""
    net, relu, nearest = network(name), torch.nn.functional.relu, []

    def watched(x, *args, **more):
        nearest[-1] = min(nearest[-1], float(x.abs().min() / x.abs().max()))
        return relu(x, *args, **more)
    names = ['images'] + [f'images {i}' for i in range(1, streams)]
    with torch.no_grad(), unittest.mock.patch('torch.nn.functional.relu', watched):
        for stream in names:
            nearest.append(1.0)
            net(images(n, h, w, stream))
    best = max(range(streams), key=nearest.__getitem__)
    print(name, names[best], 'keeps', nearest[best], 'off zero;', names[0], nearest[0])
    return names[best]


def backward(name, n, h, w, train, stream='images'):
    """A norm and a projection on fixed directions of every gradient: the norm alone does not see a permutation."""
    net, x = network(name).train(train), images(n, h, w, stream)
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
        'network': name, 'images': n, 'stream': stream, 'height': h, 'width': w, 'labels': labels.tolist(), 'loss': loss,
        'float32': worst[0][0], 'gradients': table})


def save(name, out):
    name = name.replace('/', '_')
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


def definitions():
    """Parameters, multiply-adds at 224 x 224 and a hash of names and shapes of every network."""
    table = {}
    for name in PUBLISHED:
        net, macs = definition(name).eval(), 0

        def count(layer, inputs, out):
            nonlocal macs
            macs += out.numel() * layer.weight[0].numel()
        for layer in net.modules():
            if isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear)):
                layer.register_forward_hook(count)
        with torch.no_grad():
            net(torch.zeros(1, 3, 224, 224))
        lines = sorted(f'{k} {list(v.shape)}' for k, v in net.state_dict().items() if not k.endswith('num_batches_tracked'))
        table[name] = {'params': sum(p.numel() for p in net.parameters()), 'macs': macs, 'tensors': len(lines),
                       'sha256': hashlib.sha256('\n'.join(lines).replace(',', '').encode()).hexdigest()}
        print(name, table[name])
    (HERE / 'definitions.json').write_text(json.dumps(table, indent=1) + '\n')


def checkpoints(folder):
    """NAME.pth by torch.save, NAME.json with the logits for images(1, 224, 224)."""
    for name in PUBLISHED:
        torch.manual_seed(1)
        net = definition(name).eval()
        for key, p in net.state_dict().items():  # statistics of their own, and blocks that add little
            if key.endswith('running_mean'):
                p.normal_(0, 0.1)
            elif key.endswith('running_var'):
                p.uniform_(0.5, 1.5)
            elif key.endswith('bn3.weight') or '.rep.' in key and p.dim() == 1 and key.endswith('weight'):
                p.uniform_(0.2, 0.5)
        torch.save(net.state_dict(), Path(folder) / f'{name}.pth')
        with torch.no_grad():
            logits = net.double()(images(1, 224, 224))
        (Path(folder) / f'{name}.json').write_text(json.dumps(digits(flat(logits))))
        print(name, 'logits up to', float(logits.abs().max()))


PUBLISHED = ['scalenet50', 'scalenet50_light', 'scalenet101', 'scalenet152', 'resnet50', 'resnet101', 'resnet152', 'seresnet50',
             'seresnet101', 'seresnet152', 'resnext50', 'resnext101', 'resnext101_32x8d', 'densenet121', 'densenet169', 'densenet201', 'xception',
             'mobilenet_v3_large']
OTHERS = ['seresnet50', 'resnext50', 'densenet121', 'xception', 'mobilenet_v3_large']


def cifar():
    """The networks for 32x32, and Table 8's ways to downsample."""
    for name in ('resnet38', 'scalenet38', 'scalenet38/average_pool', 'scalenet38/stride', 'scalenet38/dilation'):
        forward('cifar_' + name, 32, 32)
        backward('cifar_' + name, 1, 32, 32, train=False, stream=clear_stream('cifar_' + name, 1, 32, 32))
    backward('cifar_resnet38', 3, 32, 32, train=True)
    backward('cifar_scalenet38', 3, 32, 32, train=True)


def main():
    if sys.argv[1:2] == ['cifar']:
        return cifar()
    if sys.argv[1:2] == ['tiny']:
        return tiny(sys.argv[2])
    if sys.argv[1:2] == ['checkpoints']:
        return checkpoints(sys.argv[2])
    definitions()
    for name in ['scalenet50', 'scalenet50_light', 'resnet50'] + OTHERS:
        for h, w in ((224, 224), (250, 310)):
            forward(name, h, w)
    for name in ['resnet50'] + OTHERS:
        forward(name, 64, 64)
        backward(name, 2, 64, 64, train=False)
        backward(name, 2, 64, 64, train=True)
    cifar()


if __name__ == '__main__':
    main()
