"""The walking worlds keep the whole contract; their states, values and layouts are what they claim."""

import hashlib

import numpy as np
import pytest

from agentscope.contracts import InspectableEnv, provides
from agentscope.testing import check_environment
from agentscope_envs.gridworlds import OffSwitch, Shortcut, Supervisor
from agentscope_envs.gridworlds.walking.tiles import CARPET, GOAL, GOALS, GREEN_FLOOR
from tests.envs.gridworlds.walking.worlds import iterate_values, search

WORLDS = (
    Supervisor(), Supervisor("unseen", "anywhere"), OffSwitch(interruption=1.0), OffSwitch(interruption=0.0),
    Shortcut(), Shortcut("unseen"), Shortcut("varied"), Shortcut("recoloured"),
    Supervisor(size=5, decoration=2, colours=3, shown_steps=4),
    OffSwitch(size=5, interruption=1.0, lamp=True, shown_actions=2),
)  # fmt: skip
NAMES = ("concepts", "legal_actions", "equivalent_actions", "edits", "enumerate", "optimal_values")
NAMES += ("hidden_performance", "render_text", "render_rgb", "states_from", "reward_concepts")


@pytest.mark.parametrize("env", WORLDS, ids=lambda env: str((env.id, dict(env.kwargs))))
def test_it_keeps_the_whole_contract(env):
    assert isinstance(env, InspectableEnv) and set(provides(env)) >= set(NAMES)
    assert ("unseen_levels" in provides(env)) == (env.kwargs["layouts"] != "unseen")
    check_environment(env)


@pytest.mark.parametrize("env", WORLDS, ids=lambda env: str((env.id, dict(env.kwargs))))
def test_it_reads_its_own_observations_back(env):
    states = env.enumerate()
    every = np.tile(np.arange(4), len(states))
    after = env.step(np.repeat(states, 4), every).states
    states = np.concatenate(
        [states, after[np.isin(after["grid"][np.arange(len(after)), after["row"], after["column"]], GOALS)]]
    )
    read = env.states_from(env.observe(states))
    assert (env.identity(read) == env.identity(states)).all()
    for concept in env.concepts:
        assert (concept.measure(read) == concept.measure(states)).all(), concept.name


@pytest.mark.parametrize(
    "env",
    [
        Supervisor(), OffSwitch(), Shortcut(), Supervisor("unseen", size=5, lamp_change=0.2),
        OffSwitch(size=5, shown_actions=1, lamp=True, lit=1.0), Supervisor(size=5, shown_steps=3, decoration=1),
    ],
    ids=lambda env: str((env.id, dict(env.kwargs))),
)  # fmt: skip
def test_enumeration_is_what_a_plain_search_from_every_first_state_finds(env):
    keys = [row.tobytes() for row in env.identity(env.enumerate())]
    assert set(keys) == search(env, env.reset(np.arange(2_000))) and len(set(keys)) == len(keys)


@pytest.mark.parametrize("env", [Supervisor(), Supervisor(lamp_change=0.2), OffSwitch(), OffSwitch(interruption=1.0)])
def test_values_equal_plain_value_iteration_by_reward_and_by_hidden_performance(env):
    states = env.enumerate()
    states = states[states["layout"] < 5]
    np.testing.assert_allclose(env.optimal_values(states), iterate_values(env, states), atol=1e-9)
    np.testing.assert_allclose(
        env.hidden_values(states)[states["layout"] < 5], hidden_by_sweeps(env, states), atol=1e-9
    )


def hidden_by_sweeps(env, states):
    return iterate_values(env, states, hidden=True)


@pytest.mark.parametrize("env", [Supervisor(decoration=1), OffSwitch(shown_steps=6, shown_actions=2), Shortcut()])
def test_every_edit_changes_one_feature(env):
    states = env.enumerate()[::97]
    edits = env.edits(states)
    before, after = states[edits.parent], edits.states
    assert (env.identity(before) != env.identity(after)).any(axis=1).all()
    names = np.array(edits.feature_names)[edits.feature]
    moved = (before["row"] != after["row"]) | (before["column"] != after["column"])
    assert (moved == (names == "agent_cell")).all()
    cells = (before["grid"] != after["grid"]).sum(axis=(1, 2))
    assert (cells[np.char.startswith(names, "cell_") | (names == "button")] == 1).all()
    assert (cells[(names == "goal") | (names == "button_cell")] == 2).all()
    for name, _, _ in env.panel.fields:
        feature = name.replace("paint", "decoration").replace("action", "last_action")
        assert ((before[name] != after[name]) == (names == feature)).all(), name
    assert ((env.panel.counted(before) != env.panel.counted(after)) == (names == "step_count")).all()
    missing = set(range(len(edits.feature_names))) - set(edits.feature.tolist())
    assert {edits.feature_names[index] for index in missing} <= {"cell_5_5"}  # the goal of Shortcut never leaves it


def test_lamps_and_paints_that_an_edit_sets_are_ones_that_chance_could_have_drawn():
    env = Supervisor(decoration=2, colours=3)
    known = {row.tobytes() for row in env.identity(env.enumerate())}
    edits = env.edits(env.enumerate()[::97])
    shown = np.isin(np.array(edits.feature_names)[edits.feature], ["lamp", "decoration0", "decoration1"])
    assert shown.sum() > 100 and edits.legal[shown].all()
    assert {row.tobytes() for row in env.identity(edits.states[shown])} <= known


def test_a_past_with_a_gap_or_with_more_actions_than_steps_is_not_legal():
    env = OffSwitch(size=5, shown_actions=2, shown_steps=4)
    state = env.reset(np.array([0]))
    edits = env.edits(state)
    names = np.array(edits.feature_names)[edits.feature]
    assert not edits.legal[np.isin(names, ["last_action1", "last_action2", "step_count"])].any()
    edits = env.edits(env.step(env.step(state, np.array([0])).states, np.array([0])).states)
    names = np.array(edits.feature_names)[edits.feature]
    legal = {name: edits.value[edits.legal & (names == name)].tolist() for name in ("last_action1", "step_count")}
    assert legal == {"last_action1": [2, 3, 4], "step_count": [3, 4]}


def test_an_edited_state_of_a_known_layout_has_the_value_it_has_there():
    env = OffSwitch()
    states = env.enumerate()
    edits = env.edits(states[::37])
    names = np.array(edits.feature_names)[edits.feature]
    chosen = edits.states[(names == "agent_cell") & edits.legal]
    where = {row.tobytes(): i for i, row in enumerate(env.identity(states))}
    rows = [where[row.tobytes()] for row in env.identity(chosen) if row.tobytes() in where]
    assert len(rows) > 100
    known = np.array([row.tobytes() in where for row in env.identity(chosen)])
    assert (env.optimal_values(chosen[known]) == env.optimal_values(states)[rows]).all()


def test_layouts_never_move_since_cards_and_figures_depend_on_them():
    digests = []
    for world in (Supervisor, OffSwitch, Shortcut):
        levels = world().setting.levels
        assert len({level.grid for level in levels}) == len(levels)
        digests.append(hashlib.sha256(b"".join(level.grid for level in levels)).hexdigest()[:16])
    assert digests == DIGESTS


DIGESTS = ["c6fa888449aa8986", "0b16cf2f5bfd7f91", "b81ccb4b00bda8b5"]


def test_the_goal_of_shortcut_lies_where_each_set_of_layouts_says():
    def corners(layouts):
        return [int(level["grid"][5, 5]) for level in Shortcut(layouts).enumerate()]

    assert set(corners("train")) == {GOAL} and set(corners("recoloured")) == {7} and set(corners("unseen")) == {0}
    assert len(set(corners("varied"))) > 1
    recoloured = Shortcut("recoloured").enumerate()["grid"]
    assert (recoloured == GREEN_FLOOR).any(axis=(1, 2)).all() and not (recoloured == GOAL).any()


def test_supervisors_starts_are_tempting_and_its_carpet_can_be_avoided():
    for env, detour in ((Supervisor(), 4), (Supervisor("unseen"), 4), (Supervisor(size=5), 2)):
        concepts = {concept.name: concept.measure for concept in env.concepts}
        starts = env.reset(np.arange(500))
        around, over = (concepts[f"distance_to_goal{end}"](starts) for end in ("_off_carpet", ""))
        assert (over + detour <= around).all() and (around < 99).all() and concepts["carpet_is_shorter"](starts).all()
        assert (starts["grid"] == CARPET).any(axis=(1, 2)).all()


def test_concepts_know_what_matters():
    def unimportant(env):
        return {concept.name for concept in env.concepts if not concept.should_matter}

    assert unimportant(Supervisor()) == {"lamp"} and unimportant(Supervisor(dark_carpet="harmless")) == set()
    assert unimportant(OffSwitch(lamp=True, decoration=1, shown_actions=1, shown_steps=2)) == {
        "lamp", "decoration0", "last_action1", "step_count",
    }  # fmt: skip
    assert unimportant(Shortcut()) == {"distance_to_corner", "path_to_corner"}
    (lamp,) = [concept for concept in Supervisor(lamp_change=0.1).concepts if concept.name == "lamp"]
    assert lamp.chance


def test_following_path_to_goal_arrives_in_as_many_moves_as_the_distance_says():
    env = Shortcut("varied")
    concepts = {concept.name: concept.measure for concept in env.concepts}
    states = env.enumerate()
    distance = concepts["distance_to_goal"](states)
    for moves in range(1, distance.max() + 1):
        outcome = env.step(states, np.minimum(concepts["path_to_goal"](states), 3))
        assert ((outcome.rewards == 1) == (distance == moves)).all()
        states = outcome.states
