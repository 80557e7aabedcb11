"""KeyDoor plays by MiniGrid's rules, and its chance, enumeration and values are what they claim."""

import numpy as np
import pytest

from agentscope.contracts import InspectableEnv, provides
from agentscope.errors import BadOption, ContractBroken
from agentscope_envs.gridworlds import KeyDoor
from agentscope_envs.gridworlds.cells import ACTIONS, GOAL, KEY, LAVA, LOCKED_DOOR, OPEN_DOOR

LEFT, RIGHT, FORWARD, PICK_UP, TOGGLE = range(5)
MAP = """
#########
#k..#...#
#...#...#
#...D..G#
#...#...#
#.~.#...#
#...#...#
#...#...#
#########
"""
CHARACTERS = ".#_dDkG~"


def drawn(text, row, column, heading, **fields):
    state = np.zeros(1, dtype=KeyDoor().state_dtype)
    state["grid"] = [[CHARACTERS.index(cell) for cell in line] for line in text.split()]
    for field, value in (("row", row), ("column", column), ("heading", heading), *fields.items()):
        state[field] = value
    return state


def play(state, *actions):
    env, rewards = KeyDoor(), []
    for action in actions:
        outcome = env.step(state, np.array([action]))
        state, rewards = outcome.states, [*rewards, float(outcome.rewards[0])]
    return state, rewards, bool(outcome.terminated[0]), bool(outcome.truncated[0])


def test_it_offers_the_whole_contract():
    env = KeyDoor()
    assert isinstance(env, InspectableEnv)
    assert set(provides(env)) >= {
        "concepts", "legal_actions", "equivalent_actions", "edits", "enumerate", "optimal_values", "render_text",
        "render_rgb", "unseen_levels", "reward_concepts",
    }  # fmt: skip


def test_key_door_goal_in_order():
    state = drawn(MAP, 2, 1, 3)
    state, _, _, _ = play(state, FORWARD)
    assert (state["row"][0], state["column"][0]) == (2, 1)  # the key blocks the way
    state, _, _, _ = play(state, PICK_UP, FORWARD, RIGHT, FORWARD, FORWARD, RIGHT, FORWARD, FORWARD, LEFT)
    assert state["has_key"][0] and (state["row"][0], state["column"][0], state["heading"][0]) == (3, 3, 0)
    state, _, _, _ = play(state, FORWARD)
    assert state["column"][0] == 3  # the door is locked
    state, _, _, _ = play(state, TOGGLE)
    assert state["grid"][0, 3, 4] == OPEN_DOOR and state["has_key"][0]
    state, rewards, terminated, _ = play(state, FORWARD, FORWARD, FORWARD, FORWARD)
    assert rewards == [0, 0, 0, 1] and terminated and state["over"][0]


def test_a_locked_door_stays_locked_without_the_key_and_closes_and_opens_with_it():
    without, _, _, _ = play(drawn(MAP, 3, 3, 0), TOGGLE)
    assert without["grid"][0, 3, 4] == LOCKED_DOOR
    carried = drawn(MAP.replace("k", "."), 3, 3, 0, has_key=1)
    kinds = []
    for _ in range(4):
        carried, _, _, _ = play(carried, TOGGLE)
        kinds.append(CHARACTERS[carried["grid"][0, 3, 4]])
    assert kinds == ["_", "d", "_", "d"]


def test_lava_ends_the_episode_with_minus_one_and_what_is_over_stays_over():
    state, rewards, terminated, _ = play(drawn(MAP, 4, 2, 1), FORWARD)
    assert rewards == [-1] and terminated
    again, rewards, terminated, truncated = play(state, LEFT)
    assert again.tobytes() == state.tobytes() and (rewards, terminated, truncated) == ([0], True, False)


def test_episodes_are_truncated_at_200_steps_and_not_before():
    state = drawn(MAP, 2, 2, 0, steps=198)
    assert not play(state, LEFT)[3] and play(state, LEFT, LEFT)[3]
    env = KeyDoor(max_steps=3)
    assert env.step(drawn(MAP, 2, 2, 0, steps=2), np.array([0])).truncated.all()


def test_the_observation_is_minigrids_and_no_image_to_sb3():
    from stable_baselines3.common.preprocessing import is_image_space

    env = KeyDoor()
    state = drawn(MAP, 2, 1, 3)
    planes = env.observe(state)[0]
    assert planes[:, 2, 1].tolist() == [10, 0, 3]  # agent, red, heading north
    assert planes[:, 1, 1].tolist() == [5, 4, 0]  # key, yellow
    assert planes[:, 3, 4].tolist() == [4, 4, 2]  # door, yellow, locked
    assert planes[:, 3, 7].tolist() == [8, 1, 0]  # goal, green
    assert planes[:, 5, 2].tolist() == [9, 0, 0]  # lava
    assert planes[:, 0, 0].tolist() == [2, 5, 0] and planes[:, 1, 2].tolist() == [1, 0, 0]  # wall, empty
    assert env.observation_space.contains(planes) and not is_image_space(env.observation_space)


def test_the_encoding_is_the_one_that_minigrid_publishes():
    constants = pytest.importorskip("minigrid.core.constants", reason="minigrid is not installed (an extra)")
    names = [
        ("empty", "red", None), ("wall", "grey", None), ("door", "yellow", "open"), ("door", "yellow", "closed"),
        ("door", "yellow", "locked"), ("key", "yellow", None), ("goal", "green", None), ("lava", "red", None),
    ]  # fmt: skip
    from agentscope_envs.gridworlds.cells import AGENT_OBJECT, ENCODING

    for row, (kind, colour, state) in zip(ENCODING, names, strict=True):
        expected = [constants.OBJECT_TO_IDX[kind], constants.COLOR_TO_IDX[colour]]
        assert row.tolist() == [*expected, constants.STATE_TO_IDX[state] if state else 0]
    assert constants.OBJECT_TO_IDX["agent"] == AGENT_OBJECT


def test_the_seed_alone_chooses_the_episode():
    env = KeyDoor()
    first, again, other = (env.reset(np.arange(low, low + 500)) for low in (0, 0, 500))
    assert first.tobytes() == again.tobytes() and first.tobytes() != other.tobytes()
    assert env.reset(np.array([7])).tobytes() == first[7:8].tobytes()  # whatever the batch
    assert set(first["layout"]) | set(other["layout"]) == set(range(64))


def test_start_and_layouts_are_knobs_that_change_something():
    seeds = np.arange(2_000)
    ordinary, anywhere = KeyDoor().reset(seeds), KeyDoor(start="anywhere").reset(seeds)
    assert not ordinary["has_key"].any() and (ordinary["grid"] == LOCKED_DOOR).any(axis=(1, 2)).all()
    assert 0.5 < anywhere["has_key"].mean() < 0.99
    assert (KeyDoor("unseen").reset(seeds)["layout"] >= 64).all()
    assert KeyDoor().unseen_levels().kwargs == {"layouts": "unseen", "start": "start", "size": 9, "max_steps": 200}


def test_fewer_layouts_are_the_first_of_all():
    few = KeyDoor(size=7, layout_count=4)
    assert set(few.reset(np.arange(500))["layout"]) == set(range(4)) == set(few.enumerate()["layout"])
    assert few.kwargs["layout_count"] == 4 and few.unseen_levels().kwargs == KeyDoor("unseen", size=7).kwargs
    assert set(KeyDoor("unseen", layout_count=2).reset(np.arange(100))["layout"]) == {64, 65}


def test_anywhere_starts_only_in_reachable_states():
    env = KeyDoor(start="anywhere")
    reachable = {row.tobytes() for row in env.identity(env.enumerate())}
    started = env.identity(env.reset(np.arange(3_000)))
    assert {row.tobytes() for row in started} <= reachable


@pytest.mark.parametrize("wrong", [{"layouts": "all"}, {"start": "here"}, {"size": 5}, {"max_steps": 0},
                                   {"layout_count": 0}, {"layouts": "unseen", "layout_count": 33}])  # fmt: skip
def test_an_argument_that_means_nothing_is_refused(wrong):
    with pytest.raises(BadOption):
        KeyDoor(**wrong)


def test_enumeration_is_closed_distinct_and_holds_the_starts():
    env = KeyDoor()
    states = env.enumerate()
    keys = {row.tobytes() for row in env.identity(states)}
    assert len(keys) == len(states) and not states["over"].any()
    for action in range(len(ACTIONS)):
        outcome = env.step(states, np.full(len(states), action))
        assert {row.tobytes() for row in env.identity(outcome.states[~outcome.terminated])} <= keys
    assert {row.tobytes() for row in env.identity(env.reset(np.arange(1_000)))} <= keys


def test_enumeration_is_what_a_plain_search_finds():
    env = KeyDoor()
    waiting = [env.reset(np.array([3]))]
    waiting[0]["steps"] = 0
    layout, seen = int(waiting[0]["layout"][0]), set()
    while waiting:
        state = waiting.pop()
        state["steps"] = 0
        if (key := env.identity(state)[0].tobytes()) in seen:
            continue
        seen.add(key)
        for action in range(len(ACTIONS)):
            outcome = env.step(state, np.array([action]))
            if not outcome.terminated[0]:
                waiting.append(outcome.states)
    states = env.enumerate()
    assert {row.tobytes() for row in env.identity(states[states["layout"] == layout])} == seen


def iterate_values(env, states):
    """Plain value iteration over a closed set of states, by sweeps until nothing moves."""
    index = {row.tobytes(): i for i, row in enumerate(env.identity(states))}
    outcomes = [env.step(states, np.full(len(states), action)) for action in range(len(ACTIONS))]
    following = np.array(
        [[index.get(row.tobytes(), -1) for row in env.identity(outcome.states)] for outcome in outcomes]
    )
    rewards = np.array([outcome.rewards for outcome in outcomes])
    values = np.zeros(len(states))
    for _ in range(200):
        q = rewards + env.gamma * np.where(following >= 0, values[following], 0.0)
        if np.array_equal(q.max(axis=0), values):
            break
        values = q.max(axis=0)
    return q.T


def test_optimal_values_equal_plain_value_iteration():
    env = KeyDoor()
    states = env.enumerate()
    states = states[states["layout"] < 6]
    np.testing.assert_allclose(env.optimal_values(states), iterate_values(env, states), atol=1e-12)


def closure(env, state):
    found, waiting = {}, [state]
    while waiting:
        one = waiting.pop()
        one["steps"] = 0
        if (key := env.identity(one)[0].tobytes()) not in found:
            found[key] = one
            outcomes = [env.step(one, np.array([action])) for action in range(len(ACTIONS))]
            waiting += [outcome.states for outcome in outcomes if not outcome.terminated[0]]
    return np.concatenate(list(found.values()))


def test_optimal_values_of_edited_states_equal_plain_value_iteration_too():
    env = KeyDoor()
    edits = env.edits(env.enumerate()[[100, 9_000, 20_000]])
    chosen = np.random.default_rng(0).choice(len(edits.parent), 25, replace=False)
    together = env.optimal_values(edits.states[chosen])
    for row, i in enumerate(chosen):
        closed = closure(env, edits.states[i : i + 1].copy())
        expected = iterate_values(env, closed)[0]
        np.testing.assert_allclose(together[row], expected, atol=1e-12)


def test_optimal_values_of_what_is_over_are_zero_and_two_keys_are_refused():
    env = KeyDoor()
    over, _, _, _ = play(drawn(MAP, 4, 2, 1), FORWARD)
    assert (env.optimal_values(over) == 0).all() and env.optimal_values(over[:0]).shape == (0, 5)
    with pytest.raises(ContractBroken, match="2 keys"):
        env.optimal_values(drawn(MAP, 2, 2, 0, has_key=1))


def test_every_edit_changes_one_feature_and_says_whether_the_rules_allow_it():
    env = KeyDoor()
    states = env.enumerate()[::501]
    edits = env.edits(states)
    before, after = states[edits.parent], edits.states
    assert (env.identity(before) != env.identity(after)).any(axis=1).all()
    names = np.array(edits.feature_names)[edits.feature]
    moved = (before["row"] != after["row"]) | (before["column"] != after["column"])
    assert (moved == (names == "agent_cell")).all()
    assert ((before["heading"] != after["heading"]) == (names == "heading")).all()
    cells = (before["grid"] != after["grid"]).sum(axis=(1, 2))
    assert (cells[np.char.startswith(names, "cell_") | (names == "door")] == 1).all()
    assert (cells[names == "goal"] == 2).all() and (cells[(names == "agent_cell") | (names == "heading")] == 0).all()
    for kind in (KEY, GOAL):
        assert ((after["grid"] == kind).sum(axis=(1, 2)) + (after["has_key"] if kind == KEY else 0) == 1).all()
    opened = (after["grid"] == LOCKED_DOOR).sum(axis=(1, 2)) == 0
    assert (edits.legal == ~(opened & (after["has_key"] == 0))).all()
    assert set(edits.feature) == set(range(len(edits.feature_names)))


def test_edits_of_one_state_are_all_different():
    env = KeyDoor()
    edits = env.edits(env.reset(np.array([11])))
    assert len({row.tobytes() for row in env.identity(edits.states)}) == len(edits.parent)
    assert len(env.edits(edits.states[:0]).parent) == 0


def test_pictures_show_agent_and_key():
    env = KeyDoor()
    text = env.render_text(drawn(MAP, 2, 1, 3))
    assert text.splitlines()[2] == "#^..#...#" and text.endswith("carries nothing")
    images = [env.render_rgb(drawn(MAP, 2, 1, heading, has_key=key)) for heading in range(4) for key in (0, 1)]
    assert images[0].shape == (144, 144, 3) and images[0].dtype == np.uint8
    assert len({image.tobytes() for image in images}) == 8


def test_lava_is_worth_minus_one():
    env = KeyDoor()
    values = env.optimal_values(drawn(MAP, 4, 2, 1))
    assert values[0, FORWARD] == -1 and values.max() > 0
    assert (drawn(MAP, 4, 2, 1)["grid"] == LAVA).any()
