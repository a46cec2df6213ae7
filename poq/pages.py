"""Self-contained HTML pages, for what the report shows beside pictures.

All text is escaped: markup, and whatever cannot be seen (:mod:`poq.visible`).
"""

from __future__ import annotations

import html
from typing import Any

import numpy as np
import polars as pl

from poq.visible import visible

STYLE = """
body { font-family: sans-serif; color: #262626; margin: 2em; }
table { border-collapse: collapse; font-size: 0.9em; }
th, td { padding: 0.3em 0.8em; text-align: left; border-bottom: 1px solid #ddd; }
th { border-bottom: 2px solid #262626; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
tbody tr:nth-child(even) { background: #f5f5f5; }
"""


def html_table(frame: pl.DataFrame, title: str) -> str:
    """Return a page with a table.

    Fractions are rounded to 3 significant digits, null is an em dash.

    Args:
        frame: the rows, of texts and numbers; may be empty.
        title: heading of the page, plain text.
    """
    header = "".join(f"<th>{_escaped(name)}</th>" for name in frame.columns)
    rows = "\n".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in frame.iter_rows())
    table = f"<thead><tr>{header}</tr></thead>\n<tbody>\n{rows}\n</tbody>"
    return _page(f"<table>\n{table}\n</table>", title)


def html_text(text: str, title: str) -> str:
    """Return a page with a text, line by line as it is."""
    lines = _escaped(text, keep="\n")
    return _page(f"<pre>{lines}</pre>", title)


def rounded(value: float) -> str:
    """Return a number with 3 significant digits and no exponent, e.g. "0.0000203", "11900"."""
    return np.format_float_positional(value, precision=3, fractional=False, trim="-")


def _page(body: str, title: str) -> str:
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{_escaped(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{_escaped(title)}</h1>\n{body}\n</body>\n</html>\n"
    )


def _cell(value: Any) -> str:
    if value is None:
        return '<td class="number">\u2014</td>'
    if isinstance(value, float):
        return f'<td class="number">{rounded(value)}</td>'
    if isinstance(value, int):
        return f'<td class="number">{value}</td>'
    return f"<td>{_escaped(str(value))}</td>"


def _escaped(text: str, keep: str = "") -> str:
    return html.escape(visible(text, keep))
