"""Unroll: a file's statements, one after another, to the specs of its layers; each loop as often as it turns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from codegen.errors import SpecError, SpecErrors
from codegen.errors.source import Span
from codegen.errors.suggest import closest
from codegen.language import tree
from codegen.language.document import Layer
from codegen.language.evaluate import Evaluator, Report
from codegen.language.syntax_errors import short
from codegen.specs import rules
from codegen.specs.kinds import KINDS, Spec
from codegen.specs.names import FILES, SUFFIXES
from codegen.specs.parameters import UNKNOWN, parameters, shown

MOST_STATEMENTS = 4_096
MOST_ENTRIES = 64
RESERVED = frozenset({"range"})  # the other words of the language are no names in the grammar
NUMERIC = frozenset({"E201", "E205", "E301"})  # codes of parameters that want a number


@dataclass(frozen=True, slots=True)
class Given:
    """A parameter's value with the entry that gives it."""

    value: object
    entry: tree.Entry


class Unroller:
    """One walk over a file's statements; `layers` are those found, in order."""

    def __init__(self, report: Report, *, strict_keras: bool, baked: bool) -> None:
        self.layers: list[Layer] = []
        self._report, self._strict, self._baked = report, strict_keras, baked
        self._evaluator = Evaluator(report)
        self._defaults: dict[str, Given] = {}
        self._places: dict[str, tree.Name] = {}
        self._failed: set[tuple[int, object]] = set()  # entries with a value that they have been blamed for
        self._meant: dict[Span, str | None] = {}
        self._count = 0

    def run(self, file: tree.File) -> None:
        """Raises SpecError for a limit that ends reading: E404, E408."""
        self._lets([statement for statement in file.statements if isinstance(statement, tree.Let)])
        self._statements(file.statements)
        spelled = {layer.spec.name.casefold(): layer.spec.name for layer in self.layers}
        for layer in self.layers:
            for suffix in SUFFIXES:
                self._not_defined_by(layer.spec.name, suffix, spelled)

    @property
    def names(self) -> Mapping[str, object]:
        """The values of the `let`s, once run."""
        return self._evaluator.names

    def _wrong(self, code: str, message: str, hint: str, span: Span) -> None:
        self._report(SpecError(code, message, hint=hint, span=span))

    def _reserved(self, name: tree.Name) -> None:
        message = f"`{name.text}` is a word of the language, and no name"
        self._wrong("E111", message, "choose another name", name.span)

    def _lets(self, lets: Iterable[tree.Let]) -> None:
        """Values of all `let`s, whatever their order; one that needs itself stays UNKNOWN."""
        found: dict[str, tree.Let] = {}
        for let in lets:
            name = let.name.text
            if name in RESERVED:
                self._reserved(let.name)
                self._evaluator.names[name] = UNKNOWN
            elif name in found:
                self._wrong("E114", f"`{short(name)}` is defined twice", "take one of the two out", let.name.span)
            else:
                found[name] = let
        names = self._evaluator.names
        names.update(dict.fromkeys(found, UNKNOWN))
        for name in self._in_order(found):
            names[name] = self._evaluator.value(found[name].value)

    def _in_order(self, lets: dict[str, tree.Let]) -> Iterator[str]:
        """The names so that each comes after those it needs, as far as they form no circle."""
        entered: dict[str, bool] = {}  # True once all it needs is done
        for root in lets:
            path = [] if root in entered else [(root, _needs(lets[root]))]
            while path:
                name, needs = path[-1]
                entered.setdefault(name, False)
                need = next((word for word in needs if word in lets and not entered.get(word)), None)
                if need is None:
                    entered[name] = True
                    path.pop()
                    yield name
                elif need in entered:
                    hint = f"give `{short(need)}` a value that does not need `{short(name)}`"
                    message = f"`{short(name)}` needs `{short(need)}`, which needs `{short(name)}`"
                    if need == name:
                        message, hint = f"`{short(name)}` needs itself", "give it a value of its own"
                    self._wrong("E115", message, hint, lets[name].name.span)
                else:
                    path.append((need, _needs(lets[need])))

    def _statements(self, statements: Iterable[tree.Statement]) -> None:
        for statement in statements:
            self._count += not isinstance(statement, tree.Loop)
            if self._count > MOST_STATEMENTS:
                span = statement.name.span if isinstance(statement, (tree.Let, tree.Layer)) else statement.span
                message = f"more than {MOST_STATEMENTS:,} statements after loops are unrolled, the most there may be"
                raise SpecError("E404", message, hint="use shorter loops, or several files", span=span)
            match statement:
                case tree.Defaults():
                    self._set_defaults(statement)
                case tree.Loop():
                    self._loop(statement)
                case tree.Layer():
                    self._layer(statement)

    def _loop(self, loop: tree.Loop) -> None:
        name, names = loop.name.text, self._evaluator.names
        if name in RESERVED:
            self._reserved(loop.name)
            names.pop(name, None)
        outer = {name: names[name]} if name in names else {}
        if outer:
            message = f"`{short(name)}` already names a `let` or a loop around this one"
            self._wrong("E114", message, "choose another name for the loop", loop.name.span)
        turns = self._evaluator.turns(loop.values) if loop.name.text else None
        for value in (UNKNOWN,) if turns is None else turns:
            if not loop.body:
                break
            self._evaluator.spend(1, loop.span)
            names[name] = value
            self._statements(loop.body)
        names.pop(name, None)
        names.update(outer)

    def _set_defaults(self, defaults: tree.Defaults) -> None:
        """Adds to the defaults of the layers that follow; a value that no kind takes is reported here."""
        if self._too_many(defaults.entries, defaults.span):
            return
        for name, given in self._entries(defaults.entries).items():
            kinds = [kind for kind in KINDS.values() if name in parameters(kind)]
            if not kinds or name == "name":
                self._unknown_parameter(given.entry.name, list(KINDS.values()))
                continue
            self._defaults[name] = given
            try:
                if given.value is not UNKNOWN:
                    parameters(kinds[0])[name].check(name, given.value)
            except SpecError as wrong:
                self._blame(wrong, given)
                self._defaults[name] = Given(UNKNOWN, given.entry)

    def _entries(self, entries: tuple[tree.Entry, ...]) -> dict[str, Given]:
        """Each parameter's value; the first of two that are given twice."""
        found: dict[str, Given] = {}
        for entry in entries:
            value = self._evaluator.value(entry.value)
            if entry.name.text in found:
                message = f"`{short(entry.name.text)}` is given twice"
                self._wrong("E116", message, "take one of the two out", entry.name.span)
            else:
                found[entry.name.text] = Given(value, entry)
        return found

    def _too_many(self, entries: tuple[tree.Entry, ...], block: Span) -> bool:
        if len(entries) > MOST_ENTRIES:
            message = f"the block has {len(entries):,} entries, more than {MOST_ENTRIES}, the most that one may have"
            self._wrong("E405", message, "a layer has fewer parameters: take the others out", block)
        return len(entries) > MOST_ENTRIES

    def _layer(self, layer: tree.Layer) -> None:
        if self._too_many(layer.entries, layer.kind.span):
            return
        given = self._entries(layer.entries)
        kind = KINDS.get(layer.kind.text)
        if kind is None:
            self._unknown_kind(layer.kind)
            return
        known = parameters(kind)
        stray = [given.pop(name).entry.name for name in [*given] if name not in known]
        meant = {self._unknown_parameter(name, [kind]) for name in stray}
        merged = {name: value for name, value in self._defaults.items() if name in known} | given
        values = dict.fromkeys(meant - {None}, UNKNOWN) | {name: self._fresh(value) for name, value in merged.items()}
        if "name" not in values:
            values["name"] = self._name(layer)
        if "input_shape" not in values:
            values["input_shape"] = UNKNOWN
            message = f"`input_shape` is missing: a file's {kind.kind} needs it"
            hint = "add input_shape = (steps, channels); None as steps means any number"
            self._report(SpecError("E202", message, field="input_shape", hint=hint, span=layer.name.span))
        self._make(kind, values, merged, layer)

    def _fresh(self, given: Given) -> object:
        """The value, UNKNOWN where this entry was blamed for it in an earlier turn."""
        return UNKNOWN if (id(given.entry), given.value) in self._failed else given.value

    def _make(self, kind: type[Spec], values: dict[str, object], given: dict[str, Given], layer: tree.Layer) -> None:
        try:
            spec = kind(**values)  # type: ignore[arg-type]  # construction checks each
        except SpecError as wrong:
            self._blame(wrong, given.get(wrong.field or ""), layer)
        except SpecErrors as all_wrong:
            for one in all_wrong.diagnostics:
                error = SpecError(one.code, one.message, field=one.field, hint=one.hint)
                self._blame(error, given.get(one.field or ""), layer)
        else:
            place = tree.Name(given["name"].entry.value.span, "") if "name" in given else layer.name
            self._distinct(spec.name, place)
            strict = spec.refusals() if self._strict else ()
            tables = rules.tables(spec.problem) if self._baked else ()
            for refusal in (*strict, *tables):
                self._blame(refusal, given.get(refusal.field or ""), layer)
            self.layers.append(Layer(spec, layer.name.span))

    def _blame(self, wrong: SpecError, given: Given | None, layer: tree.Layer | None = None) -> None:
        """Reports an error at the value that is at fault, or at the layer's name; a stray word gets its own hint."""
        if given is None:
            wrong.span = layer.name.span if layer else wrong.span
        else:
            wrong.span = given.entry.value.span
            if wrong.code.startswith("E2"):  # what no other parameter can mend
                self._failed.add((id(given.entry), given.value))
            words = [word for word in tree.words(given.entry.value) if word.text not in self._evaluator.names]
            if wrong.code in NUMERIC and words:
                near = self._evaluator.meant(words[0])
                message = f"`{wrong.field}` wants a number, and `{short(words[0].text)}` is none"
                wrong = SpecError("E209", message, field=wrong.field, hint=near, span=words[0].span)
        self._report(wrong)

    def _name(self, layer: tree.Layer) -> object:
        """NAME, or NAME_value for NAME[value]."""
        if layer.index is None:
            return layer.name.text
        value = self._evaluator.value(layer.index)
        if value is UNKNOWN:
            return UNKNOWN
        if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
            return f"{layer.name.text}_{value}"
        message = f"a layer's index is a whole number from 0 on or a word, got {shown(value)}"
        self._wrong("E119", message, "use the loop's variable, or arithmetic that keeps it whole", layer.index.span)
        return UNKNOWN

    def _distinct(self, name: str, place: tree.Name) -> None:
        """Reports E122 for a name that an earlier layer has; case does not tell two files apart everywhere."""
        if name.casefold() in self._places:
            message = f"two layers are named `{name}`"
            hint = (
                f"in a loop write {place.text}[i], so that each turn has a name of its own; else " if place.text else ""
            )
            self._wrong("E122", message, f"{hint}choose another name", place.span)
        self._places[name.casefold()] = place

    def _not_defined_by(self, owner: str, suffix: str, spelled: Mapping[str, str]) -> None:
        """Reports E122 for a layer whose name another layer's C defines, or has for a file, capitals or not."""
        word = f"{owner}_{suffix}"
        name, place = spelled.get(word.casefold()), self._places.get(word.casefold())
        if name and place and (name == word or suffix in FILES):
            message = f"the C of the layer `{owner}` defines `{word}`, so that no layer may be named `{name}`"
            self._wrong("E122", message, "choose another name", place.span)

    def _unknown_kind(self, kind: tree.Name) -> None:
        if not kind.text:  # a header that could not be read, reported as such
            return
        near = self._closest(kind, lambda: closest(kind.text, KINDS))
        hint = f"did you mean `{near}`?" if near else f"the kinds are {', '.join(KINDS)}"
        self._wrong("E112", f"unknown kind of layer `{short(kind.text)}`", hint, kind.span)

    def _unknown_parameter(self, name: tree.Name, kinds: list[type[Spec]]) -> str | None:
        """Reports E104; returns the parameter that was probably meant."""

        def ask() -> str | None:
            known = {each.name: each for kind in kinds for each in parameters(kind).values()}
            return closest(name.text, known, {word: each.name for each in known.values() for word in each.also})

        near = self._closest(name, ask)
        layers = " or ".join(kind.keras for kind in kinds)
        hint = f"did you mean `{near}`?" if near else f"use those of Keras' {layers}, input_shape and dtype"
        if name.text == "name":
            hint = "a layer's name is its own: write it after its kind"
        self._wrong("E104", f"unknown parameter `{short(name.text)}`", hint, name.span)
        return near

    def _closest(self, place: tree.Name, ask: Callable[[], str | None]) -> str | None:
        """What was probably meant at a place, asked for once, however often a loop comes by."""
        if place.span not in self._meant:
            self._meant[place.span] = ask()
        return self._meant[place.span]


def _needs(let: tree.Let) -> Iterator[str]:
    return (word.text for word in tree.words(let.value))
