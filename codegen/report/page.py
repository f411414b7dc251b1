"""The page of a report: its head, its styles of both modes, and the small pieces of HTML that parts are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from codegen.report import svg

__all__ = ["bars", "details", "page", "part", "rows"]

STYLE = """
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1rem; max-width: 70rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 1.5rem } h2 { font-size: 1.25rem; margin-top: 2.5rem; border-bottom: 1px solid var(--rule) }
h3 { font-size: 1rem; margin: 1.5rem 0 .4rem }
a { color: var(--blue) } nav a { margin-right: 1rem; display: inline-block }
.faint { color: var(--faint) }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid var(--rule);
  overflow-wrap: anywhere }
th { font-weight: 500; white-space: nowrap; overflow-wrap: normal; color: var(--faint) }
td.number { text-align: right; white-space: nowrap }
.bars th { width: 11rem } .bar { background: var(--fill); width: 100% }
.bar i { display: block; height: .8rem; margin: .35rem 0 }
.blue i { background: var(--blue) } .green i { background: var(--green) }
.wide, pre { overflow-x: auto; border: 1px solid var(--rule); border-radius: 6px }
.wide { max-height: 48rem; overflow-y: auto }
.fit svg { width: 100%; height: auto; min-width: 36rem; max-width: 44rem }
pre { padding: .8rem; background: var(--fill); font: 12.5px/1.45 ui-monospace, Menlo, Consolas, monospace;
  max-height: 36rem }
pre .c { color: var(--green) } pre .k { color: var(--violet) } pre .n { color: var(--blue) }
pre .p { color: var(--amber) }
summary { cursor: pointer; margin: .6rem 0 }
@media (max-width: 40rem) { body { padding: .6rem; font-size: 14px } th { white-space: normal }
  .bars th { width: 6rem } }
"""


def page(title: str, words: str, links: Iterable[tuple[str, str]], body: Iterable[str]) -> str:
    """A whole page that loads nothing; `links` are (id, name) of its parts."""
    contents = " ".join(f'<a href="#{escape(to)}">{escape(name)}</a>' for to, name in links)
    head = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{escape(title)}</title><style>{svg.style(':root')}{STYLE}</style></head><body>",
        f'<h1>{escape(title)}</h1><p class="faint">{escape(words)}</p><nav>{contents}</nav>',
    ]
    return "\n".join((*head, *body, "</body></html>\n"))


def part(number: str, title: str, body: Iterable[str]) -> str:
    """A section with an id."""
    return "\n".join((f'<section id="{escape(number)}"><h2>{escape(title)}</h2>', *body, "</section>"))


def rows(told: Iterable[tuple[str, str]]) -> str:
    """A table of names and what they are."""
    lines = (f"<tr><th>{escape(name)}</th><td>{escape(words)}</td></tr>" for name, words in told)
    return f"<table>{''.join(lines)}</table>"


def bars(title: str, colour: str, parts: Sequence[tuple[str, int]]) -> str:
    """Bytes as bars, each in parts of the sum, which the title shows."""
    total = sum(size for _, size in parts)
    lines = []
    for name, size in parts:
        share = 100 * size / total if total else 0
        bar = f'<td class="bar {escape(colour)}"><i style="width:{share:.1f}%"></i></td>'
        lines.append(f'<tr><th>{escape(name)}</th>{bar}<td class="number">{size:,} bytes</td></tr>')
    return f'<h3>{escape(title)}: {total:,} bytes</h3><table class="bars">{"".join(lines)}</table>'


def details(summary: str, body: str, *, shown: bool = False) -> str:
    """What is folded away until it is asked for."""
    return f"<details{' open' if shown else ''}><summary>{escape(summary)}</summary>{body}</details>"
