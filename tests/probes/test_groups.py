"""Groups of units: planted parts come back with their units, their concepts and their effect; noise has none."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from agentscope.contracts import Layer
from agentscope.errors import BadOption, EmptySample
from agentscope.pipeline import open_agent
from agentscope.probes.attribution import margin_attribution, margin_direction
from agentscope.probes.factors import RankRule
from agentscope.probes.group_scores import concept_rows
from agentscope.probes.groups import GroupData, Grouping, find_groups
from agentscope.records import Decisions
from agentscope.rollouts import Streams, collect_states
from tests.toy_networks import ClosedNetwork

FIRST, SECOND, DECOYS = tuple(range(6)), tuple(range(6, 12)), tuple(range(12, 18))
FEW = Grouping(rule=RankRule(ranks=(2, 3, 4, 5), seeds=3, rows=600))


@dataclass(frozen=True)
class Linear(ClosedNetwork):
    """A layer of ReLU units, and scores that are linear in what it puts out."""

    into: np.ndarray
    out: np.ndarray
    layers: tuple = (Layer("hidden", (20,), ("",)),)

    @property
    def observation_shape(self):
        return (len(self.into),)

    @property
    def actions(self):
        return self.out.shape[1]

    def activations(self, observations, layer):
        values = np.maximum(observations @ self.into, 0).astype(np.float32)
        return values.reshape(len(values), *self.layers[0].shape)

    def scores_with(self, observations, outputs, legal=None):
        values = outputs["hidden"]
        return values.reshape(len(values), -1) @ self.out

    def pull_back(self, observations, layer, outputs, cotangents):
        return (cotangents @ self.out.T).reshape(outputs.shape).astype(np.float32)


def decided(network, observations):
    scores = network.scores_with(observations, {"hidden": network.activations(observations, "hidden")})
    same = np.broadcast_to(np.arange(scores.shape[1], dtype=np.int16), scores.shape)
    return Decisions(scores, scores.argmax(axis=1), same, np.ones(scores.shape, dtype=bool))


def two_parts():
    """Units 0-5 carry the first number and drive action 0, 6-11 the second and action 1; 12-17 nothing; 18, 19 rest."""
    rng = np.random.default_rng(5)
    into, out = np.zeros((4, 20), np.float32), np.zeros((20, 2), np.float32)
    for number, units in enumerate((FIRST, SECOND, DECOYS)):
        into[number, list(units)] = rng.uniform(0.5, 1.5, size=6)
    into[3] = rng.uniform(0, 0.05, size=20)  # a little of something else in all units but the last two
    into[3, 18:] = 0
    out[list(FIRST), 0], out[list(SECOND), 1] = 1 / into[0, list(FIRST)], 1 / into[1, list(SECOND)]
    return Linear(into, out)


def seen(count=1200, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.random((count, 4)) * (rng.random((count, 4)) < 0.7)).astype(np.float32)


def data_of(network, observations, labels=None):
    episodes = np.repeat(np.arange(len(observations) // 20), 20)
    return GroupData(observations, decided(network, observations), episodes, labels or {})


def found(of="activations", seed=1, grouping=FEW, labels=None, network=None, observations=None):
    network = network or two_parts()
    observations = seen() if observations is None else observations
    return find_groups(network, "hidden", data_of(network, observations, labels), grouping=replace(grouping, of=of),
                       generator=np.random.default_rng(seed))  # fmt: skip


def test_activations_fall_into_the_planted_parts_exactly_and_only_read_parts_have_an_effect():
    groups = found()
    assert groups.rank == 3 and (groups.units, groups.width) == (18, 20)
    by_units = {tuple(sorted(group.units)): group for group in groups.groups}
    assert set(by_units) == {FIRST, SECOND, DECOYS}
    assert by_units[DECOYS].effect < 0.02
    for units in (FIRST, SECOND):
        assert by_units[units].stability > 0.98
        assert by_units[units].effect > by_units[units].random_effect + 0.03
    assert 0.9 < sum(group.share for group in groups.groups) < 1.05


def test_attributions_leave_out_what_does_not_decide():
    groups = found("attributions")
    members = {unit for group in groups.groups for unit in group.units}
    assert members == set(FIRST + SECOND) and groups.units == 12
    for group in groups.groups:  # both parts speak in one margin, so a group may hold both, but never half of one
        assert all(set(part) & set(group.units) in (set(), set(part)) for part in (FIRST, SECOND))


def test_the_effect_is_what_the_closed_form_says():
    """With numbers u, v uniform, the choice between them flips for 1/3 of the states when one is drawn again."""
    rng = np.random.default_rng(3)
    observations = rng.random((4000, 4)).astype(np.float32)
    observations[:, 3] = 0
    network = two_parts()
    grouping = replace(FEW, effect_states=1300)
    some = np.flatnonzero(rng.random(4000) < 0.3)  # states without a number, so that the parts can be told apart
    observations[some, rng.integers(3, size=len(some))] = 0
    numbers = observations[:, :2]
    again = numbers.copy()
    again[:, 0] = rng.permutation(numbers[:, 0])
    expected = (numbers.argmax(axis=1) != again.argmax(axis=1)).mean()
    groups = found(grouping=grouping, observations=observations, network=network)
    effect = {tuple(sorted(group.units)): group.effect for group in groups.groups}[FIRST]
    assert effect == pytest.approx(expected, abs=0.04)


@pytest.mark.parametrize("name", ["columns-dqn-relu-l0", "columns-dqn-relu-l2"])
def test_groups_of_a_compiled_network_are_the_units_of_each_column(name):
    """By its record the choice reads height and holes of each column c from units 2c and 2c + 1; unit 8 is unused."""
    agent = open_agent(name)
    streams = Streams(0)
    states = collect_states(agent.policy, agent.env, streams.episode_seeds("lessons", 100), max_states=3000,
                            generator=streams.generator("thin"), max_steps=200)  # fmt: skip
    data = GroupData(agent.env.observe(states.states), agent.decide(states.states), states.episode)
    for seed in range(3):
        groups = find_groups(agent.network, "hidden_2", data, grouping=Grouping(of="attributions"),
                             generator=np.random.default_rng(seed))  # fmt: skip
        assert {tuple(sorted(group.units)) for group in groups.groups} == {(0, 1), (2, 3), (4, 5), (6, 7)}


def test_each_group_names_the_concept_that_it_carries():
    observations = seen()
    labels = {"second_high": observations[:, 1] > 0.5, "first": observations[:, 0].astype(np.float64),
              "rare": np.arange(1200) < 3, "noise": np.random.default_rng(9).random(1200),
              "third_low": observations[:, 2] < 0.1}  # fmt: skip
    groups = found(labels=labels, observations=observations)
    best = {tuple(sorted(group.units)): group.concepts[0] for group in groups.groups}
    assert (best[FIRST]["concept"], best[FIRST]["metric"], best[FIRST]["direction"]) == ("first", "r2", "more")
    assert best[FIRST]["score"] > 0.95
    assert best[SECOND]["concept"] == "second_high" and best[SECOND]["score"] > 0.99
    assert (best[DECOYS]["concept"], best[DECOYS]["direction"]) == ("third_low", "less")
    assert not any(row["concept"] == "rare" for group in groups.groups for row in group.concepts)


def test_independent_units_have_no_groups():
    rng = np.random.default_rng(2)
    network = Linear(np.eye(20, dtype=np.float32), rng.normal(size=(20, 3)).astype(np.float32))
    groups = found(network=network, observations=rng.normal(size=(1200, 20)).astype(np.float32))
    assert groups.rank is None and groups.groups == () and groups.verdict == "no stable groups"
    assert len(groups.curve) == 4 and not any(row["chosen"] for row in groups.ranks)


def test_groups_of_a_random_dense_network_matter_no_more_than_random_ones():
    matters = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        into = rng.normal(size=(40, 20)).astype(np.float32)
        network = Linear(into, rng.normal(size=(20, 3)).astype(np.float32))
        grouping = replace(FEW, rule=replace(FEW.rule, stable=0.0, least=-9.0))  # take whatever comes
        groups = found(network=network, grouping=grouping, observations=rng.normal(size=(1200, 40)).astype(np.float32))
        matters += [group.matters for group in groups.groups]
    assert len(matters) >= 8 and np.mean(matters) <= 0.25


def shared(columns=5):
    """Six channels over columns: 0-2 carry one number of each column, 3-5 another; actions are columns."""
    into = np.zeros((2 * columns, 6, columns), np.float32)
    out = np.zeros((6, columns, columns), np.float32)
    for column in range(columns):
        into[column, :3, column], into[columns + column, 3:, column] = (1.0, 0.7, 1.4), (0.8, 1.2, 1.0)
        out[:3, column, column], out[3:, column, column] = 1.0, -0.3
    return Linear(
        into.reshape(2 * columns, -1), out.reshape(-1, columns), (Layer("hidden", (6, columns), ("", "columns")),)
    )


def spots(count=600):
    rng = np.random.default_rng(4)
    return (rng.random((count, 10)) * (rng.random((count, 10)) < 0.6)).astype(np.float32)


def test_channels_are_the_units_of_a_layer_that_repeats_over_columns():
    observations = spots()
    labels = {"second_here": observations[:, 5:] > 0.5, "first_anywhere": observations[:, :5].sum(axis=1)}
    grouping = replace(FEW, rule=replace(FEW.rule, ranks=(2, 3)))
    groups = found(network=shared(), observations=observations, labels=labels, grouping=grouping)
    assert groups.rank == 2 and groups.width == 6
    by_units = {tuple(sorted(group.units)): group for group in groups.groups}
    assert set(by_units) == {(0, 1, 2), (3, 4, 5)}
    assert by_units[0, 1, 2].effect > by_units[3, 4, 5].effect > 0
    named = {row["concept"]: row["score"] for row in by_units[3, 4, 5].concepts}
    assert named["second_here"] > 0.99
    assert {row["concept"]: row["score"] for row in by_units[0, 1, 2].concepts}["first_anywhere"] > 0.9
    everywhere = replace(grouping, places=())
    assert found(network=shared(), observations=observations, grouping=everywhere).width == 30


def test_same_seed_same_bytes_and_another_seed_others():
    labels = {"first": seen()[:, 0].astype(np.float64)}
    one, again, other = (found(seed=seed, labels=labels) for seed in (1, 1, 2))
    assert (one.rows, one.ranks) == (again.rows, again.ranks)
    assert one.rows != other.rows and one.ranks != other.ranks


def test_every_knob_changes_something():
    plain = found()
    rule = FEW.rule
    assert found(grouping=replace(FEW, rule=replace(rule, stable=1.1))).verdict == "no stable groups"
    assert found(grouping=replace(FEW, rule=replace(rule, least=2.0))).verdict == "no stable groups"
    assert found(grouping=replace(FEW, rule=replace(rule, within=5.0))).rank == 2
    assert found(grouping=replace(FEW, rule=replace(rule, ranks=(2, 4)))).rank != plain.rank
    assert found(grouping=replace(FEW, rule=replace(rule, seeds=5))).ranks != plain.ranks
    assert found(grouping=replace(FEW, rule=replace(rule, rows=100))).ranks != plain.ranks
    for changed in (replace(FEW, states=50), replace(FEW, effect_states=60), replace(FEW, random_groups=2)):
        assert found(grouping=changed).rows != plain.rows and found(grouping=changed).ranks == plain.ranks
    assert found(grouping=replace(FEW)).rows == plain.rows


def test_what_cannot_be_grouped_is_said():
    network, observations = two_parts(), seen()
    good = data_of(network, observations)
    rng = np.random.default_rng(0)
    with pytest.raises(BadOption, match="no layer 'nowhere'; it has hidden"):
        find_groups(network, "nowhere", good, generator=rng)
    with pytest.raises(BadOption, match=r"labels odd have shape \(1200, 3\)"):
        find_groups(network, "hidden", replace(good, labels={"odd": np.zeros((1200, 3))}), generator=rng)
    with pytest.raises(EmptySample, match="at least 2 episodes"):
        find_groups(network, "hidden", replace(good, episodes=np.zeros(1200, np.int64)), generator=rng)
    silent = Linear(np.zeros((4, 20), np.float32), np.ones((20, 2), np.float32))
    groups = find_groups(silent, "hidden", data_of(silent, observations), generator=rng)
    assert groups.verdict == "no groups: 0 units vary, fewer than 4" and groups.rows == []


def test_the_margin_is_the_lead_over_the_best_legal_action_that_is_not_equivalent():
    scores = np.array([[3.0, 2.9, 2.0, 9.0], [1.0, 0.0, 0.5, 0.2], [1.0, 1.0, -np.inf, 0.0]])
    legal = np.array([[1, 1, 1, 0], [1, 1, 1, 1], [1, 1, 0, 0]], dtype=bool)
    equivalent = np.array([[0, 0, 2, 3], [0, 1, 2, 3], [0, 0, 2, 3]])
    chosen = np.array([0, 0, 0])
    direction, has = margin_direction(Decisions(np.where(legal, scores, -np.inf), chosen, equivalent, legal))
    assert has.tolist() == [True, True, False]
    assert direction.tolist() == [[1, 0, -1, 0], [1, 0, -1, 0], [0, 0, 0, 0]]


def test_attributions_of_the_last_layer_sum_to_the_lead_over_that_of_the_mean():
    network, observations = two_parts(), seen(200)
    decisions = decided(network, observations)
    values = margin_attribution(network, observations, "hidden", decisions)
    activations = network.activations(observations, "hidden")
    direction, _ = margin_direction(decisions)
    apart = ((activations - activations.mean(axis=0)) @ network.out * direction).sum(axis=1)
    np.testing.assert_allclose(values.sum(axis=1), apart, atol=1e-5)


def test_concepts_are_scored_like_a_count_of_pairs():
    rng = np.random.default_rng(6)
    strength, flag = rng.integers(0, 8, size=(90, 1)).astype(np.float64), rng.random(90) < 0.4
    pairs = np.sign(strength[flag] - strength[~flag].T)
    auc = (pairs + 1).mean() / 2
    number = rng.random(90) + 0.1 * strength[:, 0]
    labels = {"flag": flag, "number": number}
    (rows,) = concept_rows((strength, labels), (strength, labels))
    by_name = {row["concept"]: row for row in rows}
    assert by_name["flag"]["score"] == pytest.approx(max(auc, 1 - auc))
    assert by_name["flag"]["direction"] == ("more" if auc >= 0.5 else "less")
    assert by_name["number"]["score"] == pytest.approx(np.corrcoef(strength[:, 0], number)[0, 1] ** 2)
