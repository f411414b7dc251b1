"""Drawing: what all graphs of arrays share, whoever made them: arithmetic, slices, sums along axes, layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from codegen.errors import ConversionError
from codegen.functions import activations
from codegen.interchange import resampled, sums
from codegen.interchange.sketch import Sketch
from codegen.interchange.tensors import Tensor, axis_of
from codegen.specs.kinds import DepthwiseConv1DSpec, Spec
from codegen.specs.model_kinds import Dense, ModelSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["Drawing", "Operand"]

Operand: TypeAlias = "Tensor | Array | int | float"
MOST_AXES, MOST_JOINED = 8, 512
MOST_FLAT = 256  # channels that are flattened one by one
LONGEST = 1 << 20  # steps or channels that one is spread over
END = 2**31 - 1  # what stands for the end of an axis


class Drawing:
    """A sketch that is drawn in tensors. What cannot be raises ConversionError, or SpecError as the graph does."""

    def __init__(self, sketch: Sketch) -> None:
        self.sketch = sketch
        self.names: dict[str, str] = {}  # of layers, by those that they have there
        self._known: dict[str, tuple[Spec | ModelSpec, Any]] = {}  # and what each was made of

    def call(self, word: str, x: Tensor, **options: Any) -> Tensor:
        """A function of the graph by its word, on the value; the axes stay."""
        return x.of(self.sketch.builder.function(word, x.value, **options))

    def layer(
        self,
        kind: type[Spec | ModelSpec],
        name: str,
        x: Tensor,
        arrays: Mapping[str, Array],
        states: Any = (),  # values: fields may be a dict of anything
        **fields: Any,
    ) -> Tensor:
        """A layer with weights on the value; the axes stay. One that was there, all of it alike, shares its weights."""
        spec, made_of = self._known.get(name, (None, None))
        if spec is not None and made_of == (kind, fields) and self.sketch.holds(spec.name, arrays):
            return x.of(self.sketch.builder.call(spec, x.value, *states))
        made = self.sketch.layer(kind, name, x.value, arrays, states, **fields)
        *_, held = self.sketch.weights
        self.names[name] = held
        spec = self.sketch.builder.layer(held)
        self._known[name] = spec, (kind, fields)
        for word, shape in spec.weight_shapes().items():
            if word in arrays and arrays[word].shape != shape:
                raise ConversionError(f"has `{word}` of shape {arrays[word].shape}, expected {shape}")
        return x.of(made)

    def backwards(self, x: Tensor, draw: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        """What a layer that goes from the last step to the first makes: in its own order, and in that of x."""
        made = draw(self.call("reverse", x))
        return made, self.call("reverse", made)

    def ordered(self, x: Tensor, wanted: str) -> Tensor:
        """The same numbers with axes in that order, where the batch, steps and channels may be told so."""
        if "n" not in x.axes and "1" in x.axes:
            x = Tensor(x.value, x.axes.replace("1", "n", 1))
        if x.axes == wanted:
            return x
        if sorted(x.axes) == sorted(wanted):
            single = x.steps == 1 or x.channels == 1  # one axis of numbers: it may be called either
            if single and x.axes.index("n") == wanted.index("n"):
                steps, channels = x.channels, x.size("t")
                if channels is None:
                    raise ConversionError(f"gets {x}, expected {Tensor(x.value, wanted)}; transpose it")
                made = self.sketch.builder.function("reshape", x.value, steps=steps, channels=channels)
                return Tensor(made, wanted)
            raise ConversionError(f"gets {x}, expected {Tensor(x.value, wanted)}; transpose it")
        bare = "".join(letter for letter in x.axes if letter != "1")
        if sorted(bare) == sorted(wanted) and len(x.axes) == len(wanted):
            return Tensor(x.value, wanted)
        raise ConversionError(f"gets an array {x}, expected {Tensor(x.value, wanted)}")

    def activation(self, activation: Any, x: Tensor, axis: int = -1, **options: Any) -> Tensor:
        """An activation of the table by name; one that takes all channels together is along the axis of those."""
        found = activations.get(activation)
        if found.name in ("softmax", "log_softmax") and x.axes[axis_of(axis, len(x.axes))] == "t":
            return sums.over_steps(self, found.name, x)
        if activations.row(found).rowwise and x.axes[axis_of(axis, len(x.axes))] != "c":
            raise ConversionError(f"takes {found.name} along axis {axis} of {x}, expected the channels")
        if "f" in x.axes and activations.row(found).rowwise:
            raise ConversionError(f"takes {found.name} of {x}, expected the channels of each step")
        return x.of(self.sketch.builder.activation(activation, x.value, **options))

    def binary(self, operator: str, one: Operand, other: Operand, name: str = "constant") -> Tensor:
        """Arithmetic of two tensors, or of one and numbers: one for all, or one for each channel."""
        if isinstance(one, Tensor) and isinstance(other, Tensor):
            return self._both(operator, one, other)
        if isinstance(one, Tensor):
            return self._with_numbers(operator, one, other, name, first=False)
        if not isinstance(other, Tensor):
            raise ConversionError(f"`{operator}` of two constants")
        return self._with_numbers(operator, other, one, name, first=True)

    def _both(self, operator: str, one: Tensor, other: Tensor) -> Tensor:
        long, short = (one, other) if len(one.axes) >= len(other.axes) else (other, one)
        shown = "1" * (len(long.axes) - len(short.axes)) + short.axes
        axes = ""
        for here, there in zip(long.axes, shown, strict=True):
            if here != there and "1" not in (here, there):
                alone = [letter for x, letter in ((long, here), (short, there)) if x.size(letter) == 1]
                if not alone:
                    raise ConversionError(f"`{operator}` of {one} and {other}, whose axes differ")
                there = here if alone[0] == there else there
                here = there
            axes += there if here == "1" else here
        if len(set(axes) - {"1"}) != len(axes.replace("1", "")) or axes[:1] not in ("n", "t"):
            raise ConversionError(f"`{operator}` of {one} and {other}, whose axes differ")
        values = [one.value, other.value]
        counts = [value.shape.channels for value in values]
        if 1 in counts and counts[0] != counts[1]:
            at = counts.index(1)
            values[at] = self.sketch.builder.function("repeat", values[at], channels=max(counts))
        return Tensor(self.sketch.builder.arithmetic(operator, *values), axes)

    def _with_numbers(self, operator: str, x: Tensor, numbers: Any, name: str, *, first: bool) -> Tensor:
        import numpy as np

        array = np.asarray(numbers)
        if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            raise ConversionError(f"`{operator}` with {array.dtype} numbers, expected finite floats")
        if array.size == 1:
            value, pair = float(array.reshape(())), x.value
            made = self.sketch.builder.arithmetic(operator, *((value, pair) if first else (pair, value)))
            return x.of(made)
        each = self._each_channel(x, array)
        if operator in ("max", "min"):
            raise ConversionError(f"`{operator}` with a number for each channel, expected one for all")
        ones, rest = np.ones_like(each), None
        if operator == "+":
            scale, rest = ones, each
        elif operator == "-":
            scale, rest = (-ones, each) if first else (ones, -each)
        elif operator == "*":
            scale = each
        else:
            scale, x = (each, self.binary("/", 1.0, x)) if first else (1 / each, x)
        return self.scaled(name, x, scale, rest)

    def scaled(self, name: str, x: Tensor, scale: Array, shift: Array | None = None) -> Tensor:
        """Each channel times a number of its own, and one more added."""
        if x.channels == 1 and len(scale) > 1:
            x = self.call("repeat", x, channels=len(scale))
        arrays = {"kernel": scale.astype(self.sketch.builder.dtype).reshape(1, -1, 1)}
        if shift is not None:
            arrays["bias"] = shift.astype(self.sketch.builder.dtype)
        return self.layer(DepthwiseConv1DSpec, name, x, arrays, kernel_size=1, use_bias=shift is not None)

    def _each_channel(self, x: Tensor, array: Array) -> Array:
        """The numbers along the channels. Raises ConversionError where they go along another axis, too."""
        import numpy as np

        padded = array.reshape((1,) * max(0, len(x.axes) - array.ndim) + array.shape)
        long = [at for at, size in enumerate(padded.shape) if size != 1]
        if len(long) != 1 or padded.ndim != len(x.axes) or x.axes[long[0]] != "c":
            raise ConversionError(f"has constants of shape {array.shape} with {x}, expected one, or one a channel")
        return np.ascontiguousarray(array.reshape(-1))

    def dense(self, name: str, x: Tensor, kernel: Array, bias: Array | None = None, **fields: Any) -> Tensor:
        """A Dense over the last axis; the kernel is (inputs, units), in the order of that axis."""
        letter = x.axes[-1]
        if letter == "f":
            steps = x.value.shape.known_steps
            if kernel.shape[0] != steps * x.channels:
                raise ConversionError(f"has {kernel.shape[0]} inputs, and there are {steps * x.channels}")
            kernel = kernel.reshape(x.channels, steps, -1).swapaxes(0, 1).reshape(kernel.shape)
        if letter in "tf" and (letter == "f" or x.channels == 1):
            x = Tensor(self.sketch.builder.function("flatten", x.value), x.axes[:-1] + "c")
        elif letter == "1" and "c" not in x.axes and x.channels == 1:
            x = Tensor(x.value, x.axes[:-1] + "c")
        elif letter != "c":
            raise ConversionError(f"goes over the last axis of {x}, expected the channels; transpose it")
        arrays = {"kernel": kernel} if bias is None else {"kernel": kernel, "bias": bias}
        return self.layer(Dense, name, x, arrays, units=kernel.shape[1], use_bias=bias is not None, **fields)

    def concat(self, tensors: Sequence[Tensor], axis: int) -> Tensor:
        """Channels side by side, or known numbers of steps one after the other."""
        if len(tensors) > MOST_JOINED:
            raise ConversionError(f"joins {len(tensors):,} values, at most {MOST_JOINED}")
        first = tensors[0]
        at = axis_of(axis, len(first.axes))
        letter = first.axes[at]
        if letter == "1" and all(one.axes == first.axes and "t" not in one.axes and one.steps == 1 for one in tensors):
            axes = f"{first.axes[:at]}t{first.axes[at + 1 :]}"  # single steps, one after the other
            return self.concat([Tensor(one.value, axes) for one in tensors], axis)
        if letter == "f" and all(one.axes[-1:] in ("f", "c") for one in tensors):
            return self.concat([self._in_order(one) for one in tensors], axis)
        if any(one.axes != first.axes for one in tensors) or letter not in "ct":
            told = " and ".join(dict.fromkeys(str(one) for one in tensors))
            raise ConversionError(f"joins {told} along axis {axis}, expected the channels or the steps of all")
        if len(tensors) == 1:
            return first
        word = "concat" if letter == "c" else "append"
        return first.of(self.sketch.builder.function(word, *(one.value for one in tensors)))

    def _in_order(self, x: Tensor) -> Tensor:
        """Numbers of one axis in their order there, all steps of a channel side by side, as channels."""
        if x.axes[-1] == "c":
            return x
        if x.channels > MOST_FLAT:
            raise ConversionError(f"joins {x} of {x.channels} channels, at most {MOST_FLAT}; put the steps last before")
        builder = self.sketch.builder
        parts = [builder.function("flatten", builder.slice(x.value, at, at + 1)) for at in range(x.channels)]
        made = builder.function("concat", *parts) if len(parts) > 1 else parts[0]
        return Tensor(made, x.axes[:-1] + "c")

    def sliced(self, x: Tensor, axis: int, start: int | None, stop: int | None, step: int | None = None) -> Tensor:
        """A part of the channels or of the steps, as Python slices them."""
        letter = x.axes[axis_of(axis, len(x.axes))]
        start = None if start is not None and (start == 0 or start <= -END) else start
        stop = None if stop is not None and stop >= END else stop
        if step == -1 and letter == "t" and start in (None, -1) and (stop is None or stop <= -END):
            return self.call("reverse", x)
        if step not in (None, 1):
            return self._stepped(x, axis_of(axis, len(x.axes)), start, stop, step)
        if start is None and stop is None:
            return x
        if letter == "1" and slice(start, stop).indices(1) == (0, 1, 1):
            return x
        if letter == "c":
            return x.of(self.sketch.builder.slice(x.value, start, stop))
        if letter != "t":
            raise ConversionError(f"takes a part of axis {axis} of {x}, expected channels or steps")
        if start == -1 and stop is None:
            return self.call("last", x)
        left, right = self._cropped(x, start or 0, stop)
        return self.call("crop", x, left=left, right=right) if left or right else x

    def _stepped(self, x: Tensor, axis: int, start: int | None, stop: int | None, step: int) -> Tensor:
        """Each `step`-th number of a part; backwards of all channels, or of a part of them."""
        if x.axes[axis] == "c":
            return resampled.taken(self, x, range(x.channels)[slice(start, stop, step)])
        return resampled.thinned(self, self.sliced(x, axis, start, stop), axis, step)

    def _cropped(self, x: Tensor, start: int, stop: int | None) -> tuple[int, int]:
        """(left, right): steps that a slice leaves out. Raises ConversionError where they depend on the length."""
        steps = x.steps
        if steps is not None:
            first, last, _ = slice(start, stop).indices(steps)
            if last <= first:
                raise ConversionError(f"takes the steps {start} to {stop} of {steps}, which are none")
            return first, steps - last
        if start < 0 or (stop is not None and stop > 0):
            raise ConversionError(f"takes the steps {start} to {stop} of any number; give the input a length")
        return start, -(stop or 0)

    def picked(self, x: Tensor, axis: int, index: int) -> Tensor:
        """One place along an axis, which is gone."""
        at = axis_of(axis, len(x.axes))
        size = x.size(x.axes[at])
        if size is None and index not in (0, -1):
            raise ConversionError(f"takes place {index} of any number of steps; give the input a length")
        if size == 1 and index in (0, -1):
            return x.squeezed([at])
        if size is None and index == 0:
            raise ConversionError("takes the first of any number of steps; give the input a length")
        made = self.sliced(x, at, index, None if index == -1 else index + 1)
        return Tensor(made.value, made.axes[:at] + made.axes[at + 1 :])

    def reduced(self, how: str, x: Tensor, axes: Sequence[int], *, keep: bool) -> Tensor:
        """The mean, sum, largest or least over all steps; of channels the mean or the sum."""
        return sums.reduced(self, how, x, axes, keep=keep)

    def expanded(self, x: Tensor, sizes: Sequence[int], *, spread: bool = False) -> Tensor:
        """Axes of one number as long as `sizes` say, aligned at the end, where -1 leaves one as it is.

        `spread`: what reads it spreads it by itself, as arithmetic does. Raises ConversionError.
        """
        more = len(sizes) - len(x.axes)
        if len(sizes) > MOST_AXES:
            raise ConversionError(f"spreads {x} over {len(sizes):,} axes, at most {MOST_AXES}")
        if more > 0:
            x = Tensor(x.value, "1" * more + x.axes)
        for letter, held, size in zip(x.axes, x.sizes, sizes, strict=True):
            if held is None or size in (held, -1, 1) or letter == "n" or (spread and held == 1):
                continue  # what is longer than one, of any length too, is so wide already
            if held != 1 or letter not in "tc" or not 0 < size <= LONGEST:
                raise ConversionError(f"spreads {x} over {list(sizes)}, expected known numbers of steps or channels")
            x = self.call("upsample", x, size=size) if letter == "t" else self.call("repeat", x, channels=size)
        return x
