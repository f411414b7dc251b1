"""One activation with its options: what a name, call or config means, in NumPy, and how far its C text may be off."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from codegen.errors import SpecError, keras_messages
from codegen.errors.quoting import exactly, plainly
from codegen.functions.activations import layer_configs
from codegen.functions.activations.row import Derivative, Row, Value
from codegen.functions.activations.rowwise import ROWWISE
from codegen.functions.activations.table import ROWS
from codegen.functions.registry import Call, suggestion
from codegen.installed import registering
from codegen.numbers.formats import COMPUTED
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = [
    "HOME",
    "LINEAR",
    "Activation",
    "derivative",
    "derivative_error",
    "error",
    "function",
    "get",
    "reference",
    "registered",
    "row",
    "slope",
    "ulps",
]


@dataclass(frozen=True)
class Activation:
    """An activation with its options filled in, in the order of the table's row; hashable. Made by `get`."""

    name: str
    options: tuple[tuple[str, Value], ...] = ()

    def __str__(self) -> str:
        inside = ", ".join(f"{name}={value}" for name, value in self.options)
        return f"{self.name}({inside})" if inside else self.name

    def __call__(self, x: Array) -> Array:
        """What it means in NumPy, in x's own float type."""
        return reference(self, x)

    def option(self, name: str) -> Value:
        """The value of the option `name`; KeyError where the row has none."""
        return dict(self.options)[name]

    @property
    def is_plain(self) -> bool:
        """Whether all options have their defaults, so that the name alone means it."""
        spots = row(self).options
        return not any(spot.required for spot in spots) and self.options == tuple(
            (spot.name, spot.default) for spot in spots
        )

    @property
    def needs(self) -> tuple[str, ...]:
        """What its C text is made of beside the vector spelling: words of templates/activations/exp.c.j2, or a root."""
        return row(self).needs

    @property
    def is_long(self) -> bool:
        """Whether its C text takes so many operations that it should stand once, not at each store."""
        return not {"exp", "power", "root"}.isdisjoint(self.needs)

    @property
    def slope_needs(self) -> tuple[str, ...]:
        """The same for the C text of its derivative."""
        return _derivative(self).needs


HOME = "codegen.activations"  # the public face of these
_BY_NAME = {word: row for row in (*ROWS, *ROWWISE) for word in (row.name, *row.aliases)}
LINEAR = Activation("linear")


def registered(known: Row, texts: Mapping[str, str]) -> AbstractContextManager[None]:
    """Within it `known` is one of the activations, under its name and its aliases.

    `texts` are its templates by name: activations/NAME.c.j2, and activations/slopes/NAME.c.j2 of its derivative.
    """
    return registering(_BY_NAME, dict.fromkeys((known.name, *known.aliases), known), texts)


def get(value: object) -> Any:
    """The activation that `value` means: None (linear), a name, a `Call` with options, a config dict, or an Activation.

    Keras' own functions, and this module's, are those of the table; any other callable is the user's own and returned
    as it is: a layer applies it outside the kernel. Raises SpecError E230 for what is none of these, E231 and E232 for
    its options.
    """
    value = layer_configs.meant(value)
    if value is None:
        return LINEAR
    if isinstance(value, str):
        return _make(value, (), ())
    if isinstance(value, Activation):
        return _make(value.name, (), value.options)
    if isinstance(value, Call):
        return _make(value.name, value.args, value.kwargs)
    if callable(value) and not isinstance(value, type):
        name, home = getattr(value, "__name__", ""), getattr(value, "__module__", "") or ""
        return _make(name, (), ()) if home.split(".")[0] in ("keras", "codegen") and name in _BY_NAME else value
    said = keras_messages.unknown("activation function", value)
    raise SpecError(
        "E230", f"{exactly(value)} is no activation", hint=f"give a name, one of {_known()}, or a call", keras=said
    )


def function(name: str) -> Callable[..., Any] | None:
    """Keras' function of that name, in NumPy: `relu(x, max_value=6.0)`; None where the table has no such row."""
    if name not in _BY_NAME:
        return None

    def called(x: Any, *places: object, **options: object) -> Array:
        import numpy as np

        activation = _make(name, places, tuple(options.items()))
        array = np.asarray(x)
        return reference(activation, array if array.dtype.kind == "f" else array.astype("float32"))

    called.__name__ = called.__qualname__ = name
    called.__module__ = HOME
    called.__doc__ = _BY_NAME[name].reference.__doc__
    return called


def rows() -> dict[str, Row]:
    """The rows by their names and aliases, those that are registered for a while among them."""
    return dict(_BY_NAME)


def row(activation: Activation) -> Row:
    """The table's row of `activation`. Raises SpecError E230 for a name that is not in the table."""
    return _named(activation.name)


def reference(activation: Activation, x: Array, dtype: str | None = None) -> Array:
    """What `activation` means on x, element by element, in x's own float type; linear and relu take whole numbers too.

    With `dtype` the options are first rounded to it, as a kernel of that dtype bakes them in.
    """
    result: Array = row(activation).reference(x, *(_rounded(value, dtype) for _, value in activation.options))
    return result


def derivative(activation: Activation, x: Array, dtype: str | None = None) -> Array:
    """f'(x), element by element, in x's own float type; options and `dtype` as for `reference`.

    At a kink it is what torch's backward pass answers. Raises SpecError E230 for a function of a whole row.
    """
    found = _derivative(activation)
    result: Array = found.reference(x, *(_rounded(value, dtype) for _, value in activation.options))
    return result


def slope(activation: Activation) -> float:
    """The steepest |f'| anywhere; inf where the function jumps."""
    return row(activation).slope(*(value for _, value in activation.options))


def ulps(activation: Activation, dtype: str) -> float:
    """The stated error in units in the last place of the exact result; 0 where the C text makes none."""
    found = row(activation)
    exact = found.exact(*(value for _, value in activation.options))
    return 0.0 if exact else COMPUTED[dtype].of_pair(found.ulps)


def error(activation: Activation, y: Array, dtype: str) -> Array:
    """The stated error in absolute terms at the exact outputs y, in y's shape; 0 where y is not finite.

    Where y is finite, but beyond the dtype's largest number, as exponential's may be, it is inf.
    """
    import numpy as np

    info = np.finfo(np.dtype(dtype))
    size = np.abs(np.where(np.isfinite(y), y, 0))
    spacing = np.exp2(np.floor(np.log2(np.maximum(size, float(info.tiny))))) * float(info.eps)
    stated = np.where(size > float(info.max), np.inf, ulps(activation, dtype) * spacing)
    result: Array = np.where(np.isfinite(y), stated, 0)
    return result


def derivative_error(activation: Activation, slopes: Array, dtype: str) -> Array:
    """The stated error of the derivative's C text in absolute terms at its exact values `slopes`, in their shape.

    It is inf where a value is beyond the dtype's largest number.
    """
    import numpy as np

    info, size = np.finfo(np.dtype(dtype)), np.abs(slopes)
    stated = COMPUTED[dtype].of_pair(_derivative(activation).units) * float(info.eps) * np.maximum(1, size)
    result: Array = np.where(size > float(info.max), np.inf, stated)
    return result


def _make(name: str, args: tuple[object, ...], kwargs: tuple[tuple[str, object], ...]) -> Activation:
    found = _named(name)
    given = _given(found, name, args, kwargs)
    missing = [option.name for option in found.options if option.required and option.name not in given]
    if missing:
        hint = f"write it as {name}({', '.join(f'{word}=0.0' for word in missing)})"
        raise SpecError("E231", f"activation `{name}` needs {' and '.join(f'`{word}`' for word in missing)}", hint=hint)
    values = []
    for option in found.options:
        value = given.get(option.name, option.default)
        try:
            values.append((option.name, option.check(value)))
        except ValueError as wrong:
            message = f"activation `{name}`: `{option.name}` is {exactly(value)}: expected {wrong}"
            raise SpecError("E232", message) from None
    return Activation(found.name, tuple(values))


def _given(
    found: Row, name: str, args: tuple[object, ...], kwargs: tuple[tuple[str, object], ...]
) -> Mapping[str, object]:
    """The options by name, those given by place too. Raises SpecError E231 for one unknown, too many, or twice."""
    known = [option.name for option in found.options]
    takes = f"it takes {', '.join(known)}" if known else "it takes no options"
    if len(args) > len(known):
        raise SpecError("E231", f"activation `{name}` got {len(args)} options: {takes}")
    given = dict(zip(known, args, strict=False))
    for word, value in kwargs:
        if word not in known:
            hint = suggestion(plainly(word), known).lstrip("; ") or None
            raise SpecError("E231", f"activation `{name}` has no option `{plainly(word)}`: {takes}", hint=hint)
        if word in given:
            raise SpecError(
                "E231", f"activation `{name}` got `{plainly(word)}` twice", hint="give it by place or by name, once"
            )
        given[word] = value
    return given


def _named(name: str) -> Row:
    if name in _BY_NAME:
        return _BY_NAME[name]
    close = suggestion(name, _BY_NAME).lstrip("; ")
    said = keras_messages.unknown("activation function", name)
    raise SpecError("E230", f"unknown activation `{plainly(name)}`", hint=close or f"known: {_known()}", keras=said)


def _derivative(activation: Activation) -> Derivative:
    found = row(activation).derivative
    if found is None:
        message = f"`{activation.name}` is a function of a whole row: it has no derivative element by element"
        raise SpecError("E230", message)
    return found


def _known() -> str:
    return ", ".join(_BY_NAME)


def _rounded(value: Value, dtype: str | None) -> Value:
    if dtype is None or value is None or isinstance(value, bool):
        return value
    import numpy as np

    return float(np.dtype(dtype).type(value))
