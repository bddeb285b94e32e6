"""torchvision's Faster R-CNNs with a feature pyramid, as its builders make them: --model is fasterrcnn_resnet50_fpn (at 600/1000) or
fasterrcnn_mobilenet_v3_large_320_fpn; random weights, 91 classes."""
import common

p = common.parser(__doc__)
p.add_argument('--mode', default='infer', choices=['infer', 'train'])
p.add_argument('--model', default='fasterrcnn_resnet50_fpn')
p.add_argument('--height', type=int, default=600)
p.add_argument('--width', type=int, default=904)
a = p.parse_args()
torch = common.torch_with(a.threads)
import torchvision  # noqa: E402

sizes = {} if '320' in a.model else {'min_size': 600, 'max_size': 1000}
model = getattr(torchvision.models.detection, a.model)(weights=None, weights_backbone=None, num_classes=91, **sizes)
with torch.no_grad():  # BatchNorm statistics that keep the activations of random weights of order one
    model.backbone.body.train()
    for _ in range(2):
        model.backbone.body(torch.randn(2, 3, 224, 224))
for m in model.modules():
    if isinstance(m, torch.nn.BatchNorm2d):
        m.requires_grad_(False)
for part in 'conv1', 'layer1':  # as with trainable_backbone_layers=3
    if hasattr(model.backbone.body, part):
        getattr(model.backbone.body, part).requires_grad_(False)
common.serve_detector(torch, a, model.to(memory_format=torch.channels_last))
