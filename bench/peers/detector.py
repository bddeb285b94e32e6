"""torchvision's FasterRCNN around ScaleNet-50 up to stage 3 (C4): 12 anchors, 300 proposals in inference, 128 RoIs in training,
RoIAlign 14x14 with sampling ratio 2, then stage 4; stem, stage 1 and all BatchNorms frozen."""
import common

p = common.parser(__doc__)
p.add_argument('--mode', default='infer', choices=['infer', 'train'])
p.add_argument('--model', default='scalenet50')
p.add_argument('--height', type=int, default=600)
p.add_argument('--width', type=int, default=904)
a = p.parse_args()
torch = common.torch_with(a.threads)
import torchvision  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402
from torchvision.models.detection import FasterRCNN  # noqa: E402
from torchvision.models.detection.rpn import AnchorGenerator  # noqa: E402


class Features(nn.Module):
    out_channels = 1024

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        n = self.net
        x = F.max_pool2d(F.relu(n.bn1(n.conv1(x))), 3, 2, 1)
        return n.layer3(n.layer2(n.layer1(x)))


class Regions(nn.Module):
    def __init__(self, stage):
        super().__init__()
        self.stage = stage

    def forward(self, x):
        return self.stage(x).mean((2, 3))


class RPNHead(nn.Module):
    def __init__(self, channels, anchors):
        super().__init__()
        self.conv = nn.Conv2d(channels, 512, 3, padding=1)
        self.logits, self.deltas = nn.Conv2d(512, anchors, 1), nn.Conv2d(512, 4 * anchors, 1)
        for layer in self.children():
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)

    def forward(self, features):
        features = [F.relu(self.conv(f)) for f in features]
        return [self.logits(f) for f in features], [self.deltas(f) for f in features]


class Predictor(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.score, self.box = nn.Linear(channels, classes), nn.Linear(channels, 4 * classes)
        nn.init.normal_(self.score.weight, std=0.01)
        nn.init.normal_(self.box.weight, std=0.001)

    def forward(self, x):
        return self.score(x), self.box(x)


def detector():
    net = common.network(torch, a.model)
    with torch.no_grad():  # BatchNorm statistics that keep the activations of random weights of order one
        net.train()
        for _ in range(2):
            net(torch.randn(2, 3, 224, 224))
    for m in net.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.requires_grad_(False)
    net.conv1.requires_grad_(False)
    net.layer1.requires_grad_(False)
    return FasterRCNN(
        Features(net), min_size=600, max_size=1000,
        rpn_anchor_generator=AnchorGenerator(((64, 128, 256, 512),), ((0.5, 1.0, 2.0),)), rpn_head=RPNHead(1024, 12),
        rpn_pre_nms_top_n_train=12000, rpn_post_nms_top_n_train=2000, rpn_pre_nms_top_n_test=6000, rpn_post_nms_top_n_test=300,
        box_roi_pool=torchvision.ops.MultiScaleRoIAlign(['0'], 14, 2), box_head=Regions(net.layer4),
        box_predictor=Predictor(2048, 81), box_batch_size_per_image=128, box_score_thresh=0.05, box_nms_thresh=0.5,
        box_detections_per_img=100).to(memory_format=torch.channels_last)


common.serve_detector(torch, a, detector())
