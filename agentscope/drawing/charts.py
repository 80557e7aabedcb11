"""Charts of a report as SVG: agreement with intervals, size against agreement, gain of each concept at each layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from jaxtyping import Float

from agentscope.drawing.svg import Value, drawing, element, label, line, number, paint, rectangle

FULLEST = 0.46  # opacity of the strongest gain, less the faintest


@dataclass(frozen=True)
class Bar:
    """One bar from 0 to 1: a share with its interval (None: exact) and a note printed behind it."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    note: str = ""


def bars_svg(bars: Sequence[Bar], *, title: str) -> str:
    """Horizontal bars from 0 to 1 with whiskers for the intervals and the value in figures."""
    left, width, step = 150.0, 380.0, 30.0
    parts = [line(left + width * share, 4, left + width * share, 10 + step * len(bars), stroke=paint("rule"))
             for share in (0.0, 0.25, 0.5, 0.75, 1.0)]  # fmt: skip
    for index, bar in enumerate(bars):
        middle = 10 + step * index + step / 2
        parts.append(label(left - 8, middle + 4, bar.name, anchor="end"))
        parts.append(rectangle(left, middle - 8, width * _share(bar.value), 16, fill=paint("bar")))
        if bar.low is not None and bar.high is not None:
            low, high = left + width * _share(bar.low), left + width * _share(bar.high)
            parts.append(line(low, middle, high, middle, stroke=paint("warn")))
            parts += [line(end, middle - 5, end, middle + 5, stroke=paint("warn")) for end in (low, high)]
        parts.append(label(left + width + 8, middle + 4, f"{_figure(bar.value)} {bar.note}".strip()))
    bottom = 10 + step * len(bars)
    parts += [label(left + width * share, bottom + 16, number(share), anchor="middle", role="faint")
              for share in (0.0, 0.5, 1.0)]  # fmt: skip
    return drawing(left + width + 150, bottom + 24, parts, title=title)


@dataclass(frozen=True)
class Dot:
    """One text on the frontier: its size in lines, its agreement, its form; `chosen` marks the one that was printed."""

    lines: int
    agreement: float
    form: str
    chosen: bool = False


def frontier_svg(dots: Sequence[Dot], *, title: str) -> str:
    """Agreement against length (logarithmic), one dot a text; hovering names form and figures."""
    left, width, top, height = 52.0, 560.0, 12.0, 240.0
    largest = math.log(max([dot.lines for dot in dots], default=1) + 1)
    floor = math.floor(min([_share(dot.agreement) for dot in dots], default=0.0) * 10) / 10
    floor = min(floor, 0.9)
    forms = sorted({dot.form for dot in dots})
    parts = []
    for tick in range(round((1 - floor) * 10) + 1):
        share = floor + tick / 10
        y = top + height * (1 - (share - floor) / (1 - floor))
        parts += [
            line(left, y, left + width, y, stroke=paint("rule")),
            label(left - 8, y + 4, f"{share:.1f}", anchor="end"),
        ]
    for lines in _ticks(max([dot.lines for dot in dots], default=1)):
        parts.append(
            label(left + width * math.log(lines + 1) / largest, top + height + 18, str(lines), anchor="middle")
        )
    for dot in dots:
        x = left + width * math.log(dot.lines + 1) / largest
        y = top + height * (1 - (_share(dot.agreement) - floor) / (1 - floor))
        parts.append(_marker(x, y, dot, index=forms.index(dot.form)))
    for index, form in enumerate(forms):
        y = top + height + 40 + 18 * index
        sign = {"d": _form_shape(left + 5, y - 4, index, reach=5), "style": f"fill:{_form_colour(index)}"}
        parts += [element("path", dict(sign)), label(left + 16, y, form)]
    parts.append(label(left + width, top + height + 36, "lines of text", anchor="end", role="faint"))
    return drawing(left + width + 20, top + height + 40 + 18 * len(forms), parts, title=title)


def gain_map_svg(
    gains: Float[np.ndarray, "concepts layers"], concepts: Sequence[str], layers: Sequence[str], *, title: str
) -> str:
    """How much better (blue) or worse (orange) each layer tells each concept than its best control; NaN: blank."""
    left, cell_width, cell_height, top = 220.0, max(56.0, min(110.0, 520.0 / max(1, len(layers)))), 20.0, 24.0
    parts = [label(left + cell_width * (i + 0.5), 14, name[-16:], anchor="middle") for i, name in enumerate(layers)]
    for row, concept in enumerate(concepts):
        y = top + cell_height * row
        parts.append(label(left - 8, y + 14, concept[:34], anchor="end"))
        for column in range(len(layers)):
            gain = float(gains[row, column])
            if not math.isfinite(gain):
                continue
            x = left + cell_width * column
            strength = min(1.0, abs(gain) / 0.5)
            # never so full that the figure on it could not be read
            style = f"fill:{paint('bar' if gain > 0 else 'warn')};fill-opacity:{0.04 + FULLEST * strength:.2f}"
            place: dict[str, Value] = {
                "x": x + 1,
                "y": y + 1,
                "width": cell_width - 2,
                "height": cell_height - 2,
                "style": style,
            }
            parts += [element("rect", place), label(x + cell_width / 2, y + 14, f"{gain:+.2f}", anchor="middle")]
    return drawing(left + cell_width * len(layers) + 8, top + cell_height * len(concepts) + 6, parts, title=title)


def _share(value: float) -> float:
    """The value held between 0 and 1, so that no bar leaves its chart."""
    return min(1.0, max(0.0, value))


def _figure(value: float) -> str:
    """Three decimals; what is short of 1 is never printed as 1."""
    return f"{min(value, 0.999) if value < 1 else value:.3f}"


def _ticks(largest: int) -> list[int]:
    """Powers of two up to the largest count of lines."""
    return [2**power for power in range(14) if 2**power <= max(1, largest)]


def _form_colour(index: int) -> str:
    """A hue for each form, readable on light and dark paper."""
    return ("#4a7db5", "#b8682a", "#2e8b57", "#9a6fbd", "#c2525c", "#2a93a0", "#8f8330")[index % 7]


def _form_shape(x: float, y: float, index: int, *, reach: float) -> str:
    """The outline of a form's marker: a circle, then corners in different numbers, for those who see no hues."""
    corners, turn = ((24, 0.0), (4, 45.0), (4, 0.0), (3, -90.0), (3, 90.0), (5, -90.0), (6, 0.0))[index % 7]
    angles = [math.radians(turn + 360.0 * corner / corners) for corner in range(corners)]
    points = [f"{number(x + reach * math.cos(at))} {number(y + reach * math.sin(at))}" for at in angles]
    return f"M{'L'.join(points)}Z"


def _marker(x: float, y: float, dot: Dot, *, index: int) -> str:
    """A dot with its figures as a tooltip; the chosen text gets a ring."""
    tooltip = element("title", {}, escape(f"{dot.form}: {dot.lines} lines, agreement {dot.agreement:.3f}"))
    style = f"fill:{_form_colour(index)}"
    marker = element("path", {"d": _form_shape(x, y, index, reach=5), "style": style}, tooltip)
    if not dot.chosen:
        return marker
    ring: dict[str, Value] = {"cx": x, "cy": y, "r": 9, "style": f"fill:none;stroke:{paint('ink')};stroke-width:2"}
    return marker + element("circle", ring)
