"""Leaves: proved where text and unit are one, refuted with inputs that can be checked where they are not."""

import importlib

import numpy as np
import pytest

from agentscope.decompilation.parts import Part
from agentscope.decompilation.placing import placed_parts
from agentscope.decompilation.proofs.leaves import LeafText, prove_leaf, prove_leaves
from agentscope.decompilation.proofs.unfolding import Unfolding
from agentscope.decompilation.proofs.wide import Columns
from agentscope.decompilation.ranges import bounds
from agentscope.decompilation.running import run
from agentscope.integers import SEEN, IntegerNetwork, read_plan, shapes_of
from agentscope.language import DECOMPILATION_LIMITS, Vocabulary, parse
from agentscope.language.vocabulary import Signature
from tests.decompilation.small_networks import SMALL, every_observation, network_of


def vocabulary_for(shape, high, kind="count"):
    """An environment that shows nothing but its observation."""
    axes = {f"axis{place}": tuple(map(str, range(length))) for place, length in enumerate(shape)}
    low, high = (None, None) if kind == "number" else (0, high)
    seen = Signature("seen", kind, tuple(axes), (), False, False, True, True, low, high)
    return Vocabulary({"seen": seen}, {}, ("left", "right"), axes)


def leaf_text(text, network, parts, low, high, kind="count"):
    vocabulary = vocabulary_for(network.observation, high if np.isscalar(high) else 1, kind)
    program = parse(text, vocabulary, DECOMPILATION_LIMITS)
    found = bounds(network, np.broadcast_to(low, network.observation), np.broadcast_to(high, network.observation))
    return LeafText(program, placed_parts(parts, network), network, found)


def proofs(*arguments, **settings):
    text = leaf_text(*arguments, **settings)
    return {part.name: prove_leaf(text, part) for part in text.parts}


@pytest.mark.parametrize("name", SMALL)
def test_single_numbers_of_a_network_are_those_of_the_whole(name):
    """Unfolded over all observations as columns, against the int64 reference."""
    shape, highest, plan = SMALL[name]
    network = network_of(plan, shape, 2)
    observations = every_observation(shape, highest)
    flat = observations.reshape(len(observations), -1)
    values = run(network, observations)
    for stage in network.stages:
        expected = values[stage.name].reshape(len(flat), -1)
        for place in range(expected.shape[1]):
            unfolding = Unfolding(network, Columns(), lambda source, at: flat[:, at] if source == SEEN else None)
            got = np.broadcast_to(unfolding.own(stage.name, place), len(flat))
            np.testing.assert_array_equal(got, expected[:, place])


DENSE = IntegerNetwork(
    read_plan(["hidden dense seen units=2 shift=2 low=0 high=9", "scores dense hidden units=2"]),
    {"hidden.weight": np.array([[3, -2, 0, 5], [0, 0, 7, -4]]), "hidden.bias": np.array([1, 3]),
     "scores.weight": np.array([[1, -3], [2, 0]]), "scores.bias": np.array([0, -2])}, (4,),
)  # fmt: skip
DENSE_TEXT = """
def hidden_0():
    return min(max((3 * seen(0) - 2 * seen(1) + 5 * seen(3) + 3) // 4, 0), 9)
def hidden_1():
    return min(max((7 * seen(2) - 4 * seen(3) + 5) // 4, 0), 9)
def score(a):
    if a == left:
        return hidden_0() - 3 * hidden_1()
    return 2 * hidden_0() - 2
def strategy(state) -> action:
    return argmax(actions, key=lambda a: score(a))
"""
DENSE_PARTS = (
    Part("hidden_0", "hidden", (0,), (), ()),
    Part("hidden_1", "hidden", (1,), (), ()),
    Part("score", "scores", (0, 1), ((0, 2),), ()),
)


def test_a_true_text_is_proved_by_tables():
    found = proofs(DENSE_TEXT, DENSE, DENSE_PARTS, 0, 6)
    assert {name: (leaf.how, leaf.proved, leaf.inputs, leaf.rows) for name, leaf in found.items()} == {
        "hidden_0": ("table", True, 3, 7**3),
        "hidden_1": ("table", True, 2, 7**2),
        "score": ("table", True, 2, 10 * 10 + 10),  # the second score reads one unit only
    }


def value_of(network, unit, inputs):
    """One hidden unit of DENSE by hand."""
    total = network.arrays["hidden.bias"][unit] + network.arrays["hidden.weight"][unit] @ inputs
    return min(max(int(np.floor(total / 4 + 0.5)), 0), 9)


@pytest.mark.parametrize("high", [6, 60])
@pytest.mark.parametrize(
    ("right", "wrong"),
    [("3 * seen(0)", "4 * seen(0)"), ("- 2 * seen(1)", "- 2 * seen(2)"), ("+ 3) // 4", "+ 2) // 4"), (", 9)", ", 8)"),
     (", 0), 9", ", 1), 9"), ("+ 5 * seen(3)", ""), ("// 4", "// 3")],
)  # fmt: skip
def test_a_wrong_text_is_refuted_by_inputs_that_show_it(right, wrong, high):
    """By table (high 6) and, where z3 is there, by the solver."""
    if high > 6:
        pytest.importorskip("z3", reason="pip install 'agentscope-rl[solver]'")
    text = DENSE_TEXT.replace(right, wrong, 1)
    leaf = proofs(text, DENSE, DENSE_PARTS, 0, high)["hidden_0"]
    assert not leaf.proved and leaf.differs is not None
    inputs = np.array([leaf.differs["inputs"].get(f"seen[{place}]", 0) for place in range(4)])
    assert ((inputs >= 0) & (inputs <= high)).all()
    assert leaf.differs["network"] == value_of(DENSE, 0, inputs)
    body = text.split("return ")[1].splitlines()[0]
    assert leaf.differs["text"] == eval(body, {"seen": lambda place: int(inputs[place]), "min": min, "max": max})
    assert leaf.differs["text"] != leaf.differs["network"]


def test_many_rows_are_left_to_the_solver():
    pytest.importorskip("z3", reason="pip install 'agentscope-rl[solver]'")
    found = proofs(DENSE_TEXT, DENSE, DENSE_PARTS, 0, 100)
    assert found["hidden_0"].how == "solver" and found["hidden_0"].proved and found["hidden_0"].rows == 0
    assert found["hidden_1"].how == "table"  # 101**2 rows


DOUBLED = DENSE_TEXT.replace(
    "(3 * seen(0) - 2 * seen(1) + 5 * seen(3) + 3) // 4", "(6 * seen(0) - 4 * seen(1) + 10 * seen(3) + 7) // 8"
)
"""The same in all whole numbers, but no sum of the same terms."""


def test_one_normal_form_needs_no_solver(monkeypatch):
    monkeypatch.setattr(importlib, "import_module", absent)
    leaf = proofs(DENSE_TEXT, DENSE, DENSE_PARTS, 0, 100)["hidden_0"]
    assert leaf.how == "solver" and leaf.proved


def test_without_a_solver_a_large_leaf_of_another_form_is_untested_and_says_why(monkeypatch):
    assert proofs(DOUBLED, DENSE, DENSE_PARTS, 0, 6)["hidden_0"].proved  # by table
    monkeypatch.setattr(importlib, "import_module", absent)
    leaf = proofs(DOUBLED, DENSE, DENSE_PARTS, 0, 100)["hidden_0"]
    assert leaf.how == "untested" and not leaf.proved and "agentscope-rl[solver]" in leaf.why


def absent(name):
    """What importing does where nothing is installed."""
    raise ImportError(name)


def test_another_form_is_left_to_the_solver():
    pytest.importorskip("z3", reason="pip install 'agentscope-rl[solver]'")
    leaf = proofs(DOUBLED, DENSE, DENSE_PARTS, 0, 100)["hidden_0"]
    assert leaf.how == "solver" and leaf.proved
    leaf = proofs(DOUBLED.replace("+ 7) // 8", "+ 5) // 8"), DENSE, DENSE_PARTS, 0, 100)["hidden_0"]
    assert leaf.how == "solver" and leaf.differs is not None


def test_a_clamp_may_be_left_out_only_where_it_never_acts():
    text = DENSE_TEXT.replace(
        "min(max((7 * seen(2) - 4 * seen(3) + 5) // 4, 0), 9)", "max((7 * seen(2) - 4 * seen(3) + 5) // 4, 0)"
    )
    assert proofs(text, DENSE, DENSE_PARTS, 0, 4)["hidden_1"].proved  # at most 33 // 4
    assert not proofs(text, DENSE, DENSE_PARTS, 0, 6)["hidden_1"].proved


BOARD = IntegerNetwork(
    read_plan(["b plane seen index=0", "n counted b", "scores slide b,n channels=1 kernel=3"]),
    {"scores.weight": np.array([[[0, 2, 0], [1, 0, -1], [0, 3, 0], [0, 0, 1]]]), "scores.bias": np.array([-1]),
     "scores.outside": np.array([0, 1, 0, 2])}, (1, 2, 2),
)  # fmt: skip
BOARD_TEXT = """
def wall(r, c):
    return 1 if c < 0 or c > 1 else seen(0, r, c)
def score(c):
    beside = seen(0, 1, 0) + seen(0, 1, 1) if c == 0 else 2
    return 2 * seen(0, 0, c) + wall(1, c - 1) - wall(1, c + 1) + 3 * sum(seen(0, 0, i) for i in range(2)) + beside - 1
def strategy(state) -> action:
    return argmax(actions, key=lambda a: score(a))
"""


def test_a_text_may_leave_stages_out_and_walls_are_inputs_of_neither():
    """The counts are never a function of their own: the unit is computed from what the text reads."""
    found = proofs(BOARD_TEXT, BOARD, (Part("score", "scores", (0,), ((0, 2),), ()),), 0, 1)["score"]
    assert found.proved and found.how == "table" and found.inputs == 4 and found.rows == 2**4 + 2**3
    wrong = BOARD_TEXT.replace("else 2", "else 1")
    found = proofs(wrong, BOARD, (Part("score", "scores", (0,), ((0, 2),), ()),), 0, 1)["score"]
    assert found.differs["arguments"] == [1] and found.differs["network"] - found.differs["text"] == 1


FLAGS = IntegerNetwork(
    read_plan(["cells flags seen objects=4 colours=0 states=0", "scores dense cells units=2"]),
    {"scores.weight": np.array([[5, 1, 1, 1], [0, 0, 2, 0]]), "scores.bias": np.array([0, 0])}, (3, 1, 1),
)  # fmt: skip


def test_of_the_flags_of_one_cell_one_holds_at_a_time():
    """`5 if is_0() else 1` is the sum of all four flags only since one of them always holds."""
    text = """
def is_0():
    return min(seen(0, 0, 0), 3) == 0
def is_2():
    return min(seen(0, 0, 0), 3) == 2
def score_left():
    return 5 if is_0() else 1
def score_right():
    return 2 if is_2() and not is_0() else 0
def strategy(state) -> action:
    return right if score_right() > score_left() else left
"""
    parts = (Part("is_0", "cells", (0,), (), ()), Part("is_2", "cells", (2,), (), ()),
             Part("score_left", "scores", (0,), (), ()), Part("score_right", "scores", (1,), (), ()))  # fmt: skip
    found = proofs(text, FLAGS, parts, 0, 9)
    assert all(leaf.proved and leaf.how == "table" for leaf in found.values())
    assert {name: leaf.rows for name, leaf in found.items()} == {
        "is_0": 10, "is_2": 10, "score_left": 4, "score_right": 4,
    }  # fmt: skip
    wrong = proofs(text.replace("and not is_0()", "or is_0()"), FLAGS, parts, 0, 9)["score_right"]
    assert wrong.differs["inputs"] == {"cells:objects[0]": 0}


def test_decimals_are_proved_by_the_solver_where_powers_of_two_scale_them():
    pytest.importorskip("z3", reason="pip install 'agentscope-rl[solver]'")
    network = IntegerNetwork(
        read_plan(["input whole seen", "scores dense input units=2"]),
        {"input.exponent": np.array([4, -1]), "input.low": np.array([-8, 0]), "input.high": np.array([7, 3]),
         "scores.weight": np.eye(2, dtype=int), "scores.bias": np.zeros(2, int)}, (2,),
    )  # fmt: skip
    text = """
def first():
    return min(max(floor(seen(0) * 16.0), -8), 7)
def second():
    return min(max(floor(seen(1) * 0.5), 0), 3)
def strategy(state) -> action:
    return right if second() > first() else left
"""
    parts = (Part("first", "input", (0,), (), ()), Part("second", "input", (1,), (), ()))
    found = proofs(text, network, parts, -np.inf, np.inf, kind="number")
    assert all(leaf.proved and leaf.how == "solver" for leaf in found.values())
    wrong = proofs(text.replace("* 16.0", "* 8.0"), network, parts, -np.inf, np.inf, kind="number")["first"]
    assert not wrong.proved and wrong.differs is not None
    third = proofs(text.replace("* 16.0", "* 0.3"), network, parts, 0.0, 1.0, kind="number")["first"]
    assert third.differs is not None or third.how == "untested"


def test_what_depends_on_where_the_agent_stands_is_untested_not_proved():
    text = DENSE_TEXT.replace("3 * seen(0)", "3 * seen(seen(0))")
    leaf = proofs(text.replace("seen(seen(0))", "seen(min(seen(0), 3))"), DENSE, DENSE_PARTS, 0, 6)["hidden_0"]
    assert leaf.how == "untested" and "place that depends on the inputs" in leaf.why


def test_counts_add_up_and_nothing_is_left_to_prove():
    vocabulary = vocabulary_for((4,), 6)
    program = parse(DENSE_TEXT, vocabulary, DECOMPILATION_LIMITS)
    found = prove_leaves(DENSE_PARTS, program, DENSE, np.zeros(4), np.full(4, 6))
    assert found == {"table": 3, "solver": 0, "untested": 0, "failed": 0, "rows": 7**3 + 7**2 + 10**2 + 10,
                     "differs": {}, "why": {}, "every_input": True}  # fmt: skip
    wrong = parse(DENSE_TEXT.replace("7 * seen(2)", "8 * seen(2)"), vocabulary, DECOMPILATION_LIMITS)
    found = prove_leaves(DENSE_PARTS, wrong, DENSE, np.zeros(4), np.full(4, 6))
    assert found["failed"] == 1 and list(found["differs"]) == ["hidden_1"] and not found["every_input"]


@pytest.mark.parametrize(
    "strategy",
    ["argmax(actions, key=lambda a: score(1 - a))", "argmax(actions, key=lambda a: -score(a))",
     "argmax(actions, key=lambda a: score(a) // 2)", "left if score(0) > score(1) else right"],
)  # fmt: skip
def test_leaves_do_not_prove_a_strategy_that_takes_another_action(strategy):
    text = DENSE_TEXT.replace("argmax(actions, key=lambda a: score(a))", strategy)
    found = prove_leaves(
        DENSE_PARTS, parse(text, vocabulary_for((4,), 6), DECOMPILATION_LIMITS), DENSE, np.zeros(4), np.full(4, 6)
    )
    assert found["table"] == 3 and not found["every_input"]


@pytest.mark.parametrize("part", [Part("missing", "hidden", (0,), (), ()), Part("score", "scores", (0,), (), ())])
def test_a_part_that_the_text_does_not_have_is_untested(part):
    """As a stranger's report may list it."""
    program = parse(DENSE_TEXT, vocabulary_for((4,), 6), DECOMPILATION_LIMITS)
    parts = (*DENSE_PARTS[:2], part)
    found = prove_leaves(parts, program, DENSE, np.zeros(4), np.full(4, 6))
    assert found["untested"] == 1 and not found["every_input"]
    assert found["why"] == {part.name: "the text has no function like it"}


def test_shapes_of_the_small_networks_are_those_of_their_stages():
    for shape, _, plan in SMALL.values():
        assert set(shapes_of(read_plan(plan), shape)) == {SEEN, *(line.split()[0] for line in plan)}
