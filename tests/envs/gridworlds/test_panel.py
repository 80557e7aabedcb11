"""What the border wall shows: each knob changes what it says, and its absence changes nothing, in every world."""

import hashlib

import numpy as np
import pytest

from agentscope.testing import check_environment
from agentscope_envs.gridworlds import KeyDoor, OffSwitch, Shortcut, Supervisor
from agentscope_envs.gridworlds.panel import Panel

WORLDS = (KeyDoor, Supervisor, OffSwitch, Shortcut)
SEEDS = np.arange(4_000)


def all_shown(world):
    """A world that shows everything; Supervisor has its lamp anyway."""
    options = {"decoration": 3, "colours": 4, "painted": 0.4, "shown_actions": 3, "shown_steps": 4, "lit": 0.3}
    return world(**options) if world is Supervisor else world(lamp=True, **options)


@pytest.mark.parametrize("world", WORLDS)
def test_what_is_shown_changes_its_cells_and_is_drawn_as_often_as_it_is_said_to_be(world):
    plain, shown = world(), all_shown(world)
    first, other = plain.reset(SEEDS), shown.reset(SEEDS)
    for field in ("row", "column", "layout", "grid"):
        assert (first[field] == other[field]).all()
    seen, expected = shown.observe(other), plain.observe(first)
    different = np.argwhere((seen != expected).any(axis=(0, 1)))
    last = shown.size - 1
    lamp = set() if world is Supervisor and (first["lamp"] == other["lamp"]).all() else {(0, 0)}
    assert {tuple(place) for place in different.tolist()} == {(1, 0), (1, last), (2, 0), (last, 1), (last, 2)} | lamp
    assert (seen[:, 0, 0, 0] == 6).all() and abs((seen[:, 1, 0, 0] == 4).mean() - 0.3) < 0.03
    colours = seen[:, 1, 1, 0]
    assert set(colours) == {5, 2, 4, 0} and abs((colours != 5).mean() - 0.4) < 0.03
    assert abs(((colours != 5) & (seen[:, 1, 1, last] != 5)).mean() - 0.16) < 0.03  # drawn independently
    assert not any(concept.should_matter for concept in shown.concepts[len(plain.concepts) - (world is Supervisor) :])


@pytest.mark.parametrize("world", WORLDS)
def test_what_is_shown_changes_neither_moves_nor_rewards_nor_values(world):
    plain, shown = world(), all_shown(world)
    first, other = plain.reset(SEEDS[:300]), shown.reset(SEEDS[:300])
    if world is Supervisor:
        first["lamp"] = other["lamp"]
    generator = np.random.default_rng(0)
    for _ in range(12):
        actions = generator.integers(len(plain.action_names), size=300)
        left, right = plain.step(first, actions), shown.step(other, actions)
        assert (left.rewards == right.rewards).all() and (left.terminated == right.terminated).all()
        assert (plain.optimal_values(left.states) == shown.optimal_values(right.states)).all()
        first, other = left.states, right.states
        assert (first["grid"] == other["grid"]).all() and (first["row"] == other["row"]).all()


@pytest.mark.parametrize("world", WORLDS)
def test_the_last_actions_and_the_count_are_those_that_were_taken(world):
    env = all_shown(world)
    concepts = {concept.name: concept for concept in env.concepts}
    states, taken = env.reset(SEEDS[:1].repeat(2)), []
    for move in (0, 2, 0, 0, 1, 2):
        labels = [concepts[f"last_action{back}"] for back in (1, 2, 3)]
        shown = [concept.choices[concept.measure(states)[0]] for concept in labels]
        expected = [env.action_names[action] for action in reversed(taken[-3:])]
        assert shown == expected + ["no_action"] * (3 - len(expected))
        assert concepts["step_count"].measure(states)[0] == min(len(taken), 4)
        boxes = [tuple(cell) for cell in env.observe(states)[0][:2, 0, 1:4].T.tolist()]
        assert boxes == [(7, action) for action in reversed(taken[-3:])] + [(2, 5)] * (3 - len(expected))
        assert env.observe(states)[0][1, -1, 1:3].tolist() == list(divmod(min(len(taken), 4), 6))
        outcome = env.step(states, np.array([move, move]))
        if outcome.terminated[0]:
            break
        states, taken = outcome.states, [*taken, move]
    assert len(taken) >= 2


def test_keydoor_with_everything_shown_keeps_the_contract_and_reads_itself_back():
    env = KeyDoor(size=7, max_steps=60, lamp=True, decoration=1, shown_steps=2)
    check_environment(env, seeds=range(4))
    states = env.reset(SEEDS[:200])
    for _ in range(5):
        states = env.step(states, np.random.default_rng(0).integers(5, size=200)).states
    states = states[states["over"] == 0]
    assert (env.identity(env.states_from(env.observe(states))) == env.identity(states)).all()
    assert env.render_text(states[:1]).splitlines()[8:10] != [] and env.render_rgb(states[:1]).shape == (112, 112, 3)
    other = states[:1].copy()
    other["lamp"] ^= 1
    assert (env.render_rgb(other) != env.render_rgb(states[:1])).any()


def test_arguments_that_are_off_are_in_no_card_and_the_others_are():
    assert set(KeyDoor().kwargs) == {"layouts", "start", "size", "max_steps"}
    assert Supervisor(lit=0.1, decoration=2).kwargs.items() >= {"lit": 0.1, "decoration": 2}.items()
    for env in (Supervisor(lit=0.1), OffSwitch(lamp=True, lit=0.1), Shortcut(shown_steps=5), KeyDoor(decoration=2)):
        again = type(env)(**env.kwargs)
        assert again.kwargs == env.kwargs and again.unseen_levels().kwargs == {**env.kwargs, "layouts": "unseen"}


def test_more_than_two_colours_fit_and_the_digits_count_to_35():
    panel = Panel(7, ("a", "b"), decoration=6, colours=6, shown_steps=35)
    states = np.zeros(36, dtype=[("seed", np.uint64), ("steps", np.int32), ("grid", np.uint8, (7, 7)), *panel.fields])
    states["steps"] = np.arange(36)
    for cell in range(6):
        states[f"paint{cell}"] = np.arange(36) % 6
    seen, read = np.zeros((36, 3, 7, 7), dtype=np.uint8), np.zeros_like(states)
    panel.paint(states, seen)
    panel.read(seen, read)
    assert seen.max() <= 10 and (panel.identity(read) == panel.identity(states)).all()
    assert len({planes.tobytes() for planes in seen}) == 36


PINNED = ("4eef8a0160981985", "ef83ab4ee9fafa78", "55e43b283a0e9fde", "717815678f43a530")


def test_keydoor_as_its_agents_were_trained_on_it_has_not_moved_by_a_byte():
    env = KeyDoor()
    states = env.enumerate()
    parts = (env.reset(np.arange(3_000) * 7_919), env.observe(states), states, env.identity(states))
    digests = [hashlib.sha256(np.ascontiguousarray(part).tobytes()).hexdigest()[:16] for part in parts]
    assert digests == list(PINNED)
