"""A model's gradients beside PyTorch's, of the same weights in Keras' layouts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import codegen
from codegen.gradients.models import tape
from codegen.planning.ask import Ask
from codegen.problem.targets import target_named
from tests.gradients.test_models import in_float64

pytestmark = pytest.mark.live
torch = pytest.importorskip("torch", reason="needs PyTorch: pip install torch")

NET = """
conv1d conv { filters = 6, kernel_size = 3, strides = 2, padding = (2, 1), activation = leaky_relu }
depthwise_conv1d each { kernel_size = 2, dilation_rate = 2, padding = causal }
conv1d_transpose up { filters = 4, kernel_size = 4, strides = 2 }
batch_normalization norm { epsilon = 1e-3 }
layer_normalization rows {}
prelu slopes {}
lstm memory_a { units = 3, return_sequences = True }
gru memory_b { units = 4, return_sequences = True }
dense out { units = 3, activation = softmax }
model net {
    input x = (None, 4)
    h = norm(conv(x))
    h = max_pool(slopes(h), 2) + average_pool(each(h), 2)
    h = rows(up(h))
    h = concat(memory_a(h), memory_b(tanh(h)))
    output y = out(h[1:] / (2 + abs(h[:6])))
    output z = global_max_pool(upsample(crop(h, 1), 2))
}
"""


def by_torch(w: dict[str, dict[str, Any]], x: Any) -> dict[str, Any]:
    """The same model in PyTorch, of our arrays as leaves."""
    f = torch.nn.functional

    def conv(a: Any, layer: str, pads: tuple[int, int], **options: Any) -> Any:
        return f.conv1d(f.pad(a, pads), w[layer]["kernel"].permute(2, 1, 0), w[layer]["bias"], **options)

    def unit(a: Any, mean: Any, variance: Any, layer: str) -> Any:
        return (a - mean) / (variance + 1e-3).sqrt() * w[layer]["gamma"] + w[layer]["beta"]

    def gates(layer: str, order: tuple[int, ...], units: int) -> dict[str, Any]:
        found = w[layer]
        bias = found["bias"] if found["bias"].ndim == 2 else torch.stack([found["bias"], 0 * found["bias"]])
        parts = found["kernel"].T, found["recurrent_kernel"].T, *bias
        names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        turned = (torch.cat([part[units * at : units * (at + 1)] for at in order]) for part in parts)
        return dict(zip(names, turned, strict=True))

    h = f.leaky_relu(conv(x.transpose(1, 2), "conv", (2, 1), stride=2), 0.2).transpose(1, 2)
    h = unit(h, w["norm"]["moving_mean"], w["norm"]["moving_variance"], "norm")
    pooled = f.max_pool1d(torch.where(h < 0, w["slopes"]["alpha"] * h, h).transpose(1, 2), 2)
    kernel = w["each"]["kernel"].permute(1, 2, 0)
    each = f.conv1d(f.pad(h.transpose(1, 2), (2, 0)), kernel, w["each"]["bias"], groups=6, dilation=2)
    h = pooled + f.avg_pool1d(each, 2)
    h = f.conv_transpose1d(h, w["up"]["kernel"].permute(2, 1, 0), w["up"]["bias"], stride=2).transpose(1, 2)
    h = unit(h, h.mean(-1, keepdim=True), h.var(-1, keepdim=True, unbiased=False), "rows")
    lstm = torch.nn.LSTM(4, 3, batch_first=True).double()
    gru = torch.nn.GRU(4, 4, batch_first=True).double()
    one = torch.func.functional_call(lstm, gates("memory_a", (0, 1, 2, 3), 3), (h,))[0]
    other = torch.func.functional_call(gru, gates("memory_b", (1, 0, 2), 4), (torch.tanh(h),))[0]
    h = torch.cat([one, other], -1)
    y = torch.softmax((h[..., 1:] / (2 + h[..., :6].abs())) @ w["out"]["kernel"] + w["out"]["bias"], -1)
    return {"y": y, "z": h[:, 1:].amax(1, keepdim=True)}


@pytest.mark.compiles
def test_gradients_are_torch_s() -> None:
    net = codegen.load(NET, seed=5).net
    graph, random = in_float64(net.graph), np.random.default_rng(1)
    weights = {
        layer: {n: a.astype("d") + 0.3 * random.random(a.shape) for n, a in held.items()}
        for layer, held in net.weights.items()
    }
    x = random.standard_normal((3, 21, 4))
    made = tape.forward(graph, {"x": x}, weights, Ask(target_named("native"), "packed", "exact"))
    leaves = {k: {n: torch.tensor(a, requires_grad=True) for n, a in held.items()} for k, held in weights.items()}
    given = torch.tensor(x, requires_grad=True)
    theirs = by_torch(leaves, given)
    dy = {name: random.standard_normal(tuple(y.shape)) for name, y in theirs.items()}
    for name, y in theirs.items():
        assert np.allclose(made.outputs[name], y.detach().numpy(), rtol=1e-10, atol=1e-12)
    sum((y * torch.tensor(dy[name])).sum() for name, y in theirs.items()).backward()
    found = made.back(dy)
    assert np.allclose(found.x, given.grad.numpy(), rtol=1e-9, atol=1e-12)
    for layer, held in leaves.items():
        for name, leaf in held.items():
            if "moving" not in name:
                assert np.allclose(found.layers[layer][name], leaf.grad.numpy(), rtol=1e-9, atol=1e-12), (layer, name)
