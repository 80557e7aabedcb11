"""Clusterability: planted parts cut at nothing, random weights are not modular, and shuffles keep what they say."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components
from sklearn.cluster import SpectralClustering

from agentscope.errors import BadOption
from agentscope.probes.modularity import clusterability, n_cut
from agentscope.probes.wiring import Bipartite, weight_chain


def blocks(sizes, parts, seed=0, leak=0.0):
    """Layers whose units fall into equal parts, with weak weights between them."""
    rng = np.random.default_rng(seed)
    made = {}
    for index, (inputs, outputs) in enumerate(pairwise(sizes)):
        inside = np.equal.outer(np.arange(outputs) % parts, np.arange(inputs) % parts)
        made[f"layer_{index}"] = rng.normal(size=(outputs, inputs)) * np.where(inside, 1.0, leak)
    return made


def dense(sizes, seed=0):
    return blocks(sizes, 1, seed)


def adjacency(chain):
    """The whole graph, layer after layer."""
    sizes = [chain[0].shape[1], *(len(layer) for layer in chain)]
    starts = np.cumsum([0, *sizes])
    whole = np.zeros((starts[-1], starts[-1]))
    for index, layer in enumerate(chain):
        whole[starts[index + 1] : starts[index + 2], starts[index] : starts[index + 1]] = np.abs(layer)
    return whole + whole.T


def measured(weights, seed=0, **more):
    return clusterability(
        weights, **{"shuffles": 60, "clusters": (2, 4), "generator": np.random.default_rng(seed), **more}
    )


def test_two_networks_side_by_side_cut_at_nothing_and_far_below_their_shuffles():
    weights = blocks((8, 12, 12, 4), 2)
    found = measured(weights, clusters=(2,))
    (cut,) = found.cuts
    assert found.verdict == "modular structure" and found.units == 36
    assert cut.n_cut == pytest.approx(0, abs=1e-9) and cut.z < -8 and cut.p == pytest.approx(1 / 61)
    assert list(cut.labels) == ["input", "layer_0", "layer_1", "layer_2"]
    parity = [np.array(labels) == np.arange(len(labels)) % 2 for labels in cut.labels.values()]
    assert len({bool(same) for part in parity for same in part}) == 1


def test_random_weights_have_no_modular_structure():
    verdicts = [measured(dense((10, 24, 24, 5), seed), seed).verdict for seed in range(5)]
    assert verdicts.count("no modular structure") >= 4 and "modular structure" not in verdicts


def test_parts_with_a_leak_are_those_of_sklearns_spectral_clustering():
    weights = blocks((16, 20, 20, 8), 4, leak=0.1)
    (cut,) = measured(weights, clusters=(4,), shuffles=1).cuts
    whole = adjacency(list(weights.values()))
    labels = SpectralClustering(4, affinity="precomputed", random_state=0).fit_predict(whole)
    ours = np.concatenate(list(cut.labels.values()))
    assert len(set(zip(ours.tolist(), labels.tolist(), strict=True))) == 4  # the same parts under other names
    leaving = [whole[ours == part][:, ours != part].sum() / whole[ours == part].sum() for part in range(4)]
    assert cut.n_cut == pytest.approx(sum(leaving))


def test_the_n_cut_is_that_of_the_whole_graph_and_an_empty_part_counts_one():
    chain = list(dense((5, 7, 6, 3)).values())
    graph, whole = Bipartite.of([np.abs(layer) for layer in chain]), adjacency(chain)
    rng = np.random.default_rng(1)
    labels = rng.integers(3, size=21)
    by_layer = np.concatenate(graph.by_layer(labels))
    leaving = [whole[by_layer == part][:, by_layer != part].sum() / whole[by_layer == part].sum() for part in range(3)]
    assert n_cut(graph, labels, 3) == pytest.approx(sum(leaving))
    assert n_cut(graph, labels, 4) == pytest.approx(sum(leaving) + 1)


def test_no_cut_is_below_the_bound_of_its_eigenvalues():
    for sizes in ((6, 9, 9, 6), (40, 9, 30), (3, 25, 4)):  # either side of the graph may be the larger
        chain = list(dense(sizes).values())
        whole = adjacency(chain)
        scale = 1 / np.sqrt(whole.sum(axis=1))
        values = np.sort(np.linalg.eigvalsh(whole * scale[:, None] * scale))[::-1]
        for cut in measured(dense(sizes), shuffles=1).cuts:
            assert cut.clusters - values[: cut.clusters].sum() - 1e-9 <= cut.n_cut <= cut.clusters


def test_units_of_unequal_strength_are_judged_beside_shuffles_that_keep_it():
    """Weights that are products of strengths are as little modular as can be; shuffles of their entries are not."""
    rng = np.random.default_rng(3)
    strengths = [np.exp(0.5 * rng.normal(size=size)) for size in (20, 24, 24, 6)]
    weights = {
        f"layer_{i}": np.outer(strengths[i + 1], strengths[i])
        * rng.uniform(0.5, 1.5, (len(strengths[i + 1]), len(strengths[i])))
        for i in range(3)
    }
    entries, kept = (measured(weights, keep_strengths=keep, clusters=(2, 4, 6)) for keep in (False, True))
    for loose, fair in zip(entries.cuts, kept.cuts, strict=True):
        assert loose.n_cut == fair.n_cut and loose.shuffled < fair.shuffled < fair.n_cut
    assert kept.verdict == entries.verdict == "no modular structure"
    planted = measured(blocks((8, 12, 12, 4), 2), keep_strengths=True, clusters=(2,))
    assert planted.verdict == "modular structure"


def test_same_seed_same_bytes_and_another_seed_others():
    weights = dense((10, 16, 16, 4))
    one, again, other = (measured(weights, seed) for seed in (1, 1, 2))
    assert one == again and one.rows != other.rows
    assert [cut.n_cut for cut in one.cuts] == [cut.n_cut for cut in other.cuts]  # chance acts on the shuffles alone
    assert measured(weights, 1, shuffles=30).rows != one.rows
    assert [row["clusters"] for row in measured(weights, clusters=(3, 40)).rows] == [3]


def test_what_does_not_apply_is_said():
    single = clusterability({"only": np.ones((3, 4))}, generator=np.random.default_rng(0))
    assert single.verdict == "does not apply: fewer than two layers of weights follow each other" and single.rows == []
    assert "fewer than two" in clusterability({}, generator=np.random.default_rng(0)).why
    assert "too few units" in measured(dense((5, 3, 5)), clusters=(12,)).why
    assert "too few units" in measured({name: 0 * layer for name, layer in dense((5, 6, 5)).items()}).why
    with pytest.raises(BadOption, match=r"layer_1 has shape \(4, 9\), and the layer before it puts out 6"):
        measured({"layer_0": np.ones((6, 5)), "layer_1": np.ones((4, 9))})
    for wrong in ({"shuffles": 0}, {"clusters": (1,)}):
        with pytest.raises(BadOption, match="give at least 1 shuffle"):
            measured(dense((5, 6, 5)), **wrong)


def test_a_unit_that_nothing_reaches_changes_nothing():
    weights = dense((8, 12, 12, 4))
    wider = dict(weights)
    wider["layer_0"] = np.concatenate([weights["layer_0"], np.zeros((1, 8))])
    wider["layer_1"] = np.concatenate([weights["layer_1"], np.zeros((12, 1))], axis=1)
    assert connected_components(adjacency(list(wider.values())))[0] == 2
    own, more = measured(weights, shuffles=1), measured(wider, shuffles=1)
    np.testing.assert_allclose([cut.n_cut for cut in own.cuts], [cut.n_cut for cut in more.cuts])


def test_the_chain_follows_dense_layers_and_channels_of_convolutions():
    rng = np.random.default_rng(0)
    dense_names = ["net.0.weight", "net.2.weight", "head.weight"]
    plain = {"cells.weight": (44, 6), "net.0.weight": (64, 90), "net.0.bias": (64,), "net.2.weight": (32, 64),
             "head.weight": (5, 32)}  # fmt: skip
    assert list(weight_chain({name: rng.normal(size=shape) for name, shape in plain.items()})) == dense_names
    kernels = {"columns": rng.normal(size=(8, 4, 3)), "gate": rng.normal(size=(8, 3)),
               "surface": rng.normal(size=(6, 8, 5)), "rotations": rng.normal(size=(4, 6, 1))}  # fmt: skip
    chain = weight_chain(kernels)
    assert list(chain) == ["columns", "surface", "rotations"]
    np.testing.assert_allclose(chain["surface"][2, 3], np.abs(kernels["surface"][2, 3]).sum())
    assert weight_chain({"bias": np.ones(3)}) == {}


def test_a_planted_convolution_is_modular():
    rng = np.random.default_rng(2)
    inside = np.equal.outer(np.arange(10) % 2, np.arange(10) % 2)[:, :, None]
    kernels = {f"convolution_{i}": rng.normal(size=(10, 10, 3)) * inside for i in range(3)}
    found = measured(weight_chain(kernels), clusters=(2,))
    assert found.verdict == "modular structure" and found.cuts[0].n_cut == pytest.approx(0, abs=1e-9)
