"""The frame of the report: one HTML file that loads nothing, for light, dark and paper."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from poolkeeper.plots.palette import variables

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: var(--ink); background: var(--paper); }
h1 { font-size: 1.5rem; } h2 { font-size: 1.25rem; margin-top: 2.5rem; } h3 { font-size: 1rem; }
.verdict { border-left: .25rem solid var(--ours); padding-left: .8rem; }
.verdict strong { font-size: 1.1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .87rem; }
caption { text-align: left; padding: .3rem 0; color: var(--muted); }
th, td { padding: .2rem .6rem; text-align: right; border-bottom: 1px solid var(--grid); font-weight: normal; }
thead th { vertical-align: bottom; color: var(--muted); }
th[scope=row], th:first-child { text-align: left; padding-left: 0; }
tr.ours th, tr.ours td { font-weight: bold; color: var(--ours); }
figure { margin: 1.5rem 0; } figcaption, .note { color: var(--muted); }
svg { display: block; width: 100%; height: auto; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--grid); padding: .6rem .8rem; }
dl { display: grid; grid-template-columns: max-content auto; gap: 0 1rem; } dd { margin: 0; }
@media print {
  @page { margin: 15mm; }
  body { max-width: none; margin: 0; padding: 0; font-size: 10pt; }
  figure, table, pre, .verdict { break-inside: avoid; } h2, h3 { break-after: avoid; }
  section + section { break-before: page; }
  .wide { overflow: visible; } table { font-size: 8pt; } th, td { padding: .15rem .35rem; }
}
"""


def page(title: str, parts: Iterable[str]) -> str:
    """The whole file; the colours of the plots are those of the page."""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{escape(title)}</title>",
            f"<style>{variables(':root')}{STYLE}</style></head><body>",
            *parts,
            "</body></html>\n",
        ]
    )


def figure(plot: str, caption: str) -> str:
    return f"<figure>{plot}<figcaption>{escape(caption)}</figcaption></figure>"


def table(
    caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], marked: Sequence[int] = ()
) -> str:
    """Cells as text, the first of each row as its heading; `marked` rows are Poolkeeper's."""
    titles = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(
        f'<tr{" class=ours" if place in marked else ""}><th scope="row">{escape(first)}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + "</tr>"
        for place, (first, *cells) in enumerate(rows)
    )
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def definitions(values: Mapping[str, object]) -> str:
    """Names with their values; None is left out."""
    known = {name: value for name, value in values.items() if value is not None}
    return (
        "<dl>"
        + "".join(f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>" for name, value in known.items())
        + "</dl>"
    )
