"""A picture of a drive as a strip of states: captions say what was measured, outlines which cells suffice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Shaped

from agentscope.contracts import InspectableEnv, States
from agentscope.drawing.images import Box, Frame, StripRow
from agentscope.drawing.states import StatePictures, state_pictures
from agentscope.probes.pictures import Picture, Shown

EDITS_NAMED = 2
MOST_OUTLINED = 8  # changed cells of what was found; more outlines would hide it


def strip_of(picture: Picture, env: InspectableEnv) -> tuple[StripRow, ...]:
    """Rows of frames for `drawing.strip_png` and `drawing.strip_svg`: most, just below, least, found by search."""
    outlined = " (outlined: what suffices)" if any(each.kept for each in picture.most) else ""
    kinds = {
        f"drives {picture.drive.name} most{outlined}": picture.most,
        "just below": picture.below,
        "least": picture.least,
    }
    shown = [each for members in kinds.values() for each in members]
    states = [each.state for each in shown]
    if picture.found is not None:
        states += [picture.found.start_state, picture.found.state]
    observations = env.observe(np.concatenate(states))
    pictures = _pictures(env, np.concatenate(states), observations, channels_last=picture.cells.channels_last)
    noun = "component" if len(picture.cells.shape) == 1 else "cell"
    frames = [
        Frame(
            pixels,
            _caption(each, env, noun),
            _boxes(each.kept.cells if each.kept else (), pictures),
            each.kept is not None,
        )
        for pixels, each in zip(pictures.pictures[: len(shown)], shown, strict=True)
    ]
    rows, first = [], 0
    for heading, members in kinds.items():
        if members:
            rows.append(StripRow(heading, tuple(frames[first : first + len(members)])))
        first += len(members)
    if picture.found is not None:
        rows.append(_found_row(picture, env, pictures, observations))
    return tuple(rows)


def _found_row(
    picture: Picture, env: InspectableEnv, pictures: StatePictures, observations: Shaped[np.ndarray, "states ..."]
) -> StripRow:
    """Where the search began and where it ended; few changes are outlined."""
    found, cells = picture.found, picture.cells
    assert found is not None
    changed = [cells.place(int(cell)) for cell in cells.differing(observations[-1], observations[-2])]
    outlined = changed if len(changed) <= MOST_OUTLINED else []
    heading = "found by search" + ("" if found.above_visited else ": not above what was visited")
    if outlined:
        heading += " (outlined: what was changed)"
    end = Frame(pictures.pictures[-1], _found_caption(picture, env), _boxes(outlined, pictures))
    start = Frame(pictures.pictures[-2], ("searched from", f"reads {_figure(found.start_reading)}"))
    return StripRow(heading, (start, end) if found.edits else (end,))


def _pictures(
    env: InspectableEnv, states: States, observations: Shaped[np.ndarray, "states ..."], *, channels_last: bool
) -> StatePictures:
    """The states drawn: by the environment where it draws."""
    drawn: Any = getattr(env, "render_rgb", None)
    images = [] if drawn is None else [np.asarray(drawn(states[[row]])) for row in range(len(states))]
    count = int(np.prod(observations.shape[1:], dtype=np.int64))
    names = [labels for labels in env.axes.values() if len(labels) == count]
    return state_pictures(observations, images=images, channels_last=channels_last, names=names[0] if names else ())


def _boxes(cells: Sequence[tuple[int, ...]], pictures: StatePictures) -> tuple[Box, ...]:
    return tuple(pictures.box(cell) for cell in cells)


def _caption(shown: Shown, env: InspectableEnv, noun: str) -> tuple[str, ...]:
    lines = [_reading(shown.reading, shown.place, env), f"episode {shown.episode}, step {shown.step}"]
    if shown.kept is not None:
        count = len(shown.kept.cells)
        lines.append(f"{_counted(count, noun)} {'suffices' if count == 1 else 'suffice'}")
        lines.append(f"in {shown.kept.fresh:.3f} of fresh mixes")
    return tuple(lines)


def _found_caption(picture: Picture, env: InspectableEnv) -> tuple[str, ...]:
    found = picture.found
    assert found is not None
    lines = [_reading(found.reading, picture.found_place, env), f"best visited: {_figure(found.visited_best)}"]
    if found.edits:
        named = ", ".join(name for name, _ in found.edits[:EDITS_NAMED])
        more = f" and {len(found.edits) - EDITS_NAMED} more" if len(found.edits) > EDITS_NAMED else ""
        lines.append(f"{_counted(len(found.edits), 'edit')}: {named}{more}")
    lines.append(f"{found.evaluated:,} states tried: {found.stopped}")
    if found.legality == "unknown":
        lines.append("legality unknown")
    return tuple(lines)


def _reading(reading: float, place: Mapping[str, int], env: InspectableEnv) -> str:
    at = " ".join(env.axes[axis][index] for axis, index in place.items())
    return f"reads {_figure(reading)}" + (f" at {at}" if at else "")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _figure(value: float) -> str:
    return f"{value:.3g}"
