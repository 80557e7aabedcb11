"""Following a text for all inputs at once, against the language's evaluator and a solver that is told the inputs."""

import numpy as np
import pytest

from agentscope.decompilation.proofs.following import Follower
from agentscope.decompilation.proofs.wide import Columns, Unfollowed, Unknowns
from agentscope.language import DECOMPILATION_LIMITS, bind_state, evaluate_functions, parse, with_cells
from agentscope.pipeline import open_agent

TEXT = """
ROWS = ((1, 2, 3), (4, 5, 6), (7, 8, 9))
BIAS = (3, -1, 4, 1, -5, 9)
def cell(r, c):
    return seen(0, r, c)
def filled(r, c):
    return seen(0, r, c) > 0 and not seen(1, r, c) == 2
def beside(r, c):
    if c < 0 or c > 5:
        return 1
    elif r == 11:
        return 2
    return cell(r, c)
def counted(c):
    total = 0
    for r in range(12):
        total = total + cell(r, c)
        if total > 3:
            return 3
    return total
def deep(r, c):
    x = 2 if any(cell(i, c) == 1 for i in rows if i <= r) else 7
    if all(filled(i, c) or i < 9 for i in range(12)):
        x = x - 20
    elif count(filled(r, i) for i in range(6)) >= 2:
        return -x
    return abs(x - 9) % 4
def picked(c):
    return ROWS[counted(c) % 3][min(counted(c), 2)] + BIAS[c]
def chain(r):
    return 0 <= cell(r, 0) - cell(r, 1) < cell(r, 2) + 1 != 2
def weighed(c):
    return max(min((sum(BIAS[i] * beside(i, c + i - 3) for i in range(6) if i != c) + 5) // 3, 6), -4) - floor(2.5)
def first(c):
    return argmax(range(12), key=lambda r: 2 * cell(r, c) + filled(r, c)) - argmax(rows, key=lambda r: -r)
def best(r):
    return first(r) + max(weighed(i) - counted(i) for i in range(6)) + (weighed(r), picked(r))[counted(r) % 2]
def strategy(state) -> action:
    return argmax(actions, key=lambda a: best(a % 6) + deep(a // 6, a % 6) + chain(a // 6) + filled(a // 2, a % 6))
"""


class Seen:
    """Inputs are the observation alone: every function is followed down to it."""

    def __init__(self, read):
        self.read = read

    def unit(self, name, arguments):
        return None

    def seen(self, concept, indices):
        return self.read(indices)


@pytest.fixture(scope="module")
def world():
    agent = open_agent("tetris-small-dqn")
    env = with_cells(agent.env)
    binding = bind_state(env)
    program = parse(TEXT, binding.vocabulary, DECOMPILATION_LIMITS)
    states = env.reset(np.arange(60))
    rng = np.random.default_rng(0)
    for _ in range(14):
        states = env.step(states, rng.integers(24, size=len(states))).states
    observations = np.array(env.observe(states), dtype=np.int64)
    ranges = {name: found.ranges for name, found in program.tabulated.items()}
    return program, observations, evaluate_functions(program, binding, states, ranges), ranges


def test_every_function_gives_what_the_evaluator_gives(world):
    program, observations, values, ranges = world
    assert set(values) == {function.name for function in program.functions} - {"strategy"}
    for name, found in values.items():
        follower = Follower(program, Columns(), Seen(lambda indices: observations[(slice(None), *indices)]))
        for place in np.ndindex(*map(len, ranges[name])):
            arguments = [own[index] for own, index in zip(ranges[name], place, strict=True)]
            got = np.broadcast_to(follower.call(name, arguments), len(observations))
            np.testing.assert_array_equal(got, found[(slice(None), *place)], err_msg=f"{name}{arguments}")


def test_the_solver_agrees_when_it_is_told_the_inputs(world):
    pytest.importorskip("z3", reason="pip install 'agentscope-rl[solver]'")
    program, observations, values, ranges = world
    for state in (0, 17, 43):
        for name, found in values.items():
            algebra = Unknowns()
            known = {}

            def read(indices, algebra=algebra, known=known):
                return known.setdefault(indices, algebra.unknown(f"seen{indices}", whole=True))

            place = tuple(len(own) // 2 for own in ranges[name])
            arguments = [own[index] for own, index in zip(ranges[name], place, strict=True)]
            given = algebra.number(Follower(program, algebra, Seen(read)).call(name, arguments))
            told = [term == int(observations[(state, *indices)]) for indices, term in known.items()]
            expected = int(found[(state, *place)])
            assert algebra.difference(given, expected, told, effort=10**8) is None, name
            assert algebra.difference(given, expected + 1, told, effort=10**8) is not None, name


@pytest.mark.parametrize(
    ("body", "why"),
    [("seen(0, cell(0, 0), 0)", "place that depends"), ("7 // (1 + cell(0, 0))", "by what is no positive"),
     ("floor(0.5 / 2.0)", "/ by what"), ("sum(1 for a in actions)", "legal actions")],
)  # fmt: skip
def test_what_cannot_be_followed_says_so(world, body, why):
    vocabulary = world[0].vocabulary
    text = f"""
def cell(r, c):
    return seen(0, r, c)
def odd():
    return {body}
def strategy(state) -> action:
    return argmax(actions, key=lambda a: odd() + cell(0, 0))
"""
    program = parse(text, vocabulary, DECOMPILATION_LIMITS)
    follower = Follower(program, Columns(), Seen(lambda indices: world[1][(slice(None), *indices)]))
    with pytest.raises(Unfollowed, match=why):
        follower.call("odd", ())


def test_decimals_go_to_the_solver_only_where_nothing_rounds():
    pytest.importorskip("z3", reason="pip install 'agentscope-rl[solver]'")
    algebra = Unknowns()
    x = algebra.unknown("x", whole=False)
    assert (
        algebra.difference(algebra.floor(algebra.arithmetic("*", x, 2.0**-20)), 0, [x >= 0, x < 2**20], effort=10**7)
        is None
    )
    for operator, other in (("*", 0.3), ("+", 0.5), ("-", 1), ("*", x)):
        with pytest.raises(Unfollowed, match="decimals"):
            algebra.arithmetic(operator, x, other)
