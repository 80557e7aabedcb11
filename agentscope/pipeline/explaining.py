"""`explain`: why this action, here."""

from __future__ import annotations

from typing import Any

from agentscope import rollouts, verification
from agentscope.contracts import States
from agentscope.errors import EmptySample
from agentscope.pipeline.examining import parse_for
from agentscope.pipeline.opening import OpenAgent
from agentscope.pipeline.running import in_one_thread


@in_one_thread
def explain_step(agent: OpenAgent, program_text: str, episode: int, step: int, *, seed: int = 0) -> dict[str, Any]:
    """Why the text acts as it does in one step of one exam episode of the network.

    Args:
        episode, step: counted from 0.
        seed: of the run whose exam is meant.
    Raises:
        TextError: the text breaks the language, or was written for another environment.
        EmptySample: the episode ends before that step.
    """
    program = parse_for(agent.env, program_text)
    state = _state_at(agent, episode, step, seed)
    render = getattr(agent.env, "render_text", None)
    return {
        "episode": episode,
        "step": step,
        "state": render(state[0]) if render else None,
        **verification.explain_choice(program, agent.env, state, agent.decide(state)),
    }


def _state_at(agent: OpenAgent, episode: int, step: int, seed: int) -> States:
    """The one state that the network meets in this step."""
    seeds = rollouts.Streams(seed).episode_seeds("exam", episode + 1)[episode:]
    length = 0
    for moment in rollouts.moments(agent.policy, agent.env, seeds, max_steps=step + 1):
        state, length = moment.states, moment.step + 1
    if length != step + 1:
        raise EmptySample(
            f"episode {episode} has {length} steps, so there is no step {step}: choose 0 to {length - 1}."
        )
    return state
