"""The search: choice, frontier, DAgger, and the text that owes the network nothing."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from agentscope.errors import ContractBroken, EmptySample
from agentscope.language import TextPolicy, bind_state, parse, print_program, vocabulary_of
from agentscope.strategies import Judge, Options, Study, check_form, fit_to_optimal, lessons_from, search_strategy
from agentscope.strategies.score_form import AfterstateScore
from agentscope.strategies.search import choose, pareto
from agentscope.strategies.tree_form import TreeOfTests

TEACHER = """def strategy(state):
    if tallest() > 7:
        return a2 if odd() else a3
    return again if roughness() > 9 else a1
"""


def _lessons(env, decide, seeds):
    return lessons_from(decide, env, env.reset(seeds), seeds)


@pytest.fixture
def found(stacks, taught_by):
    decide = taught_by(stacks, TEACHER)
    options = Options(forms=(TreeOfTests(), AfterstateScore()))
    lessons = _lessons(stacks, decide, np.arange(1_000))
    return search_strategy(decide, stacks, lessons, options=options, generator=np.random.default_rng(0))


def test_text_is_canonical_and_acts_as_in_memory(stacks, found):
    vocabulary = vocabulary_of(stacks)
    program = parse(found.strategy.text, vocabulary)
    assert print_program(program) == found.strategy.text
    states = stacks.reset(np.arange(5_000, 6_000))
    chosen = next(each for each in found.judged if each.text == found.strategy.text)
    ours, theirs = (TextPolicy(each, bind_state(stacks)).actions(states) for each in (chosen.program, program))
    assert (ours == theirs).all()


def test_frontier_rises_with_size_for_every_form(found):
    forms = {point.form for point in found.strategy.frontier}
    assert {"tree", "score of afterstates", "CART (baseline)"} <= forms
    for form in forms:
        points = [point for point in found.strategy.frontier if point.form == form]
        assert [p.bits for p in points] == sorted(p.bits for p in points)
        assert all(a.agreement < b.agreement for a, b in pairwise(points))


def test_agreement_is_that_of_the_parsed_text(stacks, taught_by, found):
    decide = taught_by(stacks, TEACHER)
    held = _lessons(stacks, decide, np.arange(7_000, 7_500))
    again = Judge(stacks, held).judge("tree", found.strategy.text[found.strategy.text.index("def ") :])
    actions = TextPolicy(parse(found.strategy.text, vocabulary_of(stacks)), bind_state(stacks)).actions(held.states)
    equal = (
        held.decisions.equivalent[np.arange(500), actions]
        == held.decisions.equivalent[np.arange(500), held.decisions.actions]
    )
    assert again.agreement == equal.mean() == 1.0


def test_equivalent_actions_are_one_action(stacks, taught_by):
    plain = taught_by(stacks, "def strategy(state):\n    return a0 if odd() else again\n")
    options = Options(forms=(TreeOfTests(),), baselines=False)
    found = search_strategy(
        plain, stacks, _lessons(stacks, plain, np.arange(300)), options=options, generator=np.random.default_rng(0)
    )
    assert found.strategy.lines == 1 and found.strategy.conditions == 0
    assert max(each.agreement for each in found.judged) == 1.0


def test_shortest_text_near_the_best_is_chosen(found):
    loose, tight = (choose(found.judged, Options(near=near)) for near in (0.5, 0.0))
    assert loose.size.lines <= tight.size.lines
    assert tight.merit == max(each.merit for each in found.judged if each.size.lines <= 30)
    assert choose(found.judged, Options(target=0.5)).size.lines <= loose.size.lines
    one = min(each.size.lines for each in found.judged)
    assert choose(found.judged, Options(max_lines=0)).size.lines == one


def test_pareto_drops_what_a_shorter_text_matches(found):
    points = [each.point for each in found.judged]
    assert set(pareto(points)) <= set(points)
    assert pareto(points) == pareto([*points, *points])


def test_own_states_are_learnt_from_until_all_agree(stacks, taught_by):
    decide = taught_by(stacks, TEACHER)
    seen = []

    def collect(policy):
        states = stacks.reset(np.arange(2_000, 2_050))
        for _ in range(3):
            states = stacks.step(states, policy.actions(states)).states
        seen.append(len(states))
        return states, np.arange(50)

    options = Options(forms=(TreeOfTests(),), baselines=False, collect=collect, rounds=3)
    lessons = _lessons(stacks, decide, np.arange(16))  # too few to find the teacher at once
    found = search_strategy(decide, stacks, lessons, options=options, generator=np.random.default_rng(0))
    assert found.rounds[0][1] < 1.0 and len(found.rounds) == len(seen) and len(found.lessons) > len(lessons)
    assert found.rounds[-1][1] == 1.0 or len(found.rounds) == 3
    still = search_strategy(
        decide, stacks, lessons, options=Options(forms=(TreeOfTests(),), rounds=0), generator=np.random.default_rng(0)
    )
    assert still.rounds == ()


def test_text_fitted_to_optimal_values_ignores_the_network(stacks, taught_by):
    low = "def strategy(state):\n    return argmax(actions, key=lambda a: -lands(a))\n"
    high = "def strategy(state):\n    return argmax(actions, key=lambda a: lands(a))\n"
    texts = []
    for teacher in (low, high):
        decide = taught_by(stacks, teacher)
        lessons = _lessons(stacks, decide, np.arange(600))
        options = Options(forms=(AfterstateScore(),))
        name = "score of afterstates"
        texts.append(fit_to_optimal(stacks, lessons, name, options=options, generator=np.random.default_rng(0)).text)
    assert texts[0] == texts[1]
    states = stacks.reset(np.arange(9_000, 9_200))
    actions = TextPolicy(parse(texts[0], vocabulary_of(stacks)), bind_state(stacks)).actions(states)
    best = stacks.optimal_values(states)
    assert (best[np.arange(200), actions] == best.max(axis=1)).mean() >= 0.99


def test_no_states_is_an_error(stacks, taught_by):
    decide = taught_by(stacks, TEACHER)
    with pytest.raises(EmptySample, match="found 0"):
        lessons_from(decide, stacks, stacks.reset(np.arange(0)), np.arange(0))


def test_form_that_does_not_apply_says_why(points, taught_by):
    decide = taught_by(points, "def strategy(state):\n    return obs(tilt) > 0\n")
    seeds = np.arange(300)
    lessons = lessons_from(decide, points, points.reset(seeds), seeds)
    options = Options(rounds=0, baselines=False)
    found = search_strategy(decide, points, lessons, options=options, generator=np.random.default_rng(0))
    assert "different objects" in found.why["tree with a helper"]
    assert found.strategy.form == "linear test"


def test_frontier_reaches_one_with_coordinates_and_beats_cart(stacks, taught_by):
    decide = taught_by(stacks, "def strategy(state):\n    return a1 if place() > 3 and tallest() > 6 else a2\n")
    options = Options(forms=(TreeOfTests(),), baselines=False, to_one=True, exhaustive=True)
    lessons = _lessons(stacks, decide, np.arange(400))
    found = search_strategy(decide, stacks, lessons, options=options, generator=np.random.default_rng(0))
    ends = {form: _points(found, form)[-1].agreement for form in ("tree", "tree with coordinates")}
    assert ends["tree with coordinates"] == 1.0 > ends["tree"]
    assert found.frontier_end is not None and "every concept but coordinates" in found.frontier_end
    for suffix in ("", " with coordinates"):
        _never_larger(_points(found, f"tree{suffix}"), _points(found, f"CART (baseline){suffix}"))


def test_frontier_that_stops_short_counts_the_states_that_share_all_concepts(stacks, taught_by):
    """Two states of the same concepts, decided otherwise: one of them is beyond every text."""
    decide = taught_by(stacks, "def strategy(state):\n    return a1 if odd() else a2\n")

    def fickle(states):
        found = decide(states)
        found.actions[-1] = 3 - found.actions[0]
        return found

    states = stacks.reset(np.arange(200))
    states[-1] = states[0]
    lessons = lessons_from(fickle, stacks, states, np.arange(200))
    options = Options(forms=(TreeOfTests(),), to_one=True, exhaustive=True)
    found = search_strategy(fickle, stacks, lessons, options=options, generator=np.random.default_rng(0))
    assert found.frontier_end is not None and found.frontier_end.startswith("1 of 200 states share")
    assert max(point.agreement for point in found.strategy.frontier) == 1 - 1 / 200
    held = replace(options, exhaustive=False, rounds=0)
    found = search_strategy(fickle, stacks, lessons, options=held, generator=np.random.default_rng(0))
    assert found.frontier_end is not None and "cannot be enumerated" in found.frontier_end


def test_no_tree_is_larger_than_cart_at_equal_agreement(stacks, taught_by):
    """A teacher that trees say badly, so that the frontier has many points; the chosen text is no larger either."""
    decide = taught_by(stacks, "def strategy(state):\n    return argmax(actions, key=lambda a: -after(a, roughness))\n")
    options = Options(forms=(TreeOfTests(),), exhaustive=True, max_lines=20)
    lessons = _lessons(stacks, decide, np.arange(500))
    found = search_strategy(decide, stacks, lessons, options=options, generator=np.random.default_rng(0))
    _never_larger(_points(found, "tree"), _points(found, "CART (baseline)"))
    chosen = next(point for point in found.strategy.frontier if point.bits == found.strategy.bits)
    for cart in _points(found, "CART (baseline)"):
        assert cart.agreement < chosen.agreement or (cart.lines, cart.bits) >= (chosen.lines, chosen.bits)


def test_agreement_without_near_ties_leaves_them_out(stacks, taught_by):
    """The network decides odd states clearly and even ones hardly; a text that is right on odd states only."""
    decide = taught_by(stacks, "def strategy(state):\n    return a1 if odd() else a2\n")

    def unsure(states):
        found = decide(states)
        odd = states["heights"].sum(axis=1) % 2 == 1
        return replace(found, scores=np.where(odd[:, None], found.scores, found.scores * 1e-3))

    lessons = _lessons(stacks, unsure, np.arange(300))
    judged = Judge(stacks, lessons).judge("tree", "def strategy(state):\n    return a1\n")
    odd = lessons.states["heights"].sum(axis=1) % 2 == 1
    assert judged.agreement == odd.mean() and judged.without_near_ties == 1.0
    assert judged.point.without_near_ties == 1.0


def _points(found, form):
    return [point for point in found.strategy.frontier if point.form == form]


def _never_larger(ours, cart):
    assert cart
    for point in cart:
        as_good = [mine for mine in ours if mine.agreement >= point.agreement]
        assert any(mine.lines <= point.lines and mine.bits <= point.bits for mine in as_good)


def test_checker_accepts_our_forms_and_refuses_broken_ones(stacks, taught_by):
    study = Study(stacks, _lessons(stacks, taught_by(stacks, TEACHER), np.arange(200)))
    check_form(TreeOfTests(), study)
    check_form(AfterstateScore(), study)

    class Fickle(TreeOfTests):
        def fit(self, study, sizes, generator):
            calls.append(1)
            return tuple(f"def strategy(state):\n    return {len(calls)}\n" for _ in sizes)

    class Wrong(TreeOfTests):
        def fit(self, study, sizes, generator):
            return tuple("def strategy(state):\n    return nowhere_to_be_found()\n" for _ in sizes)

    class Short(TreeOfTests):
        def fit(self, study, sizes, generator):
            return ()

    calls = []
    for form, message in ((Fickle(), "two different"), (Wrong(), "refuses"), (Short(), "wrote 0")):
        with pytest.raises(ContractBroken, match=message):
            check_form(form, study)
