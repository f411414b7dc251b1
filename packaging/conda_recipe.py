"""`python packaging/conda_recipe.py SDIST` prints the recipe for conda-forge, with the sum of that sdist."""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path

RECIPE = Path(__file__).parent / "conda-forge" / "recipe.yaml"


def filled(recipe: str, sdist: Path) -> str:
    """The recipe with `sdist`'s SHA-256. Raises ValueError where the file's name is not that of its version."""
    version = re.search(r'^  version: "([^"]+)"$', recipe, re.M)
    if version is None or sdist.name != f"gen_conv-{version[1]}.tar.gz":
        raise ValueError(f"{sdist.name}: expected gen_conv-{version and version[1]}.tar.gz, as the recipe says")
    return re.sub(r"(?<=sha256: )[0-9a-f]{64}", hashlib.sha256(sdist.read_bytes()).hexdigest(), recipe, count=1)


if __name__ == "__main__":
    print(filled(RECIPE.read_text("utf-8"), Path(sys.argv[1])), end="")
