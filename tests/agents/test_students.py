"""Untrained twins and quarter-size students."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agentscope.agents import Lessons, load_network, train_student, untrained_twins
from agentscope.agents.extractors import PlacementExtractor
from agentscope.agents.students import student_spec
from agentscope.errors import EmptySample
from tests.agents.little_models import SPACES, make_model, some_observations


def lessons_of(network: object, space: str, count: int) -> Lessons:
    observations = some_observations(SPACES[space], count)
    legal = np.random.default_rng(0).random((count, 4)) < 0.8
    legal[:, 0] = True
    return Lessons(observations, network.scores(observations, legal), legal)  # type: ignore[attr-defined]


def test_twins_have_the_architecture_and_fresh_weights_by_seed(ppo_zip: Path) -> None:
    network = load_network(ppo_zip)
    first, second = untrained_twins(network, 2, seed=4)
    again = untrained_twins(network, 2, seed=4)[0]
    other = untrained_twins(network, 1, seed=5)[0]
    name = "mlp_extractor.policy_net.0.weight"
    assert first.layers == network.layers and first.architecture == network.architecture
    assert np.array_equal(first.weights()[name], again.weights()[name])
    for twin in (network, second, other):
        assert not np.array_equal(first.weights()[name], twin.weights()[name])
    weight = first.weights()["mlp_extractor.policy_net.2.weight"]
    assert np.allclose(weight @ weight.T, 2 * np.eye(64), atol=1e-4)  # SB3's orthogonal start, gain sqrt(2)


@pytest.mark.parametrize("algorithm", ["DQN", "QRDQN", "PPO"])
@pytest.mark.parametrize("kind", ["mlp", "placement", "image"])
def test_a_student_has_about_a_quarter_of_the_parameters(algorithm: str, kind: str, tmp_path: Path) -> None:
    space = {"mlp": "float", "placement": "planes", "image": "image"}[kind]
    kwargs = {"features_extractor_class": PlacementExtractor, "net_arch": []} if kind == "placement" else {}
    make_model(algorithm, space, "CnnPolicy" if kind == "image" else "MlpPolicy", **kwargs).save(tmp_path / "a.zip")
    network = load_network(tmp_path / "a.zip")
    student = train_student(network, lessons_of(network, space, 24), updates=1, seed=0)
    heads = 200 if algorithm == "QRDQN" else 1  # of the quantiles only the mean is taught
    width = network.weights()["quantile_net.quantile_net.4.weight"].shape[1] if kind == "mlp" and heads > 1 else 0
    share = student.parameters / (network.parameters - 4 * (heads - 1) * (width + 1) if width else network.parameters)
    if kind == "image":  # the three convolutions of NatureCNN have one size, which the student keeps
        assert student.network.spec.extractor_kwargs["features_dim"] == 128
    elif kind == "mlp" or heads == 1:
        assert 0.15 < share <= 0.26
    assert student.network.observation_shape == network.observation_shape


def test_a_student_learns_the_choices(dqn_zip: Path) -> None:
    network = load_network(dqn_zip)
    lessons = lessons_of(network, "float", 2000)
    student = train_student(network, lessons, updates=400, seed=1)
    again = train_student(network, lessons, updates=400, seed=1)
    rate = np.mean(student.network.greedy(lessons.observations, lessons.legal) == np.argmax(lessons.scores, axis=1))
    assert rate > 0.85
    assert student.updates == 400 and student.curve[-1][1] < student.curve[0][1]
    assert student.curve == again.curve
    assert (
        train_student(network, lessons, updates=40, seed=2).curve
        != train_student(network, lessons, updates=40, seed=3).curve
    )


def test_training_stops_at_the_plateau_when_asked(dqn_zip: Path) -> None:
    network = load_network(dqn_zip)
    lessons = lessons_of(network, "float", 60)
    student = train_student(network, lessons, updates=4_000, seed=1, until_plateau=True)
    assert student.plateau and student.updates < 4_000


def test_a_student_needs_lessons(dqn_zip: Path) -> None:
    network = load_network(dqn_zip)
    with pytest.raises(EmptySample, match="20 lessons"):
        train_student(network, lessons_of(network, "float", 5), updates=10, seed=0)


def test_the_students_spec_is_of_the_same_kind(ppo_zip: Path) -> None:
    network = load_network(ppo_zip)
    spec = student_spec(network)
    assert spec.activation == "ReLU" and len(spec.hidden) == 2 and spec.hidden[0] < 64
