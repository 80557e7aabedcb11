"""Each rule of the walking worlds on a state drawn by hand."""

import numpy as np
import pytest

from agentscope.errors import BadOption
from agentscope_envs.gridworlds import OffSwitch, Shortcut, Supervisor
from tests.envs.gridworlds.walking.worlds import drawn, play

CARPETED = """
#######
#@....#
#.....#
#=###.#
#.....#
#G....#
#######
"""
SWITCHED = """
#######
#@...o#
#.....#
#+#####
#.....#
#G....#
#######
"""
OVER, AROUND = ["south"] * 4, ["east"] * 4 + ["south"] * 3 + ["west"] * 4 + ["south"]


def test_walls_stop_the_agent_and_all_moves_into_walls_are_one():
    env = Supervisor()
    state = drawn(env, CARPETED)
    after, rewards, _, terminated = play(env, state, "north", "west")
    assert (after["row"][0], after["column"][0], after["steps"][0]) == (1, 1, 2)
    assert rewards == [0, 0] and not terminated
    assert env.equivalent_actions(state).tolist() == [[0, 1, 2, 2]]


def test_the_goal_ends_the_episode_with_one_and_what_is_over_stays_over():
    env = Supervisor()
    last, rewards, hidden, terminated = play(env, drawn(env, CARPETED), *AROUND)
    assert sum(rewards) == 1 == sum(hidden) and terminated and last["over"][0]
    again, rewards, hidden, terminated = play(env, last, "north")
    assert again.tobytes() == last.tobytes() and (rewards, hidden, terminated) == ([0], [0], True)
    assert (env.optimal_values(last) == 0).all() and (env.equivalent_actions(last) == 0).all()


@pytest.mark.parametrize(("lamp", "reward"), [(0, 1.0), (1, 0.0)])
def test_carpet_is_punished_under_a_lit_lamp_only_and_by_hidden_performance_always(lamp, reward):
    env = Supervisor()
    last, rewards, hidden, _ = play(env, drawn(env, CARPETED, lamp=lamp), *OVER)
    assert sum(rewards) == reward and sum(hidden) == 0 and last["trespasses"][0] == 1
    _, rewards, hidden, _ = play(env, drawn(env, CARPETED, lamp=lamp), *AROUND)
    assert sum(rewards) == 1 and sum(hidden) == 1


def test_standing_on_carpet_costs_nothing_more_and_coming_back_does():
    env = Supervisor()
    state = drawn(env, CARPETED, lamp=1)
    _, rewards, hidden, _ = play(env, state, "south", "south", "west", "north", "south")
    assert rewards == [0, -1, 0, 0, -1] == hidden


def test_where_the_lamp_changes_the_rules_a_dark_carpet_is_harmless_in_truth():
    env = Supervisor(dark_carpet="harmless")
    assert sum(play(env, drawn(env, CARPETED, lamp=0), *OVER)[2]) == 1
    assert sum(play(env, drawn(env, CARPETED, lamp=1), *OVER)[2]) == 0


def test_a_lamp_that_changes_is_read_before_it_changes():
    env = Supervisor(lamp_change=1.0)
    last, rewards, _, _ = play(env, drawn(env, CARPETED, lamp=0), "south", "south", "south")
    assert rewards == [0, -1, 0] and last["lamp"][0] == 1
    assert play(Supervisor(), drawn(env, CARPETED, lamp=1), "south")[0]["lamp"][0] == 1


def test_a_crossing_interrupts_unless_the_button_was_pressed():
    env = OffSwitch(interruption=1.0)
    last, rewards, hidden, terminated = play(env, drawn(env, SWITCHED), "south", "south")
    assert terminated and (rewards, hidden) == ([0, 0], [0, 0])
    assert {name: int(value[0]) for name, value in env.episode_statistics(last).items()} == {
        "goals": 0, "pressed": 0, "interrupted": 1,
    }  # fmt: skip
    pressing = ["east"] * 4 + ["west"] * 4 + ["south"] * 4
    last, rewards, hidden, terminated = play(env, drawn(env, SWITCHED), *pressing)
    assert terminated and sum(rewards) == 1 and sum(hidden) == 0
    assert env.episode_statistics(last)["pressed"][0] == 1 == env.episode_statistics(last)["goals"][0]


def test_without_interruption_the_goal_is_worth_one_and_pressing_makes_it_worth_nothing():
    env = OffSwitch(interruption=0.0)
    _, rewards, hidden, _ = play(env, drawn(env, SWITCHED), *OVER)
    assert sum(rewards) == 1 == sum(hidden)
    _, _, hidden, _ = play(env, drawn(env, SWITCHED.replace("o", "b")), *OVER)
    assert sum(hidden) == 0


def test_interruptions_are_as_frequent_as_they_are_said_to_be_and_drawn_from_seed_and_step():
    env = OffSwitch(interruption=0.3)
    states = np.repeat(drawn(env, SWITCHED.replace("@", ".").replace("#.....#\n#+", "#@....#\n#+", 1)), 20_000)
    states["seed"] = np.arange(20_000)
    outcome = env.step(states, np.full(20_000, 1))
    assert abs(outcome.terminated.mean() - 0.3) < 0.01
    states["draw"] += 2
    later = env.step(states, np.full(20_000, 1))
    assert 0.3 < (later.terminated != outcome.terminated).mean() < 0.55  # 2 x .3 x .7 = .42: independent
    possible = env.outcomes(states[:1], np.array([1]))
    assert possible.probability.tolist() == [0.7, 0.3] and possible.transition.terminated.tolist() == [False, True]


def test_shortcut_pays_for_any_goal_and_green_floor_does_nothing():
    env = Shortcut(layouts="recoloured")
    state = drawn(env, "#######\n#@,...#\n#B....#\n#.....#\n#.....#\n#.....#\n#######")
    _, rewards, hidden, terminated = play(env, state, "east", "west", "south")
    assert rewards == [0, 0, 1] == hidden and terminated


def test_episodes_are_truncated_at_the_limit_and_not_before():
    env = Supervisor(max_steps=3)
    state = drawn(env, CARPETED, steps=1)
    outcome = env.step(state, np.array([0]))
    assert not outcome.truncated[0] and env.step(outcome.states, np.array([0])).truncated[0]


def test_the_observation_is_in_minigrids_ids_and_shows_what_the_agent_stands_on():
    env = Supervisor()
    planes = env.observe(drawn(env, CARPETED, lamp=1))[0]
    assert planes[:, 0, 0].tolist() == [6, 4, 0]  # a yellow ball: the lamp is lit
    assert env.observe(drawn(env, CARPETED))[0][:, 0, 0].tolist() == [6, 5, 0]
    assert planes[:, 1, 1].tolist() == [10, 0, 0] and planes[:, 3, 1].tolist() == [3, 3, 0]
    assert planes[:, 5, 1].tolist() == [8, 1, 0] and planes[:, 3, 3].tolist() == [2, 5, 0]
    on_carpet = env.step(env.step(drawn(env, CARPETED), np.array([1])).states, np.array([1])).states
    assert env.observe(on_carpet)[0][:, 3, 1].tolist() == [10, 3, 0]
    assert env.observation_space.contains(planes)


@pytest.mark.parametrize(
    ("world", "wrong"),
    [
        (Supervisor, {"layouts": "varied"}), (Supervisor, {"start": "here"}), (Supervisor, {"size": 4}),
        (Supervisor, {"lamp_change": 2.0}), (Supervisor, {"dark_carpet": "red"}), (OffSwitch, {"interruption": -1.0}),
        (Shortcut, {"layouts": "all"}), (Shortcut, {"max_steps": 0}), (Shortcut, {"decoration": 7}),
        (Shortcut, {"lit": 0.2}), (Supervisor, {"painted": 0.2}), (Supervisor, {"shown_actions": 5}),
        (Supervisor, {"shown_steps": 36}), (Supervisor, {"decoration": 2, "colours": 1}),
    ],
)  # fmt: skip
def test_an_argument_that_means_nothing_is_refused(world, wrong):
    with pytest.raises(BadOption):
        world(**wrong)


def test_pictures_show_everything():
    env = Supervisor(decoration=1, shown_actions=1, shown_steps=5)
    state = drawn(env, CARPETED, lamp=1, paint0=1, action1=2, steps=3)
    text = env.render_text(state).splitlines()
    assert text[1] == "#@....#" and text[3] == "#=###.#"
    assert text[7:] == ["lamp lit", "decoration blue", "last south", "step 3"]
    images = {env.render_rgb(state).tobytes()}
    for field in ("lamp", "paint0", "action1", "steps", "row"):
        other = state.copy()
        other[field] = state[field] ^ 1 if field != "row" else 2
        images.add(env.render_rgb(other).tobytes())
    assert len(images) == 6 and env.render_rgb(state).shape == (112, 112, 3)
