"""Writes detectron2_{fpn,x101_fpn,dc5,c4}.json.gz: detections of detectron2's own Faster R-CNNs with weights from a formula.

    python detectron2.py FOLDER        # torch 2.15; FOLDER is a checkout of facebookresearch/detectron2 (nothing of it is compiled)

Weights and pictures are those of torchvision.py: scale, offset and a seed, and for a few small tensors the values. Images are resized by
detectron2's ResizeShortestEdge. Everything is in float32, as the model runs.
"""
import math
import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
folder = Path(sys.argv.pop(1))
from calibrated import SIZE, Calibrated, golden  # noqa: E402  (takes this folder out of sys.path)

sys.path.insert(0, str(folder))

import numpy as np  # noqa: E402
import torch  # noqa: E402
import detectron2.data.transforms as transforms  # noqa: E402
from detectron2.config import get_cfg  # noqa: E402
from detectron2.modeling import build_model  # noqa: E402


class Detectron2(Calibrated):
    seed = "detectron2."
    layers = ("proposal_generator.rpn_head.objectness_logits", "proposal_generator.rpn_head.anchor_deltas",
              "roi_heads.box_predictor.cls_score", "roi_heads.box_predictor.bbox_pred")

    def __init__(self, config):
        cfg = get_cfg()
        cfg.merge_from_file(str(folder / "configs" / "COCO-Detection" / config))
        cfg.MODEL.DEVICE, cfg.INPUT.MIN_SIZE_TEST, cfg.INPUT.MAX_SIZE_TEST = "cpu", *SIZE
        model = build_model(cfg)
        self.resize = transforms.ResizeShortestEdge([SIZE[0]] * 2, SIZE[1])
        super().__init__(model, model.proposal_generator.rpn_head, model.roi_heads.box_predictor)

    def role(self, name, t):
        """Scale and offset of a tensor."""
        if name.endswith("running_var"):
            return 0.5, 1.25
        if name.endswith("running_mean"):
            return 0.2, 0
        if name.endswith("norm.weight"):
            return (0.1, 0.35) if ".conv3." in name else (0.2, 1)
        if name.endswith("bias"):
            return 0.1, 0
        return golden.rounded(math.sqrt((6 if ".res" in name or "stem" in name else 3) / t[0].numel())), 0

    def state(self):
        return {n: t for n, t in self.model.state_dict().items() if not n.startswith(("pixel_", "proposal_generator.anchor"))}

    def run(self, size):
        rgb = golden.picture(*size)
        x = self.resize.get_transform(rgb).apply_image(np.ascontiguousarray(rgb[:, :, ::-1]))
        x = torch.as_tensor(np.ascontiguousarray(x.astype("float32").transpose(2, 0, 1)))
        self.seen.clear()
        with torch.no_grad():
            return self.model([{"image": x, "height": size[1], "width": size[0]}])[0]["instances"]

    def result(self, r):
        return {"boxes": r.pred_boxes.tensor.tolist(), "scores": r.scores.tolist(), "labels": (r.pred_classes + 1).tolist()}


for kind, config in (("fpn", "faster_rcnn_R_50_FPN_1x.yaml"), ("x101_fpn", "faster_rcnn_X_101_32x8d_FPN_3x.yaml"),
                     ("dc5", "faster_rcnn_R_50_DC5_1x.yaml"), ("c4", "faster_rcnn_R_50_C4_1x.yaml")):
    Detectron2(config).write("detectron2_" + kind, config)
