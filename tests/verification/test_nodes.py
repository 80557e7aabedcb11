"""Equality node by node: silent where text and network are one, and ringing at the one place that was changed."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from agentscope.agents.deploying import deployed
from agentscope.contracts import legal_actions_of
from agentscope.decompilation.parts import Part
from agentscope.decompilation.placing import placed_parts
from agentscope.errors import ContractBroken, EmptySample
from agentscope.integers import IntegerNetwork, arrays_of, read_plan
from agentscope.language import DECOMPILATION_LIMITS, bind_state, parse, with_cells
from agentscope.pipeline import open_agent
from agentscope.rollouts import NetworkPolicy, Streams
from agentscope.verification.node_values import NodeText
from agentscope.verification.nodes import verify_nodes
from agentscope.verification.proof_sets import proof_states

PLAN = (
    "board plane seen index=0",
    "columns slide board channels=3 kernel=3 shift=2 low=0 high=15",
    "scores slide columns channels=4 kernel=1",
)
TEXT = """
WEIGHT = {weight}
BIAS = {bias}
OUTSIDE = {outside}
TURN_WEIGHT = {score_weight}
TURN_BIAS = {score_bias}
def cell(r, c):
    return seen(0, r, c)
def beside(r, c):
    return OUTSIDE[r] if c < 0 or c > 5 else cell(r, c)
def layer(k, c):
    total = BIAS[k] + sum(WEIGHT[k][r][d] * beside(r, c + d - 1) for r in range(12) for d in range(3))
    return min(max((total + 2) // 4, 0), 15)
def score(k, c):
    return TURN_BIAS[k] + sum(TURN_WEIGHT[k][i] * layer(i, c) for i in range(3))
def strategy(state) -> action:
    return argmax(actions, key=lambda a: score(a // 6, a % 6))
"""
PARTS = (
    Part("cell", "board", tuple(range(12)), ((0, 12), (0, 6)), ()),
    Part("beside", "", (), (), ("cell",)),
    Part("layer", "columns", (0, 1, 2), ((0, 3), (0, 6)), ("beside",)),
    Part("score", "scores", (0, 1, 2, 3), ((0, 4), (0, 6)), ("layer",)),
)


@dataclass(frozen=True)
class World:
    """An agent on small Tetris boards whose integer network is known, and states of it."""

    integers: IntegerNetwork
    network: object
    env: object
    states: object


@pytest.fixture(scope="module")
def world():
    agent = open_agent("tetris-small-dqn")
    rng = np.random.default_rng(3)
    stages = read_plan(PLAN)
    arrays = {name: rng.integers(-5, 6, size=shape) for name, shape in arrays_of(stages, (2, 12, 6)).items()}
    arrays["columns.weight"][0, 4, 1] = 3  # the weight that a test gets wrong
    integers = IntegerNetwork(stages, arrays, (2, 12, 6))
    network = deployed(integers, agent.network, name="known")
    policies = {"network": NetworkPolicy(network, agent.env)}
    states = proof_states(agent.env, policies, Streams(1), at_least=600, max_steps=40)
    return World(integers, network, agent.env, states)


def literal(array):
    """An array as a tuple of the language."""
    return str(array) if np.ndim(array) == 0 else "(" + ", ".join(map(literal, array)) + ",)"


def text_of(world, change=lambda text: text, parts=PARTS, integers=None):
    a = (integers or world.integers).arrays
    text = TEXT.format(
        weight=literal(a["columns.weight"]), bias=literal(a["columns.bias"]), outside=literal(a["columns.outside"]),
        score_weight=literal(a["scores.weight"][:, :, 0]), score_bias=literal(a["scores.bias"]),
    )  # fmt: skip
    binding = bind_state(with_cells(world.env))
    program = parse(change(text), binding.vocabulary, DECOMPILATION_LIMITS)
    return NodeText(program, binding, placed_parts(parts, world.integers))


def checked(world, *arguments, **settings):
    return verify_nodes(text_of(world, *arguments, **settings), world.network, world.env, world.states)


def stage(found, name):
    return next(proof for proof in found.stages if proof.stage == name)


def test_a_true_text_is_equal_in_all_states_and_at_all_nodes(world):
    found = checked(world)
    assert found.equal
    assert (found.disagreements, found.nodes, found.nodes_failed, found.changed) == (0, 3, 0, 0)
    assert found.states == len(world.states.states) >= 600
    numbers = {proof.stage: (proof.units, proof.covered, proof.numbers) for proof in found.stages}
    n = found.states
    assert numbers == {"board": (72, 72, 72 * n), "columns": (18, 18, 18 * n), "scores": (24, 24, 24 * n)}
    assert [proof.substituted_changed for proof in found.stages] == [0, 0, None]
    assert not found.unread and not found.counterexamples


def test_one_wrong_weight_is_found_at_its_node(world):
    arrays = dict(world.integers.arrays)
    arrays["columns.weight"] = arrays["columns.weight"].copy()
    arrays["columns.weight"][0, 4, 1] = -3
    found = checked(world, integers=replace(world.integers, arrays=arrays))
    assert not found.equal
    assert stage(found, "board").failed == ()
    assert stage(found, "columns").failed == ("layer",) and stage(found, "columns").changed > 0
    assert stage(found, "scores").failed == ("score",)  # the text computes it from its own columns
    assert stage(found, "columns").substituted_changed > 0 and found.substituted_changed > 0
    assert found.nodes_failed == 2


def test_counts_are_those_of_a_comparison_by_hand(world):
    """A bias of one score that is 1 too high: that score differs in all states, and nothing else does."""
    arrays = dict(world.integers.arrays)
    arrays["scores.bias"] = arrays["scores.bias"] + np.array([0, 1, 0, 0])
    found = checked(world, integers=replace(world.integers, arrays=arrays))
    assert stage(found, "scores").changed == found.changed == 6 * found.states
    assert stage(found, "columns").changed == found.substituted_changed == 0
    observed = world.env.observe(world.states.states)
    scores = world.network.scores(observed)
    legal = legal_actions_of(world.env, world.states.states)
    right = np.where(legal, scores, -np.inf).argmax(axis=1)
    raised = np.where(legal, scores + np.repeat([0, 1, 0, 0], 6), -np.inf).argmax(axis=1)
    assert found.disagreements == (right != raised).sum()
    rows = [example["state"] for example in found.counterexamples]
    assert rows == np.flatnonzero(right != raised)[:5].tolist()
    for example in found.counterexamples:
        assert (example["network"], example["text"]) == (right[example["state"]], raised[example["state"]])


def test_a_swapped_name_is_found(world):
    """The two tables of the scores' channels change places in the call."""
    found = checked(world, lambda text: text.replace("* layer(i, c)", "* layer(2 - i, c)"))
    assert stage(found, "columns").failed == () and stage(found, "scores").failed == ("score",)


@pytest.mark.parametrize("name", ["layer", "score"])
def test_a_wrong_range_is_found(world, name):
    wrong = {"layer": (1, 4), "score": (1, 5)}  # the first argument counts the units from 0
    parts = [replace(p, ranges=(wrong[name], p.ranges[1])) if p.name == name else p for p in PARTS]
    found = checked(world, parts=parts)
    assert not found.equal and found.disagreements == 0
    assert {name for proof in found.stages for name in proof.failed} == {name}


def test_a_function_whose_values_cannot_be_read_is_named(world):
    """It takes a decimal, so that there is no table of its values."""

    def with_spare(text):
        spare = "def spare(c):\n    return floor(c)\n"
        return text.replace("def score", f"{spare}def score").replace("return TURN", "return spare(0.5) + TURN")

    found = checked(world, with_spare, parts=(*PARTS, Part("spare", "columns", (0,), ((0, 6),), ())))
    assert found.unread == ("spare",) and (found.nodes, found.nodes_failed, found.changed) == (3, 0, 0)
    assert not found.equal  # that nobody looked is no equality


def test_scores_may_be_divided_by_a_power_of_two(world):
    agent = open_agent("tetris-small-dqn")
    halved = deployed(world.integers, agent.network, name="known", logit_exponent=0)
    head = halved.pathway.head
    head.weight.data /= 8
    head.bias.data /= 8
    found = verify_nodes(text_of(world), halved, world.env, world.states)
    assert found.equal and found.score_exponent == 3


def test_one_function_for_equal_units_and_one_number_for_a_row_of_columns(world):
    """Places of a function that stands for several units alike, and of one that is alike in all columns."""
    counted = IntegerNetwork(
        read_plan(["board plane seen index=0", "n counted board", "scores slide n channels=4 kernel=1"]),
        {"scores.weight": np.ones((4, 12, 1), int), "scores.bias": np.zeros(4, int)},
        (2, 12, 6),
    )
    row, same = placed_parts((Part("row", "n", tuple(range(12)), ((0, 12),), ()),
                              Part("same", "scores", (0, 2), ((0, 6),), ())), counted)  # fmt: skip
    np.testing.assert_array_equal(row.places, np.arange(72).reshape(12, 6))
    np.testing.assert_array_equal(same.places, np.stack([np.arange(6), 12 + np.arange(6)], axis=1))


def test_parts_that_do_not_fit_the_network_are_refused(world):
    with pytest.raises(ContractBroken, match="'layer' stands for units"):
        text_of(world, parts=(replace(PARTS[2], units=(0, 1, 3)),))
    with pytest.raises(ContractBroken, match=r"'layer' takes arguments in"):
        text_of(world, parts=(replace(PARTS[2], ranges=((0, 3), (1, 7))),))
    with pytest.raises(ContractBroken, match=r"takes arguments in \[\(0, 2\), \(0, 6\)\]"):
        text_of(world, parts=(replace(PARTS[2], ranges=((0, 2), (0, 6))),))
    agent = open_agent("tetris-small-dqn")
    with pytest.raises(ContractBroken, match="'cell' stands for places of 'board'"):
        verify_nodes(text_of(world), agent.network, world.env, world.states)


def test_no_states_prove_nothing(world):
    none = replace(world.states, states=world.states.states[:0], origin=world.states.origin[:0])
    with pytest.raises(EmptySample):
        verify_nodes(text_of(world), world.network, world.env, none)
