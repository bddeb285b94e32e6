"""A training step of a classification network: forward, cross entropy, backward, SGD."""
import common

p = common.parser(__doc__)
p.add_argument('--model', default='scalenet50')
p.add_argument('--batch', type=int, default=8)
p.add_argument('--size', type=int, default=224)
a = p.parse_args()
torch = common.torch_with(a.threads)
net = common.network(torch, a.model).to(a.device).train()
x = torch.randn(a.batch, 3, a.size, a.size).to(memory_format=torch.channels_last)
y = torch.arange(a.batch, device=a.device)
sgd = torch.optim.SGD(net.parameters(), 1e-3, 0.9, weight_decay=1e-4)


def step():
    sgd.zero_grad(set_to_none=True)
    with common.precision(torch, a.dtype, a.device):
        logits = net(x.to(a.device))
    torch.nn.functional.cross_entropy(logits.float(), y).backward()
    sgd.step()
    common.finish(torch, a.device)


common.serve(step, a.seconds, torch.__version__)
