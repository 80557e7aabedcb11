"""States drawn by hand, plain searches and plain value iteration, for the tests of the walking worlds."""

from collections import deque

import numpy as np

from agentscope_envs.gridworlds.walking.rendering import AGENT, CHARACTERS


def drawn(env, text, **fields):
    """One state from a map; `@` stands on empty floor, or on the character that `under` names."""
    state = np.zeros(1, dtype=env.state_dtype)
    rows = [list(line) for line in text.split()]
    (place,) = [(r, c) for r, row in enumerate(rows) for c, cell in enumerate(row) if cell == AGENT]
    rows[place[0]][place[1]] = fields.pop("under", ".")
    state["grid"] = [[CHARACTERS.index(cell) for cell in row] for row in rows]
    state["row"], state["column"] = place
    for field, value in fields.items():
        state[field] = value
    return state


def play(env, state, *moves):
    """(last state, rewards, hidden performances, terminated) of these moves."""
    rewards, hidden = [], []
    for move in moves:
        action = np.array([env.action_names.index(move)])
        outcome = env.step(state, action)
        hidden.append(float(env.hidden_performance(state, action, outcome)[0]))
        rewards.append(float(outcome.rewards[0]))
        state = outcome.states
    return state, rewards, hidden, bool(outcome.terminated[0])


def follow(env, states, values):
    """Greedy play by a function of states: sums of reward and hidden performance, and the last states."""
    rewards, hidden = np.zeros(len(states)), np.zeros(len(states))
    states, going = states.copy(), np.arange(len(states))
    for _ in range(env.max_steps):
        actions = values(states[going]).argmax(axis=1)
        outcome = env.step(states[going], actions)
        rewards[going] += outcome.rewards
        hidden[going] += env.hidden_performance(states[going], actions, outcome)
        states[going] = outcome.states
        going = going[~outcome.terminated]
    return rewards, hidden, states


def iterate_values(env, states, *, hidden=False):
    """Plain value iteration over a closed set of states and all outcomes, by sweeps until nothing moves."""
    index = {row.tobytes(): i for i, row in enumerate(env.identity(states))}
    values, q = np.zeros(len(states) + 1), np.zeros((len(states), 4))
    table = []
    for action in range(4):
        actions = np.full(len(states), action)
        possible = env.outcomes(states, actions)
        after = possible.transition
        rewards = after.rewards
        if hidden:
            rewards = env.hidden_performance(states[possible.parent], actions[possible.parent], after)
        following = [index.get(row.tobytes(), -1) for row in env.identity(after.states)]
        table.append((possible.parent, possible.probability, rewards, np.where(after.terminated, -1, following)))
    for _ in range(2_000):
        for action, (parent, chance, rewards, following) in enumerate(table):
            worth = chance * (rewards + env.gamma * values[following])
            q[:, action] = np.bincount(parent, worth, minlength=len(states))
        moved = np.abs(q.max(axis=1) - values[:-1]).max()
        values[:-1] = q.max(axis=1)
        if moved < 1e-12:
            break
    return q


def search(env, starts):
    """Identities of all states that are met from the starts, one state at a time, whatever chance brings."""
    waiting, seen = deque(starts[i : i + 1] for i in range(len(starts))), set()
    while waiting:
        state = waiting.popleft()
        if (key := env.identity(state)[0].tobytes()) in seen:
            continue
        seen.add(key)
        for action in range(4):
            after = env.outcomes(state, np.array([action])).transition
            waiting.extend(after.states[i : i + 1] for i in np.flatnonzero(~after.terminated))
    return seen
