"""Strips of pictures with captions: as PNG bytes, and as SVG for pages, with some cells of each picture outlined."""

from __future__ import annotations

import base64
import io
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from agentscope.drawing.svg import drawing, element, label

SIDE = 176  # what the longer side of a picture is brought to, by a whole factor where it is smaller
NARROWEST = 164  # a caption needs this much
ACROSS = 6  # pictures in one line
GAP, LINE, HEADING = 14, 16, 26
LETTER = 6.6  # mean width of a letter of 12 px, on the generous side
OUTLINE, HALO = "#111111", "#ffffff"  # black on white shows on any ground, to any eye, and is no object's colour
FADE, MIDDLE = 0.55, 128  # of the way to a middle grey
PAPER, INK, FAINT = "#ffffff", "#1d2330", "#667085"


@dataclass(frozen=True)
class Box:
    """A rectangle in a picture, in its pixels."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture: RGB pixels, lines of text under it, and boxes whose common outline is drawn.

    Attributes:
        faded: what no box covers is shown faint, so that one sees which side of an outline is meant.
    """

    pixels: UInt8[np.ndarray, "height width 3"]
    caption: tuple[str, ...] = ()
    boxes: tuple[Box, ...] = ()
    faded: bool = False

    def shown(self) -> UInt8[np.ndarray, "height width 3"]:
        """The pixels as they are drawn."""
        if not self.faded:
            return self.pixels
        faint = (self.pixels * (1 - FADE) + MIDDLE * FADE).astype(np.uint8)
        for box in self.boxes:
            place = slice(box.top, box.top + box.height), slice(box.left, box.left + box.width)
            faint[place] = self.pixels[place]
        return faint


@dataclass(frozen=True)
class StripRow:
    """Pictures that belong together, under one heading."""

    heading: str
    frames: tuple[Frame, ...]


@dataclass(frozen=True)
class _Placed:
    """A frame on the page: where its picture goes, how large, and its wrapped caption."""

    frame: Frame
    x: int
    y: int
    width: int
    height: int
    caption: tuple[str, ...]

    def outline(self) -> list[tuple[float, float, float, float]]:
        """Edges of the boxes on the page, without those between two of them."""
        across, down = self.width / self.frame.pixels.shape[1], self.height / self.frame.pixels.shape[0]
        return [
            (self.x + x1 * across, self.y + y1 * down, self.x + x2 * across, self.y + y2 * down)
            for x1, y1, x2, y2 in _outer_edges(self.frame.boxes)
        ]


@dataclass(frozen=True)
class _Page:
    width: int
    height: int
    headings: tuple[tuple[int, str], ...]
    frames: tuple[_Placed, ...]


def strip_png(rows: Sequence[StripRow], *, title: str) -> bytes:
    """The strip as a PNG file on white; the same rows give the same bytes."""
    page = _laid_out(rows)
    image = Image.new("RGB", (page.width, page.height + HEADING), PAPER)
    pen = ImageDraw.Draw(image)
    pen.text((GAP, 6), title, fill=INK, font=ImageFont.load_default(15))
    small, bold = ImageFont.load_default(12), ImageFont.load_default(14)
    for y, heading in page.headings:
        pen.text((GAP, y + HEADING), heading, fill=FAINT, font=bold)
    for placed in page.frames:
        resample = Image.Resampling.NEAREST if _grows(placed) else Image.Resampling.BOX
        picture = Image.fromarray(placed.frame.shown()).resize((placed.width, placed.height), resample)
        image.paste(picture, (placed.x, placed.y + HEADING))
        for colour, reach in ((HALO, 2), (OUTLINE, 1)):
            for x1, y1, x2, y2 in placed.outline():
                corners = (x1 - reach, y1 - reach + HEADING, x2 + reach, y2 + reach + HEADING)
                pen.rectangle([round(corner) for corner in corners], fill=colour)
        for index, text in enumerate(placed.caption):
            pen.text((placed.x, placed.y + placed.height + HEADING + 4 + LINE * index), text, fill=INK, font=small)
    return _bytes_of(image)


def strip_svg(rows: Sequence[StripRow], *, title: str) -> str:
    """The strip as SVG in the page's colours; pictures lie in it as PNG data, so it asks nothing of any other place.

    A page that forbids all images needs `img-src data:` in its content security policy.
    """
    page = _laid_out(rows)
    parts = [label(GAP, y + 14, heading, role="faint") for y, heading in page.headings]
    for placed in page.frames:
        parts.append(element("image", {
            "href": picture_uri(placed.frame.shown()), "x": placed.x, "y": placed.y, "width": placed.width,
            "height": placed.height, "preserveAspectRatio": "none", "style": "image-rendering:pixelated",
        }))  # fmt: skip
        edges = "".join(f"M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" for x1, y1, x2, y2 in placed.outline())
        for colour, width in ((HALO, 5), (OUTLINE, 3)) if edges else ():
            style = f"fill:none;stroke:{colour};stroke-width:{width};stroke-linecap:square"
            parts.append(element("path", {"d": edges, "style": style}))
        parts += [
            label(placed.x, placed.y + placed.height + LINE * (index + 1), text)
            for index, text in enumerate(placed.caption)
        ]
    return drawing(page.width, page.height, parts, title=title)


def picture_uri(pixels: UInt8[np.ndarray, "height width 3"]) -> str:
    """A picture as a `data:` address, at its own size: boards take about a kilobyte."""
    packed = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)  # rows sort 20 times slower
    colours = np.unique(packed)
    if len(colours) <= 256:  # the pixels as they are, in a third of the bytes
        image = Image.fromarray(np.searchsorted(colours, packed).astype(np.uint8))
        image.putpalette(
            np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=1).astype(np.uint8).tobytes()
        )
    else:
        image = Image.fromarray(pixels)
    return "data:image/png;base64," + base64.b64encode(_bytes_of(image)).decode()


def _bytes_of(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _laid_out(rows: Sequence[StripRow]) -> _Page:
    """Headings and frames from top to bottom, captions wrapped to the width that they have."""
    y, right = GAP // 2, 320
    headings: list[tuple[int, str]] = []
    frames: list[_Placed] = []
    for row in rows:
        headings.append((y, row.heading))
        y += HEADING
        for start in range(0, len(row.frames), ACROSS):
            line = list(_placed_line(row.frames[start : start + ACROSS], y))
            y = max(placed.y + placed.height + LINE * len(placed.caption) for placed in line) + GAP
            right = max(right, *(placed.x + max(placed.width, NARROWEST) + GAP for placed in line))
            frames += line
    return _Page(right, y + GAP // 2, tuple(headings), tuple(frames))


def _placed_line(frames: Sequence[Frame], y: int) -> Iterator[_Placed]:
    x = GAP
    for frame in frames:
        height, width = _drawn_size(frame.pixels)
        room = max(width, NARROWEST)
        caption = tuple(part for text in frame.caption for part in textwrap.wrap(text, int(room / LETTER)) or [""])
        yield _Placed(frame, x, y, width, height, caption)
        x += room + GAP


def _drawn_size(pixels: UInt8[np.ndarray, "height width 3"]) -> tuple[int, int]:
    """Height and width on the page: enlarged by a whole factor, or reduced where it is much too large."""
    height, width = pixels.shape[:2]
    longer = max(height, width)
    factor = SIDE / longer if longer > 2 * SIDE else max(1, SIDE // longer)
    return max(1, round(height * factor)), max(1, round(width * factor))


def _grows(placed: _Placed) -> bool:
    return placed.width >= placed.frame.pixels.shape[1]


def _outer_edges(boxes: Sequence[Box]) -> list[tuple[int, int, int, int]]:
    """Edges (x1, y1, x2, y2) that belong to one box only: what two neighbours share lies inside their region."""
    edges: list[tuple[int, int, int, int]] = []
    for box in boxes:
        right, bottom = box.left + box.width, box.top + box.height
        edges += [(box.left, box.top, right, box.top), (box.left, bottom, right, bottom),
                  (box.left, box.top, box.left, bottom), (right, box.top, right, bottom)]  # fmt: skip
    return [edge for edge in edges if edges.count(edge) == 1]
