"""A chart of measured points, joined by lines."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from bench._svg import TEXT, document, legend, write_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench._svg import Axis

__all__ = ["line_chart"]

_LEFT, _TOP, _WIDTH, _HEIGHT, _RIGHT, _BOTTOM = 76, 32, 640, 320, 24, 56


def line_chart(
    title: str,
    below: str,
    axes: tuple[Axis, Axis],
    series: Mapping[str, Sequence[tuple[float, float]]],
    colours: Mapping[str, str],
    *,
    marks: Sequence[str] = (),
) -> str:
    """Draw one line per series.

    Args:
        title: What the chart shows; what the vertical axis counts.
        below: What the horizontal axis counts.
        axes: The horizontal one and the vertical one.
        series: The points by name, the last ones on top.
        colours: The colour of each series.
        marks: What the first, second and third point of every series are, when that is the same in each; they are
            then drawn as circle, square and diamond.

    Returns:
        A complete SVG document.
    """
    names, high = legend({name: colours[name] for name in series}, _LEFT, _TOP, _LEFT + _WIDTH)
    shapes = [part for place, name in enumerate(marks) for part in _explain(place, name, _TOP + high)]
    foot = _TOP + high + (18 if marks else 0) + 14 + _HEIGHT
    parts = [*names, *shapes, *_rules(axes, foot), _text(_LEFT + _WIDTH / 2, foot + 40, below, "middle")]
    for name, points in series.items():
        places = [(_LEFT + axes[0].place(x) * _WIDTH, foot - axes[1].place(y) * _HEIGHT) for x, y in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colours[name]}" stroke-width="2"/>')
        for index, ((x, y), place) in enumerate(zip(points, places, strict=True)):
            known = f"{name}, {marks[index]}" if marks else name
            label = f"{known}: {write_number(x, axes[0].unit)}, {write_number(y, axes[1].unit)}"
            parts.append(_mark(index if marks else 0, *place, colours[name], label))
    return document(title, _LEFT + _WIDTH + _RIGHT, foot + _BOTTOM, parts)


def _explain(place: int, name: str, y: float) -> list[str]:
    x = _LEFT + 110 * place
    return [_mark(place, x + 6, y + 6, TEXT, name), _text(x + 17, y + 10, name, "start")]


def _rules(axes: tuple[Axis, Axis], foot: float) -> list[str]:
    parts = []
    for place, label in axes[1].labels:
        y = foot - place * _HEIGHT
        parts += [_rule(_LEFT, _LEFT + _WIDTH, y, y), _text(_LEFT - 8, y + 4, label, "end")]
    for place, label in axes[0].labels:
        x = _LEFT + place * _WIDTH
        parts += [_rule(x, x, foot, foot + 5), _text(x, foot + 20, label, "middle")]
    return parts


def _rule(x1: float, x2: float, y1: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}" stroke="{TEXT}" stroke-opacity="0.35"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _mark(shape: int, x: float, y: float, colour: str, label: str) -> str:
    drawn = (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"',
        f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8"',
        f'<polygon points="{x:.1f},{y - 6:.1f} {x + 6:.1f},{y:.1f} {x:.1f},{y + 6:.1f} {x - 6:.1f},{y:.1f}"',
    )[shape]
    return f'{drawn} fill="{colour}"><title>{escape(label)}</title></{drawn[1:].split()[0]}>'
