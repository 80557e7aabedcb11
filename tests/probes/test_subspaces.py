"""Swaps move the part in a subspace and nothing else; readouts, units and random draws span what they should."""

import numpy as np
import pytest

from agentscope.probes.readouts import Readout
from agentscope.probes.subspaces import Subspace, orthonormal, random_subspace, readout_subspace, unit_subspace

RNG = np.random.default_rng(0)


def readout(weights, layer_shape, places=(), classes=(), kind="number", shape=()):
    return Readout(
        "c", kind, "layer", weights, np.zeros((1, weights.shape[1])), classes, layer_shape, places, shape, ()
    )


def test_a_swap_moves_the_readings_of_the_subspace_to_the_source_and_no_other():
    base, source = RNG.normal(size=(2, 20, 6)).astype(np.float32)
    subspace = Subspace("layer", (6,), orthonormal(RNG.normal(size=(6, 2))), "readout")
    moved = subspace.swap(base, source)
    assert np.allclose(moved @ subspace.basis, source @ subspace.basis, atol=1e-5)
    outside = np.linalg.svd(subspace.basis, full_matrices=True)[0][:, 2:]
    assert np.allclose(moved @ outside, base @ outside, atol=1e-5)


def test_swapping_every_unit_gives_the_source_and_swapping_none_the_base():
    base, source = RNG.normal(size=(2, 5, 3, 4)).astype(np.float32)
    everything = unit_subspace("layer", (3, 4), np.arange(12))
    assert np.allclose(everything.swap(base, source), source, atol=1e-6)
    assert np.array_equal(unit_subspace("layer", (3, 4), np.zeros(0, dtype=np.int64)).swap(base, source), base)
    one = unit_subspace("layer", (3, 4), np.array([5])).swap(base, source).reshape(5, 12)
    assert np.array_equal(np.flatnonzero((one != base.reshape(5, 12)).any(axis=0)), [5])


def test_a_shared_readout_spans_its_kernel_at_every_position():
    kernel = np.array([[1.0], [0.0], [2.0]])  # features x columns, shared over the second dimension
    found = readout_subspace(readout(kernel, (3, 4), places=(1,), shape=(4,)))
    assert found.rank == 4
    wanted = np.zeros((12, 4))
    for position in range(4):
        wanted[[position, 8 + position], position] = np.array([1.0, 2.0]) / np.sqrt(5)
    assert np.allclose(np.abs(found.basis), wanted)


def test_what_all_classes_share_is_no_part_of_a_choice():
    shared = np.array([[1.0], [0.0], [0.0]]) @ np.ones((1, 3))
    own = np.zeros((3, 3))
    own[1, 0], own[2, 1] = 1.0, 1.0
    found = readout_subspace(readout(shared + own, (3,), classes=(0, 1, 2), kind="choice"))
    assert found.rank == 2
    assert np.allclose(found.basis[0], 0, atol=1e-9)


def test_dependent_columns_add_no_rank():
    columns = RNG.normal(size=(8, 2))
    assert orthonormal(np.concatenate([columns, columns @ [[1.0], [2.0]]], axis=1)).shape == (8, 2)
    assert orthonormal(np.zeros((8, 2))).shape == (8, 0)


def test_random_subspaces_have_the_rank_avoid_units_that_never_vary_and_follow_their_seed():
    like = unit_subspace("layer", (5,), np.array([0, 1]))
    activations = RNG.normal(size=(30, 5))
    activations[:, 3] = 7.0
    drawn = [random_subspace(like, activations, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert drawn[0].rank == 2 and drawn[0].kind == "random"
    assert np.allclose(drawn[0].basis[3], 0)
    assert np.array_equal(drawn[0].basis, drawn[1].basis) and not np.array_equal(drawn[0].basis, drawn[2].basis)


def test_the_share_inside_the_row_space_is_that_of_the_squared_length():
    readers = np.eye(4)[:, :2]
    half = Subspace("layer", (4,), np.array([[1.0], [0.0], [1.0], [0.0]]) / np.sqrt(2), "readout")
    assert half.share_within(readers) == pytest.approx(0.5)
    assert np.allclose(np.abs(half.within(readers).basis[:, 0]), [1, 0, 0, 0])
    dormant = Subspace("layer", (4,), np.eye(4)[:, 3:], "readout")
    assert dormant.within(readers).rank == 0 and dormant.share_within(readers) == 0
