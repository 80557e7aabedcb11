"""A teacher that is a text of some form is found again by that form."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest

from agentscope.concepts import ActionConcept
from agentscope.language import parse, vocabulary_of
from agentscope.strategies import Judge, Options, Study, lessons_from, search_strategy
from agentscope.strategies.linear_form import LinearTest
from agentscope.strategies.regime_form import LinearRegimes
from agentscope.strategies.score_form import AfterstateScore, ShortScore
from agentscope.strategies.tabled_form import TabledScore
from agentscope.strategies.tree_form import TreeOfTests

TREE = """def strategy(state):
    if odd() and tallest() > 6:
        return a3
    if highest_side() == east:
        return a1 if roughness() > 12 else a2
    return a4
"""
SCORE = """def strategy(state):
    return argmax(actions, key=lambda a: -2 * after(a, roughness) - 3 * after(a, tallest) + lands(a))
"""


def _fresh_agreement(env, decide, text, seeds):
    states = env.reset(seeds)
    return Judge(env, lessons_from(decide, env, states, seeds)).judge("any", text[text.index("def ") :]).agreement


def test_linear_test_is_recovered(points, taught_by):
    text = "def strategy(state):\n    return 0.53 * obs(tilt) + 0.1 * obs(spin) - 0.02 * obs(speed) > 0.01\n"
    decide = taught_by(points, text)
    seeds = np.arange(4_000)
    lessons = lessons_from(decide, points, points.reset(seeds), seeds)
    options = Options(forms=(LinearTest(),), baselines=False)
    found = search_strategy(decide, points, lessons, options=options, generator=np.random.default_rng(0)).strategy
    assert found.lines == 1
    assert _fresh_agreement(points, decide, found.text, np.arange(10_000, 14_000)) >= 0.999
    assert "here" not in found.text  # the component that the teacher does not weigh


def test_sum_for_each_of_many_actions_is_recovered(stacks, taught_by):
    text = """def score(a):
    total = (0.0, 1.0, -2.0, 3.0, 0.5, 0.0)[a]
    return total + (1.0, -1.0, 0.5, -0.25, 0.125, 1.0)[a] * roughness() - 1.0
def strategy(state):
    return argmax(actions, key=lambda a: score(a))
"""
    decide = taught_by(stacks, text)
    seeds = np.arange(2_000)
    study = Study(stacks, lessons_from(decide, stacks, stacks.reset(seeds), seeds))
    texts = LinearTest().fit(study, (1,), np.random.default_rng(0))
    assert _fresh_agreement(stacks, decide, texts[0], np.arange(10_000, 12_000)) >= 0.99


def test_a_world_whose_concepts_are_called_total_and_score_has_its_sums_too(stacks, taught_by):
    world = copy.copy(stacks)
    names = {"odd": "total", "tallest": "score"}
    world.concepts = tuple(replace(each, name=names.get(each.name, each.name)) for each in stacks.concepts)
    assert set(names.values()) <= {concept.name for concept in world.concepts}
    decide = taught_by(world, TREE.replace("odd()", "total()").replace("tallest()", "score()"))
    seeds = np.arange(500)
    study = Study(world, lessons_from(decide, world, world.reset(seeds), seeds))
    (text,) = LinearTest().fit(study, (2,), np.random.default_rng(0))
    parse(text, vocabulary_of(world))


def test_tree_is_recovered_exactly(stacks, taught_by):
    decide = taught_by(stacks, TREE)
    seeds = np.arange(3_000)
    lessons = lessons_from(decide, stacks, stacks.reset(seeds), seeds)
    options = Options(forms=(TreeOfTests(),), baselines=False)
    found = search_strategy(decide, stacks, lessons, options=options, generator=np.random.default_rng(0)).strategy
    assert _fresh_agreement(stacks, decide, found.text, np.arange(10_000, 13_000)) == 1.0
    assert found.lines <= 5 and found.conditions <= 5
    assert set(found.primitives) == {"odd", "tallest", "highest_side", "roughness"}


def test_afterstate_score_is_recovered_from_a_thousand_choices(stacks, taught_by):
    decide = taught_by(stacks, SCORE)
    seeds = np.arange(1_000)
    study = Study(stacks, lessons_from(decide, stacks, stacks.reset(seeds), seeds))
    texts = AfterstateScore().fit(study, (3, 6), np.random.default_rng(0))
    assert max(_fresh_agreement(stacks, decide, text, np.arange(10_000, 14_000)) for text in texts) >= 0.99


def test_short_score_finds_the_constant_of_an_action(stacks, taught_by):
    decide = taught_by(
        stacks, "def strategy(state):\n    return argmax(actions, key=lambda a: (0, 0, 4, 0, 0, 0)[a] - lands(a))\n"
    )
    seeds = np.arange(1_500)
    study = Study(stacks, lessons_from(decide, stacks, stacks.reset(seeds), seeds))
    texts = ShortScore().fit(study, (1, 2), np.random.default_rng(0))
    assert max(_fresh_agreement(stacks, decide, text, np.arange(10_000, 12_000)) for text in texts) >= 0.95


def test_a_table_of_a_count_is_recovered(stacks, taught_by):
    """A step up of 1 is liked and of 2 is not: no weight on the step says that."""
    steps = ActionConcept(
        name="steps_up", kind="count", low=-2, high=3, doc="step from the left neighbour, clipped",
        measure=lambda s: np.clip(s["heights"] - np.roll(s["heights"], 1, axis=1), -2, 3)[:, [0, 1, 2, 3, 4, 0]],
    )  # fmt: skip
    stacks.action_concepts = (*stacks.action_concepts, steps)
    wanted = "(2, 7, 0, 9, 1, 5)[steps_up(a) + 2]"
    text = f"def strategy(state):\n    return argmax(actions, key=lambda a: 3 * {wanted} - lands(a))\n"
    decide = taught_by(stacks, text)
    seeds = np.arange(1_500)
    study = Study(stacks, lessons_from(decide, stacks, stacks.reset(seeds), seeds))
    tabled = TabledScore().fit(study, (4,), np.random.default_rng(0))
    summed = AfterstateScore().fit(study, (4, 8), np.random.default_rng(0))
    right = [_fresh_agreement(stacks, decide, each, np.arange(10_000, 12_000)) for each in (*tabled, *summed)]
    assert right[0] >= 0.97 and "[steps_up(a) + 2]" in tabled[0]
    assert max(right[1:]) < right[0] - 0.1


def test_regimes_of_linear_tests_are_recovered(points, taught_by):
    text = """def strategy(state):
    if obs(here) > 0.3:
        return obs(tilt) + 0.2 * obs(spin) > 0.05
    return obs(speed) - 3 * obs(tilt) > 0.2
"""
    decide = taught_by(points, text)
    seeds = np.arange(6_000)
    study = Study(points, lessons_from(decide, points, points.reset(seeds), seeds))
    texts = LinearRegimes().fit(study, (2, 4), np.random.default_rng(0))
    assert max(_fresh_agreement(points, decide, text, np.arange(10_000, 13_000)) for text in texts) >= 0.98


def test_coordinates_are_read_only_on_request(stacks, taught_by):
    decide = taught_by(stacks, "def strategy(state):\n    return a1 if place() > 4 else a2\n")
    seeds = np.arange(500)
    lessons = lessons_from(decide, stacks, stacks.reset(seeds), seeds)
    for absolute in (False, True):
        options = Options(forms=(TreeOfTests(),), baselines=False, absolute=absolute)
        found = search_strategy(decide, stacks, lessons, options=options, generator=np.random.default_rng(0))
        named = any("place()" in each.text for each in found.judged)
        assert named == absolute


@pytest.mark.parametrize("form", [LinearTest(), TreeOfTests(), ShortScore(), AfterstateScore()])
def test_same_seed_gives_the_same_texts(form, stacks, taught_by):
    decide = taught_by(stacks, SCORE)
    seeds = np.arange(400)
    study = Study(stacks, lessons_from(decide, stacks, stacks.reset(seeds), seeds))
    sizes = form.sizes[:3]
    first, second = (form.fit(study, sizes, np.random.default_rng(3)) for _ in range(2))
    assert first == second
