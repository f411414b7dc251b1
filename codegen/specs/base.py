"""The base of all specs: a layer as its user defined it, in Keras' words, checked as it is made.

A kind is a frozen dataclass whose fields are its parameters, with `lower()` and a row in codegen.specs.KINDS; the
language, the help, the docs and "did you mean" read its fields.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from codegen.errors import Diagnostic, SpecError, SpecErrors, keras_messages
from codegen.functions import activations, constraints, initializers, regularizers
from codegen.functions.activations import Activation
from codegen.numbers.formats import COMPUTED, WHOLE
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.epilogue import Epilogue
from codegen.problem.problem import Problem
from codegen.problem.stages import ending
from codegen.records import dataclass
from codegen.specs import names, quantised, rules
from codegen.specs.parameters import (
    DTYPES_ELSEWHERE,
    REQUIRED,
    UNKNOWN,
    flag,
    from_table,
    one_of,
    padding,
    parameter,
    parameters,
    row_of,
    shape,
    single,
    whole,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

DTYPES: Mapping[str, object] = ChainMap({"int8": WHOLE["int8"]}, COMPUTED)  # type: ignore[arg-type]  # of one kind each

Relation: TypeAlias = tuple[tuple[str, ...], Callable[[], Iterable[SpecError]]]
"""The fields that must be right for a rule between them to be looked at, and the rule."""

_INITIALIZERS, _REGULARIZERS, _CONSTRAINTS = (
    registry.names() for registry in (initializers.REGISTRY, regularizers.REGISTRY, constraints.REGISTRY)
)
KERNEL_INITIALIZER = from_table(initializers.get, _INITIALIZERS, "glorot_uniform", rank=3)
KERNEL_REGULARIZER = from_table(regularizers.get, _REGULARIZERS, rank=3)
KERNEL_CONSTRAINT = from_table(constraints.get, _CONSTRAINTS, rank=3)
_BIAS_INITIALIZER = from_table(initializers.get, _INITIALIZERS, "zeros", rank=1)
_BIAS_REGULARIZER = from_table(regularizers.get, _REGULARIZERS, rank=1)
_BIAS_CONSTRAINT = from_table(constraints.get, _CONSTRAINTS, rank=1)
_ACTIVITY_REGULARIZER = from_table(regularizers.get, _REGULARIZERS, rank=3)
_ACTIVATION = from_table(activations.get, [row.name for row in (*activations.ROWS, *activations.ROWWISE)], "linear")


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What the kinds have in common. Making one raises SpecError for one thing wrong, SpecErrors for several."""

    kind: ClassVar[str]
    keras: ClassVar[str]  # the layer's class there
    kernel_told: ClassVar[str] = ""  # how a kernel argument in C differs from Keras' array
    strides_dilate: ClassVar[bool] = False  # whether Keras takes strides > 1 with dilation_rate > 1 in this kind

    name: str = parameter(names.check, "The layer's name: its C function's, its files' and its weights'.", None)
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
    bias_regularizer: Any = parameter(_BIAS_REGULARIZER, "The bias' penalty in training.", None)
    bias_constraint: Any = parameter(_BIAS_CONSTRAINT, "What holds the bias after an update.", None)
    activity_regularizer: Any = parameter(_ACTIVITY_REGULARIZER, "The output's penalty in training.", None)
    trainable: bool = parameter(flag, "Whether training changes the weights.", True)
    dtype: str = parameter(
        row_of(DTYPES, DTYPES_ELSEWHERE | quantised.RESERVED),
        "The type of input, weights, sums and output; int8 with sums of int32.",
        "float32",
    )
    input_scale: float | None = parameter(quantised.scale, "int8: the size of one step of the input.", None)
    input_zero_point: int | None = parameter(quantised.zero_point, "int8: the code of 0.0 in the input.", None)
    output_scale: float | None = parameter(quantised.scale, "int8: the size of one step of the output.", None)
    output_zero_point: int | None = parameter(quantised.zero_point, "int8: the code of 0.0 in the output.", None)
    rounding: str | None = parameter(
        quantised.rounding, "int8: double (TFLM, CMSIS-NN), single or fp32 (XNNPACK); None is double.", None
    )
    sum_scale: float | None = parameter(
        quantised.scale, "int8: one step of the sums, where the activation is a table.", None
    )
    sum_zero_point: int | None = parameter(
        quantised.zero_point, "int8: the code of 0.0 in the sum, where the activation is a table.", None
    )

    def __post_init__(self) -> None:
        bad = set()
        errors = []
        for name, known in parameters(type(self)).items():
            try:
                object.__setattr__(self, name, self._settled(name, known.check))
            except SpecError as wrong:
                bad.add(name)
                wrong.field, given = name, getattr(self, name)
                wrong.keras = None if given is REQUIRED else wrong.keras or keras_messages.of(name, given)
                errors += [] if getattr(self, name) is UNKNOWN else [wrong]
        for needs, rule in self._relations():
            if not bad.intersection(needs):
                errors += rule()
        if not errors and not bad and self.channels:
            problem = self.problem
            for check in (rules.sizes, rules.halves, rules.phases):
                errors += check(problem)
            errors += rules.initializers_fit(self) if self.dtype in COMPUTED else ()
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
        if name == "name" and value is None:
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

    @property
    def own_activation(self) -> Callable[[Array], Any] | None:
        """A callable of the user's own, which no kernel holds: a layer applies it to what the kernel gives."""
        return None if isinstance(self.activation, Activation) else self.activation

    def build(self, input_shape: tuple[int | None, int | None]) -> Spec:
        """The same layer for a known input shape. Raises as construction does."""
        return replace(self, input_shape=input_shape)

    @cached_property
    def problem(self) -> Problem:
        """What `lower` makes, made once. Raises as it does."""
        return self.lower()

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: the parameters alone."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def lower(self) -> Problem:
        """The problem, without a Keras word. Raises SpecError E202 where the input's channels are not known."""
        return self.convolution()

    def convolution(self) -> ConvProblem:
        """One convolution of these sizes, of which a kind's own `lower` makes what it is. Raises as `lower` does."""
        filters, groups = self._counts()
        channels = self._known_channels()
        reach = self.dilation_rate * (self.kernel_size - 1)
        words = {"valid": (0, 0), "causal": (reach, 0), "same": (reach // 2, reach - reach // 2)}
        left, right = words[self.padding] if isinstance(self.padding, str) else self.padding
        problem = ConvProblem(
            steps=self.steps,
            channels=channels,
            filters=filters,
            kernel_size=self.kernel_size,
            stride=self.strides,
            dilation=self.dilation_rate,
            groups=groups,
            pad_left=left,
            pad_right=right,
            centred=self.padding == "same" and self.strides > 1 and reach > 0,
            channels_last=self.channels_last,
            dtype=self.dtype,
            epilogue=quantised.ending(self) if quantised.is_quantised(self) else self._ending(),
            zero=self.input_zero_point or 0,
        )
        return problem if problem.steps is None else problem.at_length(problem.steps)

    def _ending(self) -> Epilogue:
        """What becomes of sums of floats."""
        return ending(self.use_bias, self.activation if self.own_activation is None else activations.LINEAR)

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Keras' shapes: `kernel`, and `bias` if there is one; of int8 each kernel's scale too.

        Raises SpecError E202 as lower() does.
        """
        shapes = self._weight_shapes()
        if not quantised.is_quantised(self):
            return shapes
        return quantised.weight_shapes(shapes, dict(zip(shapes, self._filters_of(), strict=False)))

    def _weight_shapes(self) -> dict[str, tuple[int, ...]]:
        shapes = {"kernel": self._kernel_shape()}
        return {**shapes, "bias": (self._counts()[0],)} if self.use_bias else shapes

    def _filters_of(self) -> tuple[int, ...]:
        """The filters of each kernel, in the order of the weights."""
        return (self._counts()[0],)

    @property
    def constants(self) -> dict[str, int | float]:
        """The constants of a layer of int8 in its C header, by suffix; none of others."""
        grid = quantised.GRID if quantised.is_quantised(self) else ()
        return {name.upper(): getattr(self, name) for name in grid}

    def weight_dtype(self, weight: str) -> str:
        """The format of one of the weights."""
        return quantised.weight_dtype(weight) if quantised.is_quantised(self) else self.dtype

    @property
    def grids(self) -> tuple[str, ...]:
        """The scales and zero points that a layer of int8 has."""
        return quantised.GRID

    def option_of(self, weight: str, what: str) -> str:
        """The field with the initializer, regularizer or constraint (`what`) of a weight; kinds name each as Keras."""
        stems = (weight, weight.removesuffix("_kernel"), "depthwise")
        return next(f"{stem}_{what}" for stem in stems if hasattr(self, f"{stem}_{what}"))

    def problem_weights(self, weights: Mapping[str, Array]) -> tuple[Array, Array | None]:
        """(kernel, bias or None) in the problem's shapes, from arrays in Keras' shapes."""
        return weights["kernel"].reshape(self.problem.kernel_shape), weights["bias"] if self.use_bias else None

    def problem_arrays(self, weights: Mapping[str, Array]) -> tuple[Array | None, ...]:
        """(kernel, what the epilogue reads…) in the problem's shapes, from arrays in Keras' shapes."""
        kernel, bias = self.problem_weights(weights)
        if not quantised.is_quantised(self):
            return kernel, bias
        return (kernel, *quantised.operands(self, weights, bias))

    def refusals(self) -> Iterator[SpecError]:
        """What Keras itself refuses in this layer, though it is computed here; E304 and E305."""
        return rules.keras_refuses(self)

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
        yield where, partial(rules.channels_known, self)
        yield ("kernel_size", "strides", "dilation_rate", "padding", *where), partial(rules.fits, self)
        said = ("dtype", *self.grids, *quantised.SUMS)
        yield (*said, "rounding"), partial(quantised.stray, self)
        yield said, partial(quantised.complete, self)
        yield (*said, "activation"), partial(quantised.serves, self)
