"""Every search for faults at the length of a release, one after another; each writes its row in docs/fuzzing.md.

    python -m tests.fuzz.release [--share 0.1] [--only planner,sizes]

Needs gcc and clang; as root it tries the cache between two users, too. Ends with 1 where anything was found.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
import traceback
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from codegen import __version__
from codegen.machine.compilers import find
from codegen.problem.targets import native

PAGE = Path(__file__).resolve().parents[2] / "docs" / "fuzzing.md"


@dataclass(frozen=True)
class Search:
    """A module of tests.fuzz, how many it tries before a release, and what it looks for; perhaps under sanitizers."""

    module: str
    count: int
    what: str
    sanitize: bool = False

    @property
    def name(self) -> str:
        return f"{self.module} --sanitize" if self.sanitize else self.module

    def run(self, share: float, seed: int) -> tuple[int, list[str]]:
        """(tried, findings); an error that ends a search is one, and the others go on."""
        count, options = max(1, round(self.count * share)), {"sanitize": True} if self.sanitize else {}
        try:
            tried, found = import_module(f"tests.fuzz.{self.module}").run(count, seed, **options)
            return int(tried), list(found)
        except Exception:
            return 0, [f"the search ended by an error:\n{traceback.format_exc()}"]


SEARCHES = (
    Search(
        "planner", 20_000, "legal layers of any size through every algorithm: an error that is not ours, a cost of 0"
    ),
    Search("sizes", 500, "legal layers of any size planned, shown and emitted under limits: a hang, a flood of memory"),
    Search("hostile", 20_000, "specs of a stranger: text of theirs in the C"),
    Search(
        "review", 2_000, "emitted files as a reviewer reads them: bad English, constants left to run time, dead text"
    ),
    Search("warnings", 2_000, "emitted files of every kind through gcc and clang: a warning"),
    Search(
        "gradients",
        1_000,
        "gradients of random layers on cold caches, beside their definition: a crash, a wrong number",
    ),
    Search("models", 500, "random graphs of layers as one C function, beside their definition: a wrong number"),
    Search("guards", 500, "random graphs between guard pages, whole and in blocks: other bits, a byte beside an array"),
    Search("guards", 100, "the same graphs under AddressSanitizer and UBSan: what either says", sanitize=True),
    Search(
        "layers",
        2_000,
        "layers whose properties are crossed, by each way to compute them, between guard pages: a byte beside an array",
    ),
    Search("streams", 2_000, "random layers in random blocks between guard pages: other bits than the whole's"),
    Search("bounds", 200, "inputs sought that bring a transform nearest to its bound: an output beyond it"),
    Search("layouts", 10_000, "definitions in every layout through `gen-conv fmt`: another meaning, a lost comment"),
    Search("mutants", 500, "C with one token changed: a kernel that is wrong and passes the self-test"),
    Search("other_mutants", 500, "the same of layers of int8 and of models: a wrong one that passes the self-test"),
    Search("swaps", 1_000, "folders of the cache swapped by another user while it is used: a foreign library loaded"),
)


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--share", type=float, default=1.0, help="of the counts (default 1)")
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--only", default="", help="these searches, by comma; the page keeps the rows of the others")
    options = words.parse_args()
    only = set(options.only.split(",")) if options.only else {search.module for search in SEARCHES}
    wanted = [search for search in SEARCHES if only & {search.module, search.name}]
    failed = False
    for search in wanted:
        started = time.monotonic()
        tried, found = search.run(options.share, options.seed)
        seconds = time.monotonic() - started
        told = f"{search.name}: {tried:,} tried, {len(found)} found, {seconds:,.0f} s"
        print(told, *found[:20], sep="\n", flush=True)
        asked = f"{options.share:g}, {options.seed}"
        written(search, f"| `{search.name}` | {search.what} | {asked} | {tried:,} | {len(found)} | {seconds:,.0f} |")
        failed = failed or bool(found)
    return int(failed)


def written(search: Search, row: str) -> None:
    """The row of a search in docs/fuzzing.md anew, at once, as a later one may not come to an end."""
    compiler = find()
    told = compiler.version.splitlines()[0] if compiler else "no compiler"
    text = PAGE.read_text("utf-8")
    marks = "<!-- the last run -->\n", "\n<!-- end -->"
    before, _, rest = text.partition(marks[0])
    table, _, after = rest.partition(marks[1])
    kept = {line.split("`")[1]: line for line in table.splitlines() if line.startswith("| `")} | {search.name: row}
    lines = [
        f"gen-conv {__version__}, {native().name}, {told}, Python {platform.python_version()}:",
        "",
        "| search | what it tries, and what a finding is | share, seed | tried | found | s |",
        "|---|---|---|---|---|---|",
        *(kept[one.name] for one in SEARCHES if one.name in kept),
    ]
    PAGE.write_text(before + marks[0] + "\n".join(lines) + marks[1] + after, "utf-8")


if __name__ == "__main__":
    sys.exit(main())
