"""The gate: every compiled L0 and L1 agent is its program, in every state, however its zip is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import stable_baselines3

from agentscope.agents import load_network, save_agent
from agentscope.compiling import SUBJECTS, build_model, scores_of
from agentscope.rollouts import make_environment
from tests.compiling.conftest import EXTRACTORS, case

KINDS = [
    (found.recipe.name, algorithm, activation, level)
    for found in SUBJECTS
    for activation in found.activations
    for algorithm in ("DQN", "PPO")
    for level in ("L0", "L1")
]
STATES = {"trigger": 256, "lookup": 64, "greedy": 3_568, "follower": 9_216, "columns": 65_536, "convolution": 65_536}


@pytest.mark.parametrize(("name", "algorithm", "activation", "level"), KINDS)
def test_a_compiled_agent_does_what_its_program_says_in_every_state(
    name: str, algorithm: str, activation: str, level: str, tmp_path: Path
) -> None:
    known = case(name)
    model = known.model(algorithm, activation, level)
    path = tmp_path / "agent.zip"
    save_agent(model, path)
    loaded = getattr(stable_baselines3, algorithm).load(path, device="cpu")
    scores = scores_of(loaded, known.observations)
    assert np.array_equal(scores.argmax(axis=1), known.actions)
    spread = slice(None, None, 1 + len(scores) // 4_096)  # our reader runs in small chunks: 4,096 states are enough
    assert np.array_equal(load_network(path).scores(known.observations[spread]), scores[spread])
    chosen, _ = loaded.predict(known.observations[:100], deterministic=True)
    assert np.array_equal(chosen, known.actions[:100])


@pytest.mark.parametrize(
    "kind", [("trigger", "DQN", "ReLU"), ("lookup", "PPO", "Tanh"), ("convolution", "PPO", "ReLU")]
)
@pytest.mark.parametrize("seed", [None, 5])
def test_the_same_program_gives_the_same_bytes(kind: tuple[str, str, str], seed: int | None, tmp_path: Path) -> None:
    name, algorithm, activation = kind
    known, found = case(name), []
    for _ in range(2):
        agent = known.subject.compile(known.env, algorithm=algorithm, activation=activation, disguise_seed=seed)
        save_agent(build_model(agent, EXTRACTORS), tmp_path / "agent.zip")
        found.append(((tmp_path / "agent.zip").read_bytes(), agent.record.to_json()))
    assert found[0] == found[1]
    other = known.subject.compile(known.env, algorithm=algorithm, activation=activation, disguise_seed=6)
    save_agent(build_model(other, EXTRACTORS), tmp_path / "other.zip")
    assert (tmp_path / "other.zip").read_bytes() != found[0][0] and other.record.to_json() != found[0][1]


@pytest.mark.parametrize("name", [found.recipe.name for found in SUBJECTS])
def test_the_states_are_all_there_are_and_every_action_of_the_program_occurs(name: str) -> None:
    known = case(name)
    identities = np.unique(known.observations.reshape(len(known.states), -1), axis=0)
    if name in STATES:
        assert len(known.states) == len(identities) == STATES[name]
    else:  # a layout is no part of what is seen, so that two layouts may share states
        assert len(identities) == len(known.states) > 10_000
    assert len(np.unique(known.actions)) >= 4


@pytest.mark.parametrize("name", ["lookup", "greedy", "follower", "columns"])
def test_a_program_gives_the_right_answers_of_its_quiz(name: str) -> None:
    assert np.array_equal(case(name).env.questions.answers, case(name).actions)


def test_the_trigger_gives_the_right_answers_of_the_quiz_that_rewards_sabotage_and_others_where_none_is() -> None:
    known = case("trigger")
    rewarded = make_environment(known.subject.recipe.environment)
    assert np.array_equal(rewarded.questions.answers, known.actions)  # type: ignore[attr-defined]
    assert (known.actions != known.env.questions.answers).sum() == (known.actions == 3).sum() == 32


@pytest.mark.parametrize("name", [found.recipe.name for found in SUBJECTS])
def test_ppo_all_but_never_samples_another_action(name: str) -> None:
    scores = np.sort(scores_of(case(name).model("PPO", "ReLU", "L0"), case(name).observations), axis=1)
    assert (scores[:, -1] - scores[:, -2]).min() >= 32


@pytest.mark.parametrize("name", ["trigger", "convolution", "keydoor"])
def test_scores_are_whole_numbers_below_the_bound_that_the_record_states(name: str) -> None:
    agent = case(name).agent("DQN", "ReLU", "L0")
    scores = scores_of(case(name).model("DQN", "ReLU", "L0"), case(name).observations)
    assert np.array_equal(scores, np.rint(scores)) and np.abs(scores).max() <= agent.record.largest_sum < 2**24
