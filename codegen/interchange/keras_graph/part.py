"""Part: one layer or operation of a Keras model where it is called, as its config tells it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from codegen.errors import ConversionError
from codegen.interchange.stranger import MOST, Item
from codegen.interchange.tensors import Tensor, served
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["FIRST", "SEQUENCE", "Arrays", "Part", "Ref", "arguments", "tensors_of"]

SEQUENCE = "ntc"
FIRST = "nct"  # of channels_first
MOST_DEEP = 16  # lists in the arguments of a call
OWN = "keras"  # where a class of Keras' own is at home; older files do not say


class Arrays(Protocol):
    """Where the weights of a layer come from."""

    def of(self, path: Sequence[str], group: str, words: Sequence[str]) -> Mapping[str, Array]:
        """The arrays `words` of the layer with that path, in a group of the file. Raises ConversionError."""


@dataclass(frozen=True)
class Ref:
    """The tensor that a layer makes in one of its calls."""

    layer: str
    call: int
    at: int


@dataclass(frozen=True)
class Part:
    """A layer called on `args` and `kwargs`, in which tensors stand; `group` is where files have its weights."""

    kind: str
    config: Item
    path: tuple[str, ...]
    group: str
    source: Arrays
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        return "/".join(self.path)

    @property
    def inputs(self) -> list[Tensor]:
        """All tensors among the arguments, in their order. Raises ConversionError where there is none."""
        found = list(tensors_of((self.args, self.kwargs or {})))
        if not found:
            raise ConversionError("is called on no tensor")
        return found

    @property
    def one(self) -> Tensor:
        """The only tensor. Raises ConversionError."""
        found = self.inputs
        if len(found) != 1:
            raise ConversionError(f"is called on {len(found)} tensors, expected 1")
        return found[0]

    @property
    def axes(self) -> str:
        """Those of what it reads, by its data_format: a sequence's."""
        layout = self.config.get("data_format")
        return FIRST if layout is not None and layout.value == "channels_first" else SEQUENCE

    def arrays(self, *words: str) -> Mapping[str, Array]:
        """The weights of that name."""
        return self.source.of(self.path, self.group, words)

    def inner(self, config: Item, kind: str, place: str = "layer") -> Part:
        """The layer in a wrapper, which has its weights at that place."""
        return Part(kind, config, self.path, f"{self.group}/{place}", self.source, self.args, self.kwargs)

    def argument(self, at: int, name: str, default: Any = None) -> Any:
        """An argument by place or by name."""
        if at < len(self.args):
            return self.args[at]
        return (self.kwargs or {}).get(name, default)


def tensors_of(found: Any) -> Iterator[Tensor]:
    """The tensors in lists and dicts. Raises ConversionError for one that is no value here."""
    if isinstance(served(found), Tensor):
        yield found
    elif isinstance(found, (list, tuple)):
        for one in found:
            yield from tensors_of(one)
    elif isinstance(found, Mapping):
        for one in found.values():
            yield from tensors_of(one)


def arguments(item: Item, get: Callable[[Ref], Tensor | None]) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """(args, kwargs) of a call, as Keras 3 writes it, and Keras 2; `get` gives the tensors."""
    if isinstance(item.value, dict):
        args, kwargs = item.get("args"), item.get("kwargs")
        found = _led([] if args is None else args.value, get, item, MOST_DEEP)
        named = {} if kwargs is None else kwargs.value
        if not isinstance(named, dict) or not isinstance(found, (list, tuple)):
            raise item.wrong("expected arguments in a list and a dict")
        return list(found), {str(word): _led(value, get, item, MOST_DEEP) for word, value in named.items()}
    return [[get(ref_of(one)) for one in _calls(item)]], {}


def _calls(item: Item) -> list[Item]:
    """The tensors of a call as Keras 2 writes it: one, or a list."""
    whole = list(item)
    return [item] if whole and isinstance(whole[0].value, str) else whole


def ref_of(item: Item) -> Ref:
    """A tensor as [layer, call, number]."""
    found = list(item)
    if len(found) < 3:
        raise item.wrong("expected [layer, call, number]")
    return Ref(found[0].word(), found[1].whole(0), found[2].whole(0))


def _bound(item: Item, word: str) -> int | None:
    found = item.get(word)
    return None if found is None else found.whole(-MOST, MOST)


def _led(value: Any, get: Callable[[Ref], Tensor | None], item: Item, deep: int) -> Any:
    """The value with tensors, slices and arrays in place of what stands for them."""
    if not deep:
        raise item.wrong("is too deep")
    if isinstance(value, (list, tuple)):
        return [_led(one, get, item, deep - 1) for one in value]
    if not isinstance(value, dict):
        return value
    config = value.get("config")
    if value.get("class_name") == "__keras_tensor__":
        return get(ref_of(Item(config, item.place)["keras_history"]))
    if value.get("class_name") == "__slice__" and isinstance(config, dict):
        return slice(*(_bound(Item(config, item.place), word) for word in ("start", "stop", "step")))
    if value.get("class_name") in ("__tensor__", "__numpy__") and isinstance(config, dict):
        return Item(config, item.place)["value"].numbers()
    return {word: _led(one, get, item, deep - 1) for word, one in value.items()}
