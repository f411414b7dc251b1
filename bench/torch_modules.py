"""Five networks of PyTorch, as they are, compiled, accelerated, and both: `python bench/torch_modules.py [NAME …]`.

One thread, in turns; the least CPU time of some rounds, in microseconds, of a forward pass without gradients and of a
training step (SGD). The networks have the layers and sizes of ResNet-1D for ECG, a TCN, WaveNet's stack, Conv-TasNet's
separator and HiFi-GAN's upsampling; weights are random.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

import codegen


class Residual(nn.Module):
    """x + f(x)."""

    def __init__(self, *parts: Any) -> None:
        super().__init__()
        self.parts = nn.Sequential(*parts)

    def forward(self, x: Any) -> Any:
        return x + self.parts(x)


class Gated(nn.Module):
    """A layer of WaveNet: tanh and sigmoid of two halves, and 1x1 back."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.pad = nn.ConstantPad1d((dilation, 0), 0.0)
        self.conv = nn.Conv1d(channels, 2 * channels, 2, dilation=dilation)
        self.out = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Any) -> Any:
        a, b = self.conv(self.pad(x)).chunk(2, 1)
        return x + self.out(torch.tanh(a) * torch.sigmoid(b))


def resnet() -> tuple[Any, Any]:
    blocks = [
        Residual(nn.Conv1d(64, 64, 7, padding=3), nn.BatchNorm1d(64), nn.ReLU(), nn.Conv1d(64, 64, 7, padding=3))
        for _ in range(4)
    ]
    return nn.Sequential(nn.Conv1d(12, 64, 15, stride=2, padding=7), *blocks), torch.randn(1, 12, 1000)


def tcn() -> tuple[Any, Any]:
    blocks = [Residual(nn.Conv1d(32, 32, 3, padding=d, dilation=d), nn.ReLU()) for d in (1, 2, 4, 8, 16, 32)]
    return nn.Sequential(nn.Conv1d(8, 32, 1), *blocks), torch.randn(1, 8, 512)


def wavenet() -> tuple[Any, Any]:
    return nn.Sequential(nn.Conv1d(1, 32, 1), *(Gated(32, 1 << i) for i in range(10))), torch.randn(1, 1, 4000)


def separator() -> tuple[Any, Any]:
    blocks = [
        Residual(
            nn.Conv1d(128, 256, 1), nn.PReLU(), nn.Conv1d(256, 256, 3, padding=d, dilation=d, groups=256), nn.PReLU(),
            nn.Conv1d(256, 128, 1),
        )
        for d in (1, 2, 4, 8)
    ]  # fmt: skip
    return nn.Sequential(nn.Conv1d(1, 128, 16, stride=8), *blocks), torch.randn(1, 1, 8000)


def upsampler() -> tuple[Any, Any]:
    parts: list[Any] = [nn.Conv1d(80, 128, 7, padding=3)]
    for channels, stride in ((128, 8), (64, 8), (32, 4)):
        parts += [nn.LeakyReLU(0.1), nn.ConvTranspose1d(channels, channels // 2, 2 * stride, stride, stride // 2)]
        parts += [Residual(nn.Conv1d(channels // 2, channels // 2, 3, padding=1))]
    return nn.Sequential(*parts, nn.Conv1d(16, 1, 7, padding=3), nn.Tanh()), torch.randn(1, 80, 32)


NETWORKS = {"ResNet-1D": resnet, "TCN": tcn, "WaveNet": wavenet, "Conv-TasNet": separator, "HiFi-GAN": upsampler}


def least(runs: list[Callable[[], object]], rounds: int, seconds: float = 0.1) -> list[float]:
    """The least CPU time of one call of each, in microseconds, in turns."""
    counts = []
    for run in runs:
        run()
        began = time.process_time()
        run()
        counts.append(max(1, int(seconds / max(time.process_time() - began, 1e-6))))
    found = [float("inf")] * len(runs)
    for _ in range(rounds):
        for place, (run, count) in enumerate(zip(runs, counts, strict=True)):
            began = time.process_time()
            for _ in range(count):
                run()
            found[place] = min(found[place], (time.process_time() - began) / count * 1e6)
    return found


def step(net: Any, x: Any) -> Callable[[], None]:
    optimizer = torch.optim.SGD(net.parameters(), 1e-6)

    def run() -> None:
        optimizer.zero_grad()
        net(x).square().mean().backward()
        optimizer.step()

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"some of {', '.join(NETWORKS)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=8, help="of training steps (8)")
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out, which takes minutes")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"torch {torch.__version__}, gen-conv {codegen.__version__}")
    columns = ("eager", "compiled", "ours", "ours compiled", "eager/ours", "compiled/ours", "both compiled")
    print(f"{'':12} {'':9} " + " ".join(f"{one:>13}" for one in columns))
    for name in options.names or NETWORKS:
        torch._dynamo.reset()  # it compiles only so many networks, and runs others as they are
        theirs, x = NETWORKS[name]()
        ours = copy.deepcopy(theirs)
        left = codegen.accelerate(ours)
        assert not left, left
        compiled, both = theirs, ours
        if not options.no_compile:
            compiled, both = torch.compile(copy.deepcopy(theirs)), torch.compile(copy.deepcopy(ours))
        nets = theirs, compiled, ours, both
        with torch.no_grad():
            torch.testing.assert_close(ours(x), theirs(x), rtol=1e-3, atol=1e-4)
            forward = least([partial(net, x) for net in nets], options.rounds)
        batch = torch.cat([x] * options.batch)
        training = least([step(net, batch) for net in nets], options.rounds)
        for what, times in (("forward", forward), ("training", training)):
            eager, inductor, mine, joined = times
            told = " ".join(f"{one:13.0f}" for one in times)
            ratios = " ".join(f"{one:13.2f}" for one in (eager / mine, inductor / mine, inductor / joined))
            print(f"{name:12} {what:9} {told} {ratios}", flush=True)


if __name__ == "__main__":
    main()
