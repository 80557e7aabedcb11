"""Scenes for tests: compiled networks, whose text is their truth, opened with a report written by hand."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np

from agentscope import pipeline, rollouts
from agentscope.pipeline.watching.scene import open_scene

COMPILED = Path(__file__).parents[3] / "trained_agents" / "compiled"


@cache
def compiled(name):
    """A compiled agent, and the text that it was compiled from."""
    record = json.loads((COMPILED / name / "record.json").read_text())
    return pipeline.open_agent(str(COMPILED / name)), record["program"].lstrip("\n")


def scene_of(agent, text, *, folder=None, **parts):
    """A scene whose report holds this text and these parts, and nothing else."""
    report = {
        "run": {"seed": 0, "budget": "quick"}, "strategy": {"text": text} if text else None, "levels": [], "why": {},
        "decompilation": None, "primitives": [], "groups": None, "findings": [], "gist": [],
        "agent": {"name": agent.name, "sha256": agent.network.sha256},
        "environment": {"id": agent.env_id, "kwargs": dict(agent.env_kwargs)},
    }  # fmt: skip
    return open_scene(agent, report | parts, folder)


def states_of(agent, count, seed=0):
    """States that the agent meets in the first six steps of as many episodes, as arrays of length 1."""
    seeds = np.arange(seed, seed + count)
    met = [moment.states for moment in rollouts.moments(agent.policy, agent.env, seeds, max_steps=6)]
    states = np.concatenate(met)
    return [states[[row]] for row in np.linspace(0, len(states) - 1, count).astype(int)]
