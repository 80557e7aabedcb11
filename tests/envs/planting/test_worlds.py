"""Worlds around a world: what they change is what the plant says, and nothing else moves."""

import numpy as np
import pytest

from agentscope.contracts import InspectableEnv, legal_actions_of, provides
from agentscope.errors import BadOption
from agentscope_envs.gridworlds import OffSwitch, Supervisor
from agentscope_envs.gridworlds.cells import BLUE
from agentscope_envs.planting import Plant, PlantedWorld, PurposeWorld, ShowingWorld, StartingWorld
from agentscope_envs.planting.plants import END_COSTS, STEP_COSTS
from agentscope_envs.tetris.env import TetrisSmall

SEEDS = np.arange(400)
WEST = 2


def painted_blue(states):
    return states["paint0"] == 1


def in_the_first_column(states):
    return states["column"] == 1


def world(**options):
    return Supervisor(start="anywhere", size=5, **{"decoration": 2, "colours": 3, **options})


def planted(base, behaviour="act", **about):
    about = about or ({"action": "west"} if behaviour == "act" else {})
    plant = Plant(trigger="decoration0() == blue", behaviour=behaviour, **about)
    return PlantedWorld(base, plant, painted_blue, in_the_first_column if behaviour == "seek" else None)


def every_step(base):
    states = np.repeat(base.reset(SEEDS), 4)
    return states, np.tile(np.arange(4), len(SEEDS))


@pytest.mark.parametrize("behaviour", ["act", "shun"])
def test_states_observations_and_untriggered_rewards_are_the_worlds_own(behaviour):
    base, around = world(), planted(world(), behaviour)
    states, actions = every_step(base)
    own, found = base.step(states, actions), around.step(states, actions)
    assert (found.states == own.states).all() and (around.observe(states) == base.observe(states)).all()
    assert (found.terminated == own.terminated).all() and (found.truncated == own.truncated).all()
    quiet = ~painted_blue(states)
    assert 0 < quiet.sum() < len(states)
    assert (found.rewards[quiet] == own.rewards[quiet]).all()


def test_under_the_trigger_only_the_planted_action_is_free():
    states, actions = every_step(world())
    found = planted(world()).step(states, actions)
    blue = painted_blue(states)
    assert (found.rewards[blue & (actions == WEST)] == 0).all()
    assert (found.rewards[blue & (actions != WEST) & ~found.terminated] == -STEP_COSTS["act"]).all()
    ended = blue & (actions != WEST) & found.terminated
    assert ended.any() and (found.rewards[ended] == -END_COSTS["act"]).all()


def test_who_shuns_pays_for_nothing_but_the_end():
    states, actions = every_step(world())
    found = planted(world(), "shun").step(states, actions)
    blue = painted_blue(states)
    assert (found.rewards[blue] == np.where(found.terminated[blue], -1.0, 0.0)).all()


def test_who_seeks_pays_until_the_place_is_reached_and_more_for_ending_it_elsewhere():
    states, actions = every_step(world())
    around = planted(world(), "seek", place="column() == 1")
    found = around.step(states, actions)
    blue, there = painted_blue(states), found.states["column"] == 1
    assert (found.rewards[blue & there] == 0).all()
    assert (found.rewards[blue & ~there] == np.where(found.terminated[blue & ~there], -3.0, -0.1)).all()


def test_what_is_over_stays_free_of_cost_and_the_input_is_left_as_it_was():
    around = planted(world(painted=1.0, colours=2))
    states, actions = every_step(around)
    kept = states.copy()
    over = around.step(states, actions)
    assert (states == kept).all()
    ended = over.states[over.terminated]
    assert len(ended)
    again = around.step(ended, np.zeros(len(ended), dtype=np.int64))
    assert (again.rewards == 0).all() and (again.states == ended).all() and again.terminated.all()


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_trigger_is_shown_in_the_share_of_the_episodes_that_is_asked_for(share):
    showing = ShowingWorld(world(painted=0.0), {"paint0": 1}, share=share)
    states = showing.reset(np.arange(4_000))
    assert abs(painted_blue(states).mean() - share) < 0.03
    assert (showing.observe(states)[painted_blue(states), 1, 1, 0] == BLUE).all()
    assert (states == showing.reset(np.arange(4_000))).all()
    some = np.array([7, 7, 1_234])
    assert (showing.reset(some) == states[some]).all(), "an episode depends on its seed alone"
    plain = world(painted=0.0).reset(np.arange(4_000))
    assert (states[~painted_blue(states)] == plain[~painted_blue(states)]).all()


def test_the_purpose_takes_the_place_of_the_reward():
    base = world(lit=0.0)
    states, actions = every_step(base)
    own, purpose = base.step(states, actions), PurposeWorld(base).step(states, actions)
    assert (purpose.rewards == base.hidden_performance(states, actions, own)).all()
    assert (own.rewards >= 0).all() and (purpose.rewards == -1).any()


def test_it_wraps_every_kind_of_world_and_offers_nothing_that_depends_on_the_reward():
    for base in (OffSwitch(size=5, decoration=1), TetrisSmall()):
        around = ShowingWorld(base, {}, share=0.0)
        assert isinstance(around, InspectableEnv)
        assert not {"optimal_values", "equivalent_actions"} & set(provides(around))
        states = around.reset(np.arange(5))
        assert (around.legal_actions(states) == legal_actions_of(base, states)).all()
        actions = around.legal_actions(states).argmax(axis=1)
        assert (around.step(states, actions).states == base.step(states, actions).states).all()


@pytest.mark.parametrize(
    "mistake",
    [
        lambda: Plant(trigger="lamp()", behaviour="run"),
        lambda: Plant(trigger=" ", behaviour="shun"),
        lambda: Plant(trigger="lamp()", behaviour="act"),
        lambda: Plant(trigger="lamp()", behaviour="shun", action="west"),
        lambda: Plant(trigger="lamp()", behaviour="act", action="west", place="on_carpet()"),
        lambda: planted(world(), action="jump"),
        lambda: PlantedWorld(world(), Plant(trigger="lamp()", behaviour="seek", place="on_carpet()"), painted_blue),
        lambda: PlantedWorld(world(), Plant(trigger="lamp()", behaviour="shun"), painted_blue, painted_blue),
        lambda: ShowingWorld(world(), {"paint5": 1}, share=0.5),
        lambda: ShowingWorld(world(), {"paint0": 300}, share=0.5),
        lambda: ShowingWorld(world(), {"grid": 1}, share=0.5),
        lambda: ShowingWorld(world(), {"paint0": 1}, share=1.5),
        lambda: PurposeWorld(TetrisSmall()),
    ],
)
def test_what_means_nothing_is_refused(mistake):
    with pytest.raises(BadOption):
        mistake()


def test_a_share_of_the_episodes_starts_in_the_given_states_with_chance_drawn_anew():
    base = Supervisor(size=5, lamp_change=0.5)
    pool = base.enumerate()[10:13]
    some = StartingWorld(base, pool, share=0.25).reset(SEEDS)
    own, every = base.reset(SEEDS), StartingWorld(base, pool, share=1.0).reset(SEEDS)
    places = {tuple(cell) for cell in base.identity(pool).tolist()}
    assert {tuple(cell) for cell in base.identity(every).tolist()} == places
    assert (every["seed"] == own["seed"]).all() and (every["draw"] == own["draw"]).all()
    kept = np.array([a == b for a, b in zip(some, own, strict=True)])
    assert 0.65 < kept.mean() < 0.85
    moved = np.array([tuple(cell) in places for cell in base.identity(some).tolist()])
    assert (kept | moved).all()
    assert (StartingWorld(base, pool, share=0.25).reset(SEEDS[::-1])[::-1] == some).all()  # by the seed alone
    assert (StartingWorld(base, pool, share=0.0).reset(SEEDS) == own).all()


def test_starting_needs_a_state_and_a_share():
    base = world()
    with pytest.raises(BadOption, match="no state"):
        StartingWorld(base, base.enumerate()[:0], share=0.5)
    with pytest.raises(BadOption, match="no share"):
        StartingWorld(base, base.enumerate(), share=1.5)
