"""The whole exam on a corridor where every figure can be counted by hand."""

from dataclasses import replace

import numpy as np
import pytest

from agentscope.measures import same_class
from agentscope.records import Fidelity
from agentscope.rollouts import NetworkPolicy, Streams, collect_states, decide, make_environment, probabilities
from agentscope.verification import SETS, ExamOptions, examine

STREAMS = Streams(0)
SEEDS = STREAMS.episode_seeds("exam", 60)


@pytest.fixture
def exam(corridor, walker):
    policy = NetworkPolicy(walker, corridor)
    return collect_states(policy, corridor, SEEDS, max_states=10_000, generator=STREAMS.generator("exam"))


def held(text, walker, corridor, exam, **changes):
    return examine(text, walker, corridor, exam, seeds=SEEDS, streams=STREAMS, **changes)


def test_a_perfect_copy_agrees_everywhere_and_the_bound_is_three_over_episodes(corridor, walker, text, exam):
    fidelity = held(text["copy"], walker, corridor, exam).fidelity
    for name in SETS:
        part = getattr(fidelity, name)
        assert (part.agreement, part.without_near_ties, part.regret, part.counterexamples) == (1.0, 1.0, 0.0, ())
        assert part.good_where_optimal == part.equally_good == 1.0
    assert (fidelity.network.low, fidelity.network.high) == (0.95, 1.0)
    assert fidelity.episodes.identical == 1.0
    assert fidelity.episodes.first_divergence is None
    assert fidelity.episodes.difference.mean == fidelity.episodes.difference.high == 0.0
    assert fidelity.why == {}


def test_a_text_blind_to_the_lamp_is_half_in_agreement_and_always_equally_good(corridor, walker, text, exam):
    reachable = held(text["blind"], walker, corridor, exam).fidelity.reachable
    assert reachable.states == 2 * (4 + 5 + 6 + 7)
    assert reachable.episodes == 4
    assert reachable.agreement == 0.5
    assert (reachable.low, reachable.high) == (None, None)
    assert reachable.equally_good == reachable.good_where_optimal == 1.0
    assert reachable.optimal_states == 44
    assert reachable.near_tie_share == pytest.approx((1 + 2) * 2 / 44)  # more than five cells to go: levels 2 and 3
    assert reachable.without_near_ties == 0.5
    scores = walker.scores(corridor.observe(corridor.enumerate()))
    unit = scores.std(axis=1).mean()
    assert reachable.regret == pytest.approx((19 * 0.8 + 3 * 0.01) / 22 / unit)
    assert len(reachable.counterexamples) == 20
    assert {row["worth"] for row in reachable.counterexamples} == {"equally good"}
    assert reachable.counterexamples[0]["network"] == "hop"
    assert reachable.counterexamples[0]["state"] == "level 0 cell 0 lamp 1"


def test_every_exception_on_an_exhaustive_set_is_listed(walker, text, exam, corridor):
    corridor.levels = np.arange(30)
    reachable = held(text["stuck"], walker, corridor, exam).fidelity.reachable
    assert reachable.good_where_optimal == pytest.approx(1 - 60 / reachable.states)
    assert len(reachable.counterexamples) == 60
    assert {row["worth"] for row in reachable.counterexamples} == {"costly"}
    assert all("cell 2" in row["state"] for row in reachable.counterexamples)


def test_each_set_holds_the_states_it_is_named_after(corridor, walker, text, exam):
    found = held(text["stuck"], walker, corridor, exam)
    assert tuple(found.sheets) == ("network", "strategy", "edited", "reachable", "unseen_levels")
    assert found.sheets["network"].states is exam
    assert found.sheets["strategy"].states.states["position"].max() == 2  # the text never gets beyond
    assert len(found.sheets["edited"].states) == len(exam)
    assert set(found.sheets["unseen_levels"].states.states["level"].tolist()) == {4, 5}
    unseen = found.fidelity.unseen_levels
    assert unseen.agreement == pytest.approx(1 - 4 / 34)
    assert unseen.episodes == 2
    assert unseen.low is not None  # other levels would give other figures


def test_edited_states_list_the_agreement_of_each_feature(corridor, walker, text, exam):
    edited = held(text["stuck"], walker, corridor, exam)
    sheet, rows = edited.sheets["edited"], edited.fidelity.edited.by_feature
    assert [row["feature"] for row in rows] == ["lamp", "position"]
    for index, row in enumerate(rows):
        mine = sheet.states.feature == index
        assert row["states"] == mine.sum()
        assert row["agreement"] == pytest.approx((sheet.states.states["position"][mine] != 2).mean())
    assert edited.fidelity.network.by_feature == ()
    assert "feature" in edited.fidelity.edited.counterexamples[0]


def test_paired_episodes_say_where_the_two_part_and_what_it_costs(corridor, walker, text, exam):
    found = held(text["stuck"], walker, corridor, exam)
    episodes, starts = found.fidelity.episodes, corridor.reset(SEEDS)["position"]
    assert episodes.n == 60
    assert episodes.identical == 0.0  # every start is at or before cell 2
    assert episodes.first_divergence == np.median(2 - starts)
    assert (episodes.network_return.mean, episodes.strategy_return.mean, episodes.difference.mean) == (1.0, 0.0, -1.0)
    assert (episodes.network_success, episodes.strategy_success) == (1.0, 0.0)
    assert episodes.extra["strategy_cells"] == 2.0
    assert episodes.extra["network_cells"] == pytest.approx((corridor.reset(SEEDS)["level"] + 4).mean())
    row = found.rollouts[0]
    assert (row["seed"], row["network_return"], row["strategy_return"]) == (SEEDS[0], 1.0, 0.0)
    assert row["first_divergence"] == 2 - starts[0]


def test_equivalent_moves_do_not_part_episodes(corridor, walker, text, exam):
    class Waiter(type(walker)):
        def scores(self, observations, legal=None):
            scores = super().scores(observations)
            scores[observations[:, 1] == 2] = [0, 0, 1, 0, 0]
            return scores

    found = held(text["stuck"], Waiter(), corridor, exam).fidelity
    assert found.episodes.identical == 1.0
    assert found.strategy.raw < found.strategy.agreement == 1.0


def test_mass_is_what_a_sampled_policy_gives_to_the_texts_moves(corridor, walker, text, exam):
    decisions = decide(walker, corridor, exam.states)
    actions = text["stuck"].actions(exam.states)
    chances = probabilities(decisions.scores)
    expected = np.mean([
        sum(chances[row, b] for b in range(5) if decisions.equivalent[row, b] == decisions.equivalent[row, a])
        for row, a in enumerate(actions)
    ])  # fmt: skip
    assert held(text["stuck"], walker, corridor, exam).fidelity.episodes.mass == pytest.approx(expected)
    walker.algorithm = "DQN"
    fidelity = held(text["stuck"], walker, corridor, exam).fidelity
    assert fidelity.episodes.mass is None
    assert "greedily" in fidelity.why["episodes.mass"]


def test_in_sampled_mode_returns_change_and_agreement_does_not(corridor, walker, text, exam):
    greedy = held(text["copy"], walker, corridor, exam).fidelity
    sampled = held(text["copy"], walker, corridor, exam, options=ExamOptions(deterministic=False)).fidelity
    assert sampled.network == greedy.network
    assert sampled.episodes.identical < 1.0 == greedy.episodes.identical


def test_same_streams_same_figures_and_other_streams_others(corridor, walker, text, exam):
    one, again = (held(text["stuck"], walker, corridor, exam) for _ in range(2))
    assert one.fidelity == again.fidelity
    assert one.rollouts == again.rollouts
    other = examine(text["stuck"], walker, corridor, exam, seeds=SEEDS, streams=Streams(9))
    assert other.fidelity.edited != one.fidelity.edited
    assert other.fidelity.reachable == one.fidelity.reachable


def test_options_mark_fitted_sets_and_leave_sets_out(corridor, walker, text, exam):
    options = ExamOptions(fitted_on=frozenset({"reachable"}), sets=("network", "reachable"))
    found = held(text["copy"], walker, corridor, exam, options=options)
    assert found.fidelity.reachable.fitted_on
    assert not found.fidelity.network.fitted_on
    assert found.fidelity.strategy is found.fidelity.episodes is found.fidelity.edited is None
    assert found.rollouts == ()
    short = held(text["copy"], walker, corridor, exam, options=ExamOptions(max_steps=2, max_states=30))
    assert len(short.sheets["strategy"].states) <= 30
    assert short.fidelity.episodes.network_return.mean < 1.0


def test_the_line_most_often_wrong_is_named(corridor, walker, text, exam):
    def lines_of(states):
        return np.where(states["position"] == 2, 4, 2)

    worst = held(text["stuck"], walker, corridor, exam, lines_of=lines_of).worst
    at_two = int((exam.states["position"] == 2).sum())
    assert worst == {"line": 4, "states": at_two, "disagreements": at_two}
    assert held(text["copy"], walker, corridor, exam, lines_of=lines_of).worst is None


def test_the_text_is_bound_to_unseen_levels_where_a_binder_is_given(corridor, walker, text, exam):
    bound = []

    def text_in(env):
        bound.append(env.levels.tolist())
        return text["copy"]

    fidelity = held(text["blind"], walker, corridor, exam, text_in=text_in).fidelity
    assert bound == [[4, 5]]
    assert fidelity.unseen_levels.agreement == 1.0
    assert fidelity.network.agreement < 1.0


def test_agreement_is_that_of_a_loop_over_states(corridor, walker, text, exam):
    part = held(text["blind"], walker, corridor, exam).fidelity.network
    decisions = decide(walker, corridor, exam.states)
    actions = text["blind"].actions(exam.states)
    assert part.agreement == same_class(decisions.actions, actions, decisions.equivalent).mean()
    assert part.raw == (decisions.actions == actions).mean()
    assert part.low < part.agreement < part.high


def test_a_plain_environment_names_what_it_lacks(walker, text):
    env = make_environment("CartPole-v1")

    class Balancer(type(walker)):
        observation_shape, actions = (4,), 2

        def scores(self, observations, legal=None):
            push = observations[:, 2] + observations[:, 3]
            return np.stack([-push, push], axis=1)

    exam = collect_states(
        NetworkPolicy(Balancer(), env), env, SEEDS[:10], max_states=500, generator=STREAMS.generator("exam")
    )
    leaning = text["function"](lambda s: (s["obs"][:, 2] + s["obs"][:, 3] > 0.05).astype(int))
    fidelity = examine(leaning, Balancer(), env, exam, seeds=SEEDS[:10], streams=STREAMS).fidelity
    assert isinstance(fidelity, Fidelity)
    assert fidelity.reachable is fidelity.unseen_levels is None
    assert set(fidelity.why) == {"reachable", "unseen_levels"}
    assert fidelity.network.equally_good is None
    assert [row["feature"] for row in fidelity.edited.by_feature][2] == "obs(angle)"
    assert "angle" in fidelity.network.counterexamples[0]["state"]


def test_unseen_levels_that_cannot_be_enumerated_are_played(corridor, walker, text, exam, monkeypatch):
    class Unlisted(type(corridor)):
        enumerate = None

    monkeypatch.setattr(type(corridor), "unseen_levels", lambda self: Unlisted((4, 5)))
    found = held(text["copy"], walker, corridor, replace(exam))
    unseen = found.sheets["unseen_levels"].states
    assert np.array_equal(np.unique(unseen.episode), np.sort(SEEDS))
    assert found.fidelity.unseen_levels.agreement == 1.0
