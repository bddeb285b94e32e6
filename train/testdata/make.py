"""Writes the golden numbers of this folder with PyTorch: sgd.json, adamw.json, schedule.json."""
import json
from pathlib import Path
import torch
from torch.optim import lr_scheduler as S

here = Path(__file__).parent
torch.manual_seed(3)
sizes = {"conv.weight": 7, "conv.bias": 3, "frozen.weight": 2, "head.weight": 5, "head.bias": 2}


def run(optimizer, accumulate, clip, count):
    """Steps with gradients of given numbers; head.bias has none in step 2."""
    params = {k: torch.nn.Parameter(torch.randn(n)) for k, n in sizes.items()}
    start = {k: p.detach().tolist() for k, p in params.items()}
    groups = [
        {"params": [params["conv.weight"]]},
        {"params": [params["conv.bias"], params["head.bias"]], "weight_decay": 0.0, "lr_scale": 2.0},
        {"params": [params["head.weight"]], "lr_scale": 0.5},
    ]
    trained = [p for g in groups for p in g["params"]]
    opt = optimizer(groups)
    steps = []
    for step in range(count):
        lr = 0.1 / (step + 1)
        for g in opt.param_groups:
            g["lr"] = lr * g.get("lr_scale", 1.0)
        opt.zero_grad()
        batches = []
        for _ in range(accumulate):
            grads = {k: torch.randn(n) for k, n in sizes.items() if not (k == "head.bias" and step == 2)}
            batches.append({k: g.tolist() for k, g in grads.items()})
            for k, g in grads.items():
                g = g / accumulate
                params[k].grad = g if params[k].grad is None else params[k].grad + g
        norm = torch.nn.utils.clip_grad_norm_(trained, clip if clip else float("inf"))
        opt.step()
        steps.append({"lr": lr, "batches": batches, "norm": norm.item(), "after": {k: p.detach().tolist() for k, p in params.items()}})
    return {"accumulate": accumulate, "clip": clip, "start": start, "steps": steps}


def runs(optimizer, count):
    return json.dumps([run(optimizer, accumulate, clip, count) for accumulate, clip in [(1, 0.0), (1, 1.5), (3, 0.0), (3, 0.7)]])


(here / "sgd.json").write_text(runs(lambda groups: torch.optim.SGD(groups, lr=0.1, momentum=0.9, weight_decay=0.01), 5))
(here / "adamw.json").write_text(runs(lambda groups: torch.optim.AdamW(groups, lr=0.1, betas=(0.8, 0.99), eps=1e-6, weight_decay=0.01), 12))


def rates(epochs, per_epoch, milestones, gamma, warmup, factor, cosine, floor):
    opt = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    total = epochs * per_epoch
    out = []
    if cosine:
        after = S.CosineAnnealingLR(opt, total - warmup, eta_min=floor)
        sched = S.SequentialLR(opt, [S.LinearLR(opt, factor, total_iters=warmup), after], [warmup]) if warmup else after
        for _ in range(total):
            out.append(opt.param_groups[0]["lr"])
            opt.step()
            sched.step()
        return out
    # As torchvision's references/detection: LinearLR a step in the first epoch(s), MultiStepLR an epoch.
    main = S.MultiStepLR(opt, milestones, gamma)
    warm = S.LinearLR(opt, factor, total_iters=warmup) if warmup else None
    for _ in range(epochs):
        for _ in range(per_epoch):
            out.append(opt.param_groups[0]["lr"])
            opt.step()
            if warm:
                warm.step()
        main.step()
    return out


cases = []
for c in [
    dict(epochs=10, per_epoch=7, milestones=[4, 8], gamma=0.1, warmup=0, factor=1.0, cosine=False, floor=0.0),
    dict(epochs=5, per_epoch=9, milestones=[2, 3], gamma=0.5, warmup=6, factor=0.001, cosine=False, floor=0.0),
    dict(epochs=3, per_epoch=4, milestones=[1], gamma=0.1, warmup=7, factor=0.1, cosine=False, floor=0.0),
    dict(epochs=4, per_epoch=5, milestones=[], gamma=1.0, warmup=0, factor=1.0, cosine=True, floor=0.0),
    dict(epochs=4, per_epoch=5, milestones=[], gamma=1.0, warmup=6, factor=0.01, cosine=True, floor=0.05),
]:
    cases.append(c | {"rates": rates(**c)})
(here / "schedule.json").write_text(json.dumps(cases))
