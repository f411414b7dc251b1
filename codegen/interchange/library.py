"""Library: what the conversion asks of Keras and of PyTorch, and the values that are read from both."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from codegen.errors import ConversionError
from codegen.interchange.ledger import Ledger
from codegen.interchange.sketch import Imported
from codegen.numbers.formats import COMPUTED, STORED
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["Found", "Library", "array", "base", "dtype_of"]


@dataclass(frozen=True)
class Found:
    """One of their layers in Keras' words: a kind of `specs.KINDS`, its arguments, its arrays in Keras' shapes."""

    kind: str
    channels: int
    arguments: dict[str, Any]
    arrays: dict[str, Array]


@dataclass(frozen=True)
class Library:
    """How one library's layers are read.

    `owns` tells whether an object is one of its layers, `kind` the class there of a 1-D convolution (None for anything
    else), `children` the layers directly in one with their names, `name` a layer's own. `read(layer, given)` raises
    ConversionError for what cannot be; it leaves alone the arguments that are `given` by the caller. `steps` are the
    numbers of input steps, None for a free one, at the places where a layer stands in a graph of layers. `graph(found,
    ledger, dtype, free, example)` draws the whole, and tells the names of its layers by their paths; `free`: for any
    number of steps.
    """

    word: str
    article: str
    separator: str
    owns: Callable[[Any], bool]
    kind: Callable[[Any], str | None]
    children: Callable[[Any], Iterable[tuple[str, Any]]]
    name: Callable[[Any], str]
    read: Callable[[Any, Collection[str]], Found]
    graph: Callable[[Any, Ledger, str | None, bool, Any], tuple[Imported, Mapping[str, str]]]
    ignored: Collection[str] = ()  # classes that are no loss: a model's inputs
    steps: Callable[[Any], Collection[int | None]] = lambda layer: ()


def base(layer: Any, roots: Collection[str], names: Collection[str]) -> type | None:
    """The first class of the object's own and their bases that has one of these names in one of these packages."""
    for cls in type(layer).__mro__:
        if cls.__name__ in names and cls.__module__.split(".")[0] in roots:
            return cls
    return None


def demand_untouched(layer: Any, cls: type, methods: Collection[str]) -> None:
    """Raises ConversionError where a subclass computes something of its own."""
    own = [name for name in methods if getattr(type(layer), name, None) is not getattr(cls, name, None)]
    if own:
        raise ConversionError(
            f"is a {cls.__name__} with a `{own[0]}` of its own, which cannot be read; convert a plain {cls.__name__}"
        )


def array(value: Any, name: str) -> Array:
    """A variable, parameter or tensor of any device as a NumPy array; bfloat16 widened. Raises ConversionError."""
    from codegen.numbers.arrays import found_in

    place = f"its `{name}`"
    try:
        tensor = value.detach().cpu() if hasattr(value, "detach") else value
        tensor = tensor.float() if str(getattr(tensor, "dtype", "")) == "torch.bfloat16" else tensor
    except Exception as error:  # what a stranger's array raises is a stranger's matter
        raise ConversionError(
            f"{place} does not become an array ({type(error).__name__}: {str(error)[:200]})"
        ) from None
    found = found_in(tensor, place, ConversionError)
    found = found.astype("float32") if found.dtype.name == "bfloat16" else found
    if found.dtype.kind != "f":
        raise ConversionError(
            f"its `{name}` is of {found.dtype}, expected floats; convert the layer before it is quantized"
        )
    return found


def dtype_of(word: str, given: Collection[str]) -> dict[str, str]:
    """The argument `dtype` for their word, unless it is given. Raises ConversionError."""
    if "dtype" in given:
        return {}
    if word not in COMPUTED:
        way = 'give dtype="float32" to compute in that'
        way += f', and storage="{word}" to keep its size' if word in STORED else ""
        raise ConversionError(f"computes in {word}, expected {' or '.join(COMPUTED)}; {way}")
    return {"dtype": word}
