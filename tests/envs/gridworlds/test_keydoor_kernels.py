"""The compiled kernels equal the plain twin bit for bit, on sensible states and on nonsense alike."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from agentscope_envs.gridworlds import KeyDoor, twin
from agentscope_envs.gridworlds.cells import ACTIONS, KINDS, WALL, state_dtype

SIZE = 9
ENV = KeyDoor(max_steps=7)


@st.composite
def any_states(draw):
    """States with any kind in any inner cell: several keys, doors and goals, or none."""
    count = draw(st.integers(1, 4))
    states = np.zeros(count, dtype=state_dtype(SIZE))
    states["grid"] = WALL
    inner = draw(arrays.arrays(np.uint8, (count, SIZE - 2, SIZE - 2), elements=st.integers(0, len(KINDS) - 1)))
    states["grid"][:, 1:-1, 1:-1] = inner
    for field, low, high in (
        ("row", 1, SIZE - 2), ("column", 1, SIZE - 2), ("heading", 0, 3), ("has_key", 0, 1), ("over", 0, 1),
        ("steps", 0, 8),
    ):  # fmt: skip
        states[field] = draw(arrays.arrays(np.int64, count, elements=st.integers(low, high)))
    return states


@settings(max_examples=300, deadline=None)
@given(any_states())
def test_kernel_and_twin_agree_bit_for_bit_on_any_state_and_action(states):
    alone = [twin.observe(states[i : i + 1]) for i in range(len(states))]
    assert (ENV.observe(states) == np.stack(alone)).all()
    for action in range(len(ACTIONS)):
        outcome = ENV.step(states, np.full(len(states), action))
        for i in range(len(states)):
            after, reward, terminated, truncated = twin.step(states[i : i + 1], action, ENV.max_steps)
            assert after.tobytes() == outcome.states[i : i + 1].tobytes()
            assert (reward, terminated, truncated) == (
                outcome.rewards[i], outcome.terminated[i], outcome.truncated[i],
            )  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(any_states())
def test_equivalent_actions_are_those_whose_successors_and_rewards_are_the_same_when_stepped(states):
    equivalent = ENV.equivalent_actions(states)
    for i in range(len(states)):
        one = states[i : i + 1]
        outcomes = [twin.step(one, action, 10**6) for action in range(len(ACTIONS))]
        keys = [(after.tobytes(), reward) for after, reward, _, _ in outcomes]
        assert equivalent[i].tolist() == [keys.index(key) for key in keys]
