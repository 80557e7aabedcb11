"""Pictures of a trail, all on the scale of the whole of it, and where cells of the observation lie in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Shaped, UInt8

from agentscope.contracts import InspectableEnv, States
from agentscope.drawing import picture_uri, state_pictures
from agentscope.drawing.states import FITS
from agentscope.pipeline.opening import OpenAgent
from agentscope.pipeline.watching.picturing import channels_last

SAMPLE = 48  # states that say where the board lies in a picture


def film(agent: OpenAgent, states: States, rows: Sequence[int]) -> list[str]:
    """A `data:` address of the picture of these states of a trail.

    Args:
        states: of the whole trail: bars and colours of pictures drawn from observations are on its scale, so that
            a state looks the same whichever others are asked for with it.
    """
    draw = getattr(agent.env, "render_rgb", None)
    if draw is not None:
        return [picture_uri(np.asarray(draw(states[[row]]), dtype=np.uint8)) for row in rows]
    return [picture_uri(picture) for picture in _observed(agent, states, rows)]


def _observed(agent: OpenAgent, states: States, rows: Sequence[int]) -> Sequence[np.ndarray]:
    """Pictures made of observations: all of a trail's boards, since their colours depend on all; else the few rows."""
    seen = np.asarray(agent.env.observe(states))
    names = [labels for labels in agent.env.axes.values() if len(labels) == seen[0].size]
    given = names[0] if names else ()
    last = channels_last(agent, seen)
    if seen.ndim in (3, 4):
        drawn = state_pictures(seen, channels_last=last).pictures
        return [drawn[row] for row in rows]
    flat = seen.reshape(len(seen), -1)
    extremes = np.stack([flat.min(axis=0), flat.max(axis=0)])
    drawn = state_pictures(np.concatenate([flat[list(rows)], extremes]), names=given).pictures
    return drawn[:-2]


def board_of(agent: OpenAgent, states: States) -> dict[str, int] | None:
    """Where the cells of the observation lie in the environment's pictures, in pixels of them; None where they do not.

    A picture may hold more than the board above or below it (Tetris: the pieces to come). The board is where what
    changes between states is what changes in their observations.
    """
    shown = states[np.linspace(0, len(states) - 1, min(len(states), SAMPLE)).astype(np.int64)]
    seen = np.asarray(agent.env.observe(shown))
    if seen.ndim not in (3, 4):
        return None
    planes = seen[:, None] if seen.ndim == 3 else np.moveaxis(seen, 3, 1) if channels_last(agent, seen) else seen
    if getattr(agent.env, "render_rgb", None) is None:
        return _drawn_board(planes)
    images = _images(agent.env, shown)
    height, width = images.shape[1:3]
    rows, columns = planes.shape[2:]
    tile = min(width // columns, height // rows)
    if tile < 1:
        return None
    spare = (height - rows * tile, width - columns * tile)
    places = [(top, left) for top in dict.fromkeys((0, spare[0])) for left in dict.fromkeys((0, spare[1]))]
    explained = {place: _explained(images, planes, place, tile) for place in places}
    top, left = max(explained, key=lambda place: explained[place])
    if not explained[top, left]:
        return None
    return _board(rows, columns, tile, (top, left), (height, width))


def _images(env: InspectableEnv, states: States) -> UInt8[np.ndarray, "states height width 3"]:
    return np.stack([np.asarray(env.render_rgb(states[[row]]), dtype=np.uint8) for row in range(len(states))])  # type: ignore[attr-defined]


def _drawn_board(planes: Shaped[np.ndarray, "states planes rows columns"]) -> dict[str, int]:
    """Of pictures that are the observation's own board."""
    drawn = state_pictures(planes[:1])
    rows, columns = planes.shape[2:]
    height, width = drawn.pictures[0].shape[:2]
    return _board(rows, columns, drawn.tile[0], (0, 0), (height, width))


def _board(rows: int, columns: int, tile: int, place: tuple[int, int], size: tuple[int, int]) -> dict[str, int]:
    return {
        "rows": rows, "columns": columns, "left": place[1], "top": place[0], "tile": tile, "width": size[1],
        "height": size[0],
    }  # fmt: skip


def _explained(
    images: UInt8[np.ndarray, "states height width 3"], planes: Shaped[np.ndarray, "states planes rows columns"],
    place: tuple[int, int], tile: int,
) -> int:  # fmt: skip
    """How many changes of tiles are changes of cells with the board laid here; 0 where too many are of something else.

    A board laid too high or too low may miss changes, so that what little it shows fits by chance.
    """
    rows, columns = planes.shape[2:]
    top, left = place
    part = images[:, top : top + rows * tile, left : left + columns * tile]
    tiles = part.reshape(len(images), rows, tile, columns, tile, 3)
    changed = (tiles[1:] != tiles[:1]).any(axis=(2, 4, 5))
    known = (planes[1:] != planes[:1]).any(axis=1)
    both = int((changed & known).sum())
    return both if both and both >= FITS * changed.sum() else 0
