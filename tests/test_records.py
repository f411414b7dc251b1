"""codegen.records against the standard library's dataclasses: the same classes, made by both."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from codegen.numbers.formats import COMPUTED
from codegen.records import dataclass

Decorator = Callable[..., Any]
OURS: Decorator = dataclass
THEIRS: Decorator = dataclasses.dataclass


def classes(made: Decorator) -> dict[str, Any]:
    """One class of each sort, by `made`."""

    @made(frozen=True)
    class Empty:
        """Nothing."""

    @made(frozen=True)
    class Plain:
        """Three fields and what is none."""

        word: ClassVar[str] = "plain"
        one: int
        two: str = "second"
        seen: list[int] = dataclasses.field(default_factory=list, compare=False)
        own: float = dataclasses.field(default=0.5, repr=False, hash=False)
        found: int = dataclasses.field(init=False, default=0)
        idle: list[int] = dataclasses.field(default_factory=list, init=False, repr=False, compare=False)

        def __post_init__(self) -> None:
            if self.one < 0:
                raise ValueError("negative")
            object.__setattr__(self, "found", self.one + 1)

    @made(frozen=True)
    class Deeper(Plain):
        """A field more, and another default of an old one."""

        two: str = "other"
        three: tuple[Any, ...] = ()

    @made(frozen=True, kw_only=True)
    class Named:
        """Keywords alone."""

        first: int
        later: int = 2

    @made(frozen=True)
    class Mixed(Named):
        """A word by its place before keywords."""

        placed: int

    @made(frozen=True, slots=True)
    class Slotted:
        """Without a dictionary."""

        start: int
        end: int = 3

        def both(self) -> tuple[int, int]:
            return self.start, self.end

    @made(frozen=True, eq=False)
    class Itself:
        """Equal to itself alone."""

        value: int

    @made(frozen=True, repr=False)
    class Hidden:
        """With a text and a hash of its own."""

        value: int

        def __repr__(self) -> str:
            return "hidden"

        def __hash__(self) -> int:
            return 7

    class Open(Plain):
        """A subclass that is no dataclass: its own attributes may change."""

    return {one.__name__: one for one in (Empty, Plain, Deeper, Named, Mixed, Slotted, Itself, Hidden, Open)}


OUR, THEIR = classes(OURS), classes(THEIRS)
CALLS: tuple[tuple[str, tuple[Any, ...], dict[str, Any]], ...] = (
    ("Empty", (), {}),
    ("Plain", (1,), {}),
    ("Plain", (1, "b", [3], 0.25), {}),
    ("Deeper", (1,), {"three": (4, 5)}),
    ("Named", (), {"first": 1}),
    ("Mixed", (9,), {"first": 1, "later": 3}),
    ("Slotted", (1,), {}),
    ("Itself", (1,), {}),
    ("Hidden", (1,), {}),
    ("Open", (3,), {"seen": [1]}),
)
WRONG: tuple[tuple[str, tuple[Any, ...], dict[str, Any]], ...] = (
    ("Empty", (1,), {}),
    ("Plain", (), {}),
    ("Plain", (-1,), {}),
    ("Named", (1,), {}),
    ("Mixed", (1,), {"first": 1, "last": 2}),
)


def refusal(function: Callable[[], object]) -> str:
    with pytest.raises((TypeError, ValueError, AttributeError)) as info:
        function()
    return f"{type(info.value).__name__}: {info.value}"


@pytest.mark.parametrize("name", OUR)
def test_a_class_says_of_itself_what_the_standard_librarys_says(name: str) -> None:
    ours, theirs = classes(OURS)[name], classes(THEIRS)[name]  # untouched: copyreg leaves a name in those it copied
    assert str(inspect.signature(ours)) == str(inspect.signature(theirs))
    assert ours.__match_args__ == theirs.__match_args__
    assert ours.__doc__ == theirs.__doc__
    assert dataclasses.is_dataclass(ours)
    assert repr(ours.__dataclass_params__) == repr(theirs.__dataclass_params__)
    assert [repr(one) for one in dataclasses.fields(ours)] == [repr(one) for one in dataclasses.fields(theirs)]
    assert vars(ours).keys() ^ vars(theirs).keys() <= {"__weakref__"}  # that Python 3.11.2 left to classes with slots


@pytest.mark.parametrize(("name", "args", "kwargs"), CALLS)
def test_an_instance_does_what_the_standard_librarys_does(
    name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    ours, theirs = OUR[name](*args, **kwargs), THEIR[name](*args, **kwargs)
    again = OUR[name](*args, **kwargs)
    assert repr(ours) == repr(theirs)
    assert (ours == again) == (theirs == THEIR[name](*args, **kwargs))
    assert ours != theirs
    assert dataclasses.asdict(ours) == dataclasses.asdict(theirs)
    if name != "Itself":
        assert hash(ours) == hash(again) == hash(theirs)
    assert copy.copy(ours) == ours or name == "Itself"
    assert repr(copy.deepcopy(ours)) == repr(ours)
    for one in (one for one in dataclasses.fields(ours) if one.init):
        assert repr(dataclasses.replace(ours, **{one.name: 5})) == repr(dataclasses.replace(theirs, **{one.name: 5}))
        for change in (lambda it, one=one: setattr(it, one.name, 1), lambda it, one=one: delattr(it, one.name)):
            assert refusal(lambda change=change: change(ours)) == refusal(lambda change=change: change(theirs))


@pytest.mark.parametrize(("name", "args", "kwargs"), WRONG)
def test_arguments_are_refused_in_the_same_words(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    assert refusal(lambda: OUR[name](*args, **kwargs)) == refusal(lambda: THEIR[name](*args, **kwargs))


def test_fields_that_are_not_compared_make_no_difference() -> None:
    one, other = OUR["Plain"](1, seen=[1]), OUR["Plain"](1, seen=[2])
    assert one == other
    assert one != OUR["Plain"](2, seen=[1])
    assert one != OUR["Plain"](1, own=0.25)
    assert hash(one) == hash(OUR["Plain"](1, own=0.25))


def test_other_attributes_are_refused_unless_a_subclass_has_them() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'more'"):
        OUR["Plain"](1).more = 2
    free = OUR["Open"](1)
    free.more = 2
    assert free.more == 2
    del free.more
    assert not hasattr(free, "more")


def test_both_decorators_may_inherit_from_each_other() -> None:
    @dataclasses.dataclass(frozen=True)
    class Theirs(OUR["Plain"]):  # type: ignore[misc]  # the base is known at run time alone
        last: int = 4

    @dataclass(frozen=True)
    class Ours(THEIR["Plain"]):  # type: ignore[misc]  # as above
        last: int = 4

    shown = "(one=1, two='second', seen=[], found=2, last=4)"
    assert repr(Theirs(1)).endswith(shown)
    assert repr(Ours(1)).endswith(shown)
    assert Theirs(1) == Theirs(1) != Theirs(2)
    assert Ours(1) == Ours(1) != Ours(2)
    with pytest.raises(TypeError, match="cannot inherit non-frozen dataclass from a frozen one"):
        dataclasses.dataclass(type("Thawed", (OUR["Plain"],), {}))


@dataclass(frozen=True, slots=True)
class Span:
    """At a module's level, where pickle finds it."""

    start: int
    end: int


def test_records_with_and_without_slots_are_pickled() -> None:
    for one in (Span(1, 2), COMPUTED["float32"]):
        assert pickle.loads(pickle.dumps(one)) == one
    assert not hasattr(Span(1, 2), "__dict__")
    match Span(1, 2):
        case Span(start, end):
            assert (start, end) == (1, 2)


def test_what_refers_to_itself_is_shown_with_dots() -> None:
    inner: list[Any] = []
    one = OUR["Plain"](1, seen=inner)
    inner.append(one)
    assert "seen=[...]" in repr(one)
