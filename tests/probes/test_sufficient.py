"""The smallest part of an observation that suffices, on units whose inputs are known."""

import itertools

import numpy as np

from agentscope.probes.sufficient import Donors, Mixer, cells_of, smallest_cells
from tests.probes.toy_boards import and_of


def boards(count, seed, shape=(3, 3)):
    return np.random.default_rng(seed).integers(2, size=(count, *shape)).astype(np.uint8)


def kept_of(read, observation, *, seed=0, cells=None):
    donors = Donors(boards(200, seed, observation.shape), boards(200, seed + 1, observation.shape))
    everything = read(boards(4000, 99, observation.shape))
    mixer = Mixer(observation, cells or cells_of(observation.shape, observation.shape), read,
                  float(read(observation[None])[0]), float(everything.mean()))  # fmt: skip
    return smallest_cells(mixer, donors), mixer, donors


def test_of_an_and_exactly_its_inputs_suffice():
    cells = ((0, 1), (1, 2), (2, 0))
    unit = and_of(*cells)
    found, _, _ = kept_of(lambda seen: unit(seen)[:, 0].astype(float), np.ones((3, 3), np.uint8))
    assert found.cells == cells
    assert found.share == found.fresh == found.fresh_keeps == 1.0
    assert found.without_one < 0.95


def test_of_an_or_one_input_suffices():
    found, _, _ = kept_of(lambda seen: (seen[:, 0, 0] | seen[:, 2, 2]).astype(float), np.ones((3, 3), np.uint8))
    assert found.cells in (((0, 0),), ((2, 2),))


def test_where_any_state_drives_it_as_much_nothing_is_kept():
    found, _, _ = kept_of(
        lambda seen: (seen.reshape(len(seen), -1).any(axis=1)).astype(float), np.ones((3, 3), np.uint8)
    )
    assert found.cells == () and found.without_one is None
    assert found.fresh > 0.95


def test_no_smaller_set_exists_by_brute_force_and_none_of_its_cells_can_be_spared():
    weights = np.array([[3.0, -2.0, 0.3], [0.1, 4.0, 0.2], [-0.2, 0.1, 2.5]])
    read = lambda seen: np.maximum((seen * weights).sum(axis=(1, 2)) - 1.0, 0)  # noqa: E731
    observation = (weights > 0).astype(np.uint8)
    found, mixer, donors = kept_of(read, observation)

    def share(kept):
        held = 0
        for donor in donors.deciding:
            mixed = donor.copy()
            for cell in kept:
                mixed[cell] = observation[cell]
            held += (read(mixed[None])[0] - mixer.mean) >= 0.9 * (mixer.value - mixer.mean)
        return held / len(donors.deciding)

    assert share(found.cells) == found.share >= 0.95
    spared = [share([cell for cell in found.cells if cell != out]) for out in found.cells]
    assert max(spared) == found.without_one < 0.95
    smaller = itertools.combinations(itertools.product(range(3), range(3)), len(found.cells) - 1)
    assert not any(share(kept) >= 0.95 for kept in smaller)


def test_all_planes_of_a_cell_are_kept_together():
    for shape, network, at in (((2, 3, 4), (2, 3, 4), (1, 2, 3)), ((3, 4, 2), (2, 3, 4), (2, 3, 1))):
        cells = cells_of(shape, network)
        assert cells.shape == (3, 4)
        observation = np.ones(shape, np.uint8)
        found, _, _ = kept_of(lambda seen, at=at: seen[(slice(None), *at)].astype(float), observation, cells=cells)
        assert found.cells == ((2, 3),)


def test_flat_observations_fall_into_components():
    found, _, _ = kept_of(lambda seen: (seen[:, 1] & seen[:, 4]).astype(float), np.ones(6, np.uint8))
    assert found.cells == ((1,), (4,))


def test_the_share_on_fresh_states_is_of_those_states_alone():
    read = lambda seen: seen[:, 0, 0].astype(float)  # noqa: E731
    observation = np.ones((3, 3), np.uint8)
    always = np.ones((50, 3, 3), np.uint8)
    mixer = Mixer(observation, cells_of((3, 3), (3, 3)), read, 1.0, 0.5)
    found = smallest_cells(mixer, Donors(always, boards(400, 5)))
    assert found.cells == () and found.share == 1.0  # the deciding states all drive it
    assert 0.4 < found.fresh < 0.6
