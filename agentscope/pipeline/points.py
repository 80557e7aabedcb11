"""The named points of an agent's frontier, close and small: those that lie beside it, or new ones by short recipes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from agentscope import decompilation, rollouts
from agentscope.agents import simplified as shelf
from agentscope.errors import UnsupportedAgent
from agentscope.integers import IntegerNetwork
from agentscope.pipeline.likeness import agreement_row, earned
from agentscope.pipeline.opening import OpenAgent
from agentscope.pipeline.recovering import exact_network
from agentscope.pipeline.running import Run
from agentscope.pipeline.simplifying import CLOSE, SMALLER, Recipe, Simplified, deploy, in_phases, simplify
from agentscope.records import StateSet

SMALL_RETURN = 0.98  # of the return, random play taken off, that the small point keeps
FEWEST_BITS = 6  # of weights below which rounding does not go in search of sums that fit


@dataclass(frozen=True)
class Point:
    """One simplified network before its text.

    Attributes:
        origin: how it was made, for the report; fitted_on: sets of states whose every state was taught.
        steps: exact rewrites that shortened it.
    """

    name: str
    integers: IntegerNetwork
    network: Any
    origin: Mapping[str, Any]
    fitted_on: tuple[str, ...] = ()
    steps: tuple[Any, ...] = ()


def make_points(
    agent: OpenAgent, names: Sequence[str], run: Run, card: shelf.SimplifiedCard | None
) -> tuple[dict[str, Point], list[dict[str, Any]]]:
    """The points that are asked for, and the frontier that they are on."""
    if card is not None and all(name in card.points for name in names):
        rows = [row.model_dump() for row in card.frontier]
        return {name: _shipped(agent, name, card.points[name]) for name in names}, rows
    lessons = run.states(agent, "lessons", run.budget.lessons, run.budget.lesson_states)
    points, rows = {}, []
    with run.stage("simplifying (close)"):
        recipe = in_phases(CLOSE, run.budget)
        close = _exact(agent, run) or make_point(agent, recipe, run)
        if close.origin["made"] == "exact":
            weights, activations = _own_bits(close.integers)
            recipe = replace(recipe, weights=weights, activations=activations)
        rows.append(frontier_row(agent, close, recipe, lessons, run))
    if "close" in names:
        points["close"] = close
    if "small" in names:
        with run.stage("simplifying (small)"):
            points["small"], more = _smallest(agent, close, rows[0], lessons, run)
            rows += more
    return {name: points[name] for name in names}, rows


def _shipped(agent: OpenAgent, name: str, part: shelf.PointPart) -> Point:
    from agentscope.agents.deploying import integers_of

    assert agent.home is not None
    listed = rollouts.enumerated_states(agent.env) is not None
    network = shelf.load_point(agent.home, part, name=f"{agent.name}-{name}")
    fitted_on = ("network", "strategy", "reachable") if listed else ()
    return Point(name, integers_of(network), network, {"made": "shipped", "recipe": None, "curve": None}, fitted_on)


def _exact(agent: OpenAgent, run: Run) -> Point | None:
    """The network itself, where its weights are whole numbers in disguise: nothing is taught."""
    integers = exact_network(agent)
    if integers is None:
        return None
    integers = decompilation.with_slides(integers, generator=run.streams.generator("convolutions"))
    short, steps = decompilation.shorten(integers, *observation_bounds(agent))
    network = deploy(agent, short, run, name=f"{agent.name}-close")
    return Point("close", short, network, {"made": "exact", "recipe": None, "curve": None}, (), steps)


def _own_bits(integers: IntegerNetwork) -> tuple[int, int]:
    """Bits of the widest weight with its sign, and of the widest number that a stage puts out."""
    weights = [np.abs(array).max(initial=0) for name, array in integers.arrays.items() if name.endswith(".weight")]
    tops = [stage.settings["high"] for stage in integers.stages if "high" in stage.settings]
    return int(max(weights)).bit_length() + 1, int(max(tops, default=0)).bit_length()


def make_point(agent: OpenAgent, recipe: Recipe, run: Run) -> Point:
    """Teach by a recipe, with fewer bits if its sums could pass 2**24, and shorten without changing a score."""
    low, high = observation_bounds(agent)
    while True:
        made = simplify(agent, recipe, run)
        short, steps = decompilation.shorten(made.integers, low, high)
        try:
            decompilation.refuse_inexact(short, low, high)
        except UnsupportedAgent:
            if recipe.weights <= FEWEST_BITS:
                raise
            recipe = replace(recipe, weights=recipe.weights - 1, widest=0)
            continue
        network = deploy(agent, short, run, name=f"{agent.name}-{recipe.point}")
        return Point(recipe.point, short, network, _origin(recipe, made), made.fitted_on, steps)


def _origin(recipe: Recipe, made: Simplified) -> dict[str, Any]:
    row = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(recipe).items()}
    return {"made": "taught", "recipe": row, "curve": [[list(check) for check in phase] for phase in made.curve]}


def _smallest(
    agent: OpenAgent, close: Point, close_row: dict[str, Any], lessons: StateSet, run: Run
) -> tuple[Point, list[dict[str, Any]]]:
    """Of several candidates the one with the fewest bits that keeps the return; the close one stands if none does."""
    best, bits, rows = replace(close, name="small"), close_row["bits"], []
    for recipe in SMALLER:
        point = make_point(agent, in_phases(recipe, run.budget), run)
        row = frontier_row(agent, point, recipe, lessons, run)
        rows.append(row)
        kept = row["return_ratio"]
        if kept is not None and kept >= SMALL_RETURN and row["bits"] < bits:
            best, bits = replace(point, name="small"), row["bits"]
    return best, rows


def frontier_row(
    agent: OpenAgent, point: Point, recipe: Recipe, states: StateSet, run: Run, *, episodes: int | None = None
) -> dict[str, Any]:
    """One point of the frontier: sizes, agreement on these states, return in episodes of its own."""
    figures = {**agreement_row(agent, point.network, states), **earned(agent, point.network, run, episodes=episodes)}
    figures["return_mean"] = figures.pop("simplified_return")
    sizes = {"weights": recipe.weights, "activations": recipe.activations, "numbers": point.integers.nonzero,
             "bits": point.integers.bits}  # fmt: skip
    row = {"name": recipe.point, "shape": shape_of(recipe), **sizes, **figures}
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()}


def shape_of(recipe: Recipe) -> str:
    """The stages with weights in a few words."""
    if not recipe.plan:
        return "its own" + (f", {recipe.sparsity:.0%} pruned" if recipe.sparsity else "")
    sized = [line.split(" ") for line in recipe.plan if " channels=" in line or " units=" in line]
    words = [f"{parts[0]} {parts[3].split('=')[1]}" for parts in sized]
    return ", ".join(words) + (f", at most {recipe.fan_in} inputs a unit" if recipe.fan_in else "")


def observation_bounds(agent: OpenAgent) -> tuple[np.ndarray, np.ndarray]:
    """What the environment may show, channels first as the network reads it."""
    space = agent.env.observation_space
    shape = agent.network.observation_shape
    low, high = (np.asarray(getattr(space, name), dtype=np.float64) for name in ("low", "high"))
    if low.shape != shape:
        low, high = np.moveaxis(low, -1, 0), np.moveaxis(high, -1, 0)
    return low, high
