"""A decompiled text beside the network that it equals, and beside the same text evaluated call by call."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from agentscope import decompilation, rollouts
from agentscope.agents.deploying import integers_of
from agentscope.agents.simplified import load_point, read_simplified
from agentscope.language import bind_state, evaluate, header_for, with_cells
from agentscope.pipeline import open_agent
from benchmarks.timing import line, rate

AGENT, STATES, FEW = "tetris-dqn", 20_000, 4  # call by call, one state takes as long as hundreds in one go


def rows() -> Iterator[str]:
    """States decided in a second: by the simplified network, by its text, by its text without tables of functions."""
    agent = open_agent(AGENT)
    assert agent.home is not None
    card = read_simplified(agent.home, agent.network.sha256)
    assert card is not None
    network = load_point(agent.home, card.points["small"], name="small")
    header = header_for(agent.env.id, agent.env.kwargs, level=3)
    program = decompilation.emit(integers_of(network), agent.env, header=header).program
    binding = bind_state(with_cells(agent.env))
    states = rollouts.collect_states(
        agent.policy, agent.env, np.arange(200), max_states=STATES, generator=np.random.default_rng(0)
    ).states
    policy = rollouts.NetworkPolicy(network, agent.env)
    assert np.array_equal(policy.actions(states), evaluate(program, binding, states).actions)

    def decided(plain: bool, count: int) -> int:
        evaluate(program, binding, states[:count], plain=plain)
        return count

    whole = rate(lambda: len(policy.actions(states)), rounds=3)
    called = rate(lambda: decided(True, FEW), rounds=1)
    yield line(f"{AGENT}, small: the text, call by call", called, "states/s")
    yield line(f"{AGENT}, small: the text", rate(lambda: decided(False, len(states)), rounds=3), "states/s", called)
    yield line(f"{AGENT}, small: the simplified network", whole, "states/s", called)
