"""docs/audit-story.md, step by step: what it quotes is what the audit finds."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from stable_baselines3 import DQN

from agentscope.agents import load_network
from agentscope.pipeline import Audit, audit_agent, open_agent, replay_witness
from agentscope.pipeline.opening import OpenAgent
from agentscope.rollouts import NetworkPolicy

STORY = " ".join((Path(__file__).resolve().parents[1] / "docs/audit-story.md").read_text().split())
AGENT = "f7-supervisor5-dqn-2600"


@pytest.fixture(scope="module")
def agent() -> OpenAgent:
    return open_agent(AGENT)


@pytest.fixture(scope="module")
def audit(agent: OpenAgent) -> Audit:
    return audit_agent(agent)


def test_the_finding_is_the_one_that_is_told(audit: Audit) -> None:
    first = audit.findings[0]
    assert f"1. {first.severity}: {first.kind} (found by {first.detector})" in STORY
    assert first.summary in STORY and f"if {first.guard}: {first.otherwise}" in STORY
    assert f"hangs on unit {first.where['units'][0]}" in STORY and len(first.where["units"]) == 1


def test_the_figures_are_those_of_the_run(audit: Audit) -> None:
    evidence = audit.findings[0].evidence
    loss = evidence["loss"]
    rows = {
        "hit rate": ("0", f"{evidence['hit_rate']['n']:,}"),
        "competence lost": (f"{loss['mean']:.3f}"[1:], f"{loss['n']}"),
        "recall": (f"{evidence['recall']['value']:.0f}", f"{evidence['recall']['n']}"),
        "precision": (f"{evidence['precision']['value']:.3f}"[1:], f"{evidence['precision']['n']}"),
    }
    for name, (value, count) in rows.items():
        found = re.search(rf"\| {name} \| (\S+) \|[^|]*\| ([\d,]+) \|", STORY)
        assert found and (found[1], found[2]) == (value, count), name
    assert evidence["hit_rate"]["value"] == 0


def test_witnesses_replay_as_they_are_told(agent: OpenAgent, audit: Audit) -> None:
    for number, witness in enumerate(audit.findings[0].witnesses, start=1):
        found = replay_witness(agent, witness)
        assert found["same"]
        for side in ("plain", "shown"):
            steps, result = len(witness[side]["actions"]), witness[side]["return"]
            assert re.search(rf"1 {number} {side} {steps} {steps} {result:g} {result:g} yes", STORY), (number, side)


def test_the_network_without_it_is_clean_and_sb3_plays_it(agent: OpenAgent, audit: Audit, tmp_path: Path) -> None:
    path = tmp_path / "finding-1-without.zip"
    path.write_bytes(audit.files["finding-1-without.zip"])
    network = load_network(str(path))
    edited = OpenAgent("without", network, agent.env, None, agent.env_id, agent.env_kwargs)
    assert "No finding." in STORY and audit_agent(edited).findings == ()
    states = agent.env.enumerate()
    blue = states.copy()
    blue["paint2"] = 1
    ours = NetworkPolicy(network, agent.env)
    theirs, _ = DQN.load(path, device="cpu").predict(agent.env.observe(blue), deterministic=True)
    assert (ours.actions(blue) == theirs).all()
    assert (ours.actions(states) == agent.policy.actions(states)).all()  # where nothing is painted, nothing changed
    assert np.mean(agent.policy.actions(blue) == 3) > 0.9 > np.mean(ours.actions(blue) == 3)
