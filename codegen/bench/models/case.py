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

HERE = "2026-11-29, Xeon 2.8 GHz, gcc 12.2 -march=native, each in turns with ours under load"


@dataclass(frozen=True)
class ModelCase:
    """`model` of a .conv file, or its one model, on `steps` input steps: whole, or `blocks` of a stream of so many.

    `recorded` is what peers that are built by hand took, by name.
    """

    label: str
    path: str
    steps: int
    blocks: bool = False
    model: str = ""
    recorded: Mapping[str, str] = field(default_factory=dict)

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
        return np.random.default_rng(2024).standard_normal(shape).astype(np.float32)


AMP = {
    16: "NAM Core daae2d0 with its fast tanh 1,668 ns a step, NeuralAudio e59cd5d 1,570, RTNeural-NAM 720d83f 1,208",
    64: "NAM Core daae2d0 with its fast tanh 1,253 ns a step, NeuralAudio e59cd5d 1,193, RTNeural-NAM 720d83f 1,198",
}


def _amps() -> list[ModelCase]:
    found = []
    for block in (1, 16, 64, 512):
        told = {"by hand": f"{AMP[block]} beside 512 and 454 of ours ({HERE})"} if block in AMP else {}
        found.append(ModelCase(f"A1/{block}", "examples/amp.conv", block, True, recorded=told))
    return found


CASES = (
    *_amps(),
    ModelCase("A2 full/64", "bench/nets/a2.conv", 64, True, "full"),
    ModelCase("A2 lite/64", "bench/nets/a2.conv", 64, True, "lite"),
    ModelCase("voice/512", "examples/voice_detector.conv", 512, True),
    ModelCase("CNN", "bench/nets/cnn.conv", 256),
    ModelCase("TC-ResNet8", "examples/tc_resnet8.conv", 98),
    ModelCase("Hannun", "examples/arrhythmia.conv", 9216),
)
