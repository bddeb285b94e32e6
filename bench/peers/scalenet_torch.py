"""ScaleNet in PyTorch with the authors' parameter names: the peer for speed, and the source of golden values."""
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
    """A bottleneck around scale aggregation; row is [C1, ..., CL, side]."""

    def __init__(self, inp, planes, stride, shortcut, row, scales=(1, 2, 4, 7)):
        super().__init__()
        *channels, side = row
        self.stride, self.scales = stride, scales
        out = planes * 4
        self.downsample = nn.Sequential(nn.Conv2d(inp, out, 1, bias=False), nn.BatchNorm2d(out)) if shortcut else None
        self.conv1, self.bn1 = nn.Conv2d(inp, planes, 1, bias=False), nn.BatchNorm2d(planes)
        kernels = [3 if side / 2 ** i > 1 else 1 for i in range(len(scales))]
        self.conv2 = nn.ModuleList([nn.Conv2d(planes, c, k, padding=k // 2, bias=False) if c else None
                                    for c, k in zip(channels, kernels)])
        self.bn2 = nn.ModuleList([nn.BatchNorm2d(c) if c else None for c in channels])
        self.conv3, self.bn3 = nn.Conv2d(sum(channels), out, 1, bias=False), nn.BatchNorm2d(out)

    def forward(self, x):
        if self.stride > 1:
            x = F.max_pool2d(x, self.stride, self.stride)
        shortcut = self.downsample(x) if self.downsample is not None else x
        x = F.relu(self.bn1(self.conv1(x)))
        branches = []
        for scale, conv, bn in zip(self.scales, self.conv2, self.bn2):
            if conv is None:
                continue
            y = conv(F.max_pool2d(x, scale, scale) if scale > 1 else x)
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
