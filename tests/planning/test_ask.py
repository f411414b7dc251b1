"""Ask: one value from the door to the C, checked where it is made, and a new option of it changes no signature."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest

import codegen
from codegen import pipeline
from codegen.cli import main
from codegen.emission import registry
from codegen.errors import UsageError
from codegen.planning import planner
from codegen.planning.algorithms import direct_filters
from codegen.planning.algorithms.table import ALGORITHMS
from codegen.planning.ask import PLAIN, Ask, Limits
from codegen.planning.plan import KernelPlan, Request
from codegen.problem.targets import TARGETS
from codegen.specs.kinds import Conv1DSpec, SeparableConv1DSpec

ROOT = Path(codegen.__file__).parent
SPEC = Conv1DSpec(name="stem", filters=24, kernel_size=3, input_shape=(98, 8))
WORDS = {each.name for each in fields(Ask)} | {"storage", "packed", "known", "rigor", "threads"}
DOORS = {  # what people call, with a keyword an option: each makes an Ask, or the How that makes one
    "planning/ask.py",
    "layers/how.py",
    "pipeline.generate",
    "layers/kinds.__init__",
    "layers/model.load",
}
MOST_WORDS = 2  # of these in one signature


@dataclass(frozen=True)
class Wider(Ask):
    """An Ask with an option that no module knows."""

    most_rows: int = 16


def test_an_option_reaches_planner_and_text_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """An algorithm and its text read an option that was added to Ask; nothing between them hands it on."""
    seen: list[object] = []
    algorithm = ALGORITHMS["direct_filters"]
    writer = registry.writer(pipeline.plan(SPEC))

    def candidates(request: Request, _: Any) -> list[KernelPlan]:
        return direct_filters.plans(request, getattr(request.ask, "most_rows", 16))

    def view(plan: KernelPlan, name: str) -> dict[str, Any]:
        seen.append(plan.ask)
        return writer.view(plan, name)

    monkeypatch.setitem(ALGORITHMS, "direct_filters", replace(algorithm, candidates=candidates))
    monkeypatch.setitem(registry.WRITERS, "direct_filters", replace(writer, view=view))
    wide, narrow = Wider(TARGETS["avx2"]), Wider(TARGETS["avx2"], most_rows=2)
    assert pipeline.plan(SPEC, narrow).key != pipeline.plan(SPEC, wide).key
    texts = [pipeline.emitted(SPEC, ask).code for ask in (wide, narrow)]
    assert texts[0] != texts[1]
    assert seen == [wide, narrow]


def test_parts_of_a_plan_are_asked_for_with_the_same_options() -> None:
    spec = SeparableConv1DSpec(name="stem", filters=8, kernel_size=3, input_shape=(98, 8))
    plan = pipeline.plan(spec, Wider(TARGETS["avx2"], "baked", "fast", sliced=True, most_rows=5))
    assert plan.sliced
    for part in plan.parts:
        assert part.ask == Wider(TARGETS["avx2"], "packed", "exact", most_rows=5)


def test_it_is_a_value() -> None:
    assert Ask() == PLAIN
    assert {Ask(): 1}[PLAIN] == 1
    assert "accuracy='fast'" in repr(Ask(accuracy="fast"))
    with pytest.raises(AttributeError):
        PLAIN.accuracy = "fast"  # type: ignore[misc]  # that it cannot be set is what is tried
    assert planner.plan(SPEC.problem, PLAIN).ask == PLAIN


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"accuracy": "fst"}, "unknown accuracy `fst`: did you mean `fast`?"),
        ({"numbers": "fp16"}, "unknown storage `fp16`: did you mean `float16`?"),
        ({"weights": "bakd"}, "unknown weights `bakd`: did you mean `baked`?"),
        ({"objective": "sise"}, "unknown optimize objective `sise`: did you mean `size`?"),
    ],
)
def test_an_unknown_word_is_told_where_it_is_made(options: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError) as caught:
        Ask(**options)
    assert str(caught.value).startswith(told)


@pytest.mark.parametrize("most", [-1, 1.5, True, "4096"])
def test_a_limit_is_a_number_of_bytes(most: Any) -> None:
    with pytest.raises(UsageError, match="`ram` must be a whole number of bytes, got"):
        Limits(ram=most)
    assert Limits(flash=0, ram=4096).flash == 0


def signatures() -> Iterator[tuple[str, int, set[str]]]:
    """(place, line, the words of WORDS that it takes) of every function."""
    for path in sorted(ROOT.rglob("*.py")):
        module = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                given = node.args
                names = {each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)}
                place = f"{module.removesuffix('.py')}.{node.name}"
                if not DOORS & {module, place}:
                    yield place, node.lineno, names & WORDS


@pytest.mark.long
def test_no_function_takes_the_options_one_by_one() -> None:
    found = list(signatures())
    assert len(found) > 1000
    assert not [one for one in found if len(one[2]) > MOST_WORDS]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--target", "avx3"], "unknown target `avx3`: did you mean `avx2`?"),
        (["--accuracy", "fst"], "unknown accuracy `fst`: did you mean `fast`?"),
        (["--storage", "half"], "unknown storage `half`: did you mean `float16`?"),
        (["--packed", "--init", "--seed", "1"], "--packed is for kernels that are arguments"),
    ],
)
def test_the_command_tells_the_same(
    given: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "x.conv"
    spec.write_text("conv1d x { filters = 2, kernel_size = 3, input_shape = (9, 2) }")
    assert main.main([str(spec), "-o", str(tmp_path), *given]) == 2
    assert told in capsys.readouterr().err
