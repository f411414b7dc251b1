"""Rules: what must hold between a layer's parameters. Each yields the errors that it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import gcd, prod
from typing import ClassVar, Protocol

from codegen.errors import SpecError, keras_messages
from codegen.errors.counting import counted
from codegen.functions.activations import row
from codegen.functions.initializers import Initializer
from codegen.problem.conv_problem import C_BYTES, CODE_BYTES, MOST_CODES, MOST_PHASES, MOST_TABLE
from codegen.problem.problem import Problem
from codegen.specs.parameters import LARGEST, shown


class Definition(Protocol):
    """What the rules read of a layer's definition, of any kind."""

    keras: ClassVar[str]
    strides_dilate: ClassVar[bool]

    @property
    def input_shape(self) -> tuple[int | None, int | None] | None: ...
    @property
    def steps(self) -> int | None: ...
    @property
    def channels(self) -> int | None: ...
    @property
    def channels_last(self) -> bool: ...
    @property
    def data_format(self) -> str: ...
    @property
    def kernel_size(self) -> int: ...
    @property
    def strides(self) -> int: ...
    @property
    def dilation_rate(self) -> int: ...
    @property
    def padding(self) -> str | tuple[int, int]: ...
    @property
    def name(self) -> str: ...
    @property
    def dtype(self) -> str: ...
    def weight_shapes(self) -> dict[str, tuple[int, ...]]: ...
    def option_of(self, weight: str, option: str) -> str: ...


def channels_known(spec: Definition) -> Iterator[SpecError]:
    """E301: an input shape tells the channels; only the steps may be free."""
    if spec.input_shape and spec.channels is None:
        order = "(steps, channels)" if spec.channels_last else "(channels, steps)"
        message = f"`input_shape` is {shown(spec.input_shape)}, so the channels are not known"
        hint = f"with {spec.data_format} it is {order}; only steps may be None"
        yield SpecError("E301", message, field="input_shape", hint=hint)


def divides(groups: int, what: str, number: int | None, said: Callable[[int, int], str]) -> Iterator[SpecError]:
    """E302: groups are of one size (keras/src/layers/convolutional/base_conv.py)."""
    if number is not None and number % groups:
        message = f"`groups` must divide {what}: {number} is not a multiple of {groups}"
        hint = f"write groups = {gcd(number, groups)}, or change {what}"
        yield SpecError("E302", message, field="groups", hint=hint, keras=said(groups, number))


def fits(spec: Definition) -> Iterator[SpecError]:
    """E303: a fixed input gives one output at least (keras/src/ops/operation_utils.py, compute_conv_output_shape)."""
    if spec.steps is None or spec.padding in ("same", "causal"):
        return
    reach = spec.dilation_rate * (spec.kernel_size - 1) + 1
    zeros = sum(spec.padding) if isinstance(spec.padding, tuple) else 0
    if spec.steps + zeros < reach:
        room = f"{spec.steps}" + (f" and {counted(zeros, 'zero')} of padding" if zeros else "")
        message = f"the kernel reaches over {counted(reach, 'step')}, the input has {room}: no output is left"
        hint = "take a shorter kernel, more steps, or padding = same or causal"
        said = keras_messages.no_output((None, *(spec.input_shape or ())))
        yield SpecError("E303", message, field="kernel_size", hint=hint, keras=said)


def halves(problem: Problem) -> Iterator[SpecError]:
    """E308: an activation that makes one output of several filters has whole outputs."""
    shares = row(problem.activation).shares
    if problem.filters % shares:
        name = problem.activation.name
        message = f"`activation`: {name} makes one output of {shares} filters, and {problem.filters} are not even"
        hint = f"give {problem.filters + 1} filters for {(problem.filters + 1) // shares} outputs"
        yield SpecError("E308", message, field="activation", hint=hint)


def sizes(problem: Problem) -> Iterator[SpecError]:
    """E306: every array's numbers, and every distance in the input, are counted in 31 bits."""
    counts = {
        "kernel holds": prod(problem.kernel_shape),
        "kernel with its padding reaches over": max(
            stage.reach + stage.pad_left + stage.pad_right for stage in problem.stages
        ),
    }
    if problem.steps is not None:
        counts["input holds"] = problem.steps * problem.channels
        counts["output holds"] = problem.out_steps(problem.steps) * problem.filters
    for what, count in counts.items():
        if count >= LARGEST:
            message = f"the {what} {count:,} numbers; 2**31 - 1 is the most"
            yield SpecError("E306", message, field="kernel_size", hint="make the layer smaller, or split it")


def phases(problem: Problem) -> Iterator[SpecError]:
    """E410: an output's taps depend on where it lies between two input steps; each such place has code of its own."""
    if problem.phases > MOST_PHASES:
        message = (
            f"strides and dilation_rate make {problem.phases:,} kinds of outputs, each with taps and code of its own"
        )
        hint = f"{MOST_PHASES:,} are the most: set dilation_rate = 1, or take smaller strides or a shorter kernel"
        yield SpecError("E410", message, field="strides", hint=hint)


def initializers_fit(spec: Definition) -> Iterator[SpecError]:
    """E232, E233: each initializer of ours can make its weight, as its `demand` says."""
    for weight, shape in spec.weight_shapes().items():
        field = spec.option_of(weight, "initializer")
        made = getattr(spec, field)
        try:
            if isinstance(made, Initializer):
                made.demand(shape, spec.dtype)
        except SpecError as wrong:
            message = f"`{field}` of `{spec.name}`: {wrong.message}"
            yield SpecError(wrong.code, message, field=field, hint=wrong.hint, keras=wrong.keras)


def tables(problem: Problem) -> Iterator[SpecError]:
    """E411: a kernel that is to be a const table is text that a compiler reads: 16 bytes of C a number, 5 a code.

    That of int8 has zeros where one place between two input steps has fewer taps than another.
    """
    way = "leave --weights and --init out, and hand the kernel over as an argument"
    numbers, most, each = prod(problem.kernel_shape), MOST_TABLE, C_BYTES
    if problem.format.whole:
        most, each = MOST_CODES, CODE_BYTES
        numbers = sum(stage.up * stage.filters * stage.terms for stage in problem.stages)
        way = "take smaller strides, fewer filters or a shorter kernel"
    if numbers > most:
        message = f"the kernel's {numbers:,} numbers would be {each * numbers:,} bytes of C, as const tables"
        hint = f"{most:,} are the most: {way}"
        yield SpecError("E411", message, field="kernel_size", hint=hint)


def keras_refuses(spec: Definition) -> Iterator[SpecError]:
    """E304, E305: what is computed here and refused by Keras (keras/src/layers/convolutional/base_conv.py)."""
    if spec.strides > 1 and spec.dilation_rate > 1 and not spec.strides_dilate:
        message = f"Keras takes no strides > 1 with dilation_rate > 1, got {spec.strides} and {spec.dilation_rate}"
        said = keras_messages.strides_and_dilation(spec.strides, spec.dilation_rate)
        hint = "set one of them to 1, or leave --strict-keras out"
        yield SpecError("E304", message, field="strides", hint=hint, keras=said)
    if isinstance(spec.padding, tuple):
        hint = "use valid, same or causal, or leave --strict-keras out"
        yield SpecError("E305", f"Keras knows no padding = {spec.padding}", field="padding", hint=hint)


def keras_refuses_causal(spec: Definition) -> Iterator[SpecError]:
    """E305: keras/src/layers/convolutional/base_depthwise_conv.py knows valid and same."""
    if spec.padding == "causal":
        hint = "use a conv1d with groups = channels, or leave --strict-keras out"
        yield SpecError("E305", f"Keras' {spec.keras} takes no padding = causal", field="padding", hint=hint)
