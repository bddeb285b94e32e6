"""Single operators of torchvision: RoIAlign of 300 RoIs, NMS of 6,000 boxes."""
import common

p = common.parser(__doc__)
p.add_argument('--operator', required=True, choices=['roialign', 'nms'])
a = p.parse_args()
torch = common.torch_with(a.threads)
import torchvision  # noqa: E402


def boxes(n, width=904, height=600, largest=300):
    side = 16 + torch.rand(n, 2) * (largest - 16)
    corner = torch.rand(n, 2) * (torch.tensor([width, height]) - side)
    return torch.cat([corner, corner + side], 1)


if a.operator == 'nms':
    b, scores = boxes(6000), torch.rand(6000)
    run = lambda: torchvision.ops.nms(b, scores, 0.7)  # noqa: E731
else:
    features = torch.randn(1, 1024, 38, 57)
    rois = [boxes(300)]
    run = lambda: torchvision.ops.roi_align(features, rois, 14, 1 / 16, 2)  # noqa: E731
common.serve(run, a.seconds, torch.__version__)
