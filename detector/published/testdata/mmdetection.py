"""Writes mmdetection_pytorch.json.gz and mmdetection_caffe.json.gz: detections of mmdetection's own Faster R-CNNs with weights from a formula.

    python mmdetection.py        # torch 2.15, mmdet 3.3.0, mmengine 0.10.7, mmcv-lite 2.1.0

Of mmcv, whose operations have to be compiled, RoIAlign and NMS are replaced by torchvision's. Weights and pictures are those of torchvision.py:
scale, offset and a seed, and for a few small tensors the values. Images are resized by mmdetection's Resize. Everything is in
float32, as the model runs.
"""
import math
import sys
import types
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
from calibrated import SIZE, Calibrated, golden  # noqa: E402  (takes this folder out of sys.path)

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torchvision  # noqa: E402


class RoIAlign(torch.nn.Module):
    def __init__(self, output_size, spatial_scale=1.0, sampling_ratio=0, aligned=True):
        super().__init__()
        self.output_size, self.settings = (output_size, output_size), (spatial_scale, sampling_ratio, aligned)

    def forward(self, x, rois):
        return torchvision.ops.roi_align(x, rois, self.output_size, *self.settings)


def batched_nms(boxes, scores, idxs, nms_cfg, class_agnostic=False):
    keep = torchvision.ops.batched_nms(boxes, scores, idxs, nms_cfg["iou_threshold"])
    return torch.cat([boxes[keep], scores[keep, None]], 1), keep


class Operations(types.ModuleType):
    """mmcv.ops: what is not used only has to have a name."""
    __path__, RoIAlign, batched_nms = [], RoIAlign, staticmethod(batched_nms)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (torch.nn.Module,), {})


for name in ("", ".nms", ".roi_align", ".modulated_deform_conv", ".carafe", ".merge_cells", ".deform_conv", ".point_sample", ".multi_scale_deform_attn"):
    sys.modules["mmcv.ops" + name] = Operations("mmcv.ops" + name)

import mmdet  # noqa: E402
from mmdet.registry import MODELS, TRANSFORMS  # noqa: E402
from mmdet.structures import DetDataSample  # noqa: E402
from mmdet.utils import register_all_modules  # noqa: E402
from mmengine.config import Config  # noqa: E402

register_all_modules()


class MMDetection(Calibrated):
    seed = "mmdetection."
    layers = "rpn_head.rpn_cls", "rpn_head.rpn_reg", "roi_head.bbox_head.fc_cls", "roi_head.bbox_head.fc_reg"

    def __init__(self, config):
        cfg = Config.fromfile(str(Path(mmdet.__file__).parent / ".mim" / "configs" / "faster_rcnn" / config))
        cfg.model.backbone.init_cfg = None
        model = MODELS.build(cfg.model)
        self.resize = TRANSFORMS.build({"type": "Resize", "scale": SIZE[::-1], "keep_ratio": True})
        super().__init__(model, model.rpn_head, model.roi_head.bbox_head)

    def role(self, name, t):
        """Scale and offset of a tensor."""
        if name.endswith("running_var"):
            return 0.5, 1.25
        if name.endswith("running_mean"):
            return 0.2, 0
        if ".bn" in name and name.endswith("weight") or "downsample.1.weight" in name:
            return (0.1, 0.35) if ".bn3." in name else (0.2, 1)
        if name.endswith("bias"):
            return 0.1, 0
        return golden.rounded(math.sqrt((6 if name.startswith("backbone") else 3) / t[0].numel())), 0

    def state(self):
        return {n: t for n, t in self.model.state_dict().items() if not n.endswith("num_batches_tracked")}

    def run(self, size):
        data = self.resize({"img": np.ascontiguousarray(golden.picture(*size)[:, :, ::-1])})
        sample = DetDataSample(metainfo={"img_shape": data["img_shape"], "scale_factor": data["scale_factor"], "ori_shape": (size[1], size[0])})
        self.seen.clear()
        image = torch.from_numpy(np.ascontiguousarray(data["img"].transpose(2, 0, 1)))
        with torch.no_grad():
            return self.model.test_step({"inputs": [image], "data_samples": [sample]})[0].pred_instances

    def result(self, r):
        return {"boxes": r.bboxes.tolist(), "scores": r.scores.tolist(), "labels": (r.labels + 1).tolist()}


for style, config in (("pytorch", "faster-rcnn_r50_fpn_1x_coco.py"), ("caffe", "faster-rcnn_r50-caffe_fpn_1x_coco.py")):
    MMDetection(config).write("mmdetection_" + style, config)
