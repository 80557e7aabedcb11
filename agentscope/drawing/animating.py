"""Plays side by side as an animated WebP: step by step, each under its name and over what is done there."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from agentscope.drawing.images import FAINT, INK, PAPER, SIDE

MOST_FRAMES = 40  # more are not looked at; what is left out is said in the last caption
MOST_BYTES = 300_000
FRAME, LAST = 350, 1_600  # milliseconds
MARGIN, TITLE, CAPTION = 12, 24, 22
NARROWEST = 200  # a title or caption needs this much
LETTER = 6.6  # mean width of a letter of 12 px, on the generous side


@dataclass(frozen=True, eq=False)
class Film:
    """One play.

    Attributes:
        title: what it is, e.g. "plain".
        pictures: one a step, all of one shape.
        captions: one a picture, e.g. "step 3: west".
    """

    title: str
    pictures: tuple[UInt8[np.ndarray, "height width 3"], ...]
    captions: tuple[str, ...]


def film_webp(films: Sequence[Film], *, most_bytes: int = MOST_BYTES) -> bytes:
    """Films side by side, at most MOST_FRAMES steps of each; one that is over keeps its last picture.

    Equal films give equal bytes. A film that would be too large is stored with loss, then cut shorter, then shrunk.
    """
    count = min(MOST_FRAMES, max(len(film.pictures) for film in films))
    content, scale = b"", 1.0
    for quality in (None, 70, 40, 40, 40, 40):
        frames = [_frame(films, at, scale=scale, cut=count) for at in range(count)]
        content = _encoded(frames, quality)
        if len(content) <= most_bytes:
            return content
        if quality == 40:
            count, scale = max(1, count // 2), scale * 0.7
    return content


def _frame(films: Sequence[Film], at: int, *, scale: float, cut: int) -> Image.Image:
    """One step of every film."""
    sizes = [_drawn_size(film.pictures[0], scale) for film in films]
    rooms = [max(width, NARROWEST) for _, width in sizes]
    tallest = max(height for height, _ in sizes)
    image = Image.new("RGB", (sum(rooms) + MARGIN * (len(films) + 1), TITLE + tallest + CAPTION + MARGIN), PAPER)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(12)
    left = MARGIN
    for film, (height, width), room in zip(films, sizes, rooms, strict=True):
        index = min(at, len(film.pictures) - 1)
        picture = film.pictures[index]
        resample = Image.Resampling.NEAREST if width >= picture.shape[1] else Image.Resampling.BOX
        image.paste(Image.fromarray(picture).resize((width, height), resample), (left, TITLE))
        caption = film.captions[index]
        left_out = len(film.pictures) - cut
        if at == cut - 1 and left_out > 0:
            caption += f" ({left_out} more)"
        pen.text((left, 5), _fitted(film.title, room), fill=FAINT, font=font)
        pen.text((left, TITLE + height + 4), _fitted(caption, room), fill=INK, font=font)
        left += room + MARGIN
    return image


def _drawn_size(picture: UInt8[np.ndarray, "height width 3"], scale: float) -> tuple[int, int]:
    """Height and width: enlarged by a whole factor, or reduced where it is much too large."""
    height, width = picture.shape[:2]
    longer = max(height, width)
    factor = SIDE / longer if longer > 2 * SIDE else max(1, SIDE // longer)
    return max(1, round(height * factor * scale)), max(1, round(width * factor * scale))


def _fitted(text: str, room: int) -> str:
    most = int(room / LETTER)
    return text if len(text) <= most else text[: most - 3] + "..."


def _encoded(frames: Sequence[Image.Image], quality: int | None) -> bytes:
    """Frames as WebP without any metadata, lossless where no quality is given."""
    buffer = io.BytesIO()
    durations = [FRAME] * (len(frames) - 1) + [LAST]
    frames[0].save(
        buffer, format="WEBP", save_all=True, append_images=list(frames[1:]), duration=durations, loop=0,
        lossless=quality is None, quality=quality or 80, method=4,
    )  # fmt: skip
    return buffer.getvalue()
