"""What mkdocs finds beside docs/: the readme as the start, other pages of the checkout, the files that they lead to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
START = "start.md"
PAGES = {
    "README.md": START,
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "SECURITY.md": "SECURITY.md",
    "CHANGELOG.md": "CHANGELOG.md",
}
LINKED = re.compile(r"\]\(((?:\.\./)?)((?:examples|bench|docs)/[^)#]+|[A-Z]+(?:\.md)?)((?:#[^)]*)?)\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages, and every file of the checkout that a page leads to."""
    for name, place in PAGES.items():
        files.append(File.generated(config, place, content=(ROOT / name).read_text("utf-8")))
    texts = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    found = {match[2] for path in texts for match in LINKED.finditer(path.read_text("utf-8"))}
    for name in sorted(found):
        path = ROOT / name
        if path.is_file() and path.suffix != ".md" and not name.startswith("docs/"):
            files.append(File.generated(config, f"{name}.txt", content=path.read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Links as they lead within the site: docs/ is its root, and a file is shown as text."""
    at_root = page.file.src_uri in PAGES.values()

    def led(found: re.Match[str]) -> str:
        up, name, anchor = found.groups()
        if not at_root and not up:
            return found[0]
        if name.startswith("docs/"):
            name = name.removeprefix("docs/")
        elif at_root or up:
            name = PAGES.get(name, name)
            name = name if name.endswith(".md") else f"{name}.txt"
        return f"]({name}{anchor})"

    return LINKED.sub(led, markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Tables that are wider than a phone scroll by themselves, and leave the page as wide as it is."""
    return html.replace("<table>", '<div class="table-responsive"><table>').replace("</table>", "</table></div>")
