"""Times a training step of the gate network in PyTorch, to stand beside `faceveil-lab bench`.

torch_speed.py [--batch 32] [--seconds 20] [--threads 1]      needs torch (CPU)

The same network, batch and loss: forward, backward, AdamW. Prints pictures a second.
"""
import argparse
import time

import torch
import torch.nn.functional as F
from torch import nn

LEVELS = [(16, 2, 1, 1), (24, 2, 2, 2), (40, 2, 2, 3), (64, 2, 1, 3)]  # channels, blocks, inside, way in: family.rs


def conv(i, o, act):
    return [nn.Conv2d(i, o, 1, bias=False), nn.BatchNorm2d(o)] + ([nn.ReLU6()] if act else [])


class Inverted(nn.Module):
    def __init__(self, i, o, expand, stride):
        super().__init__()
        inside = i * expand
        layers = conv(i, inside, True) if expand > 1 else []
        layers += [nn.Conv2d(inside, inside, 3, stride, 1, groups=inside, bias=False), nn.BatchNorm2d(inside), nn.ReLU6()]
        self.body = nn.Sequential(*layers, *conv(inside, o, False))
        self.add = stride == 1 and i == o

    def forward(self, x):
        return x + self.body(x) if self.add else self.body(x)


class Gate(nn.Module):
    def __init__(self):
        super().__init__()
        first = LEVELS[0][0]
        self.stem = nn.Sequential(*conv(48, first, True))
        self.down, at = nn.ModuleList(), first
        for n, (channels, blocks, inside, enter) in enumerate(LEVELS):
            way = [Inverted(at, channels, enter, 2)] if n else []
            self.down.append(nn.Sequential(*way, *[Inverted(channels, channels, inside, 1) for _ in range(blocks)]))
            at = channels
        self.up, self.mix = nn.ModuleList(), nn.ModuleList()
        for channels, *_ in LEVELS[-2::-1]:
            self.up.append(nn.Sequential(*conv(at, channels, False)))
            self.mix.append(Inverted(channels, channels, 1, 1))
            at = channels
        self.head = nn.Conv2d(at, 1, 1)

    def forward(self, x):
        x = self.stem(F.pixel_unshuffle(x, 4))
        skips = []
        for down in self.down:
            x = down(x)
            skips.append(x)
        for up, mix, skip in zip(self.up, self.mix, skips[-2::-1]):
            x = mix(F.interpolate(up(x), scale_factor=2) + skip)
        return self.head(x)


def loss_of(x, t, w):
    entropy = (F.binary_cross_entropy_with_logits(x, t, reduction="none") * w).mean()
    p = torch.sigmoid(x).flatten(1)
    t, w = t.flatten(1), w.flatten(1)
    dice = 1 - (2 * (w * p * t).sum(1) + 1) / ((w * p).sum(1) + (w * t).sum(1) + 1)
    return entropy + 0.7 * dice.mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    net = Gate()
    adam = torch.optim.AdamW(net.parameters(), 1e-3)
    x, t = torch.rand(args.batch, 3, 128, 128), torch.rand(args.batch, 1, 32, 32)
    w = torch.ones_like(t)
    steps, begun, cpu = -2, time.perf_counter(), time.process_time()
    while time.perf_counter() - begun < args.seconds or steps < 3:
        if steps == 0:
            begun, cpu = time.perf_counter(), time.process_time()
        adam.zero_grad()
        loss_of(net(x), t, w).backward()
        adam.step()
        steps += 1
    wall, cpu = time.perf_counter() - begun, time.process_time() - cpu
    print(f"torch {torch.__version__}: {sum(p.numel() for p in net.parameters())} parameters with norms, "
          f"{steps * args.batch / wall:.1f} pictures/s, {steps * args.batch / cpu:.1f} a second of one core")


if __name__ == "__main__":
    main()
