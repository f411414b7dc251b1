"""The kinds of layers that only models have: no convolutions, each with weights of its own, in Keras' words.

Source: keras/src/layers/core/dense.py, normalization/*.py, rnn/lstm.py, rnn/gru.py,
rnn/simple_rnn.py, activations/prelu.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from codegen.errors import SpecError
from codegen.errors.counting import counted
from codegen.functions import activations
from codegen.functions.activations import Activation
from codegen.records import dataclass
from codegen.specs.kinds import KINDS, Spec
from codegen.specs.model_base import LINEAR, MATRIX, ONES, ORTHOGONAL, SIGMOID, TANH, ZEROS, ModelSpec
from codegen.specs.parameters import flag, parameter, positive, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "GRU",
    "LSTM",
    "MODEL_KINDS",
    "BatchNormalization",
    "Dense",
    "GroupNormalization",
    "LayerNormalization",
    "ModelSpec",
    "PReLU",
    "Recurrent",
    "SimpleRNN",
    "known_kinds",
]


@dataclass(frozen=True, kw_only=True)
class Dense(ModelSpec):
    """keras.layers.Dense: each step by itself."""

    kind: ClassVar[str] = "dense"
    keras: ClassVar[str] = "Dense"

    units: int = parameter(whole(1), "Output channels.", also=("filters", "out_features", "output_dim"))
    activation: Activation = parameter(LINEAR, "What each output goes through; None is linear.", None)
    use_bias: bool = parameter(flag, "Whether a bias is added.", True, also=("bias",))
    kernel_initializer: Any = parameter(MATRIX, "What a new kernel is.", "glorot_uniform")
    bias_initializer: Any = parameter(ZEROS, "What a new bias is.", "zeros")

    @property
    def out_channels(self) -> int:
        return self.units // activations.row(self.activation).shares

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {"kernel": (self.known_channels, self.units)}
        return {**shapes, "bias": (self.units,)} if self.use_bias else shapes


@dataclass(frozen=True, kw_only=True)
class Normalization(ModelSpec):
    """What the normalizations share: (x - mean) / sqrt(variance + epsilon) * gamma + beta, per channel."""

    epsilon: float = parameter(positive, "What is added to the variance.", 1e-3, also=("eps",))
    center: bool = parameter(flag, "Whether beta is added.", True)
    scale: bool = parameter(flag, "Whether it is multiplied by gamma.", True)
    gamma_initializer: Any = parameter(ONES, "What a new gamma is.", "ones")
    beta_initializer: Any = parameter(ZEROS, "What a new beta is.", "zeros")

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        shape = (self.known_channels,)
        return {name: shape for name, held in (("gamma", self.scale), ("beta", self.center)) if held}


@dataclass(frozen=True, kw_only=True)
class BatchNormalization(Normalization):
    """keras.layers.BatchNormalization, as it is after training: with the means that it has seen."""

    kind: ClassVar[str] = "batch_normalization"
    keras: ClassVar[str] = "BatchNormalization"
    fixed: ClassVar[tuple[str, ...]] = ("moving_mean", "moving_variance")

    moving_mean_initializer: Any = parameter(ZEROS, "What a new mean is.", "zeros")
    moving_variance_initializer: Any = parameter(ONES, "What a new variance is.", "ones")

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        shape = (self.known_channels,)
        return {**super().weight_shapes(), "moving_mean": shape, "moving_variance": shape}


@dataclass(frozen=True, kw_only=True)
class LayerNormalization(Normalization):
    """keras.layers.LayerNormalization: over the channels of each step."""

    kind: ClassVar[str] = "layer_normalization"
    keras: ClassVar[str] = "LayerNormalization"


@dataclass(frozen=True, kw_only=True)
class GroupNormalization(Normalization):
    """keras.layers.GroupNormalization: over all steps, and the channels of each group."""

    kind: ClassVar[str] = "group_normalization"
    keras: ClassVar[str] = "GroupNormalization"
    over_time: ClassVar[bool] = True

    groups: int = parameter(whole(1), "Groups of channels; as many as channels: each by itself.", 32)

    def _fits(self) -> list[SpecError]:
        if self.channels is None or self.channels % self.groups == 0:
            return []
        message = f"`groups` is {self.groups}, which does not divide the input's {counted(self.channels, 'channel')}"
        return [
            SpecError("E302", message, field="groups", hint="give a number that divides them; 1 takes all together")
        ]


@dataclass(frozen=True, kw_only=True)
class Recurrent(ModelSpec):
    """What recurrent layers share: `units` numbers that go from step to step, made of sums for each of `gates`."""

    gates: ClassVar[int]

    units: int = parameter(whole(1), "Output channels, and numbers that are kept.", also=("hidden_size", "filters"))
    activation: Activation = parameter(TANH, "What new values go through.", "tanh")
    use_bias: bool = parameter(flag, "Whether there is a bias.", True, also=("bias",))
    return_sequences: bool = parameter(flag, "Whether all steps are outputs, or the last alone.", False)
    initial_state: bool = parameter(flag, "Whether the first state is a weight, or zeros.", False)
    kernel_initializer: Any = parameter(MATRIX, "What a new kernel is.", "glorot_uniform")
    recurrent_initializer: Any = parameter(ORTHOGONAL, "What a new recurrent kernel is.", "orthogonal")
    bias_initializer: Any = parameter(ZEROS, "What a new bias is.", "zeros")
    initial_initializer: Any = parameter(ZEROS, "What a new first state is.", "zeros")

    @property
    def out_channels(self) -> int:
        return self.units

    @property
    def states(self) -> tuple[str, ...]:
        """What it begins with: weights with `initial_state`, or values of a model."""
        return ("initial_h",)

    @property
    def curves(self) -> tuple[Activation, ...]:
        """The activations that its sums go through."""
        return (self.activation,)

    def out_steps(self, steps: int) -> int:
        return steps if self.return_sequences else min(steps, 1)

    def option_of(self, weight: str, what: str) -> str:
        return f"{weight.split('_')[0]}_{what}"

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        wide = self.gates * self.units
        shapes: dict[str, tuple[int, ...]] = {"kernel": (self.known_channels, wide)}
        shapes["recurrent_kernel"] = (self.units, wide)
        return shapes


@dataclass(frozen=True, kw_only=True)
class SimpleRNN(Recurrent):
    """keras.layers.SimpleRNN: the input's sums and those of the last outputs, through one activation."""

    kind: ClassVar[str] = "simple_rnn"
    keras: ClassVar[str] = "SimpleRNN"
    gates: ClassVar[int] = 1

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        shapes = super().weight_shapes()
        more = {
            name: (self.units,) for name, held in (("bias", self.use_bias), ("initial_h", self.initial_state)) if held
        }
        return {**shapes, **more}


@dataclass(frozen=True, kw_only=True)
class Gated(Recurrent):
    """What LSTM and GRU share: gates."""

    recurrent_activation: Activation = parameter(SIGMOID, "What the gates go through.", "sigmoid")

    @property
    def curves(self) -> tuple[Activation, ...]:
        return (self.activation, self.recurrent_activation)


@dataclass(frozen=True, kw_only=True)
class LSTM(Gated):
    """keras.layers.LSTM; the gates in its weights are i, f, c, o."""

    kind: ClassVar[str] = "lstm"
    keras: ClassVar[str] = "LSTM"
    gates: ClassVar[int] = 4

    unit_forget_bias: bool = parameter(flag, "Whether a new bias has ones for the forget gate.", True)
    return_cells: bool = parameter(flag, "Whether the cells are outputs, too, behind the others.", False)

    @property
    def out_channels(self) -> int:
        return (1 + self.return_cells) * self.units

    @property
    def states(self) -> tuple[str, ...]:
        return ("initial_h", "initial_c")

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        shapes = super().weight_shapes()
        if self.use_bias:
            shapes["bias"] = (4 * self.units,)
        if self.initial_state:
            shapes |= {"initial_h": (self.units,), "initial_c": (self.units,)}
        return shapes

    def option_of(self, weight: str, what: str) -> str:
        if weight == "bias" and self.unit_forget_bias:
            return "forgetful_bias"
        return super().option_of(weight, what)

    @property
    def forgetful_bias(self) -> Callable[[tuple[int, ...], str], NDArray[Any]]:
        """What makes a new bias: ones for the forget gate, the initializer's for the others."""

        def made(shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
            found: NDArray[Any] = self.bias_initializer(shape, dtype).copy()
            found[self.units : 2 * self.units] = 1
            return found

        return made


@dataclass(frozen=True, kw_only=True)
class GRU(Gated):
    """keras.layers.GRU; the gates in its weights are z, r, h."""

    kind: ClassVar[str] = "gru"
    keras: ClassVar[str] = "GRU"
    gates: ClassVar[int] = 3

    reset_after: bool = parameter(flag, "Whether the reset gate comes after the recurrent kernel.", True)

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        shapes, wide = super().weight_shapes(), 3 * self.units
        if self.use_bias:
            shapes["bias"] = (2, wide) if self.reset_after else (wide,)
        if self.initial_state:
            shapes["initial_h"] = (self.units,)
        return shapes


@dataclass(frozen=True, kw_only=True)
class PReLU(ModelSpec):
    """keras.layers.PReLU that shares its slopes over the steps: x, or alpha times x where x is negative."""

    kind: ClassVar[str] = "prelu"
    keras: ClassVar[str] = "PReLU"

    shared: bool = parameter(flag, "Whether one slope serves all channels.", False)
    alpha_initializer: Any = parameter(ZEROS, "What new slopes are.", "zeros")

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"alpha": (1 if self.shared else self.known_channels,)}


_ALL: tuple[type[ModelSpec], ...] = (
    Dense,
    BatchNormalization,
    LayerNormalization,
    GroupNormalization,
    LSTM,
    GRU,
    SimpleRNN,
    PReLU,
)
MODEL_KINDS: dict[str, type[ModelSpec]] = {kind.kind: kind for kind in _ALL}


def known_kinds() -> dict[str, type[Spec] | type[ModelSpec]]:
    """The kinds of layers that a file may have, by their words: convolutions first."""
    return {**KINDS, **MODEL_KINDS}
