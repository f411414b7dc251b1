"""The models that are timed, and what was measured once of peers that no package manager installs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.installed import folder
from codegen.records import dataclass

if TYPE_CHECKING:
    from codegen.bench.case import Array
    from codegen.graph.graph import Graph
    from codegen.layers.how import How
    from codegen.layers.net import Net

__all__ = ["CASES", "ModelCase"]

HERE = "2026-11-29, Xeon 2.8 GHz, gcc 12.2 -O3 or -Ofast -march=native, from C, in turns with ours under load"


@dataclass(frozen=True)
class ModelCase:
    """`model` of a .conv file, or its one model, on `steps` input steps: whole, or `blocks` of a stream of so many.

    `recorded` is what peers that are built by hand took, by name; `scale` the size of the input's numbers, with which
    a softmax decides nothing yet.
    """

    label: str
    path: str
    steps: int
    blocks: bool = False
    model: str = ""
    recorded: Mapping[str, str] = field(default_factory=dict)
    scale: float = 1.0

    def net(self, how: How) -> Net:
        """The model with the weights that its initializers make."""
        from codegen.layers.model import load

        place, _, name = self.path.rpartition("/")
        text = (folder(place) / name).read_text(encoding="utf-8")
        if not self.blocks:  # peers are told the length, too
            text = text.replace("input x = (None,", f"input x = ({self.steps},")
        nets: Any = load(text, seed=1, target=how.target, accuracy="exact" if self.blocks else how.accuracy).nets
        net: Net = nets[self.model] if self.model else next(iter(nets.values()))
        return net

    def inputs(self, graph: Graph) -> Array:
        """(1, steps, channels) float32."""
        ((_, at),) = graph.inputs
        shape = (1, self.steps, graph.shapes[at].channels)
        return (np.random.default_rng(2024).standard_normal(shape) * self.scale).astype(np.float32)


RECORDED = {
    "A1/16": "NAM Core daae2d0 1,691 ns a step with its fast tanh (error 2.4e-2 of rms), 6,289 with libm's; "
    "NeuralAudio e59cd5d (EigenMath) 1,581; RTNeural-NAM 720d83f 1,330; ours 399 beside them",
    "A1/64": "NAM Core daae2d0 1,251 ns a step with its fast tanh (error 2.4e-2 of rms), 5,836 with libm's; "
    "NeuralAudio e59cd5d (EigenMath) 1,308; RTNeural-NAM 720d83f 1,289; ours 384 beside them",
    "A1/512": "NAM Core daae2d0 1,618 ns a step with its fast tanh; NeuralAudio e59cd5d 1,261; ours 368 beside them",
    "A1/1": "NAM Core daae2d0 4,418 ns a step with its fast tanh; NeuralAudio e59cd5d 3,464; ours 1,203 beside them",
    "A2 full/64": "NAM Core daae2d0 (a2_fast) 1,415 ns a step; ours 394 beside it",
    "A2 lite/64": "NAM Core daae2d0 (a2_fast) 250 ns a step; ours 70 beside it",
}


def _streamed(label: str, path: str, steps: int, model: str = "") -> ModelCase:
    told = {"by hand": f"{RECORDED[label]} ({HERE})"} if label in RECORDED else {}
    return ModelCase(label, path, steps, True, model, told)


CASES = (
    *(_streamed(f"A1/{block}", "examples/amp.conv", block) for block in (1, 16, 64, 512)),
    _streamed("A2 full/64", "bench/nets/a2.conv", 64, "full"),
    _streamed("A2 lite/64", "bench/nets/a2.conv", 64, "lite"),
    _streamed("voice/512", "examples/voice_detector.conv", 512),
    ModelCase("CNN", "bench/nets/cnn.conv", 256),
    ModelCase("TC-ResNet8", "examples/tc_resnet8.conv", 98),
    ModelCase("Hannun", "examples/arrhythmia.conv", 9216, scale=1e-3),
)
