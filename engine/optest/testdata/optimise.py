"""Writes optimise.json beside this file: steps of PyTorch's optimisers in float64, from values of float32."""
import json
from pathlib import Path

import torch

torch.manual_seed(15)
COUNT, STEPS = 21, 12


def values():
    return torch.randn(COUNT).double()


def run(name, lr, decay, l1=0.0, **options):
    start, w = values(), torch.nn.Parameter(torch.empty(COUNT, dtype=torch.float64))
    w.data.copy_(start)
    optimizer = getattr(torch.optim, name)([w], lr=lr, weight_decay=decay, **options)
    gradients, weights = [], []
    for step in range(STEPS):
        # Of all sizes, and some that are zero: eps matters in the last.
        w.grad = (values() * 10.0 ** torch.linspace(-6, 2, COUNT)).float().double()
        w.grad[step % 3 :: 7] = 0
        gradients.append(w.grad.tolist())
        (l1 * w.abs().sum()).backward()
        optimizer.step()
        weights.append(w.tolist())
    return {"optimizer": name, "lr": lr, "decay": decay, "l1": l1, "start": start.tolist(), "gradients": gradients, "weights": weights} | options


runs = [
    run("SGD", 1e-3, 0.01, momentum=0.9),
    run("AdamW", 1e-3, 0.01, betas=(0.9, 0.999), eps=1e-8),
    run("AdamW", 0.05, 0.1, betas=(0.8, 0.95), eps=1e-3),
    run("AdamW", 0.01, 0.0, betas=(0.0, 0.9), eps=1e-6),
    run("SGD", 1e-3, 0.01, l1=0.5, momentum=0.9),
]
(Path(__file__).parent / "optimise.json").write_text(json.dumps(runs))
