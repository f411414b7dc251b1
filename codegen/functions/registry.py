"""Registry: names, calls, Keras config dicts and instances, all led to one object.

`he_normal(seed=7)` in a file, `{"class_name": "HeNormal", "config": {"seed": 7}}` and `HeNormal(seed=7)` in Python mean
the same thing, `"he_normal"` the same without its option. The classes are frozen dataclasses whose fields are made by
`option`, so that an option's name, default and check stand together, once.

Codes raised: E230 an unknown name, E231 an unknown option, one too many or one twice, E232 an option's value; E233
where an object is used on an array of a rank that it cannot serve.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, field, fields, is_dataclass
from functools import cache
from numbers import Integral, Real
from typing import Any, ClassVar, Generic, Self, TypeVar, cast

from codegen.errors import SpecError, keras_messages
from codegen.errors.quoting import cut, exactly, plainly
from codegen.functions import configs
from codegen.records import dataclass

T = TypeVar("T")

Check = Callable[[object], T]
"""Turns an option's value into what the field holds; raises ValueError with the words after "expected"."""


@dataclass(frozen=True)
class Call:
    """A call as the language read it: `TruncatedNormal(stddev=0.02)`; kwargs are (name, value) pairs in order."""

    name: str
    args: tuple[object, ...] = ()
    kwargs: tuple[tuple[str, object], ...] = ()

    def __str__(self) -> str:
        inside = [repr(value) for value in self.args] + [f"{name}={value!r}" for name, value in self.kwargs]
        return f"{self.name}({', '.join(inside)})"


class Options:
    """Base of the registered dataclasses: checks each option as the instance is made. Raises SpecError E232."""

    noun: ClassVar[str] = "object"

    def __post_init__(self) -> None:
        for spot in fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass
            if "check" not in spot.metadata:
                continue
            value = getattr(self, spot.name)
            try:
                object.__setattr__(self, spot.name, spot.metadata["check"](value))
            except ValueError as wrong:
                message = f"{self.noun} `{type(self).__name__}`: `{spot.name}` is {exactly(value)}: expected {wrong}"
                said = keras_messages.option(self.noun, spot.name, value)
                raise SpecError("E232", message, keras=said) from None

    def __str__(self) -> str:
        """As one would write it: the class and what differs from its defaults."""
        spots: tuple[Field[Any], ...] = fields(self) if is_dataclass(self) else ()  # one of the user's own need not be
        held = [(spot, getattr(self, spot.name)) for spot in spots if spot.init]
        given = ", ".join(f"{spot.name}={value!r}" for spot, value in held if value != spot.default)
        return f"{type(self).__name__}({given})"

    def get_config(self) -> dict[str, Any]:
        """The options by name, as `from_config` takes them."""
        return configs.options(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The object with these options."""
        return cls(**config)


def option(default: Any, check: Check[Any]) -> Any:
    """A dataclass field with its default and its check."""
    return field(default=default, metadata={"check": check})


def real(*, at_least: float = -math.inf, above: float = -math.inf, at_most: float = math.inf) -> Check[float]:
    """A finite number in [at_least, at_most] and greater than `above`; no bool. Held as a float."""

    def check(value: object) -> float:
        if isinstance(value, Real) and not isinstance(value, bool):
            number = _as_float(value)
            if math.isfinite(number) and at_least <= number <= at_most and number > above:
                return number
        bounds = [(at_least, "at least"), (above, "greater than"), (at_most, "at most")]
        limits = " and ".join(f"{words} {bound:g}" for bound, words in bounds if math.isfinite(bound))
        raise ValueError(f"a finite number, {limits}" if limits else "a finite number")

    return check


def _as_float(value: Real) -> float:
    """The number; an infinite one for what is beyond all floats."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def whole(least: int, most: int) -> Check[int]:
    """A whole number in [least, most]: int or NumPy's, no bool and no float."""

    def check(value: object) -> int:
        if isinstance(value, Integral) and not isinstance(value, bool) and least <= int(value) <= most:
            return int(value)
        raise ValueError(f"a whole number from {least} to {most}")

    return check


AXIS = whole(-8, 7)


def one_of(*words: str, lower: bool = False, same: Mapping[str, str] | None = None) -> Check[str]:
    """One of `words`; case counts unless `lower`; `same` maps further spellings to words."""

    def check(value: object) -> str:
        word = value.lower() if lower and isinstance(value, str) else value
        word = (same or {}).get(word, word) if isinstance(word, str) else word
        if isinstance(word, str) and word in words:
            return word
        raise ValueError("one of " + ", ".join(words) + suggestion(plainly(value), words))

    return check


def flag(value: object) -> bool:
    """True or False and nothing else."""
    if isinstance(value, bool):
        return value
    raise ValueError("True or False")


def optional(check: Check[T]) -> Check[T | None]:
    """None, or what `check` takes."""

    def either(value: object) -> T | None:
        try:
            return None if value is None else check(value)
        except ValueError as wrong:
            raise ValueError(f"None or {wrong}") from None

    return either


def axes(value: object) -> int | tuple[int, ...]:
    """A whole number, or a list or tuple of different ones (held as a tuple): axes of a weight array."""
    try:
        if not isinstance(value, (list, tuple)):
            return AXIS(value)
        found = tuple(AXIS(axis) for axis in value)
    except ValueError:
        found = ()
    if found and len(set(found)) == len(found):
        return found
    raise ValueError("an axis such as 0, or a list of different axes such as [0, 1]")


@dataclass(frozen=True)
class Registry(Generic[T]):
    """The known `classes` of one `noun`, by CamelCase and snake_case name and by `aliases` (word → class name).

    `elsewhere` holds other libraries' words and what they are called here: not accepted, but answered with the way out.
    With `adopts`, an object of Keras' own becomes the one of the same name here; without, it is called as it is.
    """

    noun: str
    classes: tuple[type[T], ...]
    aliases: Mapping[str, str] = field(default_factory=dict)
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    adopts: bool = True

    def get(self, value: object) -> T | None:
        """None, or the object that `value` means: a name, a Call, a config dict, an instance, a class, any callable.

        Raises SpecError E230 for what is none of these, E231 and E232 for its options.
        """
        if value is None or isinstance(value, self.classes):
            return value
        if isinstance(value, str):
            return self._make(value, (), {})
        if isinstance(value, Call):
            return self._make(value.name, value.args, self._once(value))
        if isinstance(value, dict):
            return self._from_config(value)
        made: Any = self._made_of(value) if isinstance(value, type) else value
        if self.adopts and self._is_keras(made):
            return self._make(type(made).__name__, (), made.get_config())
        if callable(made):  # Keras takes any callable; only Python can hand one over
            return cast(T, made)
        hint = f"give a name, one of {', '.join(self.names())}"
        said = keras_messages.unknown(self.noun, value)
        raise SpecError("E230", f"{exactly(value)} is no {self.noun}", hint=hint, keras=said)

    def _made_of(self, cls: type[Any]) -> Any:
        """An instance with the class' defaults. Raises SpecError E230 where it has none."""
        try:
            return cls()
        except SpecError:
            raise
        except Exception as error:  # what a stranger's class raises is a stranger's matter
            told = f"the {self.noun} class {exactly(cls)} cannot be made without arguments ({cut(plainly(error), 100)})"
            raise SpecError("E230", told, hint="give an instance of it") from None

    def serialize(self, value: object) -> dict[str, Any] | None:
        """Its config dict as Keras writes it. Raises SpecError E230 for what has none."""
        if value is None:
            return None
        if type(value) in self.classes or self._is_keras(value):
            return configs.of_known(value, f"keras.{self.noun}s")
        return configs.of_own(value, self.noun)

    def deserialize(self, config: object, custom_objects: configs.Objects = None) -> T | None:
        """What a config means, ours or Keras'; objects of one's own by name in `custom_objects`. Raises as `get`."""
        return self.get(configs.custom(config, custom_objects))

    def _is_keras(self, value: object) -> bool:
        """Whether it is one of Keras' own objects, of a class that is known here by the same name."""
        cls = type(value)
        return cls.__module__.split(".")[0] == "keras" and cls.__name__ in {known.__name__ for known in self.classes}

    def names(self) -> list[str]:
        """The snake_case names, in the table's order."""
        return [snake_case(cls.__name__) for cls in self.classes]

    def _make(self, name: str, args: tuple[object, ...], kwargs: Mapping[str, object]) -> T:
        cls = self._class_named(name)
        spots = [spot for spot in fields(cls) if spot.init]  # type: ignore[arg-type]  # registered are dataclasses
        known = [spot.name for spot in spots]
        takes = f"it takes {', '.join(known)}" if known else "it takes no options"
        for word in kwargs:
            if word not in known:
                hint = suggestion(plainly(word), known).lstrip("; ") or None
                raise SpecError("E231", f"{self.noun} `{name}` has no option `{plainly(word)}`: {takes}", hint=hint)
        if len(args) > len(known):
            raise SpecError("E231", f"{self.noun} `{name}` got {len(args)} options: {takes}")
        twice = [word for word in known[: len(args)] if word in kwargs]
        if twice:
            raise SpecError("E231", f"{self.noun} `{name}` got `{twice[0]}` twice", hint="give it by place or by name")
        return cls(*args, **kwargs)

    def _class_named(self, name: str) -> type[T]:
        wanted = self.aliases.get(name, name)
        for cls in self.classes:
            if wanted in (cls.__name__, snake_case(cls.__name__)):
                return cls
        here = self.elsewhere.get(name)
        names = self.names()
        close = f"did you mean `{here}`?" if here else suggestion(name, [*names, *self.aliases]).lstrip("; ")
        message, hint = f"unknown {self.noun} `{plainly(name)}`", close or f"known: {', '.join(names)}"
        raise SpecError("E230", message, hint=hint, keras=keras_messages.unknown(self.noun, name))

    def _once(self, call: Call) -> dict[str, object]:
        options = dict(call.kwargs)
        if len(options) < len(call.kwargs):
            words = [word for word, _ in call.kwargs]
            twice = next(word for word in words if words.count(word) > 1)
            raise SpecError("E231", f"{self.noun} `{call.name}` got `{twice}` twice", hint="leave one of them out")
        return options

    def _from_config(self, config: dict[Any, Any]) -> T:
        """Keras' `{"class_name": …, "config": {…}}`; its `module` and `registered_name` may stand beside them."""
        name, options = config.get("class_name"), config.get("config", {})
        if name == "function":
            hint = "name it in from_config(config, custom_objects={…})"
            raise SpecError("E230", f"the {self.noun} `{plainly(options)}` is a function of somebody's own", hint=hint)
        extra = set(config) - {"class_name", "config", "module", "registered_name"}
        if not isinstance(name, str) or not isinstance(options, dict) or extra:
            hint = 'write it as {"class_name": "HeNormal", "config": {"seed": 7}}, or as a call'
            raise SpecError("E230", f"{exactly(config)} is no config of a {self.noun}", hint=hint)
        return self._make(name, (), options)


def suggestion(word: str, known: Iterable[str]) -> str:
    """Of `known` the closest, as "; did you mean `x`?" whatever the case; empty when none is close."""
    spelled = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower()[:64], list(spelled), n=1, cutoff=0.6)
    return f"; did you mean `{spelled[close[0]]}`?" if close else ""


@cache
def snake_case(name: str) -> str:
    """GlorotUniform → glorot_uniform, STFT → stft, L1L2 → l1l2 (keras/src/utils/naming.py)."""
    return re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)).lower()
