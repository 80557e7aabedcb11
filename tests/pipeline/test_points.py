"""Points: those that lie beside an agent are taken as they are; without them, or anew, networks are taught."""

from __future__ import annotations

import hashlib

from agentscope.agents.simplified import read_simplified
from agentscope.pipeline import open_agent
from agentscope.pipeline.points import make_points
from agentscope.pipeline.running import Run
from agentscope.records import Budget
from agentscope.rollouts import Streams

TINY = Budget("quick", 10, 10, 300, 300, 1, 10, 1, 50)


def test_shipped_points_are_taken_and_others_are_made() -> None:
    agent = open_agent("keydoor-ppo")
    assert agent.home is not None
    card = read_simplified(agent.home, agent.network.sha256)
    assert card is not None
    taken, rows = make_points(agent, ("small",), Run(Streams(0), TINY), card)
    assert taken["small"].origin["made"] == "shipped" and len(rows) == len(card.frontier)
    shipped = hashlib.sha256((agent.home / "small.zip").read_bytes()).hexdigest()
    assert taken["small"].network.sha256 == shipped == card.points["small"].sha256


def test_without_them_the_network_is_taught() -> None:
    agent = open_agent("cartpole-ppo")
    made, rows = make_points(agent, ("close",), Run(Streams(0), TINY), None)
    assert made["close"].origin["made"] == "taught" and made["close"].origin["curve"]
    assert [row["name"] for row in rows] == ["close"] and rows[0]["numbers"] == made["close"].integers.nonzero
