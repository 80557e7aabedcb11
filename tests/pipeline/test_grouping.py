"""Groups, importance and candidates of whole agents: parts that are known come back, and every figure is repeatable."""

import dataclasses
import json

import numpy as np
import pytest

from agentscope import pipeline, rollouts
from agentscope.pipeline.grouping import FULL, QUICK, GroupSample, describe_groups, effort_of, evenly
from agentscope.pipeline.running import Run
from agentscope.records import BUDGETS, Budget, Inspection
from agentscope.reports import build_report

SMALL = Budget("small", 40, 8, 800, 300, 1, 10, 1, 60)


def described(name: str, seed: int = 0) -> dict:
    agent, run = pipeline.open_agent(name), Run(rollouts.Streams(seed), SMALL)
    return describe_groups(agent, run.states(agent, "lessons", SMALL.lessons, SMALL.lesson_states), run)


@pytest.fixture(scope="module")
def follower() -> dict:
    return described("follower-dqn-relu-l0")


def test_units_that_nobody_names_come_with_the_expression_that_they_compute(follower: dict) -> None:
    """A wall follower's last layer holds two joins of flags beside recorded units."""
    last = [row for row in follower["candidates"] if row["layer"] == "hidden_4"]
    assert last and all(row["explains"] and row["score"] == pytest.approx(1) for row in last)
    assert all(row["importance"] >= 0.01 and row["explained"] < 0.5 for row in follower["candidates"])


def test_importance_is_that_of_resampling_each_unit(follower: dict) -> None:
    (row,) = [row for row in follower["units"] if row["layer"] == "hidden_4"]
    assert row["matter"] >= len(row["strongest"]) > 0
    shares = [unit["importance"] for unit in row["strongest"]]
    assert shares == sorted(shares, reverse=True) and shares[-1] > 0
    assert all(share * row["states"] == pytest.approx(round(share * row["states"])) for share in shares)


def test_every_hidden_layer_stands_beside_an_untrained_network_in_both_kinds(follower: dict) -> None:
    layers = {row["layer"] for row in follower["layers"]}
    assert [(row["layer"], row["of"]) for row in follower["layers"]] == [
        (layer, of) for layer in sorted(layers) for of in ("activations", "attributions")
    ]
    assert all(set(row["untrained"]) == {"rank", "explained", "verdict"} for row in follower["layers"])
    assert follower["clusterability"]["shuffles"] == QUICK.shuffles


def test_the_same_seed_gives_the_same_block_and_another_seed_another(follower: dict) -> None:
    again, other = described("follower-dqn-relu-l0"), described("follower-dqn-relu-l0", seed=1)
    assert json.dumps(again, default=float) == json.dumps(follower, default=float)
    assert json.dumps(other, default=float) != json.dumps(follower, default=float)


def test_an_inspection_holds_the_block_and_the_report_gives_reasons_for_its_nulls(inspection: Inspection) -> None:
    report = build_report(inspection)
    assert {row["layer"] for row in report["groups"]["layers"]} == {"hidden_1", "hidden_2"}
    absent = [i for i, row in enumerate(report["groups"]["layers"]) if row["rank"] is None]
    assert not absent or "groups.layers.*.rank" in report["why"]
    without = build_report(dataclasses.replace(inspection, groups=None))
    assert without["groups"] is None and without["why"]["groups"]


def test_the_work_goes_by_the_budget_and_states_are_evenly_spread() -> None:
    assert effort_of(BUDGETS["full"]) is FULL and effort_of(BUDGETS["quick"]) is QUICK
    assert evenly(5, 9).tolist() == [0, 1, 2, 3, 4] and evenly(101, 3).tolist() == [0, 50, 100]


def test_a_sample_labels_and_decides_the_same_states() -> None:
    agent, run = pipeline.open_agent("follower-dqn-relu-l0"), Run(rollouts.Streams(0), SMALL)
    visited = run.states(agent, "lessons", 20, 300)
    sample = GroupSample.of(agent, visited, 100)
    chosen = visited.states[evenly(len(visited), 100)]
    np.testing.assert_array_equal(sample.labelled.observations, agent.env.observe(chosen))
    np.testing.assert_array_equal(sample.decisions.actions, agent.decide(chosen).actions)
