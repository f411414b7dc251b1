"""The metadata that a release adds: where the project lives, and a readme whose links lead there.

A checkout does not know its address. The release workflow does, and tells it in GENCONV_HOME, as
https://github.com/OWNER/gen-conv; without it, links stay as they are and there are no Project-URLs.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)]+)")
PICTURES = (".svg", ".png")


def absolute(readme: str, home: str, version: str) -> str:
    """The text with links to the files of that version."""

    def led(found: re.Match[str]) -> str:
        kind = "raw" if found[1].endswith(PICTURES) else "blob"
        return f"{home}/{kind}/v{version}/{found[1]}"

    return LINK.sub(led, readme)


def urls(home: str) -> dict[str, str]:
    """The Project-URLs."""
    return {
        "Homepage": home,
        "Documentation": f"{home}/blob/main/docs/README.md",
        "Changelog": f"{home}/blob/main/CHANGELOG.md",
        "Source": home,
        "Issues": f"{home}/issues",
    }


class Metadata(MetadataHookInterface):
    def update(self, metadata: dict[str, Any]) -> None:
        """Fill in the readme and the addresses."""
        home = os.environ.get("GENCONV_HOME", "").rstrip("/")
        text = Path(self.root, "README.md").read_text("utf-8")
        if home:
            text, metadata["urls"] = absolute(text, home, metadata["version"]), urls(home)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
