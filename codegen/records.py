"""Frozen dataclasses that are made in a tenth of the standard library's time, and are its like in all else.

`dataclasses` compiles the text of six methods for each class, which takes two thirds of a millisecond: of the two
hundred classes that a command imports, that was a third of its time. Here the text of `__init__` alone is compiled,
when it is first asked for; the other methods are functions that know their class' fields. Type checkers see the
standard library's own decorator.
"""

from __future__ import annotations

import dataclasses
import inspect
import reprlib
from collections.abc import Callable, Sequence
from operator import attrgetter

__all__ = ["dataclass"]

TYPE_CHECKING = False  # what type checkers take for typing's own
if TYPE_CHECKING:
    from dataclasses import dataclass
    from typing import Any

    Fields = Sequence[dataclasses.Field[Any]]
else:

    def dataclass(cls=None, /, **asked):
        """The decorator of that name: `frozen` with `eq`, `repr`, `kw_only` and `slots`; else the standard library's.

        No field may be an `InitVar`.
        """
        if asked.get("frozen"):
            return lambda cls: _frozen(cls, **asked)
        return dataclasses.dataclass(cls, **asked)


def _frozen(
    cls: type, *, frozen: bool, eq: bool = True, repr: bool = True, kw_only: bool = False, slots: bool = False
) -> type:
    """`cls` with its fields and methods; with `slots` a new class."""
    declared = _declared(cls, kw_only)
    like = vars(declared)
    own, parameters = like["__dataclass_fields__"], like["__dataclass_params__"]
    parameters.init, parameters.repr, parameters.eq, parameters.frozen = True, repr, eq, frozen
    known = [vars(base).get("__dataclass_fields__", {}) for base in reversed(cls.__mro__[1:])]
    merged = {name: one for fields in (*known, own) for name, one in fields.items()}
    inherent = {"__dataclass_fields__": merged, "__dataclass_params__": parameters}
    inherent |= {name: like[name] for name in ("__replace__",) if name in like}  # Python 3.13's copy.replace
    defaults = {name: one.default for name, one in own.items() if one.default is not dataclasses.MISSING}
    if slots:
        cls = _slotted(cls, [one.name for one in dataclasses.fields(declared)])
        defaults = {}
    else:
        for name in own.keys() & vars(cls).keys():
            delattr(cls, name)
    for name, value in {**inherent, **defaults}.items():
        setattr(cls, name, value)
    _add_methods(cls, eq, repr)
    return cls


def _declared(cls: type, kw_only: bool) -> type:
    """A class of the fields of `cls` alone, as the standard library reads them, without methods."""
    hints = inspect.get_annotations(cls)
    told = {name: value for name, value in vars(cls).items() if name in hints}
    told |= {"__annotations__": hints, "__module__": cls.__module__, "__doc__": cls.__name__}
    read = dataclasses.dataclass(init=False, repr=False, eq=False, match_args=False, kw_only=kw_only)
    return read(type(cls.__name__, (), told))


def _slotted(cls: type, own: Sequence[str]) -> type:
    """A class as `cls`, whose instances hold the fields `own` without a dictionary."""
    left_out = {*own, "__dict__", "__weakref__"}
    kept = {name: value for name, value in vars(cls).items() if name not in left_out}
    return type(cls)(cls.__name__, cls.__bases__, {**kept, "__slots__": tuple(own), "__qualname__": cls.__qualname__})


def _add_methods(cls: type, eq: bool, repr: bool) -> None:
    """Give `cls` what it does not define itself."""
    fields = dataclasses.fields(cls)
    methods: dict[str, object] = {"__init__": _Initialising(cls, fields)}
    methods["__match_args__"] = tuple(one.name for one in fields if one.init and not one.kw_only)
    if repr:
        methods["__repr__"] = _showing([one.name for one in fields if one.repr])
    if eq:
        methods["__eq__"] = _comparing([one.name for one in fields if one.compare])
        hashed = [one.name for one in fields if (one.compare if one.hash is None else one.hash)]
        methods["__hash__"] = _hashing(hashed)
    methods["__setattr__"], methods["__delattr__"] = _refusing(cls, frozenset(one.name for one in fields))
    if "__slots__" in vars(cls):
        methods["__getstate__"], methods["__setstate__"] = _state, _set_state
    own = vars(cls)
    explicit = "__hash__" in own and not (own["__hash__"] is None and "__eq__" in own)
    for name, method in methods.items():
        if name not in own or (name == "__hash__" and not explicit):
            setattr(cls, name, method)


class _Initialising:
    """The method `__init__` before it is first asked for, by a call or for its signature: then it is a function."""

    def __init__(self, cls: type, fields: Fields) -> None:
        self.cls, self.fields = cls, fields

    def __get__(self, instance: object, owner: type) -> object:
        made = _initialising(self.cls, self.fields)
        self.cls.__init__ = made  # type: ignore[misc]  # in its own place
        return made.__get__(instance, owner)


def _initialising(cls: type, fields: Fields) -> Any:
    """`__init__`, compiled, so that its arguments are those of the fields."""
    known: dict[str, Any] = {"set_": object.__setattr__, "MADE": _MADE}
    first: list[str] = []
    later: list[str] = []
    lines: list[str] = []
    for one in fields:
        argument = value = one.name
        if one.default is not dataclasses.MISSING:
            known[f"default_{one.name}"] = one.default
            argument = f"{one.name}=default_{one.name}"
        elif one.default_factory is not dataclasses.MISSING:
            known[f"make_{one.name}"] = one.default_factory
            argument, value = f"{one.name}=MADE", f"make_{one.name}()"
            value = f"{value} if {one.name} is MADE else {one.name}" if one.init else value
        if one.init:
            (later if one.kw_only else first).append(argument)
        if one.init or one.default_factory is not dataclasses.MISSING:
            lines.append(f"    set_(self, {one.name!r}, {value})")
    if hasattr(cls, "__post_init__"):
        lines.append("    self.__post_init__()")
    arguments = ", ".join(["self", *first, *(["*"] if later else []), *later])
    exec(f"def __init__({arguments}):\n" + ("\n".join(lines) or "    pass"), known)
    made = known["__init__"]
    made.__qualname__, made.__module__ = f"{cls.__qualname__}.__init__", cls.__module__
    made.__annotations__ = {**{one.name: one.type for one in fields if one.init}, "return": None}
    return made


def _values(names: Sequence[str]) -> Callable[[object], tuple[object, ...]]:
    if not names:
        return lambda one: ()
    read = attrgetter(*names)
    return read if len(names) > 1 else lambda one: (read(one),)


def _comparing(names: Sequence[str]) -> object:
    values = _values(names)

    def __eq__(self: object, other: object) -> object:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    return __eq__


def _hashing(names: Sequence[str]) -> object:
    values = _values(names)

    def __hash__(self: object) -> int:
        return hash(values(self))

    return __hash__


def _showing(names: Sequence[str]) -> object:
    @reprlib.recursive_repr()
    def __repr__(self: object) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    return __repr__


def _refusing(cls: Any, names: frozenset[str]) -> tuple[object, object]:
    """`__setattr__` and `__delattr__`, which leave a subclass' own attributes alone."""

    def __setattr__(self: object, name: str, value: object) -> None:
        if type(self) is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
        super(cls, self).__setattr__(name, value)

    def __delattr__(self: object, name: str) -> None:
        if type(self) is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
        super(cls, self).__delattr__(name)

    return __setattr__, __delattr__


def _state(self: Any) -> list[object]:
    return [getattr(self, one.name) for one in dataclasses.fields(self)]


def _set_state(self: Any, state: Sequence[object]) -> None:
    for one, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, one.name, value)


class _Made:
    """What stands for an argument that a field's factory makes."""

    def __repr__(self) -> str:
        return "<factory>"


_MADE = _Made()
