"""The VectorEnv face plays, bit for bit, what single environments play one by one."""

import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from agentscope.errors import BadOption
from agentscope_envs import ENTRY_POINTS, make_tetris_small
from agentscope_envs.vector import BatchVectorEnv

SHORT = {"Tetris": {"max_pieces": 5}, "TetrisMoves": {"max_pieces": 2}}  # so that truncation is met too


def options_of(name):
    return SHORT.get(name.split("/")[1].removesuffix("-v0").removesuffix("Small"), {"max_steps": 7})


def make(name, mode, count=5):
    return gymnasium.make_vec(name, num_envs=count, vectorization_mode=mode, **options_of(name))


@pytest.mark.parametrize("name", sorted(ENTRY_POINTS))
def test_it_equals_single_environments_in_gymnasiums_own_vector(name):
    ours, theirs = make(name, "vector_entry_point"), make(name, "sync")
    assert isinstance(ours, BatchVectorEnv) and ours.metadata["autoreset_mode"] is theirs.metadata["autoreset_mode"]
    assert ours.observation_space == theirs.observation_space and ours.action_space == theirs.action_space
    generator, ended = np.random.default_rng(0), 0
    for seed in (3, [5, 9, 1, 5, 2], None, [None, 4, None, 4, None]):
        for left, right in zip(ours.reset(seed=seed), theirs.reset(seed=seed), strict=True):
            np.testing.assert_equal(left, right)
        for _ in range(40):
            actions = generator.integers(ours.single_action_space.n, size=5)
            mine, other = ours.step(actions), theirs.step(actions)
            for left, right in zip(mine[:4], other[:4], strict=True):
                assert left.dtype == right.dtype and (left == right).all()
            assert mine[4] == other[4] == {}
            ended += int((mine[2] | mine[3]).sum())
    assert ended >= 20


def test_the_step_after_an_end_starts_the_next_episode_whatever_the_action():
    env = make("AgentScope/Tetris-v0", "vector_entry_point", 2)
    assert env.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    env.reset(seed=0)
    for _ in range(4):
        assert not env.step(np.array([0, 12]))[3].any()
    assert env.step(np.array([0, 12]))[3].all()
    observed, rewards, terminated, truncated, _ = env.step(np.array([1, 1]))
    assert (rewards == 0).all() and not (terminated | truncated).any() and (observed[:, 0] == 0).all()


def test_one_seed_each_gives_the_episode_of_that_seed():
    env = BatchVectorEnv(make_tetris_small().inspectable, 3)
    observed, _ = env.reset(seed=[7, 8, 7])
    alone = [make_tetris_small().reset(seed=seed)[0] for seed in (7, 8, 7)]
    assert (observed == np.stack(alone)).all() and (observed[0] != observed[1]).any()
    before = env.step(np.array([0, 0, 0]))[0]
    masked, _ = env.reset(seed=[None, 9, None], options={"reset_mask": np.array([False, True, False])})
    assert (masked[[0, 2]] == before[[0, 2]]).all()
    assert (masked[1] == make_tetris_small().reset(seed=9)[0]).all()


def test_without_a_seed_episodes_differ():
    env = BatchVectorEnv(make_tetris_small().inspectable, 30)
    assert len(np.unique(env.reset()[0], axis=0)) > 5


def test_it_draws_and_masks_every_sub_environment():
    env = gymnasium.make_vec("AgentScope/KeyDoor-v0", num_envs=2, render_mode="rgb_array")
    env.reset(seed=0)
    assert [frame.ndim for frame in env.render()] == [3, 3] and env.action_masks().shape == (
        2,
        env.single_action_space.n,
    )
    text = BatchVectorEnv(make_tetris_small().inspectable, 2)
    text.reset(seed=0)
    assert all(frame.startswith("piece ") for frame in text.render())


def test_wrong_arguments_are_refused():
    with pytest.raises(BadOption, match="num_envs=0"):
        BatchVectorEnv(make_tetris_small().inspectable, 0)
    env = BatchVectorEnv(make_tetris_small().inspectable, 2)
    with pytest.raises(BadOption, match="3 seeds for 2"):
        env.reset(seed=[1, 2, 3])
    with pytest.raises(BadOption, match="reset_mask"):
        env.reset(options={"reset_mask": np.array([1, 0])})


def test_it_loads_no_torch():
    text = (
        "import sys, gymnasium; gymnasium.make_vec('agentscope_envs:AgentScope/Tetris-v0', num_envs=2).reset(seed=0); "
        "import agentscope_envs.vector; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", text], check=False).returncode == 0
