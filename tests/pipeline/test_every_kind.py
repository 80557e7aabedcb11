"""`inspect` takes every family and every world as it takes any other: nothing in agentscope/ knows them."""

from __future__ import annotations

import pytest

from agentscope import language, pipeline, reports
from agentscope.agents import find_agent, shipped_agents
from agentscope.measures import same_class
from tests.pipeline.conftest import LEAST


def one_of_each_kind() -> list[str]:
    """Shipped agents, so that every family, world and algorithm is there."""
    seen: set[str] = set()
    chosen = []
    for name in shipped_agents():
        card = find_agent(name).card
        assert card is not None
        kinds = {card.agent.family, card.environment.id, card.agent.algorithm}
        if not kinds <= seen:
            chosen.append(name)
            seen |= kinds
    return chosen


def test_all_worlds_have_agents() -> None:
    worlds = {find_agent(name).card.environment.id for name in shipped_agents()}  # type: ignore[union-attr]
    ours = {row["id"] for row in pipeline.list_environments() if row["id"].startswith("agentscope_envs:")}
    assert ours and ours <= worlds


@pytest.mark.parametrize("name", one_of_each_kind())
def test_inspect_measures_a_text_of_each_kind_of_agent(name: str) -> None:
    agent = pipeline.open_agent(name)
    if hasattr(agent.env, "levels"):
        agent.env.levels = agent.env.levels[:1]  # one layout: enumerating many takes long
    found = pipeline.inspect_agent(agent, LEAST, seed=2)
    assert found.strategy is not None and found.exam is not None and len(found.exam.states) > 0
    text = language.parse(found.strategy.text, language.vocabulary_of(agent.env))
    chosen = language.evaluate(text, language.bind_state(agent.env), found.exam.states).actions
    decisions = agent.decide(found.exam.states)
    same = same_class(decisions.actions, chosen, decisions.equivalent)
    report = reports.build_report(found)
    assert report["fidelity"]["network"]["agreement"] == pytest.approx(same.mean(), abs=1e-12)
