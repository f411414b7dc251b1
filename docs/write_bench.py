"""Draws docs/bench.svg of docs/bench.json; `python docs/write_bench.py RUN.json …` first puts runs there.

A run is what `gen-conv bench --json RUN.json` wrote.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from codegen.bench import picture

HERE = Path(__file__).parent


def runs() -> list[dict[str, Any]]:
    """The runs that the picture shows."""
    found: list[dict[str, Any]] = json.loads((HERE / "bench.json").read_text("utf-8"))
    return found


if __name__ == "__main__":
    if sys.argv[1:]:
        given = [json.loads(Path(path).read_text("utf-8"))["bench"] for path in sys.argv[1:]]
        (HERE / "bench.json").write_text(json.dumps(given, indent=1, sort_keys=True) + "\n", "utf-8")
    (HERE / "bench.svg").write_text(picture.draw(*runs()), "utf-8")
