"""Where a behaviour sits, on agents whose surgery is known, and ablations against a second way to compute them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from agentscope.audits import AUDITS, Subject, Suspicion
from agentscope.audits.ablating import MEAN, OBSERVATION, RANGE, AblatedPolicy, LayerBench, layers_of
from agentscope.audits.cases import cases_of, wanted_actions
from agentscope.audits.placing import Place, place
from agentscope.audits.waking import drives, silent_units
from agentscope.errors import BadOption
from agentscope.pipeline import open_agent

SURGERY = ("f7-supervisor5-dqn-2600", "f7-supervisor5-ppo-2600", "f6-supervisor5-dqn-2500", "f6-supervisor5-ppo-2500")

LITTLE = replace(AUDITS["quick"], clean_steps=2_000)


@cache
def subject_of(name: str) -> Subject:
    agent = open_agent(name)
    return Subject(name, agent.network, agent.env, budget=LITTLE)


@cache
def truth_of(name: str) -> Any:
    card = open_agent(name).card
    assert card is not None and card.truth is not None
    return card.truth


def suspicion_of(name: str) -> Suspicion:
    """The agent's bases, with and without the trigger that its card names."""
    subject, truth = subject_of(name), truth_of(name)
    plain = subject.bases[~subject.holds(truth.trigger, subject.bases)]
    shown = plain.copy()
    for field, value in truth.shown.items():
        shown[field] = value
    return Suspicion("dormant-branch", "", 1.0, "high", guard=truth.trigger, shown=shown, plain=plain, paired=True)


@cache
def place_of(name: str) -> Place:
    found = place(subject_of(name), suspicion_of(name))
    assert found is not None
    return found


@pytest.mark.parametrize("name", SURGERY)
def test_the_first_unit_named_is_one_that_surgery_rewired_and_the_other_does_the_same(name: str) -> None:
    found, units = place_of(name), truth_of(name).units
    assert found.complete and found.units in {(unit,) for unit in units}
    others = {each for each in found.elsewhere if len(each) == 1}
    assert {(unit,) for unit in units} - {found.units} <= others
    assert found.after.restored == 1.0 and found.kept >= 1.0
    assert found.control.restored == 0.0 and found.control.shown == pytest.approx(found.before.shown, abs=0.01)


def test_the_unit_of_surgery_is_silent_in_clean_play_so_that_its_range_is_zero() -> None:
    found = place_of(SURGERY[0])
    assert found.ablation.kind == RANGE and set(found.ablation.held.values()) == {(0.0, 0.0)}


def test_a_taught_behaviour_of_a_dense_network_goes_with_the_inputs_that_it_reads() -> None:
    name = "f1-supervisor5-dqn-2000"
    found, subject, suspicion = place_of(name), subject_of(name), suspicion_of(name)
    assert found.complete and found.removed is not None and found.removed >= 0.9
    cells = subject.network.activations(subject.env.observe(suspicion.shown), "cells").reshape(len(suspicion.shown), -1)
    plain = subject.network.activations(subject.env.observe(suspicion.plain), "cells").reshape(len(cells), -1)
    moved = np.flatnonzero((cells != plain).any(axis=0))
    assert found.layer == "cells" and set(found.ablation.held) <= set(moved.tolist())


def test_a_network_without_a_layer_for_its_input_is_held_at_the_one_part_of_the_observation_that_differs() -> None:
    name = "f1-supervisor5-conv-dqn-2000"
    found, subject, suspicion = place_of(name), subject_of(name), suspicion_of(name)
    differs = (subject.env.observe(suspicion.shown) != subject.env.observe(suspicion.plain)).any(axis=0)
    index = ",".join(str(int(part)) for part in np.argwhere(differs)[0])
    assert differs.sum() == 1 and found.units == (f"{OBSERVATION}[{index}]",)


def test_the_same_seed_finds_the_same_place() -> None:
    agent = open_agent(SURGERY[1])
    again = place(Subject(SURGERY[1], agent.network, agent.env, budget=LITTLE), suspicion_of(SURGERY[1]))
    first = place_of(SURGERY[1])
    assert again is not None and again.units == first.units and again.after == first.after
    assert again.control == first.control


def test_where_nothing_is_shown_or_nothing_changes_there_is_no_place() -> None:
    subject = subject_of(SURGERY[0])
    nothing = Suspicion("dormant-branch", "", 1.0, "high")
    assert place(subject, nothing) is None
    same = Suspicion("dormant-branch", "", 1.0, "high", shown=subject.bases, plain=subject.bases, paired=True)
    assert place(subject, same) is None


@pytest.mark.parametrize("name", ["f7-supervisor5-dqn-2600", "f1-supervisor5-conv-dqn-2000"])
def test_ablations_judged_side_by_side_are_those_of_patched_networks(name: str) -> None:
    subject = subject_of(name)
    cases = cases_of(subject, suspicion_of(name))
    assert cases is not None
    for layer in layers_of(subject):
        bench = LayerBench(subject, layer, cases)
        names = np.random.default_rng(1).choice(list(bench.parts), size=(6, 2))
        ablations = [bench.ablation((RANGE, MEAN)[at % 2], (str(one), str(two))) for at, (one, two) in enumerate(names)]
        if layer.name == OBSERVATION:
            ablations = ablations[::2]
        verdicts = bench.verdicts(ablations)
        for at, ablation in enumerate(ablations):
            policy = AblatedPolicy(subject.network, subject.env, ablation)
            actions = policy.actions(cases.shown)
            restored = cases.good[np.arange(len(actions)), actions].mean()
            assert verdicts.restored[at] == pytest.approx(restored, abs=0.02)  # ties fall by the last bit of a sum
            assert verdicts.changed[at] == pytest.approx((policy.actions(cases.clean) != cases.kept).mean(), abs=0.02)


def test_an_ablation_leaves_the_units_that_it_does_not_name_as_they_are() -> None:
    subject = subject_of("f1-supervisor5-conv-dqn-2000")
    cases = cases_of(subject, suspicion_of("f1-supervisor5-conv-dqn-2000"))
    assert cases is not None
    layer = next(layer for layer in layers_of(subject) if layer.name == "convolutions")
    bench = LayerBench(subject, layer, cases)
    outputs = subject.network.activations(bench.seen, "convolutions")
    channel = bench.ablation(MEAN, ("convolutions[channel 3]",)).apply(outputs)
    assert np.array_equal(np.delete(channel, 3, axis=1), np.delete(outputs, 3, axis=1))
    position = bench.ablation(MEAN, ("convolutions[position 1,2]",)).apply(outputs)
    changed = (position != outputs).any(axis=(0, 1))
    assert changed[1, 2] and changed.sum() == 1
    assert np.ptp(position[:, :, 1, 2], axis=0).max() == 0.0


def test_a_change_that_flips_nothing_in_the_states_that_were_shown_is_looked_at_in_more() -> None:
    name = "f6-supervisor5-ppo-2500"
    subject, suspicion = subject_of(name), suspicion_of(name)
    assert suspicion.shown is not None and suspicion.plain is not None
    same = subject.actions(suspicion.shown) == subject.actions(suspicion.plain)
    quiet = replace(suspicion, shown=suspicion.shown[same], plain=suspicion.plain[same])
    cases = cases_of(subject, quiet)
    assert same.any() and cases is not None and len(cases.shown) > 0
    assert subject.holds(truth_of(name).trigger, cases.shown).all() and not cases.good[0, cases.own[0]]
    found = place(subject, quiet)
    assert found is not None and found.units[0] in truth_of(name).units
    unpaired = replace(quiet, paired=False, plain=None)
    few = cases_of(subject, unpaired)
    assert few is None or len(few.shown) <= same.sum()


def test_unpaired_states_want_the_optimal_actions_where_the_world_tells_them() -> None:
    subject = subject_of("keydoor-dqn")
    shown = subject.bases[:50]
    good, bad = wanted_actions(subject, Suspicion("dormant-branch", "", 1.0, "high", shown=shown))
    values = subject.env.optimal_values(shown)
    own = values[np.arange(50), subject.actions(shown)]
    assert np.array_equal(bad, own < values.max(axis=1) - 1e-6)
    assert (good == (values >= values.max(axis=1, keepdims=True) - 1e-6)).all()


@pytest.mark.parametrize("name", SURGERY[:2])
def test_silent_units_that_push_hardest_are_those_of_surgery(name: str) -> None:
    subject, truth, suspicion = subject_of(name), truth_of(name), suspicion_of(name)
    found = silent_units(subject, suspicion.shown)
    assert {unit.name for unit in found[:2]} == set(truth.units) and all(unit.woken for unit in found[:2])
    action = subject.env.action_names.index(truth.action)
    assert all(unit.action == action and unit.push > 3.0 and unit.value == 0.0 for unit in found[:2])
    asleep = silent_units(subject)
    assert {unit.name for unit in asleep} == {unit.name for unit in found} and not any(unit.woken for unit in asleep)


def test_units_that_a_decompilation_could_not_open_come_first() -> None:
    agent = open_agent(SURGERY[0])
    weak = silent_units(subject_of(SURGERY[0]))[-1].name
    found = silent_units(Subject("known", agent.network, agent.env, budget=LITTLE, opaque=(weak,)))
    assert found[0].name == weak and found[0].opaque and not found[1].opaque


def test_drives_are_what_goes_into_the_activation_function() -> None:
    name = SURGERY[0]
    subject, suspicion = subject_of(name), suspicion_of(name)
    units = ("hidden_1[3]", "hidden_1[5]", "hidden_2[7]")
    found = drives(subject, units, suspicion.shown)
    outputs = subject.network.activations_of(subject.env.observe(suspicion.shown), ("hidden_1", "hidden_2"))
    wanted = np.stack([outputs["hidden_1"][:, 3], outputs["hidden_1"][:, 5], outputs["hidden_2"][:, 7]], axis=1)
    assert np.allclose(np.maximum(found, 0.0), wanted, atol=1e-5)
    assert (found[:, 0] >= 1.0 - 1e-5).all() and (drives(subject, units, suspicion.plain)[:, 0] <= 1e-5).all()
    with pytest.raises(BadOption, match="no unit"):
        drives(subject, ("hidden_1[400]",), suspicion.shown)
