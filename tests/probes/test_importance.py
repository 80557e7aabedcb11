"""Importance of single units: planted ones matter as much as counting by hand says, the others not at all."""

import numpy as np
import pytest

from agentscope.probes.group_records import GroupData
from agentscope.probes.importance import unit_importance
from tests.probes.test_groups import Linear, decided


@pytest.fixture(scope="module")
def planted():
    """Unit 3 alone drives action 0, unit 7 by half its weight action 1; the others are read by nobody."""
    rng = np.random.default_rng(2)
    into, out = rng.normal(size=(6, 20)).astype(np.float32), np.zeros((20, 2), np.float32)
    out[3, 0], out[7, 1] = 1.0, 0.5
    network = Linear(into, out)
    observations = rng.normal(size=(300, 6)).astype(np.float32)
    return network, GroupData(observations, decided(network, observations), np.arange(300))


def test_each_unit_counts_as_if_it_were_replaced_alone_and_by_hand(planted):
    network, data = planted
    found = unit_importance(network, "hidden", data, generator=np.random.default_rng(1))
    assert found[3] > 0 and found[7] > 0 and (np.delete(found, [3, 7]) == 0).all()
    donors = (np.arange(300) + np.random.default_rng(1).integers(1, 300, size=300)) % 300
    values = network.activations(data.observations, "hidden")
    for unit in (3, 7):
        mixed = values.copy()
        mixed[:, unit] = values[donors, unit]
        moved = (mixed @ network.out).argmax(axis=1)
        assert found[unit] == pytest.approx((moved != data.decisions.actions).mean())


def test_of_many_units_those_that_add_most_to_the_margin_are_measured(planted):
    network, data = planted
    every = unit_importance(network, "hidden", data, generator=np.random.default_rng(1))
    one, two = (unit_importance(network, "hidden", data, generator=np.random.default_rng(1), most=n) for n in (1, 2))
    assert np.flatnonzero(one).tolist() == [3] and one[3] == every[3]
    np.testing.assert_array_equal(two, every)


def test_batches_change_nothing(planted, monkeypatch):
    network, data = planted
    every = unit_importance(network, "hidden", data, generator=np.random.default_rng(1))
    monkeypatch.setattr("agentscope.probes.importance.BATCH", 700)
    np.testing.assert_array_equal(unit_importance(network, "hidden", data, generator=np.random.default_rng(1)), every)


def test_another_seed_draws_other_states(planted):
    network, data = planted
    first, other = (unit_importance(network, "hidden", data, generator=np.random.default_rng(s)) for s in (1, 2))
    assert first[3] != other[3]
