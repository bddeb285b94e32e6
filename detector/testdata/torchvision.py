"""Makes torchvision.json and torchvision_*.safetensors: torchvision's FasterRCNN around a small ScaleNet.

python torchvision.py PEERS   (the folder of scalenet_torch.py, ScaleNet's SABlock in PyTorch)

The network is trained for some steps on images/ so that its detections are no noise; what is compared is computed in
float64: the detections on every image, and a training step on two of them with BatchNorm frozen and with BatchNorm in
training. Sampled anchors and regions are written down, because they are random."""
import json
import sys

sys.path = [p for p in sys.path if p not in ('', sys.path[0])] + sys.argv[1:]  # this file is named torchvision, too

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.rpn import AnchorGenerator
from torchvision.ops import MultiScaleRoIAlign
from scalenet_torch import SABlock

STRUCTURE = [[5, 2, 2, 2, 56], [6, 3, 2, 0, 28], [8, 4, 3, 0, 14], [10, 6, 3, 3, 7]]
PLANES, CLASSES = [6, 8, 12, 16], 4


class Net(nn.Module):
    """The backbone; forward gives stage 3, stride 16."""
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1, inp = nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), 16
        for s, (planes, row) in enumerate(zip(PLANES, STRUCTURE), 1):
            setattr(self, f'layer{s}', nn.Sequential(SABlock(inp, planes, 2 if s > 1 else 1, True, row)))
            inp = 4 * planes
        self.out_channels = 4 * PLANES[2]
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode='fan_out')

    def forward(self, x):
        return self.layer3(self.layer2(self.layer1(F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1))))


class Head(nn.Module):
    def __init__(self, layer4):
        super().__init__()
        self.layer4 = layer4

    def forward(self, x):
        return self.layer4(x).mean((2, 3))


class RPNHead(nn.Module):
    def __init__(self, channels, middle, anchors):
        super().__init__()
        self.conv = nn.Conv2d(channels, middle, 3, padding=1)
        self.cls_logits, self.bbox_pred = nn.Conv2d(middle, anchors, 1), nn.Conv2d(middle, 4 * anchors, 1)
        for m in self.children():
            nn.init.normal_(m.weight, std=.01)
            nn.init.zeros_(m.bias)

    def forward(self, features):
        x = [F.relu(self.conv(f)) for f in features]
        return [self.cls_logits(f) for f in x], [self.bbox_pred(f) for f in x]


class Predictor(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.cls_score, self.bbox_pred = nn.Linear(channels, classes), nn.Linear(channels, 4 * classes)

    def forward(self, x):
        return self.cls_score(x), self.bbox_pred(x)


def make():
    net = Net()
    return FasterRCNN(
        net, min_size=160, max_size=260, rpn_anchor_generator=AnchorGenerator(((16, 32, 64),), ((.5, 1., 2.),)),
        rpn_head=RPNHead(48, 24, 9), rpn_pre_nms_top_n_train=400, rpn_post_nms_top_n_train=40, rpn_pre_nms_top_n_test=300,
        rpn_post_nms_top_n_test=30, rpn_batch_size_per_image=64, box_roi_pool=MultiScaleRoIAlign(['0'], 14, 2),
        box_head=Head(net.layer4), box_predictor=Predictor(64, CLASSES + 1), box_batch_size_per_image=16)


def images():
    data = json.load(open('images/instances.json'))
    out = []
    for image in data['images']:
        x = torch.from_numpy(np.array(Image.open('images/' + image['file_name']).convert('RGB'))).permute(2, 0, 1)
        found = [a for a in data['annotations'] if a['image_id'] == image['id']]
        boxes = torch.tensor([[*a['bbox'][:2], a['bbox'][0] + a['bbox'][2], a['bbox'][1] + a['bbox'][3]] for a in found])
        out.append((image['file_name'], x / 255, {'boxes': boxes, 'labels': torch.tensor([a['category_id'] for a in found])}))
    return out


def doubled(data):
    return [(n, (x * 255).round().double() / 255, {**t, 'boxes': t['boxes'].double()}) for n, x, t in data]


def named(model, of):
    """State by the names of our files: the backbone's are its own, layer4 is part of it."""
    out = {}
    for name, v in of(model):
        name = name.removeprefix('backbone.')
        if 'num_batches' not in name and not name.startswith('roi_heads.box_head'):
            out[name] = v.detach().float().contiguous()
    return out


def step(model, data):
    """One forward and backward pass; what was sampled, the losses, the proposals before sampling."""
    log = {'anchors': [], 'regions': [], 'proposals': []}
    samplers = model.rpn.fg_bg_sampler, model.roi_heads.fg_bg_sampler

    def recording(sampler, key):
        def sample(labels):
            positive, negative = sampler(labels)
            for p, n in zip(positive, negative):
                log[key].append({'positive': torch.where(p)[0].tolist(), 'negative': torch.where(n)[0].tolist()})
            return positive, negative
        return sample

    model.rpn.fg_bg_sampler, model.roi_heads.fg_bg_sampler = recording(samplers[0], 'anchors'), recording(samplers[1], 'regions')
    select = model.roi_heads.select_training_samples

    def selecting(proposals, targets):
        log['proposals'] = [p.tolist() for p in proposals]
        return select(proposals, targets)
    model.roi_heads.select_training_samples = selecting
    model.zero_grad()
    losses = model([x for _, x, _ in data], [t for _, _, t in data])
    sum(losses.values()).backward()
    model.rpn.fg_bg_sampler, model.roi_heads.fg_bg_sampler = samplers
    model.roi_heads.select_training_samples = select
    return {'losses': {k: v.item() for k, v in losses.items()}, **log}


def frozen(model):
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.eval()
            m.weight.requires_grad_(False), m.bias.requires_grad_(False)


def main():
    torch.manual_seed(1)
    torch.set_num_threads(2)
    model, data = make(), images()
    opt = torch.optim.SGD(model.parameters(), lr=.02, momentum=.9, weight_decay=1e-4)
    model.train()
    for i in range(160):
        if i == 120:
            opt.param_groups[0]['lr'] = .004
        batch = [data[j] for j in torch.randperm(4)[:2].tolist()]
        loss = sum(model([x for _, x, _ in batch], [t for _, _, t in batch]).values())
        opt.zero_grad()
        loss.backward()
        opt.step()
    print('trained to', loss.item(), 'parameters', sum(p.numel() for p in model.parameters()))
    save_file(named(model, lambda m: m.state_dict().items()), 'torchvision_model.safetensors')

    weights = model.state_dict()
    out = {'detections': {}}
    model.double().eval()
    data = doubled(data)
    with torch.no_grad():
        for name, x, _ in data:
            d = model([x])[0]
            out['detections'][name] = [{'class': l, 'score': s, 'box': b} for l, s, b in
                                       zip(d['labels'].tolist(), d['scores'].tolist(), d['boxes'].tolist())]
            print(name, len(d['scores']), sorted(set(d['labels'].tolist())), d['scores'].tolist()[:4])
    for key, prepare in ('frozen', frozen), ('trained', lambda m: None):
        model = make()
        model.load_state_dict(weights)
        model.double().train()
        prepare(model)
        out[key] = step(model, data[:2])
        tensors = named(model, lambda m: ((n, p.grad) for n, p in m.named_parameters() if p.grad is not None))
        if key == 'trained':
            tensors.update((n, v) for n, v in named(model, lambda m: m.named_buffers()).items())
        save_file(tensors, f'torchvision_{key}.safetensors')
        print(key, out[key]['losses'], [len(s['positive']) for s in out[key]['anchors'] + out[key]['regions']],
              [len(s['positive'] + s['negative']) for s in out[key]['regions']])
    with open('torchvision.json', 'w') as f:
        json.dump(out, f, separators=(',', ':'))


main()
