"""Unroll: a file's statements, one after another, to the specs of its layers; each loop as often as it turns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from codegen.errors import SpecError, SpecErrors
from codegen.errors.source import Span
from codegen.errors.suggest import closest
from codegen.language import lets, tree
from codegen.language.document import Layer, Model
from codegen.language.evaluate import Evaluator, Report
from codegen.language.layer_kinds import all_kinds
from codegen.language.syntax_errors import short
from codegen.records import dataclass
from codegen.specs import rules
from codegen.specs.kinds import KINDS, Spec
from codegen.specs.names import FILES, SUFFIXES, check
from codegen.specs.parameters import UNKNOWN, parameters

if TYPE_CHECKING:
    from codegen.graph.calls import AnyLayer
    from codegen.language.models import Bodies

MOST_STATEMENTS = 4_096
MOST_ENTRIES = 64
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
        self.models: list[Model] = []
        self._report, self._strict, self._baked = report, strict_keras, baked
        self._evaluator = Evaluator(report)
        self._callable: dict[str, AnyLayer] = {}
        self._open: dict[str, tuple[AnyLayer, Span]] = {}  # layers that a model must call, to know their channels
        self._mangled = False  # statements may be missing, which could not be read
        self._defaults: dict[str, Given] = {}
        self._places: dict[str, tree.Name] = {}
        self._failed: set[tuple[int, object]] = set()  # entries with a value that they have been blamed for
        self._meant: dict[Span, str | None] = {}
        self._count = 0

    @cached_property
    def _bodies(self) -> Bodies:
        """The file's models. A file without one does not wait for the import of all that graphs are made of."""
        from codegen.language.models import Bodies

        return Bodies(self._evaluator, self._report, self._callable, mangled=self._mangled)

    def run(self, file: tree.File) -> None:
        """Raises SpecError for a limit that ends reading: E404, E408."""
        lets.define(self._evaluator, self._wrong, [one for one in file.statements if isinstance(one, tree.Let)])
        self._mangled = bool(file.faults)
        self._has_models = any(isinstance(one, tree.Model) for one in tree.all_of(file.statements))
        self._statements(file.statements)
        self._uncalled()
        owned = {layer.spec.name: SUFFIXES for layer in self.layers}
        owned |= {model.graph.name: model.suffixes for model in self.models}
        spelled = {name.casefold(): name for name in owned}
        for name, suffixes in owned.items():
            for suffix in suffixes:
                self._not_defined_by(name, suffix, spelled)

    def _uncalled(self) -> None:
        """Reports the layers whose channels nothing tells."""
        for name, (layer, span) in self._open.items():
            if name not in self._bodies.called and not self._bodies.failed:
                message = f"`input_shape` is missing: no model calls the {layer.kind} `{short(name)}`"
                hint = "add input_shape = (steps, channels), call it in a model, or take it out"
                self._report(SpecError("E202", message, field="input_shape", hint=hint, span=span))

    @property
    def names(self) -> Mapping[str, object]:
        """The values of the `let`s, once run."""
        return self._evaluator.names

    def _wrong(self, code: str, message: str, hint: str, span: Span) -> None:
        self._report(SpecError(code, message, hint=hint, span=span))

    def _statements(self, statements: Iterable[tree.Statement]) -> None:
        for statement in statements:
            self._count += not isinstance(statement, tree.Loop)
            if self._count > MOST_STATEMENTS:
                span = statement.span if isinstance(statement, (tree.Defaults, tree.Loop)) else statement.name.span
                message = f"more than {MOST_STATEMENTS:,} statements after loops are unrolled, the most there may be"
                raise SpecError("E404", message, hint="use shorter loops, or several files", span=span)
            match statement:
                case tree.Defaults():
                    self._set_defaults(statement)
                case tree.Loop():
                    self._loop(statement)
                case tree.Layer():
                    self._layer(statement)
                case tree.Model():
                    self._model(statement)

    def _loop(self, loop: tree.Loop) -> None:
        name, names = loop.name.text, self._evaluator.names
        if name in lets.RESERVED:
            lets.reserved(self._wrong, loop.name)
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
            kinds = [kind for kind in all_kinds().values() if name in parameters(kind)]
            if not kinds or name == "name":
                self._unknown_parameter(given.entry.name, list(all_kinds().values()))
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
        kind = KINDS.get(layer.kind.text) or all_kinds().get(layer.kind.text)
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
        if "input_shape" not in values and not (self._has_models or kind.kind not in KINDS):
            values["input_shape"] = UNKNOWN
            message = f"`input_shape` is missing: a file's {kind.kind} needs it"
            hint = "add input_shape = (steps, channels); None as steps means any number"
            self._report(SpecError("E202", message, field="input_shape", hint=hint, span=layer.name.span))
        self._make(kind, values, merged, layer)

    def _fresh(self, given: Given) -> object:
        """The value, UNKNOWN where this entry was blamed for it in an earlier turn."""
        return UNKNOWN if (id(given.entry), given.value) in self._failed else given.value

    def _model(self, model: tree.Model) -> None:
        name = model.name
        try:
            check("name", name.text)
        except SpecError as wrong:
            self._report(SpecError(wrong.code, wrong.message, hint=wrong.hint, span=name.span))
            return
        self._distinct(name.text, name)
        dtypes = {layer.dtype for layer in self._callable.values()}
        graph = self._bodies.read(model, "float64" if dtypes == {"float64"} else "float32")
        if graph is None:
            return
        for layer in graph.layers.values():
            own = rules.tables(layer.problem) if self._baked and isinstance(layer, Spec) else ()
            for each in own:
                self._report(SpecError(each.code, each.message, hint=each.hint, span=name.span))
        self.models.append(Model(graph, name.span))

    def _make(
        self, kind: type[AnyLayer], values: dict[str, object], given: dict[str, Given], layer: tree.Layer
    ) -> None:
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
            self._callable.setdefault(spec.name, spec)
            if not isinstance(spec, Spec) or spec.input_shape is None:
                self._open.setdefault(spec.name, (spec, layer.name.span))
                return
            strict = spec.refusals() if self._strict else ()
            tables = rules.tables(spec.problem) if self._baked or spec.problem.format.whole else ()
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
        """NAME, NAME_value for NAME[value], NAME_a_b for NAME[a, b]."""
        if layer.index is None:
            return layer.name.text
        index = self._evaluator.index(layer.index)
        return UNKNOWN if index is None else "_".join((layer.name.text, *map(str, index)))

    def _distinct(self, name: str, place: tree.Name) -> None:
        """Reports E122 for a name that an earlier layer has; case does not tell two files apart everywhere."""
        earlier = self._places.get(name.casefold())
        if earlier:
            message = f"two layers are named `{name}`"
            hint = f"in a loop write {place.text}[i], so that each turn has a name of its own; else "
            if earlier.text != place.text and earlier.text.casefold() == place.text.casefold():
                message, hint = f"the names `{earlier.text}` and `{place.text}` differ in capitals alone", ""
            self._wrong("E122", message, f"{hint if place.text else ''}choose another name", place.span)
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
        near = self._closest(kind, lambda: closest(kind.text, all_kinds()))
        hint = f"did you mean `{near}`?" if near else f"the kinds are {', '.join(all_kinds())}"
        self._wrong("E112", f"unknown kind of layer `{short(kind.text)}`", hint, kind.span)

    def _unknown_parameter(self, name: tree.Name, kinds: list[type[AnyLayer]]) -> str | None:
        """Reports E104, once for a place however often a loop comes by; the parameter that was probably meant."""
        if name.span in self._meant:
            return self._meant[name.span]
        known = {each.name: each for kind in kinds for each in parameters(kind).values()}
        near = closest(name.text, known, {word: each.name for each in known.values() for word in each.also})
        self._meant[name.span] = near
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
