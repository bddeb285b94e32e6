"""Writes detectron2_fpn.json.gz and detectron2_c4.json.gz: detections of detectron2's own Faster R-CNNs with weights from a formula.

    python detectron2.py FOLDER        # torch 2.15; FOLDER is a checkout of facebookresearch/detectron2 (nothing of it is compiled)

Weights and pictures are those of torchvision.py: scale, offset and a seed, and for a few small tensors the values. Images are resized by
detectron2's ResizeShortestEdge, to SIZE to be quick. Everything is in float32, as the model runs.
"""
import importlib.util
import math
import sys
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
warnings.filterwarnings("ignore")
folder = Path(sys.argv.pop(1))
source = (HERE / "torchvision.py").read_text().replace("\nmain()\n", "\n")
spec = importlib.util.spec_from_loader("golden", loader=None)
golden = importlib.util.module_from_spec(spec)
golden.__file__ = str(HERE / "torchvision.py")
exec(compile(source, golden.__file__, "exec"), golden.__dict__)  # takes this folder out of sys.path
sys.path.insert(0, str(folder))

import numpy as np  # noqa: E402
import torch  # noqa: E402
import detectron2.data.transforms as transforms  # noqa: E402
from detectron2.config import get_cfg  # noqa: E402
from detectron2.modeling import build_model  # noqa: E402

SIZE = 256, 427
PICTURES = (320, 240), (150, 230), (97, 61)
SEED = "detectron2."


def role(name, t):
    """Scale and offset of a tensor."""
    fan_in = t[0].numel() if t.dim() > 1 else 1
    if name.endswith("running_var"):
        return 0.5, 1.25
    if name.endswith("running_mean"):
        return 0.2, 0
    if name.endswith("norm.weight"):
        return (0.1, 0.35) if ".conv3." in name else (0.2, 1)
    if name.endswith("bias"):
        return 0.1, 0
    return golden.rounded(math.sqrt((6 if ".res" in name or "stem" in name else 3) / fan_in)), 0


class Golden:
    def __init__(self, config):
        cfg = get_cfg()
        cfg.merge_from_file(str(folder / "configs" / "COCO-Detection" / config))
        cfg.MODEL.DEVICE, cfg.INPUT.MIN_SIZE_TEST, cfg.INPUT.MAX_SIZE_TEST = "cpu", *SIZE
        self.model = build_model(cfg).eval()
        self.resize = transforms.ResizeShortestEdge([SIZE[0]] * 2, SIZE[1])
        self.tensors, self.seen = {}, []
        for name, t in self.state().items():
            self.set(name, *role(name, t))
        self.model.proposal_generator.rpn_head.register_forward_hook(lambda m, x, y: self.seen.append(y))
        self.model.roi_heads.box_predictor.register_forward_hook(lambda m, x, y: self.seen.append(y))

    def state(self):
        return {n: t for n, t in self.model.state_dict().items() if not n.startswith(("pixel_", "proposal_generator.anchor"))}

    def set(self, name, scale, offset=0.0):
        with torch.no_grad():
            self.state()[name].copy_(golden.parameter(SEED + name, tuple(self.state()[name].shape), scale, offset))
        self.tensors[name] = {"scale": scale, "offset": offset}

    def factor(self, name, f):
        self.set(name, golden.rounded(self.tensors[name]["scale"] * f))

    def run(self, size):
        rgb = golden.picture(*size)
        x = self.resize.get_transform(rgb).apply_image(np.ascontiguousarray(rgb[:, :, ::-1]))
        x = torch.as_tensor(np.ascontiguousarray(x.astype("float32").transpose(2, 0, 1)))
        self.seen.clear()
        with torch.no_grad():
            return self.model([{"image": x, "height": size[1], "width": size[0]}])[0]["instances"]

    def calibrate(self):
        """Spreads objectness, deltas and scores: the logits of the first picture have mean 0 by class, and the background is 4 higher."""
        rpn, box = "proposal_generator.rpn_head.", "roi_heads.box_predictor."
        self.run(PICTURES[0])
        for name, part, goal in (("objectness_logits", 0, 1.5), ("anchor_deltas", 1, 0.3)):
            self.factor(rpn + name + ".weight", goal / torch.cat([v.flatten() for v in self.seen[0][part]]).std().item())
        self.run(PICTURES[0])
        logits, deltas = self.seen[1]
        self.factor(box + "cls_score.weight", 2 / (logits - logits.mean(0)).std().item())
        self.factor(box + "bbox_pred.weight", 1 / deltas.std().item())
        self.run(PICTURES[0])
        name = box + "cls_score.bias"
        bias = self.state()[name]
        with torch.no_grad():
            bias.sub_(self.seen[1][0].mean(0))
            bias[-1] += 4
        self.tensors[name] = {"scale": 0, "offset": 0, "values": bias.tolist()}

    def detections(self):
        found = [self.run(s) for s in PICTURES]
        return [{"width": s[0], "height": s[1], "boxes": r.pred_boxes.tensor.tolist(), "scores": r.scores.tolist(), "labels": (r.pred_classes + 1).tolist()}
                for s, r in zip(PICTURES, found)]


for name, config in (("fpn", "faster_rcnn_R_50_FPN_1x.yaml"), ("c4", "faster_rcnn_R_50_C4_1x.yaml")):
    g = Golden(config)
    g.calibrate()
    images = g.detections()
    print(name, [(len(i["scores"]), i["scores"][:2], len(set(i["labels"]))) for i in images])
    tensors = [{"name": n, "shape": list(t.shape), **g.tensors[n]} for n, t in g.state().items()]
    golden.write(HERE / f"detectron2_{name}.json.gz", {"model": config, "seed": SEED, "size": SIZE, "tensors": tensors, "images": images})
