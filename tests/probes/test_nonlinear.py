"""The non-linear readout finds what is in a layer though no line shows it, and invents nothing."""

from dataclasses import dataclass

import numpy as np
import pytest

from agentscope.concepts import Concept
from agentscope.contracts import Layer
from agentscope.probes import LabelledStates, probe_concept
from agentscope.probes.fitting import ViewFit
from agentscope.probes.nonlinear import WIDTH, widen
from agentscope.probes.sources import View
from agentscope.probes.targets import make_target
from tests.toy_networks import ClosedNetwork

STATES = 2400


@dataclass(frozen=True)
class Rows(ClosedNetwork):
    """Ten columns of eight units: in each, the difference of two of them hides whether a cell is filled."""

    seed: int = 0
    layers: tuple = (Layer("cells", (8, 4), ("", "columns")), Layer("whole", (32,), ("",)))
    observation_shape: tuple = (4,)
    actions: int = 2

    def activations(self, observations, layer):
        rng = np.random.default_rng([self.seed, len(observations)])
        found = rng.normal(size=(len(observations), 8, 4))
        sign = np.where(rng.random((len(observations), 4)) < 0.5, 1.0, -1.0)
        if not self.seed:
            found[:, 0], found[:, 1] = sign, np.where(observations, -sign, sign)
        found = found.astype(np.float32)
        return found if layer == "cells" else found.reshape(len(observations), 32)


def data():
    observations = np.random.default_rng(0).integers(0, 2, size=(STATES, 4)).astype(np.uint8)
    hidden = Concept(name="filled", kind="flag", axis=("columns",), measure=lambda s: s, doc="made for a test")
    lost = Concept(name="lost", kind="number", measure=lambda s: s, doc="made for a test")
    labels = {"filled": observations > 0, "lost": np.random.default_rng(1).normal(size=STATES)}
    return LabelledStates(observations, (hidden, lost), labels, np.repeat(np.arange(40), STATES // 40))


def probe(name, monkeypatch):
    monkeypatch.setattr("agentscope.probes.fitting.CACHE", 2**40)  # the toy answers by the batch, so it is asked once
    return probe_concept(Rows(), data(), name, twins=[Rows(1), Rows(2)], generator=np.random.default_rng(1)).primitive


def test_the_sign_of_a_product_is_present_but_not_linearly(monkeypatch):
    found = probe("filled", monkeypatch)
    cells, whole = found.layers
    assert cells["score"] < 0.6 and cells["nonlinear"] > 0.95
    assert cells["nonlinear_untrained"] < 0.6 and "nonlinear_untrained" not in whole
    assert cells["read"] == "shared over columns" and found.nonlinear is not None


def test_what_is_not_there_is_not_found(monkeypatch):
    assert max(row["nonlinear"] for row in probe("lost", monkeypatch).layers) < 0.05


def test_features_are_those_of_standardised_units_and_the_same_for_twins():
    rng = np.random.default_rng(2)
    view = View("layer", (5,))
    fits = []
    for scale in (1.0, 100.0):
        target = make_target(data(), data().concepts[1], rng)
        fit = ViewFit(view, (target,), ("real",))
        x = (rng.normal(size=(500, 1, 5)) * scale + 3 * scale).astype(np.float32)
        x[:, :, 4] = 7.0
        fit.count(0, x, np.zeros((500, 1, 1), np.float32))
        fits.append((fit, x))
    made = [widen(fit) for fit, _ in fits]
    np.testing.assert_array_equal(made[0].bias, made[1].bias)
    for each, (_, x) in zip(made, fits, strict=True):
        wide = each(x[:, 0])
        assert wide.shape == (500, 5 + WIDTH) == (500, each.widened.features) and each.widened.dims == 5 + WIDTH
        np.testing.assert_array_equal(wide[:, :5], x[:, 0])
        assert each.scale[4] == 0.0 and each.scale[:4] * x[:, 0, :4].std(axis=0) == pytest.approx(1.0, rel=1e-3)
        assert 0.2 < (wide[:, 5:] > 0).mean() < 0.8
