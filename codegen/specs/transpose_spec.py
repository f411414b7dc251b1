"""conv1d_transpose: each input step adds a kernel's length of outputs, `strides` after those of the step before.

Sources: keras/src/layers/convolutional/base_conv_transpose.py; the padding's arithmetic is that of
_convert_conv_transpose_padding_args_from_keras_to_jax in keras/src/backend/common/backend_utils.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from codegen.errors import SpecError, keras_messages
from codegen.errors.counting import counted
from codegen.problem.conv_problem import ConvProblem
from codegen.records import dataclass
from codegen.specs import parameters
from codegen.specs.base import KERNEL_CONSTRAINT, KERNEL_INITIALIZER, KERNEL_REGULARIZER, Relation, Spec
from codegen.specs.parameters import parameter, single, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]


def _cropping(name: str, value: object) -> str | tuple[int, int]:
    """valid or same, whatever the case; or (left, right), the outputs to leave out."""
    if isinstance(value, str) and value.lower() not in ("valid", "same"):
        message = f"`{name}` must be valid, same or (left, right), got {parameters.shown(value)}"
        hint = "a transposed convolution may be valid or same, or leave out (left, right) outputs"
        raise SpecError("E203", message, hint=hint, keras=keras_messages.transposed_padding(value))
    found: str | tuple[int, int] = parameters.padding(name, value)
    return found


def _output_padding(name: str, value: object) -> int | None:
    """None, or a whole number from 0 on, alone or in a tuple."""
    return None if value is None else single(whole(0))(name, value)  # type: ignore[return-value]  # whole gives an int


@dataclass(frozen=True, kw_only=True)
class Conv1DTransposeSpec(Spec):
    """keras.layers.Conv1DTranspose. Its kernel is (kernel_size, filters, channels), as in Keras.

    Here `padding` may also be (left, right): so many outputs of the whole are left out, as PyTorch's padding does.
    """

    kind: ClassVar[str] = "conv1d_transpose"
    keras: ClassVar[str] = "Conv1DTranspose"
    kernel_told: ClassVar[str] = "Keras' with its taps in reverse, channels before filters: kernel[::-1].swapaxes(1, 2)"

    strides: int = parameter(
        single(whole(1)), "Output steps from one input step to the next.", 1, also=("stride", "up")
    )
    padding: str | tuple[int, int] = parameter(
        parameters.Worded(_cropping, parameters.PADDING),
        "valid, same, or (left, right) outputs to leave out.",
        "valid",
        also=("pad", "pads", "border_mode"),
    )
    dilation_rate: int = parameter(
        single(whole(1)), "Output steps from one tap to the next.", 1, also=("dilation", "dilations")
    )
    filters: int = parameter(whole(1), "Output channels.", also=("out_channels", "nb_filter", "num_filters", "units"))
    output_padding: int | None = parameter(
        _output_padding, "Further outputs at the end, fewer than strides; None is as many as Keras takes.", None
    )
    kernel_initializer: Any = parameter(KERNEL_INITIALIZER, "What a new kernel is.", "glorot_uniform", also=("init",))
    kernel_regularizer: Any = parameter(KERNEL_REGULARIZER, "The kernel's penalty in training.", None)
    kernel_constraint: Any = parameter(KERNEL_CONSTRAINT, "What holds the kernel after an update.", None)

    @property
    def reach(self) -> int:
        """Outputs that one input step adds to, from the first to the last."""
        return self.dilation_rate * (self.kernel_size - 1) + 1

    def lower(self) -> ConvProblem:
        """The convolution of the input, zeros between its steps, with the kernel turned (see `problem_weights`)."""
        left, right = self._pads()
        return replace(self.convolution(), stride=1, up=self.strides, pad_left=left, pad_right=right, centred=False)

    def problem_weights(self, weights: Mapping[str, Array]) -> tuple[Array, Array | None]:
        """(kernel, bias or None): the kernel's taps in reverse, (kernel_size, channels, filters)."""
        turned = weights["kernel"][::-1].swapaxes(1, 2)
        return turned.copy(), weights["bias"] if self.use_bias else None

    def _pads(self) -> tuple[int, int]:
        """Zeros before and after the input and the zeros between its steps."""
        reach, more = self.reach, self.output_padding
        if isinstance(self.padding, tuple):
            left, right = self.padding
            return reach - 1 - left, reach - 1 - right + (more or 0)
        if self.padding == "valid":
            return reach - 1, reach - 1 + (max(reach, self.strides) - reach if more is None else more)
        total = self.strides + reach - 2 if more is None else reach + reach % 2 - 2 + more
        left = min(total // 2 + total % 2, reach - 1)
        return left, total - left

    def _counts(self) -> tuple[int, int]:
        return self.filters, 1

    def _kernel_shape(self) -> tuple[int, ...]:
        return self.kernel_size, self.filters, self._known_channels()

    def _relations(self) -> Iterator[Relation]:
        channels_known, *_ = super()._relations()
        yield channels_known
        yield ("output_padding", "strides"), self._fewer_than_strides
        shape = ("kernel_size", "dilation_rate", "padding", "output_padding", "strides")
        yield shape, self._cropped
        yield (*shape, "input_shape", "data_format"), self._leaves_outputs

    def _fewer_than_strides(self) -> Iterator[SpecError]:
        """E307: Keras' own rule."""
        if self.output_padding is not None and self.output_padding >= self.strides:
            message = f"`output_padding` must be less than `strides`, got {self.output_padding} and {self.strides}"
            hint = f"write a number from 0 to {self.strides - 1}, or leave it out"
            said = keras_messages.output_padding(self.output_padding, self.strides)
            yield SpecError("E307", message, field="output_padding", hint=hint, keras=said)

    def _cropped(self) -> Iterator[SpecError]:
        """E205: what is left out lies within the reach of the first or the last input step."""
        if isinstance(self.padding, tuple) and min(self._pads()) < 0:
            message = f"`padding` leaves out {self.padding} outputs, an input step adds {self.reach}"
            hint = f"leave out at most {self.reach - 1} on each side"
            yield SpecError("E205", message, field="padding", hint=hint)

    def _leaves_outputs(self) -> Iterator[SpecError]:
        """E303: a fixed input gives one output at least."""
        if self.steps is not None and (self.steps - 1) * self.strides + 2 + sum(self._pads()) <= self.reach:
            message = f"{counted(self.steps, 'step')} and padding = {self.padding} leave no output"
            hint = "give more steps, output_padding, or padding = valid"
            yield SpecError("E303", message, field="padding", hint=hint)
