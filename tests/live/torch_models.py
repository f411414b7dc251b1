"""Modules of PyTorch for the importer, each with the axes of its input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def nets(torch: Any) -> dict[str, tuple[Callable[[], Any], tuple[int, ...]]]:
    """name -> (what makes the module, the shape of an input)."""
    nn, functional = torch.nn, torch.nn.functional
    plain, parametrized = torch.nn.utils.weight_norm, torch.nn.utils.parametrizations.weight_norm

    class Causal(nn.Conv1d):  # type: ignore[misc,name-defined]  # a class that is known when it runs
        def forward(self, x: Any) -> Any:
            return super().forward(functional.pad(x, (2, 0)))

    class Residual(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.into = nn.Conv1d(3, 8, 7, stride=2, padding=3)
            self.blocks = nn.ModuleList(
                nn.Sequential(
                    parametrized(nn.Conv1d(8, 8, 3, padding=2**i, dilation=2**i)), nn.GroupNorm(2, 8), nn.PReLU(8)
                )
                for i in range(2)
            )
            self.odd = plain(nn.Conv1d(8, 8, 3, padding=1, padding_mode="reflect"))
            self.causal = Causal(8, 8, 3, bias=False)
            self.up = nn.ConvTranspose1d(8, 4, 4, 2, 1, groups=2)
            self.norm = nn.InstanceNorm1d(4, affine=True)

        def forward(self, x: Any) -> Any:
            x, skip = self.into(x), 0
            for block in self.blocks:
                y = block(x)
                skip, x = skip + y, x + y
            x = self.causal(torch.relu(self.causal(self.odd(x))))
            gate = torch.sigmoid(x.mean(-1, keepdim=True))
            a, b = (x * gate).chunk(2, dim=1)
            x = torch.cat([b, a], 1) + functional.gelu(skip) * 0.5
            return torch.tanh(self.norm(self.up(x))), functional.softmax(x, 1)[..., 1:-2]

    class Recurrent(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.front = Causal(4, 6, 3)
            self.memory = nn.LSTM(6, 5, 2, batch_first=True)
            self.both = nn.GRU(5, 3, 2, batch_first=True, bidirectional=True)
            self.norm = nn.LayerNorm(5)
            self.gate = nn.GRU(5, 4, batch_first=True)
            self.out = nn.Linear(4, 3)

        def forward(self, x: Any) -> Any:
            h, _ = self.memory(self.front(x).transpose(1, 2))
            h, _ = self.gate(self.norm(self.both(h)[0][..., 1:].flip(1)))
            return self.out(h[:, -1])

    class Flat(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.out = nn.Conv1d(2, 4, 3), nn.Linear(4 * 30, 5)

        def forward(self, x: Any) -> Any:
            return self.out(functional.leaky_relu(self.conv(x), 0.1).view(x.size(0), -1))

    class States(nn.Module):  # type: ignore[misc,name-defined]
        """Last states of several layers and directions, and a first one of zeros."""

        def __init__(self) -> None:
            super().__init__()
            self.simple = nn.RNN(4, 3, batch_first=True, nonlinearity="relu")
            self.deep = nn.GRU(3, 3, 2, batch_first=True)
            self.both = nn.LSTM(3, 2, batch_first=True, bidirectional=True)

        def forward(self, x: Any) -> Any:
            h, _ = self.simple(x.transpose(1, 2), torch.zeros(1, x.shape[0], 3))
            _, deep = self.deep(h)
            _, (both, _) = self.both(h)
            return torch.cat([deep[0], both[1], deep[-1], both[-2]], 1)

    def chain() -> Any:
        return nn.Sequential(
            nn.Conv1d(3, 6, 5, stride=2, padding=2),
            nn.Sequential(nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.5)),
            nn.MaxPool1d(2),
            parametrized(nn.Conv1d(6, 4, 3, padding="same")),
            plain(nn.Conv1d(4, 4, 3, padding=1, padding_mode="replicate")),
            nn.Hardswish(),
            nn.AdaptiveAvgPool1d(1),
            nn.Flatten(),
            nn.Linear(4, 3),
            nn.LogSoftmax(1),
        )

    return {
        "chain": (chain, (2, 3, 60)),
        "residual": (Residual, (2, 3, 64)),
        "recurrent": (Recurrent, (2, 4, 30)),
        "states": (States, (2, 4, 25)),
        "flat": (Flat, (2, 2, 32)),
    }


def filled(torch: Any, module: Any) -> Any:
    """The module for inference, all its weights drawn from one seed."""
    torch.manual_seed(7)
    for parameter in module.parameters():
        parameter.data.normal_(0, 0.4)
    for name, buffer in module.named_buffers():
        if "running_mean" in name:
            buffer.normal_()
        elif "running_var" in name:
            buffer.uniform_(0.5, 2)
    return module.eval()
