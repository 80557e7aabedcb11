"""Simplified networks of the shipped agents: `python trained_agents/simplify.py NAME...` makes what is missing.

The recipes stand in simplify.toml. Each recipe is measured on fresh episodes and becomes one row of the frontier in
trained_agents/NAME/simplified.toml; the recipes called close and small leave their zips there too.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from agentscope import rollouts
from agentscope.agents.deploying import integers_of
from agentscope.agents.loading import load_network
from agentscope.agents.saving import save_agent
from agentscope.agents.simplified import FILE, read_simplified
from agentscope.pipeline import open_agent
from agentscope.pipeline.opening import OpenAgent
from agentscope.pipeline.points import frontier_row, make_point
from agentscope.pipeline.running import Run
from agentscope.pipeline.simplifying import Recipe
from agentscope.records import FULL

HERE = Path(__file__).parent
RECIPES = HERE / "simplify.toml"
EXAM, STATES, EPISODES = 400, 20_000, 2_000  # episodes and states of agreement, episodes of the return ratio
POINTS = ("close", "small")


def recipes_of(name: str) -> dict[str, Recipe]:
    """The recipes of one agent, by the names of their rows; a table without `agents` sets what the others share."""
    table = tomllib.loads(RECIPES.read_text(encoding="utf-8"))
    shapes = table.pop("shapes", {})
    found = {}
    for row, values in table.get(name, {}).items():
        values = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
        if "shape" in values:
            values["plan"] = tuple(shapes[values.pop("shape")])
        found[row] = Recipe(point=row, **values)
    return found


def make(agent: OpenAgent, recipe: Recipe, *, seed: int) -> dict[str, Any]:
    """Run one recipe, keep its zip where it is a named point, and measure it: one row of the frontier."""
    run = Run(rollouts.Streams(seed), replace(FULL, steps=3_000), told())
    point = make_point(agent, recipe, run)
    if recipe.point in POINTS:
        save_agent(point.network, home(agent) / f"{recipe.point}.zip")
    fresh = run.states(agent, "exam", EXAM, STATES)
    return frontier_row(agent, point, recipe, fresh, run, episodes=EPISODES)


def told() -> Any:
    """Progress on standard error, a line every ten seconds."""
    last = [0.0]

    def progress(stage: str, done: int, total: int) -> None:
        if time.monotonic() - last[0] > 10:
            last[0] = time.monotonic()
            print(f"{stage}: {done} of {total}", file=sys.stderr, flush=True)

    return progress


def home(agent: OpenAgent) -> Path:
    """The folder of the agent's card."""
    assert agent.home is not None, "shipped agents have a card"
    return agent.home


def enter(agent: OpenAgent, row: dict[str, Any]) -> None:
    """Put a row into simplified.toml in place of an earlier one of its name; rows go from many bits to few."""
    folder = home(agent)
    known = read_simplified(folder, agent.network.sha256)
    rows = [] if known is None else [one.model_dump() for one in known.frontier if one.name != row["name"]]
    points = {}
    for point in POINTS:
        path = folder / f"{point}.zip"
        if path.is_file():
            integers_of(load_network(path))
            points[point] = {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    table = {"original": agent.network.sha256, "points": points,
             "frontier": sorted([*rows, row], key=lambda one: (-one["bits"], one["name"]))}  # fmt: skip
    (folder / FILE).write_text(tomli_w.dumps(table), encoding="utf-8")


def main() -> None:
    """Run the recipes that have no row yet, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="agents; all that have recipes if left out")
    parser.add_argument("--row", action="append", default=[], help="only this recipe, again if it was made before")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    names = chosen.names or [name for name in tomllib.loads(RECIPES.read_text(encoding="utf-8")) if name != "shapes"]
    for name in names:
        agent = open_agent(name)
        known = read_simplified(home(agent), agent.network.sha256)
        made = {one.name for one in known.frontier} if known is not None else set()
        for row, recipe in recipes_of(name).items():
            if row in chosen.row or (not chosen.row and row not in made):
                enter(agent, make(agent, recipe, seed=chosen.seed))
                print(f"{name} {row}: done", flush=True)


if __name__ == "__main__":
    np.seterr(all="raise", under="ignore")
    main()
