"""Prints the images per second of training a detector of torchvision on two random images a step, shared out to the processes of
DistributedDataParallel (gloo). Norms are not trained."""
import argparse
import os
import time

import common

p = argparse.ArgumentParser(description=__doc__)
p.add_argument('--processes', type=int)
p.add_argument('--threads', type=int)
p.add_argument('--model')
p.add_argument('--size', type=int)
p.add_argument('--steps', type=int)
p.add_argument('--skipped', type=int)
IMAGES = 2  # of a step


def train(rank, a):
    torch = common.torch_with(a.threads)
    torch.manual_seed(rank)
    model = common.pyramid(torch, a.model).train()
    model.transform.min_size, model.transform.max_size = (a.size,), a.size * 2
    model.requires_grad_(True)
    for m in model.modules():
        if isinstance(m, torch.nn.BatchNorm2d):
            m.eval().requires_grad_(False)
    if a.processes > 1:
        os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT='29531')
        torch.distributed.init_process_group('gloo', rank=rank, world_size=a.processes)
        model = torch.nn.parallel.DistributedDataParallel(model)
    sgd = torch.optim.SGD([q for q in model.parameters() if q.requires_grad], 1e-3, 0.9, weight_decay=1e-4)
    images, targets = [], []
    for _ in range(IMAGES // a.processes):
        h, w = a.size, a.size * 3 // 2
        corner = torch.rand(8, 2) * torch.tensor([w * 0.6, h * 0.6])
        images.append(torch.rand(3, h, w))
        targets.append({'boxes': torch.cat([corner, corner + 20 + torch.rand(8, 2) * torch.tensor([w * 0.3, h * 0.3])], 1), 'labels': torch.arange(1, 9)})
    for step in range(a.skipped + a.steps):
        if step == a.skipped:
            start = time.perf_counter()
        sgd.zero_grad(set_to_none=True)
        sum(model(images, targets).values()).backward()
        sgd.step()
    if rank == 0:
        print(a.steps * IMAGES / (time.perf_counter() - start))
    if a.processes > 1:
        torch.distributed.destroy_process_group()


if __name__ == '__main__':
    arguments = p.parse_args()
    if arguments.processes == 1:
        train(0, arguments)
    else:
        import torch.multiprocessing
        torch.multiprocessing.spawn(train, (arguments,), arguments.processes)
