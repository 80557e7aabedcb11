"""States of the exam as small pictures with a line of text: what cards show of a concept, a unit or a function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from agentscope.contracts import legal_actions_of
from agentscope.errors import RefusedFile
from agentscope.pipeline.opening import OpenAgent
from agentscope.pipeline.watching.picturing import pictures_of
from agentscope.pipeline.watching.recording import Recording
from agentscope.records import StateSet

MOST = 6  # pictures of one kind on a card


@dataclass(frozen=True)
class Reading:
    """What is said below one picture: the row of its state, a caption, and what was read there."""

    row: int
    label: str
    reading: float | str


def visited_states(agent: OpenAgent, recording: Recording, most: int) -> StateSet:
    """States of the recorded exam, evenly from first to last decision; episodes by their number in the exam.

    Raises: RefusedFile: the recording holds an action that is illegal where it was recorded.
    """
    env, count = agent.env, len(recording)
    wanted = np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))
    steps = wanted - recording.starts[recording.episode[wanted]]
    kept = np.empty(len(wanted), dtype=env.state_dtype)
    states, alive = env.reset(recording.seeds), np.arange(recording.episodes)
    for step in range(int(steps.max()) + 1):
        place = np.flatnonzero(steps == step)
        kept[place] = states[np.searchsorted(alive, recording.episode[wanted[place]])]
        actions = recording.actions[recording.starts[alive] + step]
        if not legal_actions_of(env, states)[np.arange(len(states)), actions].all():
            raise RefusedFile(f"step {step} is recorded with an action that is illegal there: make the run again.")
        after = env.step(states, actions).states
        going = recording.lengths[alive] > step + 1
        alive, states = alive[going], after[going]
    return StateSet("network", kept, recording.episode[wanted].astype(np.int64), steps)


def ranked_rows(
    order: Float[np.ndarray, "states outputs"], episode: Int[np.ndarray, "states"], *, spread: bool = True
) -> list[tuple[int, int]]:
    """(state, output) of the MOST highest cases. Only finite ones count, no state comes twice, ties go to the earlier.

    Args:
        spread: take of each episode its best first, since neighbours in time look alike.
    """
    best = order.argmax(axis=1)
    value = order[np.arange(len(order)), best]
    rows = [row for row in np.argsort(-value, kind="stable").tolist() if np.isfinite(value[row])]
    firsts: dict[int, int] = {}
    for row in rows:
        firsts.setdefault(int(episode[row]) if spread else row, row)
    chosen = list(firsts.values())[:MOST]
    chosen += [row for row in rows if row not in set(chosen)][: MOST - len(chosen)]
    return [(row, int(best[row])) for row in sorted(chosen, key=lambda row: (-value[row], row))]


def shots(agent: OpenAgent, visited: StateSet, readings: Sequence[Reading]) -> list[dict[str, Any]]:
    """A picture for each reading, with where it is in the exam."""
    pictures = pictures_of(agent, visited.states[[each.row for each in readings]])
    return [
        {"picture": picture, "label": each.label, "reading": each.reading,
         "episode": str(int(visited.episode[each.row])), "step": int(visited.step[each.row])}
        for picture, each in zip(pictures, readings, strict=True)
    ]  # fmt: skip
