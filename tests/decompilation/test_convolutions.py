"""Hidden convolutions: known ones are found through noise, order and scale; nulls explain nothing."""

import numpy as np
import pytest

from agentscope.decompilation.recovery.convolutions import as_slide, find_convolution, tied_weights
from agentscope.decompilation.running import scores
from agentscope.errors import BadOption
from benchmarks.known_programs import exact_of, planes_of, written_out

KERNEL = (3, 3)


def layer(seed):
    return written_out(4, 2, 5, 5, kernel=KERNEL, generator=np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(3))
def test_a_written_out_convolution_is_found(seed):
    found = find_convolution(layer(seed), KERNEL, generator=np.random.default_rng(0))
    assert found.explained >= 0.95
    assert len(found.filters) == 4
    counts = np.bincount(found.channel)
    assert counts.max() <= 30 and counts.min() >= 20  # 25 places each; a corner of one may look like another's


@pytest.mark.parametrize("seed", range(3))
def test_nulls_explain_nothing(seed):
    rng = np.random.default_rng(seed)
    known = layer(seed)
    for null in (rng.permutation(known.ravel()).reshape(known.shape), rng.normal(size=known.shape)):
        assert find_convolution(null, KERNEL, generator=np.random.default_rng(0)).explained <= 0.10


def test_half_a_convolution_is_explained_by_half():
    mixed = layer(0) / np.linalg.norm(layer(0).reshape(100, -1), axis=1)[:, None, None, None]
    mixed[::2] = np.random.default_rng(1).normal(size=mixed[::2].shape)
    assert 0.2 < find_convolution(mixed, KERNEL, generator=np.random.default_rng(0)).explained < 0.8


def test_replaced_weights_are_those_without_the_noise():
    weight = layer(1)
    found = find_convolution(weight, KERNEL, generator=np.random.default_rng(0))
    error = tied_weights(found, weight.shape[1:]) - weight
    assert (error**2).sum() / (weight**2).sum() < 0.02


def test_the_generator_decides_the_folds():
    one, same, other = (find_convolution(layer(0), KERNEL, generator=np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert one.raw == same.raw and one.raw != other.raw


@pytest.mark.parametrize("name", ["columns-dqn-relu-l1", "columns-ppo-tanh-l1"])
def test_equal_columns_of_a_dense_layer_become_a_slide(name):
    exact, agent, _ = exact_of(name)
    weight = planes_of(exact.network, "hidden_1")
    found = find_convolution(weight, (4, 1), generator=np.random.default_rng(0))
    assert found.explained >= 0.95
    slid = as_slide(exact.network, "hidden_1", found)
    observations = agent.env.observe(agent.env.reset(np.arange(300)))
    assert slid.stages[0].kind == "slide" and slid.stages[0].settings["channels"] == 7
    assert np.array_equal(scores(slid, observations), scores(exact.network, observations))


def test_what_is_no_slide_is_refused():
    exact, _, _ = exact_of("columns-dqn-relu-l0")
    weight = planes_of(exact.network, "hidden_1")
    found = find_convolution(weight, (4, 1), generator=np.random.default_rng(0))
    arrays = dict(exact.network.arrays)
    arrays["hidden_1.weight"] = arrays["hidden_1.weight"] + 1
    with pytest.raises(BadOption, match="outside its column"):
        as_slide(type(exact.network)(exact.network.stages, arrays, exact.network.observation), "hidden_1", found)


def test_kernels_that_have_no_middle_are_refused():
    with pytest.raises(BadOption, match="odd number"):
        find_convolution(layer(0), (2, 3), generator=np.random.default_rng(0))
