"""What detectron2.py, mmdetection.py and jwyang.py share: a detector whose parameters come from torchvision.py's formula, calibrated so that objectness, deltas
and scores spread."""
import importlib.util
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def formula():
    """torchvision.py as a module, without running it."""
    source = (HERE / "torchvision.py").read_text().replace("\nmain()\n", "\n")
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("golden", loader=None))
    module.__file__ = str(HERE / "torchvision.py")
    exec(compile(source, module.__file__, "exec"), module.__dict__)  # takes this folder out of sys.path
    return module


sys.dont_write_bytecode = True
golden = formula()

import torch  # noqa: E402

SIZE = 256, 427  # shorter side and maximum of the longer one, to be quick
PICTURES = (320, 240), (150, 230), (97, 61)


class Calibrated:
    pictures, background, spread = PICTURES, -1, 0.3  # background: among the scores; spread: of the RPN's deltas

    """A subclass says what differs: seed, layers (objectness, deltas of the RPN; scores, deltas of the box head), role, state, run and result."""

    def __init__(self, model, rpn_head, box_head):
        model.eval()
        self.model, self.tensors, self.seen = model, {}, []
        for name, t in self.state().items():
            self.set(name, *self.role(name, t))
        rpn_head.register_forward_hook(lambda m, x, y: self.seen.append(y))
        box_head.register_forward_hook(lambda m, x, y: self.seen.append(y))

    def set(self, name, scale, offset=0.0):
        with torch.no_grad():
            self.state()[name].copy_(golden.parameter(self.seed + name, tuple(self.state()[name].shape), scale, offset))
        self.tensors[name] = {"scale": scale, "offset": offset}

    def factor(self, layer, f):
        name = layer + ".weight"
        self.set(name, golden.rounded(self.tensors[name]["scale"] * f))

    def calibrate(self):
        """The logits of the first picture have mean 0 by class, and the background is 4 higher."""
        objectness, rpn_deltas, scores, deltas = self.layers
        self.run(self.pictures[0])
        for layer, part, goal in ((objectness, 0, 1.5), (rpn_deltas, 1, self.spread)):
            self.factor(layer, goal / torch.cat([v.flatten() for v in self.seen[0][part]]).std().item())
        self.run(self.pictures[0])
        logits, regression = self.seen[1]
        self.factor(scores, 2 / (logits - logits.mean(0)).std().item())
        self.factor(deltas, 1 / regression.std().item())
        self.run(self.pictures[0])
        bias = self.state()[scores + ".bias"]
        with torch.no_grad():
            bias.sub_(self.seen[1][0].mean(0))
            bias[self.background] += 4
        self.tensors[scores + ".bias"] = {"scale": 0, "offset": 0, "values": bias.tolist()}

    def write(self, name, config, **more):
        self.calibrate()
        images = [{"width": s[0], "height": s[1], **self.result(self.run(s))} for s in self.pictures]
        print(name, [(len(i["scores"]), i["scores"][:2], len(set(i["labels"]))) for i in images])
        tensors = [{"name": n, "shape": list(t.shape), **self.tensors[n]} for n, t in self.state().items()]
        golden.write(HERE / f"{name}.json.gz", {"model": config, **more, "seed": self.seed, "size": SIZE, "tensors": tensors, "images": images})
