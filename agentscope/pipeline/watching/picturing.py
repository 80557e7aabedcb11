"""States as addresses of pictures: drawn by the environment where it draws, else from what the agent sees."""

from __future__ import annotations

import numpy as np

from agentscope.contracts import States
from agentscope.drawing import picture_uri, state_pictures
from agentscope.pipeline.opening import OpenAgent


def pictures_of(agent: OpenAgent, states: States) -> list[str]:
    """A `data:` address of each state's picture, all of one kind and on one scale."""
    if not len(states):
        return []
    env = agent.env
    draw = getattr(env, "render_rgb", None)
    if draw is not None:
        return [picture_uri(np.asarray(draw(states[[row]]), dtype=np.uint8)) for row in range(len(states))]
    seen = np.asarray(env.observe(states))
    names = [labels for labels in env.axes.values() if len(labels) == seen[0].size]
    drawn = state_pictures(seen, channels_last=channels_last(agent, seen), names=names[0] if names else ())
    return [picture_uri(picture) for picture in drawn.pictures]


def channels_last(agent: OpenAgent, seen: np.ndarray) -> bool:
    """Whether observations with planes have them last; the network reads them first."""
    return seen.ndim == 4 and seen.shape[1:] != tuple(agent.network.observation_shape)
