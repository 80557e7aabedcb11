"""Shipped agents and one tiny inspection of each, shared by all tests of the pipeline."""

import pytest

from agentscope import pipeline
from agentscope.records import Budget, Inspection

TINY = Budget("tiny", 12, 12, 600, 600, 1, 40, 5, 120)
LEAST = Budget("least", 4, 8, 60, 150, 1, 10, 1, 60)  # for agents whose states and concepts are many


@pytest.fixture(scope="session")
def tiny() -> Budget:
    return TINY


@pytest.fixture(scope="session")
def cartpole() -> pipeline.OpenAgent:
    return pipeline.open_agent("cartpole-ppo")


@pytest.fixture(scope="session")
def inspection(cartpole: pipeline.OpenAgent) -> Inspection:
    return pipeline.inspect_agent(cartpole, TINY, seed=5)


@pytest.fixture(scope="module", params=["cartpole-ppo", "keydoor-ppo", "tetris-dqn"])
def inspected_twice(request: pytest.FixtureRequest) -> tuple[pipeline.OpenAgent, Inspection, Inspection]:
    """An agent and two inspections of it with the same seed."""
    if request.param == "cartpole-ppo":
        agent, first = request.getfixturevalue("cartpole"), request.getfixturevalue("inspection")
        return agent, first, pipeline.inspect_agent(agent, TINY, seed=5)
    agent = pipeline.open_agent(request.param)
    if request.param == "keydoor-ppo":
        agent.env.levels = agent.env.levels[:1]  # type: ignore[attr-defined]  # one layout: enumerating 64 takes long
    first, second = (pipeline.inspect_agent(agent, LEAST, seed=5) for _ in range(2))
    return agent, first, second
