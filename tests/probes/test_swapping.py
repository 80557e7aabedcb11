"""Pairs of states and edits: which are effect pairs, which episodes choose and which judge, what a swap decides."""

import numpy as np
import pytest

from agentscope import rollouts
from agentscope.agents import untrained_twins
from agentscope.contracts import concepts_of
from agentscope.pipeline import open_agent
from agentscope.pipeline.running import Run
from agentscope.probes import bench, swapping
from agentscope.probes.alignment import Effort, align, follows_by, train_subspace
from agentscope.probes.directions import swap_readouts
from agentscope.probes.edges import find_edges
from agentscope.probes.rowspace import readers_of
from agentscope.probes.subspaces import readout_subspace, unit_subspace
from agentscope.probes.swapping import play_scene, set_stage
from agentscope.records import QUICK
from agentscope.rollouts import Streams


@pytest.fixture(scope="module")
def agent():
    return open_agent("columns-dqn-relu-l0")


@pytest.fixture(scope="module")
def stage(agent):
    run = Run(Streams(0), QUICK)
    visited = run.states(agent, "lessons", 60, 1_000)
    generator = np.random.default_rng(0)
    pool = rollouts.edit_pool(agent.env, rollouts.states_to_edit(agent.env, visited, generator), generator, most=8_000)
    return set_stage(agent.env, pool, concepts_of(agent.env), generator)


@pytest.fixture(scope="module")
def scene(agent, stage):
    return play_scene(agent.network, stage)


def test_effect_pairs_change_the_concept_and_the_choice_and_others_only_the_choice(scene):
    stage = scene.stage
    base = scene.network.scores(stage.bases)[stage.parent].argmax(axis=1)
    edit = scene.network.scores(stage.edited).argmax(axis=1)
    for name, (before, after) in stage.values.items():
        choosing, judging = scene.effect_pairs(name)
        rows = np.concatenate([choosing, judging])
        assert (base[rows] != edit[rows]).all()
        assert (before[stage.parent[rows]] != after[rows]).reshape(len(rows), -1).any(axis=1).all()
        others = np.concatenate(scene.other_pairs(name))
        assert (base[others] != edit[others]).all()
        assert (before[stage.parent[others]] == after[others]).all()


def test_no_episode_both_chooses_and_judges(scene):
    episode = scene.stage.episode
    for name in scene.stage.values:
        for choosing, judging in (scene.effect_pairs(name), scene.other_pairs(name)):
            assert not set(episode[choosing]) & set(episode[judging])
    lessons = scene.stage.lessons(2_000)
    assert not set(lessons.episodes) & set(episode[scene.stage.tests])
    assert len(lessons) == 2_000


def test_the_cleanest_pairs_come_first(scene, monkeypatch):
    stage = scene.stage
    monkeypatch.setattr(swapping, "ENOUGH", 5)
    few = stage.crowd[np.concatenate(scene.effect_pairs("height"))]
    monkeypatch.setattr(swapping, "ENOUGH", 10**9)
    every = stage.crowd[np.concatenate(scene.effect_pairs("height"))]
    assert few.max() < every.max() and few.min() == every.min()
    brute = sum(
        (before[stage.parent] != after).reshape(len(stage.parent), -1).any(axis=1).astype(int)
        for before, after in stage.values.values()
    )
    assert np.array_equal(stage.crowd, brute)


def test_swapping_a_whole_layer_follows_always_and_shifts_everything(scene):
    rows, _ = scene.effect_pairs("holes_in")
    held = scene.held(rows, ("hidden_1",))
    scores = scene.scores(rows, "hidden_1", held.edit["hidden_1"])
    assert scene.follows(rows, scores).all()
    assert scene.shift(rows, scores) == pytest.approx(np.ones(len(rows)))
    stay = scene.scores(rows, "hidden_1", held.base["hidden_1"])
    assert not scene.follows(rows, stay).any() and scene.shift(rows, stay) == pytest.approx(np.zeros(len(rows)))


def test_readouts_of_edits_read_both_sides(agent, stage):
    layers = bench.testable_layers(agent.network)
    assert layers == ("hidden_1", "hidden_2")
    readouts = swap_readouts(agent.network, stage.lessons(3_000), layers, generator=np.random.default_rng(0))
    held = agent.network.activations(stage.edited[stage.tests], "hidden_2")
    values = stage.values["height"][1][stage.tests]
    assert np.array_equal(readouts["hidden_2", "height"].apply(held), values)


def test_the_row_space_of_a_dense_layer_is_that_of_its_weights_and_slopes_span_it(agent, stage):
    exact = readers_of(agent.network, stage.bases, "hidden_1")
    weights = agent.network.dense_after("hidden_1").weights
    assert exact.shape[1] == np.linalg.matrix_rank(weights)
    assert np.allclose(exact @ (exact.T @ weights.T), weights.T)
    tetris = open_agent("tetris-small-dqn")
    observations = tetris.env.observe(tetris.env.reset(np.arange(300)))
    by_slopes = readers_of(tetris.network, observations, "piece")
    assert 0 < by_slopes.shape[1] <= 32
    assert np.allclose(by_slopes.T @ by_slopes, np.eye(by_slopes.shape[1]), atol=1e-8)


def test_a_trained_subspace_carries_the_choice_over_and_follows_its_seed(agent, scene, stage):
    readouts = swap_readouts(agent.network, stage.lessons(3_000), ("hidden_2",), generator=np.random.default_rng(0))
    start = readout_subspace(readouts["hidden_2", "height"])
    _, judging = scene.effect_pairs("height")
    trained = [
        train_subspace(scene, "height", start, 4, steps=60, generator=np.random.default_rng(s)) for s in (0, 0, 1)
    ]
    assert np.allclose(trained[0].basis.T @ trained[0].basis, np.eye(4), atol=1e-8)
    assert np.array_equal(trained[0].basis, trained[1].basis)
    assert follows_by(scene, judging, trained[0]) >= 0.8
    untrained = untrained_twins(agent.network, 1, seed=1)[0]
    twin = play_scene(untrained, stage)
    found = align(twin, "height", [start], effort=Effort(), generator=np.random.default_rng(0))
    assert [one.rank for one in found] in ([], [1, 2, 4, 8])


def test_all_edges_of_a_circuit_do_what_its_units_do(agent, scene, stage):
    stage = scene.stage
    legal = np.ones((len(stage.bases), agent.network.actions), dtype=bool)
    made = bench.Bench(scene, {}, (), stage.bases, legal, np.zeros(legal.shape, dtype=np.int16))
    rows, _ = scene.effect_pairs("height")
    held = scene.held(rows, ("hidden_2",))
    units = np.arange(held.base["hidden_2"].shape[1])
    edges = find_edges(made, held, "hidden_2", units, 1.0)
    assert edges["effect"] >= 0.95 and 0 < edges["kept"] <= edges["of"]
    whole = unit_subspace("hidden_2", (len(units),), units).swap(held.base["hidden_2"], held.edit["hidden_2"])
    assert scene.follows(rows, scene.scores(rows, "hidden_2", whole)).all()
    assert find_edges(made, held, "hidden_2", units[:0], 1.0) is None
