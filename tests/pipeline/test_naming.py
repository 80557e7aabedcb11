"""Units of compiled agents that no record names get the expression that they compute."""

import json

import numpy as np
import pytest

from agentscope import pipeline, rollouts
from agentscope.agents import find_agent
from agentscope.language import bind_state, evaluate_expression, parse_expression, with_cells
from agentscope.pipeline.naming import name_units
from agentscope.pipeline.running import Run
from agentscope.probes.bank import Bank, bank_of
from agentscope.probes.candidates import NamedCandidate, name_unit
from agentscope.records import QUICK

SEED = np.random.default_rng


class Workbench:
    """A compiled agent, a bank of its states and their edits, and what its record says of one layer."""

    def __init__(self, name: str) -> None:
        self.agent = pipeline.open_agent(name)
        visited = Run(rollouts.Streams(0), QUICK, lambda *told: None).states(self.agent, "lessons", 40, 800)
        pool = rollouts.edit_pool(self.agent.env, visited, SEED(0), most=800)
        assert pool is not None
        self.states = np.concatenate([visited.states, pool.edited])
        self.env = with_cells(self.agent.env)
        self.bank: Bank = bank_of(self.env, visited.states, pool.edited, episodes=visited.episode,
                                  edited_episodes=pool.episode[pool.parent])  # fmt: skip
        self.record = json.loads((find_agent(name).zip_path.parent / "record.json").read_text())

    def units(self, layer: str) -> np.ndarray:
        return self.agent.network.activations(self.agent.env.observe(self.states), layer)

    def recorded(self, layer: str) -> dict[int, str]:
        """Units that are recorded as carriers of a concept without axes."""
        return {
            carrier["units"][0]: concept["concept"]
            for concept in self.record["concepts"]
            for carrier in concept["carriers"]
            if carrier["layer"] == layer
        }  # fmt: skip

    def name(self, units: np.ndarray, unit: int) -> NamedCandidate | None:
        return name_unit(units[:, unit].astype(np.float64), self.bank, generator=SEED(1))

    def values(self, text: str) -> np.ndarray:
        parsed = parse_expression(text, self.bank.vocabulary)
        return evaluate_expression(parsed, bind_state(self.env), self.states)


@pytest.fixture(scope="module", params=["follower-dqn-relu-l0", "trigger-dqn-relu-l0"])
def bench(request: pytest.FixtureRequest) -> Workbench:
    return Workbench(request.param)


LAYERS = {"follower-dqn-relu-l0": "hidden_4", "trigger-dqn-relu-l0": "hidden_3"}


def test_recorded_units_are_named_by_their_concepts_and_unrecorded_ones_by_what_they_compute(bench: Workbench) -> None:
    layer = LAYERS[bench.agent.name]
    units, recorded = bench.units(layer), bench.recorded(layer)
    unrecorded = 0
    for unit in range(units.shape[1]):
        found = bench.name(units, unit)
        assert found is not None and found.explains and found.score == pytest.approx(1)
        values = bench.values(found.text).astype(np.float64)
        np.testing.assert_allclose(found.slope * values + found.intercept, units[:, unit], atol=1e-4)
        if unit in recorded:
            assert found.text == f"{recorded[unit]}()"
        unrecorded += unit not in recorded
    assert unrecorded >= 3


def test_the_second_choice_of_a_wall_follower_is_told_in_words() -> None:
    bench = Workbench("follower-dqn-relu-l0")
    units = bench.units("hidden_4")
    texts = {found.text for unit in range(7) if (found := bench.name(units, unit)) is not None}
    assert texts & {"wall_right() and not wall_ahead()", "not wall_ahead() and wall_right()"}


def test_units_below_the_concepts_are_named_by_cells() -> None:
    """The first layer of the program that counts heights and holes: is this row reached, is this cell full?"""
    bench = Workbench("columns-dqn-relu-l0")
    units = bench.units("hidden_1")
    found = [bench.name(units, unit) for unit in range(4)]
    assert [candidate.text for candidate in found if candidate is not None] == [
        "height(column0) > 3", "seen(row1, column0) > 0", "height(column0) <= 2", "seen(row2, column0) > 0",
    ]  # fmt: skip
    assert all(candidate is not None and candidate.score == 1 for candidate in found)


def test_the_pipeline_names_strong_units_that_no_column_explains() -> None:
    """Of a wall follower's last layer the recorded units are explained; the others are joins of two or three flags."""
    agent = pipeline.open_agent("follower-dqn-relu-l0")
    visited = Run(rollouts.Streams(0), QUICK, lambda *told: None).states(agent, "lessons", 40, 800)
    importance = {"hidden_4": np.linspace(0.5, 0.1, 7)}
    rows, again = (name_units(agent, visited, importance, generator=SEED(2), most=9) for _ in range(2))
    assert rows == again and [row["unit"] for row in rows] == [4, 5]
    for row in rows:
        assert row["explains"] and row["score"] == pytest.approx(1) and row["explained"] < 0.5
        assert row["layer"] == "hidden_4" and row["told"].startswith("named candidate: ") and row["columns"] == 3
    assert len(name_units(agent, visited, importance, generator=SEED(2), most=1)) == 1
    weak = {"hidden_4": np.full(7, 0.001)}
    assert name_units(agent, visited, weak, generator=SEED(2)) == []
