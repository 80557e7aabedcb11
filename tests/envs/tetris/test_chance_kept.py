"""Afterstates with the chance values of the state before: what they show is what the action did."""

import numpy as np
import pytest

from agentscope_envs import Tetris, TetrisMoves, TetrisSmall
from agentscope_envs.gridworlds import Supervisor
from agentscope_envs.tetris.pieces import PIECES, WIDTHS

WORLDS = [
    Tetris(), TetrisSmall(), TetrisSmall(preview=1), TetrisSmall(preview=3), TetrisSmall(bag="7-bag"),
    TetrisSmall(preview=2, bag="7-bag", past=2), TetrisMoves(), Supervisor(size=5, lamp_change=0.5),
]  # fmt: skip


def played(env, moves=12, games=60):
    """States of random games, none of them over, and a random action in each."""
    generator = np.random.default_rng(3)
    states = env.reset(np.arange(games))
    for _ in range(moves):
        step = env.step(states, generator.integers(env.action_space.n, size=len(states)))
        states = np.where(step.terminated, states, step.states)
    return states, generator.integers(env.action_space.n, size=len(states))


def successors(env, states, actions):
    before = states.tobytes()
    after = env.step(states, actions).states
    kept = env.with_chance_of(after, states)
    assert states.tobytes() == before and len(kept) == len(states) and kept.dtype == states.dtype
    return after, kept


@pytest.mark.parametrize("env", WORLDS, ids=lambda env: str((env.id, dict(env.kwargs))))
def test_what_is_shown_does_not_depend_on_the_next_draw(env):
    states, actions = played(env)
    other = states.copy()
    other["seed"] += np.uint64(12345)  # the same situation before another draw
    (drawn, kept), (drawn_other, kept_other) = (successors(env, each, actions) for each in (states, other))
    assert (env.observe(kept) == env.observe(kept_other)).all()
    assert (env.observe(drawn) != env.observe(drawn_other)).any()  # else the draw would show nothing anyway


@pytest.mark.parametrize("env", [Tetris(), TetrisSmall(bag="7-bag")])
def test_the_placed_piece_falls_again_on_the_board_that_it_left(env):
    states, actions = played(env)
    after, kept = successors(env, states, actions)
    assert (env.observe(kept)[:, 0] == env.observe(after)[:, 0]).all()
    assert (env.observe(kept)[:, 1] == env.observe(states)[:, 1]).all()
    for name in ("lines", "placed", "over"):
        assert (kept[name] == after[name]).all()


def test_known_next_pieces_move_up_and_only_the_last_stays():
    env = TetrisSmall(preview=3)
    states, actions = played(env)
    _, kept = successors(env, states, actions)
    assert (kept["piece"] == states["next_pieces"][:, 0]).all()
    assert (kept["next_pieces"][:, :2] == states["next_pieces"][:, 1:]).all()
    assert (kept["next_pieces"][:, 2] == states["next_pieces"][:, 2]).all()
    assert (kept["pose_column"] + WIDTHS[kept["piece"], kept["pose_rotation"]] <= env.width).all()


def test_past_pieces_are_an_effect_of_the_action():
    env = TetrisSmall(past=2)
    states, actions = played(env)
    _, kept = successors(env, states, actions)
    assert (kept["past_piece"] == states["piece"]).all() and (kept["past_piece2"] == states["past_piece"]).all()


def test_a_moved_piece_stays_moved_until_it_rests():
    env = TetrisMoves()
    states = env.reset(np.arange(20))
    states["piece"], states["rotation"], states["column"] = PIECES.index("O"), 0, 2
    moved, kept = successors(env, states, np.zeros(20, dtype=np.int64))
    assert (kept == moved).all() and (kept["column"] == 1).all()
    dropped, kept = successors(env, states, np.full(20, 4))
    assert (kept["rows"] == dropped["rows"]).all() and (kept["rows"] != states["rows"]).any()
    assert (kept["top"] == 0).all() and (kept["piece"] == states["piece"]).all() and (kept["column"] == 2).all()
    assert (dropped["piece"] != states["piece"]).any()


def test_a_lamp_that_chance_does_not_change_is_left_alone():
    env = Supervisor(size=5)
    states, actions = played(env, moves=3)
    after, kept = successors(env, states, actions)
    assert (kept == after).all()
