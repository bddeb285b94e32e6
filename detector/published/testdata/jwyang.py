"""Writes jwyang_{align,crop,align1}.json.gz: detections of jwyang's own Faster R-CNNs with weights from a formula.

    python jwyang.py FOLDER        # torch 2.15, OpenCV 5.0; FOLDER is a checkout of jwyang/faster-rcnn.pytorch, branch master

What has to be compiled is written in PyTorch here: the points of roi_align and roi_crop. align1 has torchvision's RoIAlign, as the branch pytorch-1.0.
Weights and pictures are those of torchvision.py: scale, offset and a seed, and for a few small tensors the values. Images are resized by demo.py's
_get_image_blob, detections chosen as in test_net.py. Everything is in float32, as the model runs.
"""
import ast
import math
import sys
import types
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
folder = Path(sys.argv.pop(1))
from calibrated import SIZE, Calibrated, golden  # noqa: E402  (takes this folder out of sys.path)

sys.path.insert(0, str(folder / "lib"))

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
import torchvision  # noqa: E402


class EasyDict(dict):
    """The package easydict, as far as it is used."""
    __getattr__, __setattr__ = dict.__getitem__, dict.__setitem__


class RoIAlignFunction:
    """ROIAlignForward of roi_align_kernel.cu, all points at once."""

    def __init__(self, height, width, scale):
        self.size, self.scale = (height, width), scale

    def axis(self, low, high, count, side):
        start = low * self.scale
        at = start[:, None] + torch.arange(count) * ((high * self.scale - start + 1).clamp(min=0) / (count - 1))[:, None]
        first = at.floor().clamp(max=side - 2).clamp(min=0)
        inside = ((at >= 0) & (at < side)).float()
        return first.long(), (1 - (at - first)) * inside, (at - first) * inside

    def __call__(self, features, rois):
        x = features.permute(0, 2, 3, 1)
        top, above, below = self.axis(rois[:, 2], rois[:, 4], self.size[0], x.shape[1])
        left, before, behind = self.axis(rois[:, 1], rois[:, 3], self.size[1], x.shape[2])
        y = 0
        for rows, a in ((top, above), (top + 1, below)):
            for columns, b in ((left, before), (left + 1, behind)):
                y = y + x[rois[:, 0].long()[:, None, None], rows[:, :, None], columns[:, None, :]] * (a[:, :, None] * b[:, None, :])[..., None]
        return y.permute(0, 3, 1, 2)


class RoICrop(torch.nn.Module):
    """bilinearSamplingFromGrid of roi_crop_cuda_kernel.cu; the grid has y before x."""

    def forward(self, features, grid):
        return F.grid_sample(features.expand(len(grid), -1, -1, -1), grid.flip(3), align_corners=True)


def module(name, **content):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__dict__.update(content)


module("easydict", EasyDict=EasyDict)
module("model.roi_pooling.modules.roi_pool", _RoIPooling=lambda *_: None)
module("model.roi_crop.modules.roi_crop", _RoICrop=RoICrop)
module("model.roi_crop.functions.roi_crop", RoICropFunction=None)
module("model.roi_align.functions.roi_align", RoIAlignFunction=RoIAlignFunction)

from model.faster_rcnn.resnet import resnet  # noqa: E402
from model.nms.nms_wrapper import nms  # noqa: E402
from model.rpn.bbox_transform import bbox_transform_inv, clip_boxes  # noqa: E402
from model.utils import net_utils  # noqa: E402
from model.utils.blob import im_list_to_blob  # noqa: E402
from model.utils.config import cfg  # noqa: E402

# PyTorch 0.4's affine_grid, for which the corners of the grid are those of the image.
net_utils.F = types.SimpleNamespace(affine_grid=lambda theta, size: F.affine_grid(theta, size, align_corners=True))
cfg.USE_GPU_NMS, cfg.ANCHOR_SCALES = False, [4, 8, 16, 32]
cfg.TEST.SCALES, cfg.TEST.MAX_SIZE = SIZE[:1], SIZE[1]
demo = {"cfg": cfg, "np": np, "cv2": cv2, "im_list_to_blob": im_list_to_blob}
source = [f for f in ast.parse((folder / "demo.py").read_text()).body if getattr(f, "name", "") == "_get_image_blob"]
exec(compile(ast.Module(source, []), "demo.py", "exec"), demo)


class Jwyang(Calibrated):
    seed, background = "jwyang.", 0
    spread = 0.1  # few proposals outside the image: clipped to its border, their features are all zeros and their scores equal
    pictures = (320, 240), (150, 230), (97, 61), (331, 247), (400, 150)
    layers = "RCNN_rpn.RPN_cls_score", "RCNN_rpn.RPN_bbox_pred", "RCNN_cls_score", "RCNN_bbox_pred"

    def __init__(self, depth, mode):
        cfg.POOLING_MODE = mode
        cfg.CROP_RESIZE_WITH_MAX_POOL = mode == "crop"  # as cfgs/res50.yml and res101.yml have it
        model = resnet(range(81), depth)
        model._init_modules()
        if mode == "align1":
            cfg.POOLING_MODE = "align"
            model.RCNN_roi_align = torchvision.ops.RoIAlign((7, 7), 1 / 16, 0)
        model.grid_size = 14 if mode == "crop" else 7
        self.outputs = {}
        for name in self.layers:
            model.get_submodule(name).register_forward_hook(lambda m, x, y, name=name: self.outputs.__setitem__(name, y))
        super().__init__(model, torch.nn.Identity(), torch.nn.Identity())

    def role(self, name, t):
        """Scale and offset of a tensor."""
        if name.endswith("running_var"):
            return 0.5, 1.25
        if name.endswith("running_mean"):
            return 0.2, 0
        if name.endswith("weight") and t.dim() == 1:
            return (0.1, 0.35) if ".bn3." in name else (0.2, 1)
        if name.endswith("bias"):
            return 0.1, 0
        return golden.rounded(math.sqrt((6 if name.startswith(("RCNN_base", "RCNN_top")) else 3) / t[0].numel())), 0

    def state(self):
        return {n: t for n, t in self.model.state_dict().items() if not n.endswith("num_batches_tracked")}

    def run(self, size):
        blob, scales = demo["_get_image_blob"](np.ascontiguousarray(golden.picture(*size)[:, :, ::-1]))
        info = torch.tensor([[blob.shape[1], blob.shape[2], scales[0]]], dtype=torch.float32)
        with torch.no_grad():
            rois, scores, deltas, *_ = self.model(torch.from_numpy(blob).permute(0, 3, 1, 2).contiguous(), info, torch.zeros(1), torch.zeros(1))
        self.seen[:] = [[self.outputs[n]] for n in self.layers[:2]], [self.outputs[n] for n in self.layers[2:]]
        deltas = (deltas.view(-1, 4) * torch.FloatTensor(cfg.TRAIN.BBOX_NORMALIZE_STDS)).view(1, -1, 4 * 81)
        boxes = clip_boxes(bbox_transform_inv(rois[:, :, 1:5], deltas, 1), info, 1)
        return scores[0], boxes[0] / info[0, 2].item(), size

    def result(self, r):
        """test_net.py's choice of detections. The boxes have their last pixel: here they end behind it, in the image."""
        scores, boxes, (width, height) = r
        found = []
        for j in range(1, 81):
            order = torch.sort(scores[:, j], 0, True)[1]
            dets = torch.cat((boxes[:, 4 * j:4 * j + 4], scores[:, j:j + 1]), 1)[order]
            found += [(*dets[i].tolist(), j) for i in nms(dets, cfg.TEST.NMS, force_cpu=True).long()]
        found = sorted(found, key=lambda d: -d[4])[:100]
        return {"boxes": [[d[0], d[1], min(d[2] + 1, width), min(d[3] + 1, height)] for d in found],
                "scores": [d[4] for d in found], "labels": [d[5] for d in found]}


Jwyang(101, "align").write("jwyang_align", "align")
Jwyang(50, "crop").write("jwyang_crop", "crop")
Jwyang(50, "align1").write("jwyang_align1", "align", norm="BatchNorm2d")
