"""Lay out a table without lines for a terminal of any width.

Where there is not enough room, the flexible column is shortened first, then columns are left out that matter least.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import msgspec

from catsync_core.format.paths import show_path

__all__ = ["Cell", "Column", "display_width", "lay_out"]

_GAP = 2
_FLEXIBLE_WISH = 20  # a flexible column is not shortened further while another one can be left out
_FLEXIBLE_LEAST = 8
_ELLIPSIS = "…"


class Column(msgspec.Struct, frozen=True):
    """A column.

    Attributes:
        title: Its heading.
        right: Whether it is aligned to the right.
        flexible: Whether its cells may be shortened.
        spare: Columns with the highest number are left out first; those with 0 never are.
    """

    title: str
    right: bool = False
    flexible: bool = False
    spare: int = 0


class Cell(msgspec.Struct, frozen=True):
    """A cell.

    Attributes:
        text: What stands in it; shown escaped.
        tail: Follows the text and stays when the text is shortened.
        color: Of the terminal's palette; None for the normal one.
    """

    text: str
    tail: str = ""
    color: str | None = None


def display_width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(bool(unicodedata.combining(character)) for character in text)


def lay_out(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int | None) -> list[list[Cell]]:
    """Return the lines, headings first, as cells that are padded and can be joined as they are.

    Args:
        columns: At most one of them flexible.
        rows: One cell for each column.
        width: Of the terminal; None for no bound.
    """
    table = [[Cell(column.title) for column in columns], *([_escape(cell) for cell in row] for row in rows)]
    widths = [max(map(_cell_width, cells)) for cells in zip(*table, strict=True)]
    shown, widths = _fit(columns, widths, width)
    return [
        [_pad(row[number], columns[number], widths[number], number == shown[-1]) for number in shown] for row in table
    ]


def _fit(columns: Sequence[Column], widths: Sequence[int], width: int | None) -> tuple[list[int], list[int]]:
    """Return the numbers of the columns that are shown, and the widths of all."""
    shown, widths = list(range(len(columns))), list(widths)
    flexible = next((number for number, column in enumerate(columns) if column.flexible), None)
    while width is not None:
        excess = sum(widths[number] for number in shown) + _GAP * (len(shown) - 1) - width
        spare = max((number for number in shown if columns[number].spare), key=lambda n: columns[n].spare, default=None)
        if excess <= 0:
            break
        if flexible is not None:
            least = min(widths[flexible], _FLEXIBLE_LEAST if spare is None else _FLEXIBLE_WISH)
            if spare is None or widths[flexible] - excess >= least:
                widths[flexible] = max(least, widths[flexible] - excess)
                break
        if spare is None:
            break
        shown.remove(spare)
    return shown, widths


def _escape(cell: Cell) -> Cell:
    return Cell(show_path(cell.text), show_path(cell.tail), cell.color)


def _cell_width(cell: Cell) -> int:
    return display_width(cell.text) + display_width(cell.tail)


def _pad(cell: Cell, column: Column, width: int, last: bool) -> Cell:  # noqa: FBT001 - private, and clear at the call
    text = _shorten(cell.text, max(width - display_width(cell.tail), 1)) + cell.tail
    space = " " * (width - display_width(text))
    padded = space + text if column.right else text + space
    return Cell(padded.rstrip() if last else padded + " " * _GAP, color=cell.color)


def _shorten(text: str, width: int) -> str:
    if display_width(text) <= width:
        return text
    while text and display_width(text) > width - 1:
        text = text[:-1]
    return text.rstrip() + _ELLIPSIS
