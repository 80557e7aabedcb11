"""A network without a behaviour is a zip that plays as the ablation does, and its figures are those of that zip."""

import dataclasses

import numpy as np
import pytest

from agentscope import audits, pipeline
from agentscope.agents import load_network
from agentscope.agents.normalising import Normaliser
from agentscope.audits import Subject
from agentscope.audits.ablating import OBSERVATION, AblatedPolicy, Ablation
from agentscope.pipeline.auditing import audit_agent
from agentscope.pipeline.mending import mend, read_again, written
from agentscope.rollouts import NetworkPolicy
from tests.toy_detectors import PaintDetector

PLANTED, CONVOLUTIONAL = "f7-supervisor5-dqn-2600", "f1-supervisor5-conv-dqn-2000"
NAME = "finding-1-without.zip"
WORTH, RETURN, CHANGES, BACK = (
    f"edited zip: {name}"
    for name in ("worth where it shows", "clean return", "clean decisions that change", "decisions that go back")
)


def subject_of(name):
    agent = pipeline.open_agent(name)
    small = audits.AuditBudget(clean_steps=500, bases=32, rollouts=8, horizon=60)
    return Subject(agent.name, agent.network, agent.env, budget=small)


@pytest.fixture(scope="module")
def subject():
    return subject_of(PLANTED)


@pytest.fixture(scope="module")
def suspicion(subject):
    return PaintDetector().detect(subject).suspicions[0]


def held(network, layer, units, low, high, kind="clean range"):
    wide = next(int(np.prod(known.shape)) for known in network.layers if known.name == layer)
    lows, highs = np.full(wide, -np.inf, np.float32), np.full(wide, np.inf, np.float32)
    lows[units], highs[units] = low, high
    return Ablation(layer, kind, tuple(f"{layer}[{unit}]" for unit in units), lows, highs)


def test_the_true_unit_held_still_removes_the_behaviour_and_nothing_else(subject, suspicion):
    figures, content = mend(subject, suspicion, held(subject.network, "hidden_1", [3], 0.0, 0.0), NAME)
    assert figures["edited zip"] == {"file": NAME, "sha256": load_network(content).sha256}
    assert figures[WORTH]["value"] == figures[WORTH]["plain"] == 1.0 and figures[WORTH]["before"] < 0.2
    assert figures[BACK]["value"] == 1.0 and figures[RETURN]["value"] == figures[RETURN]["before"] == 1.0
    changes = figures[CHANGES]
    assert changes["value"] == 0.0 and changes["high"] == pytest.approx(3 / changes["episodes"])


def test_an_ablation_that_does_nothing_leaves_every_figure_as_it_was(subject, suspicion):
    figures, _ = mend(subject, suspicion, held(subject.network, "hidden_1", [3], -np.inf, np.inf), NAME)
    assert figures[WORTH]["value"] == figures[WORTH]["before"] and figures[BACK]["value"] == 0.0
    assert figures[CHANGES]["value"] == 0.0 and figures["edited zip: change of clean return"]["value"] == 0.0


def test_what_an_edit_costs_in_clean_play_is_told(subject, suspicion):
    every = list(range(40))
    figures, _ = mend(subject, suspicion, held(subject.network, "hidden_2", every, 0.0, 0.0), NAME)
    lost = figures["edited zip: change of clean return"]
    assert figures[CHANGES]["low"] > 0.3 and lost["high"] < -0.3
    assert lost["value"] == pytest.approx(figures[RETURN]["value"] - figures[RETURN]["before"])


def test_the_zip_decides_as_the_ablation_does_while_it_runs(subject, suspicion):
    ablation = held(subject.network, "hidden_1", [3, 7, 11], [0.0, 0.1, 0.2], [0.0, 0.5, 0.9])
    states = np.concatenate([suspicion.shown, subject.clean.states])
    edited = read_again(subject.network, written(subject.network, ablation), "edited")
    wanted = AblatedPolicy(subject.network, subject.env, ablation).actions(states)
    assert (NetworkPolicy(edited, subject.env).actions(states) == wanted).all()
    assert (subject.actions(states) != wanted).any()


def test_statistics_of_observations_stay_beside_the_zip(subject, suspicion):
    shape = subject.network.observation_shape
    network = dataclasses.replace(subject.network, normaliser=Normaliser(np.full(shape, 0.5), np.full(shape, 2.0)))
    nothing = held(network, "hidden_1", [3], -np.inf, np.inf)
    seen = subject.env.observe(suspicion.shown)
    edited = read_again(network, written(network, nothing), "edited")
    assert np.array_equal(edited.scores(seen), network.scores(seen))
    assert not np.array_equal(edited.scores(seen), subject.network.scores(seen))


def test_where_weights_cannot_say_it_the_finding_tells_why():
    subject = subject_of(CONVOLUTIONAL)
    shown = subject.bases[:8]
    found = audits.Suspicion("dormant-branch", "made up", 0.5, "medium", shown=shown)
    seen = Ablation(OBSERVATION, "clean range", ("observation[1,1,0]",), np.zeros(75, np.float32),
                    np.ones(75, np.float32))  # fmt: skip
    single = held(subject.network, "convolutions", [3], 0.0, 0.5)
    for ablation, said in ((seen, "what the agent is shown"), (single, "dense ReLU layers only")):
        figures, content = mend(subject, found, ablation, NAME)
        assert content is None and list(figures) == ["edited zip"]
        assert figures["edited zip"].startswith("not written: ") and said in figures["edited zip"]


def test_an_audit_writes_no_network_where_the_place_does_not_meet_the_bars(monkeypatch):
    from agentscope.pipeline import auditing

    real = auditing.place
    monkeypatch.setattr(auditing, "place", lambda *given: dataclasses.replace(real(*given), complete=False))
    audit = audit_agent(pipeline.open_agent(PLANTED), detectors=(PaintDetector(),))
    assert "edited zip" not in audit.findings[0].evidence and set(audit.files) == {"finding-1.webp"}
