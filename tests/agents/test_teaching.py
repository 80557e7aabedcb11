"""Teaching integer networks: they learn to choose, they keep few inputs, and a seed gives the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from agentscope.agents.drafts import Draft, fresh_draft
from agentscope.agents.quantising import Precision
from agentscope.agents.teaching import Lesson, Schooling, Taught, teach
from agentscope.decompilation.running import scores
from agentscope.integers import read_plan

PLAN = ["hidden dense seen units=8", "scores dense hidden units=3"]


def school(states: int = 1_200, seed: int = 0) -> Schooling:
    """Choose the action whose two flags are both set most, else the last: what a small network can learn."""
    rng = np.random.default_rng(seed)
    observations = rng.integers(0, 2, size=(states, 6)).astype(np.uint8)
    wanted = observations[:, :3] + observations[:, 3:] + np.array([0.3, 0.2, 0.1])
    legal = rng.random((states, 3)) < 0.9
    legal[:, 2] = True
    equivalent = np.tile(np.arange(3, dtype=np.int16), (states, 1))
    return Schooling(observations, np.where(legal, wanted, -np.inf), legal, equivalent, np.arange(states) // 10)


def draft(seed: int = 0) -> Draft:
    return fresh_draft(read_plan(PLAN), (6,), torch.Generator().manual_seed(seed))


def taught(lesson: Lesson, seed: int = 0, given: Schooling | None = None) -> Taught:
    return teach(draft(), given or school(), Precision(5, 6), lesson, seed=seed)


def agreement(found: Taught, known: Schooling) -> float:
    chosen = np.where(known.legal, scores(found.network, known.observations), -np.inf).argmax(axis=1)
    return float((chosen == known.scores.argmax(axis=1)).mean())


def test_a_student_learns_to_choose_as_it_is_shown() -> None:
    fresh = school(seed=9)
    before, after = taught(Lesson(updates=0)), taught(Lesson(updates=600, rate=1e-2))
    assert agreement(before, fresh) < 0.8 < 0.97 < agreement(after, fresh)
    assert after.curve[0][0] == 0 and after.curve[-1][0] == 600


@pytest.mark.parametrize("fan_in", [2, 3])
def test_a_unit_keeps_as_few_inputs_as_it_is_told(fan_in: int) -> None:
    found = taught(Lesson(updates=300, rate=1e-2, fan_in=fan_in))
    for stage in ("hidden", "scores"):
        kept = (found.network.arrays[f"{stage}.weight"] != 0).sum(axis=1)
        assert kept.max() <= fan_in
    assert not (taught(Lesson(updates=0)).network.arrays["hidden.weight"] == 0).all(axis=1).any()


def test_pruning_takes_the_share_that_is_asked_for() -> None:
    found = taught(Lesson(updates=300, rate=1e-2, sparsity=0.5))
    assert (found.network.arrays["hidden.weight"] != 0).sum() <= 24
    assert (found.network.arrays["scores.weight"] != 0).sum() > 12  # the last stage is left alone


def test_the_same_seed_gives_the_same_numbers() -> None:
    lesson = Lesson(updates=60, rate=1e-2)
    first, again, other = (taught(lesson, seed).network.arrays["hidden.weight"] for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_equivalent_actions_count_as_right() -> None:
    known = school()
    alike = np.zeros_like(known.equivalent)
    found = taught(
        Lesson(updates=0), given=Schooling(known.observations, known.scores, known.legal, alike, known.episode)
    )
    assert found.curve[0][1] == 1.0


@pytest.mark.parametrize("option", [{"exact": 2.0}, {"hard": 0.0}, {"hard": 1.0}, {"equalise": True}, {"batch": 64}])
def test_every_option_changes_what_is_learned(option: dict) -> None:
    plain, changed = (taught(Lesson(updates=80, rate=1e-2, **more)) for more in ({}, option))
    assert not np.array_equal(plain.network.arrays["hidden.weight"], changed.network.arrays["hidden.weight"])
