"""Each value of a concept over rows and columns is scored by itself, in its own place, beside every control."""

from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from agentscope.concepts import ActionConcept, Concept
from agentscope.contracts import Layer
from agentscope.probes import LabelledStates, probe_concept
from tests.toy_networks import ClosedNetwork

ROWS, COLUMNS, STATES = 3, 4, 1600
NEVER, UNSEEN = (2, 0), (1, 3)  # a cell that no piece reaches; a cell that the network does not read


def piece_of_the_kind(observations):
    """A cell of plane 1 is one of the wanted pieces where the two bits in the corner of plane 0 differ."""
    wanted = observations[:, 0, 0, 0] ^ observations[:, 0, 0, 1]
    return (observations[:, 1] & wanted[:, None, None]).astype(bool)


def untrained(seed, width):
    """Random features of the whole observation at every cell, columns first."""
    weights = np.random.default_rng(seed).normal(size=(2 * ROWS * COLUMNS, width * COLUMNS * ROWS))
    return lambda x: np.maximum(x.reshape(len(x), -1) @ weights, 0).reshape(-1, width, COLUMNS, ROWS)


@dataclass(frozen=True)
class Locating(ClosedNetwork):
    """One layer of 9 channels along columns and rows: the wanted piece's cells in one of them, but for one cell."""

    seed: int = 0
    locates: bool = True
    layers: tuple = (Layer("cells", (9, COLUMNS, ROWS), ("", "columns", "rows")),)
    observation_shape: tuple = (2, ROWS, COLUMNS)
    actions: int = 2

    def activations(self, observations, layer):
        found = untrained(self.seed, 9)(observations) / 20
        if self.locates:
            shown = piece_of_the_kind(observations)
            shown[:, UNSEEN[0], UNSEEN[1]] = False
            found[:, 4] = shown.transpose(0, 2, 1)
        return found.astype(np.float32)


def concept(name, kind="flag", made=Concept, axis=("rows", "columns"), **more):
    return made(name=name, kind=kind, axis=axis, measure=lambda states: states, doc="made for a test", **more)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(5)
    observations = rng.integers(0, 2, size=(STATES, 2, ROWS, COLUMNS)).astype(np.uint8)
    observations[:, 1] = rng.random((STATES, ROWS, COLUMNS)) < 0.2
    observations[:, 1, NEVER[0], NEVER[1]] = 0
    here = piece_of_the_kind(observations)
    near = np.where(here, 2, observations[:, 1].astype(np.int64))
    labels = {"here": here, "count": near, "kind": near, "moves": np.stack([here, ~here], axis=1)}
    concepts = (
        concept("here"), concept("count", "count"), concept("kind", "choice", choices=("none", "other", "wanted")),
        concept("moves", made=ActionConcept),
    )  # fmt: skip
    return LabelledStates(observations, concepts, labels, np.repeat(np.arange(40), 40), action_shape=(2,))


def probe(data, name):
    twins = [Locating(seed=seed, locates=False) for seed in (1, 2, 3)]
    return probe_concept(Locating(), data, name, twins=twins, generator=np.random.default_rng(1))


@pytest.fixture(scope="module")
def located(data):
    return probe(data, "here")


def test_every_cell_has_its_own_row_in_the_order_of_the_axes(located):
    assert located.axes == ("rows", "columns")
    assert [row["at"] for row in located.values] == list(np.ndindex(ROWS, COLUMNS))


def test_a_cell_is_located_where_the_network_reads_it_and_nowhere_else(located):
    scores = {row["at"]: row["score"] for row in located.values}
    assert scores[UNSEEN] < 0.9
    assert all(score > 0.999 for at, score in scores.items() if at not in (NEVER, UNSEEN))


def test_a_cell_without_both_classes_is_left_out_of_every_mean(located, data):
    rows = {row["at"]: row for row in located.values}
    assert rows[NEVER]["true"] == 0 and rows[NEVER]["score"] is rows[NEVER]["balanced_accuracy"] is None
    known = [row for row in located.values if row["score"] is not None]
    assert len(known) == ROWS * COLUMNS - 1
    (layer,) = located.primitive.layers
    for name in ("score", "balanced_accuracy"):
        assert layer[name] == pytest.approx(np.mean([row[name] for row in known]))
    assert rows[0, 2]["true"] <= piece_of_the_kind(data.observations)[:, 0, 2].sum()  # held-out states only


def test_every_control_of_a_cell_stands_beside_it(located):
    for row in located.values:
        if row["at"] not in (NEVER, UNSEEN):
            assert max(row[name] for name in ("input", "untrained", "random")) < row["score"] - 0.02
            assert abs(row["task"] - 0.5) < 0.25
    (layer,) = located.primitive.layers
    means = {
        name: np.mean([row[name] for row in located.values if row[name] is not None]) for name in ("input", "task")
    }
    assert layer["input"] == pytest.approx(means["input"]) and layer["task"] == pytest.approx(means["task"])


def test_balanced_accuracy_of_a_cell_is_scikit_learns(located, data):
    """At the threshold of the readout of all states, which is close to those of the folds."""
    readout = located.readouts["here"]
    found = readout.apply(Locating().activations(data.observations, "cells"))
    true = piece_of_the_kind(data.observations)
    for row in located.values:
        if row["score"] is not None:
            expected = balanced_accuracy_score(true[:, *row["at"]], found[:, *row["at"]])
            assert row["balanced_accuracy"] == pytest.approx(expected, abs=0.06)


@pytest.mark.parametrize("name", ["count", "kind"])
def test_numbers_and_choices_have_a_score_at_every_cell_too(data, name):
    found = {row["at"]: row["score"] for row in probe(data, name).values}
    read = [score for at, score in found.items() if at not in (NEVER, UNSEEN)]
    assert min(read) > found[UNSEEN] and "true" not in probe(data, name).values[0]


def test_actions_come_first_and_a_concept_without_axes_has_no_values(data):
    moves = probe(data, "moves")
    assert moves.axes == ("actions", "rows", "columns") and len(moves.values) == 2 * ROWS * COLUMNS
    one = LabelledStates(
        data.observations, (concept("corner", axis=()),), {"corner": data.observations[:, 0, 0, 0] > 0}, data.episodes
    )
    assert probe(one, "corner").values == () and probe(one, "corner").axes == ()
