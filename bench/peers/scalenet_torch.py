"""ScaleNet in PyTorch with the authors' parameter names: the baseline for speed, and the source of golden values."""
import json
import math
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

STRUCTURES = Path(__file__).resolve().parents[2] / 'backbone' / 'structures'
BLOCKS = {'50': [3, 4, 6, 3], '50_light': [3, 4, 6, 3], '101': [3, 4, 23, 3], '152': [3, 8, 36, 3]}


def resize(x, size):
    exact = size[0] % x.shape[2] == 0 and size[1] % x.shape[3] == 0
    if exact:
        return F.interpolate(x, size=size, mode='nearest')
    return F.interpolate(x, size=size, mode='bilinear', align_corners=False)


class SABlock(nn.Module):
    """A bottleneck block with scale aggregation; row is [C1, ..., CL, height]. downsample: max_pool, average_pool, stride, dilation."""

    def __init__(self, inp, planes, stride, shortcut, row, scales=(1, 2, 4, 7), downsample='max_pool'):
        super().__init__()
        *channels, side = row
        self.stride, self.scales = stride, scales
        self.pool = {'max_pool': F.max_pool2d, 'average_pool': F.avg_pool2d}.get(downsample)
        out = planes * 4
        self.downsample = nn.Sequential(nn.Conv2d(inp, out, 1, bias=False), nn.BatchNorm2d(out)) if shortcut else None
        self.conv1, self.bn1 = nn.Conv2d(inp, planes, 1, bias=False), nn.BatchNorm2d(planes)
        kernels = [3 if side / 2 ** i > 1 else 1 for i in range(len(scales))]
        self.conv2 = nn.ModuleList([self.branch(planes, c, k, d, downsample) if c else None
                                    for c, k, d in zip(channels, kernels, scales)])
        self.bn2 = nn.ModuleList([nn.BatchNorm2d(c) if c else None for c in channels])
        self.conv3, self.bn3 = nn.Conv2d(sum(channels), out, 1, bias=False), nn.BatchNorm2d(out)

    @staticmethod
    def branch(inp, out, kernel, scale, downsample):
        stride = scale if downsample == 'stride' else 1
        dilation = scale if downsample == 'dilation' else 1
        return nn.Conv2d(inp, out, kernel, stride, kernel // 2 * dilation, dilation, bias=False)

    def forward(self, x):
        if self.stride > 1:
            x = F.max_pool2d(x, self.stride, self.stride)
        shortcut = self.downsample(x) if self.downsample is not None else x
        x = F.relu(self.bn1(self.conv1(x)))
        branches = []
        for scale, conv, bn in zip(self.scales, self.conv2, self.bn2):
            if conv is None:
                continue
            y = conv(self.pool(x, scale, scale) if scale > 1 and self.pool else x)
            branches.append(bn(resize(y, list(x.shape[2:])) if scale > 1 else y))
        return F.relu(self.bn3(self.conv3(F.relu(torch.cat(branches, 1)))) + shortcut)


class ScaleNet(nn.Module):
    def __init__(self, blocks, structure, classes=1000, stem=64, planes=(64, 128, 256, 512), strides=(1, 2, 2, 2)):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, stem, 7, 2, 3, bias=False), nn.BatchNorm2d(stem)
        rows, inp = iter(structure), stem
        for s, n in enumerate(blocks):
            layers = []
            for b in range(n):
                stride = strides[s] if b == 0 else 1
                layers.append(SABlock(inp, planes[s], stride, stride > 1 or inp != 4 * planes[s], next(rows)))
                inp = planes[s] * 4
            setattr(self, f'layer{s + 1}', nn.Sequential(*layers))
        self.fc = nn.Linear(inp, classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                m.weight.data.normal_(0, math.sqrt(2 / (m.kernel_size[0] * m.kernel_size[1] * m.out_channels)))

    def stem(self, x):
        return F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)

    def forward(self, x):
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.stem(x)))))
        return self.fc(x.mean((2, 3)))


def scalenet(name, classes=1000):
    """name is 50, 50_light, 101 or 152."""
    return ScaleNet(BLOCKS[name], json.loads((STRUCTURES / f'scalenet{name}.json').read_text()), classes)


class Pyramid(nn.Module):
    """The stages of a ScaleNet and torchvision's feature pyramid on them: a backbone for its FasterRCNN."""

    def __init__(self, net, channels=256):
        super().__init__()
        from torchvision.ops.feature_pyramid_network import FeaturePyramidNetwork, LastLevelMaxPool
        net.fc = nn.Identity()
        self.body, self.out_channels = net, channels
        self.fpn = FeaturePyramidNetwork([s[-1].conv3.out_channels for s in self.stages()], channels, LastLevelMaxPool())

    def stages(self):
        return [getattr(self.body, f'layer{i + 1}') for i in range(4)]

    def forward(self, x):
        x, levels = self.body.stem(x), {}
        for i, stage in enumerate(self.stages()):
            x = levels[str(i)] = stage(x)
        return self.fpn(levels)


class CifarNet(nn.Module):
    """A network for 32x32 images with 3 * blocks bottlenecks: a ScaleNet with the given structure, or without it a ResNet."""

    def __init__(self, blocks, structure=None, classes=100, downsample='max_pool'):
        super().__init__()
        from torchvision.models.resnet import Bottleneck
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)
        rows, inp = iter(structure or []), 16
        for s, planes in enumerate((16, 32, 64)):
            layers, out = [], 4 * planes
            for b in range(blocks):
                stride = 2 if s and b == 0 else 1
                if structure:
                    layers.append(SABlock(inp, planes, stride, b == 0, next(rows), (1, 2, 4), downsample))
                else:
                    shortcut = nn.Sequential(nn.Conv2d(inp, out, 1, stride, bias=False), nn.BatchNorm2d(out)) if b == 0 else None
                    layers.append(Bottleneck(inp, planes, stride, shortcut))
                inp = out
            setattr(self, f'layer{s + 1}', nn.Sequential(*layers))
        self.fc = nn.Linear(inp, classes)

    def stem(self, x):
        return F.relu(self.bn1(self.conv1(x)))

    def forward(self, x):
        return self.fc(self.layer3(self.layer2(self.layer1(self.stem(x)))).mean((2, 3)))


def cifar(name, downsample='max_pool', classes=100):
    """name is scalenet38, resnet38, ...: 56 for 6 blocks per stage, 101 for 10."""
    blocks = {'38': 4, '56': 6, '101': 10}[name.removeprefix('scalenet').removeprefix('resnet')]
    structure = json.loads((STRUCTURES / f'cifar_{name}.json').read_text()) if name.startswith('scalenet') else None
    return CifarNet(blocks, structure, classes, downsample)
