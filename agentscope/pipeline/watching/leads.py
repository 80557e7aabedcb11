"""How far the network's choice leads in each step of a trail, and where the text acts otherwise: without pictures."""

from __future__ import annotations

from typing import Any

from agentscope.measures import same_class
from agentscope.pipeline.running import in_one_thread
from agentscope.pipeline.watching.recording import NO_TEXT, gaps, text_choices
from agentscope.pipeline.watching.running import Watch
from agentscope.pipeline.watching.values import plain


@in_one_thread
def step_leads(watch: Watch, episode: str, track: str = "network") -> list[dict[str, Any]]:
    """Every step of an episode: its gap in units (None where there is no other choice), and whether the text agrees.

    Returns: rows with step, gap, same (None where there is no text that runs).
    Raises: BadOption: there is no such episode or track.
    """
    trail, eye = watch.trail(episode, track), watch.eye(episode, track)
    if not len(trail):
        return []
    made = eye.agent.decide(trail.states)
    text, _ = text_choices(watch.scene, trail.states)
    silent = text[0] == NO_TEXT
    same = [None] * len(text) if silent else same_class(made.actions, text, made.equivalent).tolist()
    lead = gaps(made, eye.unit)
    return [{"step": step, "gap": plain(lead[step]), "same": same[step]} for step in range(len(trail))]
