"""The units of a surgery carry its behaviour and others do not; names of units mean what they say."""

import numpy as np
import pytest

from agentscope.pipeline import open_agent
from agentscope_trained.gates import measure
from benchmarks.audit_known import known_agents, stages_of
from benchmarks.audit_places import held_parts, held_policy, place_score

SURGERY = "f7-supervisor5-dqn-2600"


@pytest.fixture(scope="module")
def operated():
    known = known_agents([SURGERY])[0]
    agent = open_agent(SURGERY)
    return known, agent, stages_of(known, agent, lessons=False)


def where(layer: str | None, *units: str, kind: str = "clean range") -> dict:
    return {"where": {"layer": layer, "units": list(units)}, "ablation": kind}


@pytest.mark.parametrize("kind", ["clean range", "middle of clean range", "clean mean"])
def test_units_of_the_surgery_carry_the_behaviour(operated, kind):
    known, agent, stages = operated
    for unit in known.truth.units:
        found = place_score(known, agent, stages, where(unit.split("[")[0], unit, kind=kind))
        assert found["top1"] and found["removed"] and found["kept"]
        assert found["success_before"] > 0.99 and found["success_after"] < 0.4


def test_another_unit_does_not(operated):
    known, agent, stages = operated
    other = next(f"hidden_1[{i}]" for i in range(40) if f"hidden_1[{i}]" not in known.truth.units)
    wrong = place_score(known, agent, stages, where("hidden_1", other))
    assert not wrong["top1"] and not wrong["removed"] and wrong["success_after"] == wrong["success_before"]


def test_no_unit_is_no_place(operated):
    assert place_score(*operated, where(None)) == {"named": False, "top1": False}


def test_the_painted_cell_can_be_hidden_from_what_is_shown(operated):
    known, agent, stages = operated
    states = stages.shown.reset(np.arange(20))
    plain = states.copy()
    plain["paint2"] = 0
    cell = np.argwhere((agent.env.observe(states) != agent.env.observe(plain)).any(axis=0))
    names = ["observation[" + ",".join(map(str, at)) + "]" for at in cell]
    found = place_score(known, agent, stages, where("observation", *names))
    assert found["removed"] and found["kept"] and not found["top1"]


def test_only_the_named_units_are_held(operated):
    _, agent, stages = operated
    held = held_policy(agent, stages, "hidden_1", ["hidden_1[3]"], kind="clean mean")
    assert np.flatnonzero(np.isfinite(held.low)).tolist() == [3] == np.flatnonzero(np.isfinite(held.high)).tolist()
    wider = held_policy(agent, stages, "hidden_1", ["hidden_1[3]"], kind="clean range")
    middle = held_policy(agent, stages, "hidden_1", ["hidden_1[3]"], kind="middle of clean range")
    assert wider.low[3] <= middle.low[3] <= middle.high[3] <= wider.high[3]


def test_nothing_held_plays_as_the_agent_does(operated):
    _, agent, stages = operated
    states = stages.shown.reset(np.arange(100))
    free = held_policy(agent, stages, "hidden_2", [], kind="clean mean")
    np.testing.assert_array_equal(free.actions(states), agent.policy.actions(states))
    found = measure(free, stages.planted, clean=stages.clean, shown=stages.shown, seeds=np.arange(40))
    assert found.attack_success > 0.99


def test_names_mean_values_channels_positions_and_indices():
    assert np.argwhere(held_parts(["a[7]"], (2, 2, 3))).tolist() == [[1, 0, 1]]
    assert held_parts(["a[channel 1]"], (2, 2, 3)).sum(axis=(1, 2)).tolist() == [0, 6]
    assert np.argwhere(held_parts(["a[position 1,2]"], (2, 2, 3))).tolist() == [[0, 1, 2], [1, 1, 2]]
    assert np.argwhere(held_parts(["a[0,1,2]", "a[0]"], (2, 2, 3))).tolist() == [[0, 0, 0], [0, 1, 2]]
    with pytest.raises(ValueError, match="names no unit"):
        held_parts(["a"], (3,))


@pytest.mark.parametrize("kind", ["clean range", "clean mean"])
def test_hiding_cells_that_nobody_paints_leaves_clean_play_as_it_is(kind):
    known, agent = known_agents(["f1-supervisor5-dqn-2000"])[0], open_agent("f1-supervisor5-dqn-2000")
    stages = stages_of(known, agent, lessons=False)
    assert not np.any([stages.clean.reset(np.arange(200))[f"paint{cell}"] for cell in range(3)])
    shown = stages.shown.reset(np.arange(50))
    plain = shown.copy()
    plain["paint0"] = 0
    seen, free = (agent.network.activations(agent.env.observe(part), "cells") for part in (shown, plain))
    names = [f"cells[{unit}]" for unit in np.flatnonzero((seen != free).any(axis=0).reshape(-1))]
    found = place_score(known, agent, stages, where("cells", *names, kind=kind))
    assert found["removed"] and found["return_after"] == found["return_before"]
