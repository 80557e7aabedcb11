"""SVG as text: elements with every value escaped, colours that follow the page's light or dark theme."""

from __future__ import annotations

from html import escape

from agentscope.drawing.theme import LIGHT

Value = str | float | int


def paint(role: str) -> str:
    """CSS colour of a role: the page's own where it sets `--role`, else the light theme's."""
    return f"var(--{role},{LIGHT[role]})"


def number(value: float) -> str:
    """A coordinate with two decimals and no trailing zeros, so that pictures are small and the same every time."""
    return f"{value:.2f}".rstrip("0").rstrip(".") or "0"


def element(tag: str, attributes: dict[str, Value], content: str = "") -> str:
    """One SVG element; attribute values are escaped, `content` must be escaped already."""
    printed = "".join(
        f' {name}="{escape(value if isinstance(value, str) else number(value), quote=True)}"'
        for name, value in attributes.items()
    )
    return f"<{tag}{printed}>{content}</{tag}>" if content else f"<{tag}{printed}/>"


def rectangle(x: float, y: float, width: float, height: float, *, fill: str) -> str:
    """A filled rectangle; `fill` is any CSS colour."""
    return element("rect", {"x": x, "y": y, "width": width, "height": height, "style": f"fill:{fill}"})


def line(x1: float, y1: float, x2: float, y2: float, *, stroke: str) -> str:
    """A straight line of width 1.5."""
    style = f"stroke:{stroke};stroke-width:1.5"
    return element("line", {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "style": style})


def label(x: float, y: float, text: str, *, anchor: str = "start", role: str = "ink") -> str:
    """One line of text of 12 px; the text is escaped here."""
    style = f"fill:{paint(role)};font:12px system-ui,sans-serif"
    return element("text", {"x": x, "y": y, "text-anchor": anchor, "style": style}, escape(text) or " ")


def drawing(width: float, height: float, parts: list[str], *, title: str) -> str:
    """A whole SVG picture that scales down with its column and has a title for screen readers."""
    attributes: dict[str, Value] = {
        "viewBox": f"0 0 {number(width)} {number(height)}",
        "role": "img",
        "style": f"width:100%;max-width:{number(width)}px;height:auto",
    }
    return element("svg", attributes, f"<title>{escape(title)}</title>" + "".join(parts))
