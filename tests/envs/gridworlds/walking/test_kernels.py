"""The compiled kernels equal the plain twin bit for bit, on sensible states and on nonsense alike."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from agentscope_envs.gridworlds import Supervisor
from agentscope_envs.gridworlds.walking import kernels, twin
from agentscope_envs.gridworlds.walking.tiles import MOVES, TILES, WALL, state_dtype

SIZE = 6
SHOWN = (("lamp", np.uint8, ()),)


@st.composite
def any_states(draw):
    """States with any tile in any inner cell: several goals, buttons and crossings, or none."""
    count = draw(st.integers(1, 4))
    states = np.zeros(count, dtype=state_dtype(SIZE, SHOWN))
    states["grid"] = WALL
    inner = draw(arrays.arrays(np.uint8, (count, SIZE - 2, SIZE - 2), elements=st.integers(0, len(TILES) - 1)))
    states["grid"][:, 1:-1, 1:-1] = inner
    for field, low, high in (("row", 1, SIZE - 2), ("column", 1, SIZE - 2), ("over", 0, 1), ("lamp", 0, 1)):
        states[field] = draw(arrays.arrays(np.int64, count, elements=st.integers(low, high)))
    return states


@settings(max_examples=200, deadline=None)
@given(any_states(), st.booleans())
def test_kernel_and_twin_step_bit_for_bit_alike(states, interrupts):
    for action in range(len(MOVES)):
        after, rewards = states.copy(), np.empty(len(states))
        kernels.step_batch(
            after["grid"], after["row"], after["column"], after["over"], after["trespasses"],
            np.full(len(states), action), states["lamp"] != 0, np.full(len(states), interrupts), rewards,
        )  # fmt: skip
        for i in range(len(states)):
            one = states[i : i + 1]
            expected, reward = twin.step(one, action, lit=bool(one["lamp"][0]), interrupts=interrupts)
            assert after[i : i + 1].tobytes() == expected.tobytes() and rewards[i] == reward


@settings(max_examples=100, deadline=None)
@given(any_states())
def test_kernel_and_twin_observe_alike(states):
    observations = np.empty((len(states), 3, SIZE, SIZE), dtype=np.uint8)
    kernels.observe_batch(states["grid"], states["row"], states["column"], observations)
    assert (observations == np.stack([twin.observe(states[i : i + 1]) for i in range(len(states))])).all()


@settings(max_examples=100, deadline=None)
@given(any_states())
def test_equivalent_actions_are_those_whose_successors_and_rewards_are_the_same_when_stepped(states):
    equivalent = Supervisor(size=SIZE).equivalent_actions(states)
    for i in range(len(states)):
        one = states[i : i + 1]
        outcomes = [twin.step(one, a, lit=bool(one["lamp"][0]), interrupts=False) for a in range(len(MOVES))]
        keys = [(after.tobytes(), reward) for after, reward in outcomes]
        assert equivalent[i].tolist() == [keys.index(key) for key in keys]
