"""Options of the test command, a cache for each test, and what becomes of a skip.

--specs N          random layers of the conformance and memory tests (20000 for a release)
--target a,b       only these targets
--update-golden    rewrite the golden C files
--whole            the long sweeps whole, of which a commit has a share
--alone K/N        the Kth of N shares of the tests, in random order, each in a process of its own with nothing compiled

In CI a skip fails unless tests/allowed_skips.txt says why.
"""

from __future__ import annotations

import gc
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support import alone, cprogram, isolation, rotation

os.environ.setdefault("KERAS_BACKEND", "torch")  # before any test imports Keras, in whatever order they come
if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):  # hundreds of processes would each compile modules and templates anew
    sys.dont_write_bytecode = False
ALLOWED_SKIPS = Path(__file__).with_name("allowed_skips.txt")
FEWER_LOOKS = (50_000, 20, 100)  # for garbage, through what collection made and tests keep: a tenth of a worker's time
skipped: list[tuple[str, str]] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gen-conv")
    group.addoption("--specs", type=int, default=300, metavar="N", help="random layers in the C tests (default 300)")
    group.addoption("--target", default="", metavar="A,B", help="test only these targets")
    group.addoption("--update-golden", action="store_true", help="rewrite tests/data/golden")
    group.addoption("--whole", action="store_true", help="long sweeps whole, of which a commit has a share")
    group.addoption("--alone", type=alone.share, metavar="K/N", help="each of a share of the tests in its own process")


def pytest_configure(config: pytest.Config) -> None:
    gc.set_threshold(*FEWER_LOOKS)
    if config.getoption("--alone"):
        config.pluginmanager.register(alone.Alone(config), "alone")


@pytest.fixture(autouse=True)
def own_cache(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is compiled when a test begins: neither on the disk nor in this process."""
    isolation.forget()
    monkeypatch.setenv("GENCONV_CACHE_DIR", isolation.empty_cache(tmp_path_factory))
    monkeypatch.setenv("GENCONV_SPECIALIZE", "0")  # nothing compiles in the background but where a test is about it
    if is_quick(request.config):
        isolation.refuse_programs(monkeypatch)
    if "not compiles" in request.config.getoption("-m"):
        isolation.refuse_the_compiler(monkeypatch)
    elif not request.config.getoption("--alone"):
        isolation.spare_the_compiler(monkeypatch, tmp_path_factory)


@pytest.fixture(scope="session")
def specs(request: pytest.FixtureRequest) -> int:
    """How many random layers a test of C takes."""
    return int(request.config.getoption("--specs"))


@pytest.fixture(scope="session")
def share(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """`share(items, parts)`: those of a long sweep whose turn it is at this commit; all of them with --whole."""

    def taken(items: Sequence[Any], parts: int) -> Sequence[Any]:
        return items if request.config.getoption("--whole") else rotation.share(items, parts, rotation.number())

    return taken


@pytest.fixture(scope="session")
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture
def need(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """`need(function, *arguments)` calls it, and skips with the reason where it raises cprogram.Missing."""

    def call(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except cprogram.Missing as missing:
            pytest.skip(str(missing))

    return call


def is_quick(config: pytest.Config) -> bool:
    """Whether this is the quick loop, of tests that stay in this process."""
    return all(word in config.getoption("-m") for word in ("not compiles", "not live"))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Without the live tests their folder is not even read: it imports PyTorch and Keras, for seconds a worker."""
    return True if collection_path.name == "live" and "not live" in config.getoption("-m") else None


def only_targets(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = [name for name in config.getoption("--target").split(",") if name]
    if wanted:
        parameters = [getattr(getattr(item, "callspec", None), "params", {}) for item in items]
        kept = [one for one, given in zip(items, parameters, strict=True) if given.get("target", wanted[0]) in wanted]
        deselect(config, items, kept)


def asked_by_name(config: pytest.Config) -> bool:
    """Whether the command names files or tests: then it wants those, however long they take."""
    return any(config.rootpath.joinpath(word.partition("::")[0]).is_file() for word in config.invocation_params.args)


def deselect(config: pytest.Config, items: list[pytest.Item], kept: list[pytest.Item]) -> None:
    """Leave `kept` of the items, and count the others as deselected."""
    staying = set(kept)
    config.hook.pytest_deselected(items=[item for item in items if item not in staying])
    items[:] = kept


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    only_targets(config, items)
    if not config.getoption("--whole"):
        deselect(config, items, rotation.in_turn(items, rotation.number()))
        if is_quick(config) and not asked_by_name(config):
            deselect(config, items, rotation.quick(items, rotation.number()))


def pytest_collection_finish() -> None:
    gc.freeze()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        skipped.append((report.nodeid, _reason(report.longrepr)))


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.skipped:
        skipped.append((report.nodeid, _reason(report.longrepr)))


def _reason(representation: Any) -> str:
    return (
        str(representation[2]).removeprefix("Skipped: ") if isinstance(representation, tuple) else str(representation)
    )


def unexplained(found: list[tuple[str, str]], allowed: str) -> list[tuple[str, str]]:
    """The skips that no line of `allowed` (regular expressions over `test: reason`, # for remarks) accounts for."""
    patterns = [line for line in allowed.splitlines() if line.strip() and not line.startswith("#")]
    return [(test, why) for test, why in found if not any(re.search(one, f"{test}: {why}") for one in patterns)]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if os.environ.get("CI") != "true" or hasattr(session.config, "workerinput"):
        return  # with xdist the reports of all workers reach the controller, which decides
    if unexplained(skipped, ALLOWED_SKIPS.read_text("utf-8")) and exitstatus in (0, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if os.environ.get("CI") != "true":
        return
    for test, why in unexplained(skipped, ALLOWED_SKIPS.read_text("utf-8")):
        terminalreporter.write_line(
            f"SKIPPED IN CI, which tests/allowed_skips.txt does not allow: {test}: {why}", red=True
        )
