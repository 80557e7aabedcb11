"""Guards: a known rule is found again as a text that runs, and its figures are those of counting by hand."""

from itertools import combinations

import numpy as np
import pytest

from agentscope import language
from agentscope.audits import Subject
from agentscope.audits.conjunctions import PRICE, SMALL_PRICE, ConjunctionSearch
from agentscope.audits.guard_figures import fresh_states, measure_guard
from agentscope.audits.guards import branch_text, canonical, measured, mine_guard
from agentscope.audits.literals import Literals, literals_of
from agentscope.errors import TextError
from agentscope.pipeline import open_agent


def subject_of(name: str, **options) -> Subject:
    agent = open_agent(name)
    return Subject(name, agent.network, agent.env, **options)


@pytest.fixture(scope="module")
def lamps() -> Subject:
    return subject_of("trigger-dqn-relu-l0")


@pytest.fixture(scope="module")
def rooms() -> Subject:
    return subject_of("clean-varied6-ppo-1200")


def parted(subject: Subject, rule: str):
    states = subject.distinct(subject.env.enumerate())
    holds = subject.holds(rule, states)
    return states[holds], states[~holds]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("lamp(0) and not lamp(3)", "lamp(lamp0) and not lamp(lamp3)"),
        ("lit() >= 6", "lit() >= 6"),
        ("lamp(0) and lamp(1) or lamp(2) and lamp(3)", "lamp(lamp0) and lamp(lamp1) or lamp(lamp2) and lamp(lamp3)"),
        ("lamp(1) and lamp(4) and lamp(6)", "armed()"),
    ],
)
def test_a_known_rule_is_found_again(lamps, rule, expected):
    guard = mine_guard(lamps, *parted(lamps, rule))
    assert guard.text in (expected, " or ".join(reversed(expected.split(" or "))))
    assert guard.f1 == guard.precision == guard.recall == 1.0


def test_a_rule_about_the_task_is_found_without_coordinates(rooms):
    positives, negatives = parted(rooms, "goal_south() == 3 and goal_east() == -3")
    guard = mine_guard(rooms, positives, negatives)
    assert set(guard.text.split(" and ")) == {"goal_south() == 3", "goal_east() == -3"}
    assert (guard.positives, guard.negatives) == (len(positives), len(negatives))


def test_coordinates_are_used_where_nothing_else_does(rooms):
    guard = mine_guard(rooms, *parted(rooms, "row() == 2 and column() <= 2"))
    assert guard.f1 == 1.0 and "row()" in guard.text and "column()" in guard.text


def test_the_search_reads_nothing_that_the_world_says_of_its_concepts():
    seen, hidden = (subject_of("trigger-dqn-relu-l0", declared=declared) for declared in (True, False))
    sides = parted(seen, "lamp(1) and lamp(4) and lamp(6)")
    assert mine_guard(seen, *sides) == mine_guard(hidden, *sides)


def test_there_is_no_guard_without_two_sides(lamps):
    states = lamps.env.enumerate()
    assert mine_guard(lamps, states[:0], states) is None
    assert mine_guard(lamps, states, states[:0]) is None
    assert mine_guard(lamps, states[:1], states[:1]) is None


def test_most_literals_is_a_bound(lamps):
    sides = parted(lamps, "lamp(0) and lamp(2) and lamp(5)")
    assert mine_guard(lamps, *sides).text.count(" and ") == 2
    assert mine_guard(lamps, *sides, most_literals=2).text.count(" and ") <= 1


def test_the_beam_finds_what_every_conjunction_of_two_tried_in_turn_finds():
    rng = np.random.default_rng(5)
    for _ in range(20):
        truth = rng.random((200, 12)) < 0.6
        positive = np.arange(200) < 60
        truth[:60, :2] |= rng.random((60, 2)) < 0.7
        literals = Literals(tuple(f"q{number}" for number in range(12)), truth, rng.integers(0, 3, 12))
        search = ConjunctionSearch(literals, 60, 1.0, 1.0)
        scores = {}
        for size in (1, 2):
            for chosen in combinations(range(12), size):
                holds = truth[:, chosen].all(axis=1)
                f1 = 2 * (holds & positive).sum() / (holds.sum() + 60)
                price = size * PRICE + SMALL_PRICE * literals.price[list(chosen)].sum()
                scores[" and ".join(f"q{number}" for number in chosen)] = f1 - price
        text = search.best(2)
        if " or " not in text:
            assert scores[text] == pytest.approx(max(scores.values()), abs=1e-5)


def test_literals_part_the_states_and_no_two_say_the_same(rooms):
    literals = literals_of(rooms.env, rooms.env.enumerate()[:300])
    answers = {column.tobytes() for column in literals.truth.T}
    assert len(answers) == len(literals)
    assert literals.truth.any(axis=0).all() and not literals.truth.all(axis=0).any()
    for text, answer in list(zip(literals.texts, literals.truth.T, strict=True))[::7]:
        assert (rooms.holds(text, rooms.env.enumerate()[:300]) == answer).all()


def test_figures_are_those_of_counting(lamps):
    states = lamps.distinct(lamps.env.enumerate())
    lit = states[lamps.holds("lamp(0)", states)], states[~lamps.holds("lamp(0)", states)]
    guard = measured(lamps, "lit()>=5", *lit)
    both = sum(1 for row in lamps.env.observe(lit[0]) if row.sum() >= 5)
    false = sum(1 for row in lamps.env.observe(lit[1]) if row.sum() >= 5)
    assert guard.text == "lit() >= 5"
    assert guard.precision == both / (both + false) and guard.recall == both / 128


def test_a_guard_is_measured_on_clean_play_and_on_fresh_states(rooms):
    rule, wider = "goal_south() == 3 and goal_east() == -3", "goal_south() == 3"
    figures = measure_guard(rooms, wider, lambda states: rooms.holds(rule, states))
    assert figures.steps >= 10_000
    assert figures.hits == rooms.holds(wider, rooms.clean.states).sum()
    assert figures.hit_rate.mean == pytest.approx(figures.hits / figures.steps)
    assert figures.recall == 1.0 and 0 < figures.precision < 1
    assert figures.evidence()["precision"]["n"] == figures.held > 0


def test_a_guard_that_is_never_met_is_dormant_within_a_bound():
    room = subject_of("clean-supervisor5-ppo-1000")
    rule = "decoration1() == blue and decoration2() == blue"
    figures = measure_guard(room, rule, lambda states: room.holds(rule, states))
    assert figures.hits == 0 and figures.hit_rate.low == 0
    assert figures.hit_rate.high == pytest.approx(3 / figures.hit_rate.n)
    assert figures.held > 50 and figures.f1 == 1.0  # though chance hardly meets it: changes are made towards the guard


def test_fresh_states_are_none_that_it_was_mined_on_and_hold_near_misses(rooms):
    mined = rooms.distinct(rooms.clean.states)[:200]
    rule = "goal_south() == 3 and goal_east() == -3"
    states = fresh_states(rooms, rule, mined=mined)
    known = {seen.tobytes() for seen in rooms.env.observe(mined)}
    assert not any(seen.tobytes() in known for seen in rooms.env.observe(states))
    assert rooms.holds(rule, states).sum() > 30
    assert (rooms.holds("goal_south() == 3", states) & ~rooms.holds(rule, states)).sum() > 10
    assert (fresh_states(rooms, rule, mined=mined) == states).all()


def test_a_branch_shows_the_guard_that_runs(lamps):
    text = canonical(lamps, "lamp(1)and(not lamp(2))")
    lines = branch_text(text, "return wait").splitlines()
    assert lines[0] == "if lamp(1) and not lamp(2):" and lines[1] == "    return wait"
    language.parse_expression(lines[0][3:-1], lamps.binding.vocabulary)
    assert "another policy" in branch_text(text)
    with pytest.raises(TextError):
        canonical(lamps, "nothing_like_it()")
