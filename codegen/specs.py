"""Specs: a layer as its user defined it, in Keras' words. An instance is right: all checking happens as it is made.

A kind is a frozen dataclass whose fields are its parameters, with `lower()` and a row in KINDS; the language, the help,
the docs and "did you mean" read its fields. Source: keras/src/layers/convolutional/{base_conv,base_depthwise_conv}.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import gcd
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from codegen import activations, constraints, initializers, names, regularizers
from codegen.activations import Activation
from codegen.errors import Diagnostic, SpecError, SpecErrors
from codegen.parameters import (
    REQUIRED,
    UNKNOWN,
    flag,
    from_table,
    one_of,
    padding,
    parameter,
    parameters,
    shape,
    shown,
    single,
    whole,
)
from codegen.problem import ConvProblem

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

Relation: TypeAlias = tuple[tuple[str, ...], Callable[[], Iterable[SpecError]]]
"""The fields that must be right for a rule between them to be looked at, and the rule."""

_INITIALIZER = from_table(initializers.get, "glorot_uniform")
_BIAS_INITIALIZER = from_table(initializers.get, "zeros")
_REGULARIZER = from_table(regularizers.get)
_CONSTRAINT = from_table(constraints.get)

_ACTIVATION = from_table(activations.get, "linear")


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What the kinds have in common. Making one raises SpecError for one thing wrong, SpecErrors for several."""

    kind: ClassVar[str]
    keras: ClassVar[str]  # the layer's class there

    name: str = parameter(names.check, "The layer's name: its C function's, its files' and its weights'.", "")
    input_shape: tuple[int | None, int | None] | None = parameter(
        shape,
        "One sample: (steps, channels), or (channels, steps) for channels_first; steps may be None, any number.",
        None,
        also=("in_channels", "batch_input_shape", "input_dim", "input_size", "input_length"),
    )
    kernel_size: int = parameter(single(whole(1)), "Taps of the kernel.", also=("kernel", "width", "filter_length"))
    strides: int = parameter(single(whole(1)), "Input steps from one output to the next.", 1, also=("stride", "hop"))
    padding: str | tuple[int, int] = parameter(
        padding, "valid, same, causal, or (left, right) zeros.", "valid", also=("pad", "pads", "border_mode")
    )
    data_format: str = parameter(
        one_of("channels_last", "channels_first"), "The order of the axes.", "channels_last", also=("layout",)
    )
    dilation_rate: int = parameter(
        single(whole(1)), "Input steps from one tap to the next.", 1, also=("dilation", "dilations")
    )
    activation: Activation = parameter(_ACTIVATION, "What each output goes through; None is linear.", None)
    use_bias: bool = parameter(flag, "Whether a bias is added to each filter.", True, also=("bias",))
    bias_initializer: Any = parameter(_BIAS_INITIALIZER, "What a new bias is.", "zeros")
    bias_regularizer: Any = parameter(_REGULARIZER, "The bias' penalty in training.", None)
    bias_constraint: Any = parameter(_CONSTRAINT, "What holds the bias after an update.", None)
    activity_regularizer: Any = parameter(_REGULARIZER, "The output's penalty in training.", None)
    trainable: bool = parameter(flag, "Whether training changes the weights.", True)
    dtype: str = parameter(one_of("float32", "float64"), "The type of input, weights, sums and output.", "float32")

    def __post_init__(self) -> None:
        bad = set()
        errors = []
        for name, known in parameters(type(self)).items():
            try:
                object.__setattr__(self, name, self._settled(name, known.check))
            except SpecError as wrong:
                bad.add(name)
                wrong.field = name
                errors += [] if getattr(self, name) is UNKNOWN else [wrong]
        for needs, rule in self._relations():
            if not bad.intersection(needs):
                errors += rule()
        if len(errors) == 1:
            raise errors[0]
        if errors or bad:
            raise SpecErrors(map(Diagnostic.of, errors))

    def _settled(self, name: str, check: Callable[[str, object], object]) -> object:
        value = getattr(self, name)
        if value is UNKNOWN:
            raise SpecError("E202", f"`{name}` could not be read")
        if value is REQUIRED:
            raise SpecError("E202", f"`{name}` is missing: {self.kind} needs it", hint=f"add {name} = …")
        if name == "name" and value in ("", None):
            return self.kind
        return check(name, "channels_last" if name == "data_format" and value is None else value)

    @property
    def channels_last(self) -> bool:
        return self.data_format == "channels_last"

    @property
    def steps(self) -> int | None:
        """The input's steps; None where they are free or nothing is known of the input."""
        return self.input_shape[0 if self.channels_last else 1] if self.input_shape else None

    @property
    def channels(self) -> int | None:
        """The input's channels; None where nothing is known of the input."""
        return self.input_shape[1 if self.channels_last else 0] if self.input_shape else None

    def build(self, input_shape: tuple[int | None, int | None]) -> Spec:
        """The same layer for a known input shape. Raises as construction does."""
        return replace(self, input_shape=input_shape)

    def lower(self) -> ConvProblem:
        """The problem, without a Keras word. Raises SpecError E202 where the input's channels are not known."""
        filters, groups = self._counts()
        channels = self._known_channels()
        reach = self.dilation_rate * (self.kernel_size - 1)
        left, right = {"valid": (0, 0), "causal": (reach, 0), "same": (reach // 2, reach - reach // 2)}.get(
            str(self.padding), self.padding
        )
        problem = ConvProblem(
            steps=self.steps,
            channels=channels,
            filters=filters,
            kernel_size=self.kernel_size,
            stride=self.strides,
            dilation=self.dilation_rate,
            groups=groups,
            pad_left=int(left),
            pad_right=int(right),
            centred=self.padding == "same" and self.strides > 1,
            channels_last=self.channels_last,
            dtype=self.dtype,
            bias=self.use_bias,
            activation=self.activation,
        )
        if problem.steps is None:
            return problem
        left, right = problem.pads(problem.steps)
        return replace(problem, pad_left=left, pad_right=right, centred=False)

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Keras' shapes: `kernel`, and `bias` if there is one. Raises SpecError E202 as lower() does."""
        shapes = {"kernel": self._kernel_shape()}
        return {**shapes, "bias": (self._counts()[0],)} if self.use_bias else shapes

    def problem_weights(self, weights: Mapping[str, Array]) -> tuple[Array, Array | None]:
        """(kernel, bias or None) in the problem's shapes, from arrays in Keras' shapes."""
        return weights["kernel"].reshape(self.lower().kernel_shape), weights["bias"] if self.use_bias else None

    def refusals(self) -> Iterator[SpecError]:
        """What Keras itself refuses in this layer, though it is computed here; E304 and E305."""
        if self.strides > 1 and self.dilation_rate > 1:
            message = f"Keras takes no strides > 1 with a dilation_rate > 1, got {self.strides} and {self.dilation_rate}"
            yield SpecError("E304", message, field="strides", hint="set one of them to 1, or leave --strict-keras out")
        if isinstance(self.padding, tuple):
            message = f"Keras knows no padding = {self.padding}"
            hint = "use valid, same or causal, or leave --strict-keras out"
            yield SpecError("E305", message, field="padding", hint=hint)

    def _counts(self) -> tuple[int, int]:
        """(filters, groups) of the problem."""
        raise NotImplementedError

    def _kernel_shape(self) -> tuple[int, ...]:
        raise NotImplementedError

    def _known_channels(self) -> int:
        if self.channels is None:
            message = f"`{self.name}` does not know its input's channels"
            raise SpecError("E202", message, field="input_shape", hint="add input_shape = (None, channels), or build()")
        return self.channels

    def _relations(self) -> Iterator[Relation]:
        where = ("input_shape", "data_format")
        yield where, self._channels_known
        yield ("kernel_size", "strides", "dilation_rate", "padding", *where), self._fits

    def _channels_known(self) -> Iterator[SpecError]:
        if self.input_shape and self.channels is None:
            order = "(steps, channels)" if self.channels_last else "(channels, steps)"
            message = f"`input_shape` is {shown(self.input_shape)}, so the channels are not known"
            hint = f"with {self.data_format} it is {order}; only steps may be None"
            yield SpecError("E301", message, field="input_shape", hint=hint)

    def _fits(self) -> Iterator[SpecError]:
        if self.steps is None:
            return
        reach = self.dilation_rate * (self.kernel_size - 1) + 1
        zeros = sum(self.padding) if isinstance(self.padding, tuple) else 0
        if self.padding in ("same", "causal") or self.steps + zeros >= reach:
            return
        wide = f"the kernel reaches over {reach} steps" + (f" (dilation_rate {self.dilation_rate})" * (reach > self.kernel_size))
        message = f"{wide}, the input has {self.steps}" + (f" and {zeros} zeros of padding" if zeros else "")
        hint = "a shorter kernel, more steps, or padding = same or causal"
        yield SpecError("E303", f"{message}: no output is left", field="kernel_size", hint=hint)


@dataclass(frozen=True, kw_only=True)
class Conv1DSpec(Spec):
    """keras.layers.Conv1D: every filter sees all channels of its group."""

    kind: ClassVar[str] = "conv1d"
    keras: ClassVar[str] = "Conv1D"

    filters: int = parameter(whole(1), "Output channels.", also=("out_channels", "nb_filter", "num_filters", "units"))
    groups: int = parameter(whole(1), "Groups of channels, each with filters of its own.", 1, also=("group",))
    kernel_initializer: Any = parameter(_INITIALIZER, "What a new kernel is.", "glorot_uniform", also=("init",))
    kernel_regularizer: Any = parameter(_REGULARIZER, "The kernel's penalty in training.", None)
    kernel_constraint: Any = parameter(_CONSTRAINT, "What holds the kernel after an update.", None)

    def _counts(self) -> tuple[int, int]:
        return self.filters, self.groups

    def _kernel_shape(self) -> tuple[int, ...]:
        return self.kernel_size, self._known_channels() // self.groups, self.filters

    def _relations(self) -> Iterator[Relation]:
        yield from super()._relations()
        yield ("filters", "groups"), self._filters_divide
        yield ("input_shape", "data_format", "groups"), self._channels_divide

    def _filters_divide(self) -> Iterator[SpecError]:
        if self.filters % self.groups:
            yield _indivisible("filters", self.filters, self.groups)

    def _channels_divide(self) -> Iterator[SpecError]:
        if self.channels is not None and self.channels % self.groups:
            yield _indivisible("the input's channels", self.channels, self.groups)


@dataclass(frozen=True, kw_only=True)
class DepthwiseConv1DSpec(Spec):
    """keras.layers.DepthwiseConv1D: depth_multiplier filters for each channel. Here it may be causal, too."""

    kind: ClassVar[str] = "depthwise_conv1d"
    keras: ClassVar[str] = "DepthwiseConv1D"

    depth_multiplier: int = parameter(whole(1), "Filters for each channel.", 1, also=("multiplier", "filters"))
    depthwise_initializer: Any = parameter(
        _INITIALIZER, "What a new kernel is.", "glorot_uniform", also=("kernel_initializer",)
    )
    depthwise_regularizer: Any = parameter(
        _REGULARIZER, "The kernel's penalty in training.", None, also=("kernel_regularizer",)
    )
    depthwise_constraint: Any = parameter(
        _CONSTRAINT, "What holds the kernel after an update.", None, also=("kernel_constraint",)
    )

    def _counts(self) -> tuple[int, int]:
        channels = self._known_channels()
        return channels * self.depth_multiplier, channels

    def _kernel_shape(self) -> tuple[int, ...]:
        return self.kernel_size, self._known_channels(), self.depth_multiplier

    def refusals(self) -> Iterator[SpecError]:
        yield from super().refusals()
        if self.padding == "causal":
            message = "Keras' DepthwiseConv1D takes no padding = causal"
            hint = "use a grouped conv1d, or leave --strict-keras out"
            yield SpecError("E305", message, field="padding", hint=hint)


def _indivisible(what: str, number: int, groups: int) -> SpecError:
    message = f"`groups` must divide {what}: {number} is not a multiple of {groups}"
    hint = f"write groups = {gcd(number, groups)}, or change {what}"
    return SpecError("E302", message, field="groups", hint=hint)


KINDS: dict[str, type[Spec]] = {kind.kind: kind for kind in (Conv1DSpec, DepthwiseConv1DSpec)}
COMING = ("separable_conv1d", "conv1d_transpose")
