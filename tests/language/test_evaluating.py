"""What texts mean, on states small enough to work out by hand."""

# ruff: noqa: E501  texts under test are not broken

from __future__ import annotations

import math
from types import MappingProxyType

import gymnasium
import numpy as np
import pytest

from agentscope.concepts import Concept
from agentscope.contracts import Transition
from agentscope.errors import ContractBroken, TextError
from agentscope.language import (
    Batch,
    TextPolicy,
    batches,
    bind_state,
    evaluate,
    evaluate_expression,
    evaluating,
    parse,
    parse_expression,
    print_program,
    rank_actions,
)  # fmt: skip

START = "def strategy(state):\n"


def state(env, heights=(0, 0, 0), piece=0, lamp=False, drift=0.0):
    one = np.zeros(1, env.state_dtype)
    one["heights"], one["piece"], one["lamp"], one["drift"] = heights, piece, lamp, drift
    return one


@pytest.fixture
def run(vocabulary, binding):
    def run(body, states, **options):
        text = START + "".join(f"    {line}\n" for line in body.split("\n"))
        return evaluate(parse(text, vocabulary), binding, states, **options)

    return run


def test_a_text_decides_line_by_line(run, env):
    body = "if lamp():\n    return wait\nelif height(west) > 2:\n    return put_right\nelse:\n    return put_left"
    states = np.concatenate([state(env, lamp=True), state(env, (3, 0, 0)), state(env, (2, 0, 0))])
    found = run(body, states)
    assert found.actions.tolist() == [3, 2, 0]
    assert found.lines.tolist() == [3, 5, 7]
    assert found.actions.dtype == np.int64 and found.lines.dtype == np.int32


def test_untaken_branches_are_never_evaluated(run, env):
    states = np.concatenate([state(env, (0, 2, 0)), state(env, (4, 9, 0))])
    assert run("x = 8 // height(west) if height(west) > 0 else 1\nreturn x", states).actions.tolist() == [1, 2]
    assert run("if height(west) > 0 and 4 // height(west) == 1:\n    return 1\nreturn 0", states).actions.tolist() == [
        0,
        1,
    ]
    assert run("if height(west) == 0 or 4 // height(west) == 2:\n    return 1\nreturn 0", states).actions.tolist() == [
        1,
        0,
    ]
    body = "if height(middle) < 3:\n    return put_right\nreturn (1, 2, 0)[height(west) - 4]"
    assert run(body, states).actions.tolist() == [2, 1]
    assert run("return 1 if 0 < height(west) < 9 // height(west) else 0", states).actions.tolist() == [0, 0]


def test_any_and_all_look_no_further_than_cpython_does(run, env):
    states = np.concatenate([state(env, (5, 0, 1)), state(env, (7, 0, 0))])
    assert run("return 1 if any(10 // height(c) < 3 for c in columns) else 0", states).actions.tolist() == [1, 1]
    assert run("return 1 if all(10 // height(c) > 2 for c in columns) else 0", states).actions.tolist() == [0, 0]
    with pytest.raises(TextError, match="division by zero"):
        run("return 1 if any(10 // height(c) > 3 for c in columns) else 0", states)


@pytest.mark.parametrize("body, place", [
    ("return 8 // height(west) % 4", (2, 17)),
    ("return 1 if 1 / height(west) > 2 else 0", (2, 21)),
    ("return 8 % height(west)", (2, 16)),
    ("return (1, 2)[height(west) - 1]", (2, 19)),
    ("return height(height(west) - 1) % 4", (2, 19)),
    ("return height(west) - 1", (2, 12)),
    ("return min(c for c in columns if height(c) > 5)", (2, 12)),
])  # fmt: skip
def test_a_taken_mistake_names_its_place(run, env, body, place):
    with pytest.raises(TextError) as refused:
        run(body, np.concatenate([state(env, (1, 1, 1)), state(env)]))
    assert (refused.value.line, refused.value.column) == place


def test_ties_go_to_the_lowest_index_after_legality(run, env):
    states = np.concatenate([state(env), state(env, (10, 0, 0)), state(env, (10, 10, 10))])
    assert run("return argmax(actions, key=lambda a: 1)", states).actions.tolist() == [0, 1, 3]
    assert run("return argmax(actions, key=lambda a: -a)", states).actions.tolist() == [0, 1, 3]
    assert run("return argmax(actions, key=lambda a: a < 2)", states).actions.tolist() == [0, 1, 3]
    assert run("return argmax(columns, key=lambda c: height(c))", states).actions.tolist() == [0, 0, 0]
    assert run("return max(a for a in actions) - min(a for a in actions)", states).actions.tolist() == [3, 2, 0]
    assert run("n = 0\nfor a in actions:\n    n = n + 1\nreturn n - 1", states).actions.tolist() == [3, 2, 0]


def test_an_illegal_action_is_marked_and_a_policy_refuses_it(run, env, vocabulary, binding):
    states = np.concatenate([state(env), state(env, (10, 0, 0))])
    assert run("return put_left", states).illegal.tolist() == [False, True]
    policy = TextPolicy(parse(START + "    return put_left\n", vocabulary), binding)
    assert policy.actions(states[:1]).tolist() == [0]
    with pytest.raises(TextError, match="illegal in state 1"):
        policy.actions(states)


def test_after_reads_the_successor_of_each_action(run, env):
    states = np.concatenate([state(env, (1, 5, 3), piece=2), state(env, (9, 9, 8), piece=1)])
    lowest = "return argmax(actions, key=lambda a: -max(after(a, height, c) for c in columns))"
    assert run(lowest, states).actions.tolist() == [0, 3]
    assert run("return 3 if after(put_left, height, west) == 4 else 1", states).actions.tolist() == [3, 1]
    assert run("return 1 if after(wait, drift) == 2.0 else 0", state(env, drift=4.0)).actions.tolist() == [1]


def test_after_gives_the_terminal_states_value(run, env):
    ended = state(env, (10, 10, 9), piece=2)
    assert env.step(ended, np.array([2])).terminated.all()
    assert run("return 1 if after(put_right, height, east) == 12 else 0", ended).actions.tolist() == [1]


def test_after_refuses_an_illegal_action_that_is_taken(run, env):
    full = state(env, (10, 0, 0))
    with pytest.raises(TextError, match="illegal action"):
        run("return after(put_left, height, west) % 4", full)
    assert run("return after(put_left, height, west) % 4 if height(west) < 10 else 3", full).actions.tolist() == [3]


def test_action_concepts_take_the_action_first(run, env):
    states = state(env, (1, 2, 3), piece=1)
    assert run("return 1 if lifted(put_left, west) == 3 and lifted(wait, west) == 1 else 0", states).actions[0] == 1
    assert run("return 1 if sum(total(a) for a in actions) == 30 else 0", states).actions[0] == 1


def test_successors_are_stepped_once_and_concepts_measured_once_a_chunk(env, states, monkeypatch):
    monkeypatch.setattr(batches, "CHUNK_STATES", 100)
    counted = {"step": 0, "height": 0}

    class Counting(type(env)):
        def step(self, given, actions):
            counted["step"] += 1
            return super().step(given, actions)

    counting = Counting()

    def heights(given):
        counted["height"] += 1
        return given["heights"].copy()

    height = Concept(name="height", kind="count", measure=heights, axis=("columns",), high=20, doc="")
    counting.concepts = (height, *env.concepts[1:])
    binding = bind_state(counting)
    text = "return argmax(actions, key=lambda a: after(a, height, 0) - 2 * after(a, height, 1) + after(a, drift))"
    program = parse(f"{START}    x = height(0) + height(1)\n    {text}\n", binding.vocabulary)
    first = evaluate(program, binding, states)
    assert counted == {"step": 4, "height": 8}
    batch = Batch(binding, states)
    evaluate(program, binding, batch)
    again = evaluate(program, binding, batch)
    assert counted == {"step": 8, "height": 16}, "a batch keeps what was measured"
    assert (again.actions == first.actions).all()


def test_chunks_and_order_change_nothing(run, states, monkeypatch):
    body = "if sum(height(c) for c in columns) > 20 + drift():\n    return 3\nreturn argmax(actions, key=lambda a: total(a) % 7)"
    whole = run(body, states)
    monkeypatch.setattr(batches, "CHUNK_STATES", 7)
    monkeypatch.setattr(evaluating, "chunk_states", lambda _: 7)
    cut = run(body, states, trace=True)
    assert (cut.actions == whole.actions).all() and (cut.lines == whole.lines).all()
    assert (run(body, states[::-1]).actions[::-1] == whole.actions).all()
    assert all(call.values.shape[-1] == len(states) for call in cut.values)


def test_no_states_give_no_actions(run, states):
    assert run("return argmax(actions, key=lambda a: after(a, height, 0))", states[:0]).actions.shape == (0,)


def test_the_trace_holds_each_call_with_the_states_that_made_it(run, env):
    states = np.concatenate([state(env, (3, 0, 0), lamp=True), state(env, (5, 1, 2))])
    body = "if lamp():\n    return wait\nx = sum(height(c) for c in columns)\nreturn after(wait, height, 0) % 4 if x > 2 else 0"
    found = run(body, states, trace=True)
    assert [call.text for call in found.values] == ["lamp()", "height(c)", "after(wait, height, 0)"]
    lamp, height, after = found.values
    assert lamp.mask.tolist() == [True, True] and lamp.values.tolist() == [True, False] and lamp.line == 2
    assert height.mask.shape == (3, 2) and height.mask[:, 0].sum() == 0
    assert height.values[:, 1].tolist() == [5, 1, 2]
    assert after.mask.tolist() == [False, True] and after.values[1] == 5
    assert run(body, states).values == ()
    assert (run(body, states).actions == found.actions).all()


def test_the_trace_names_the_helper_call_and_the_round_of_a_loop(vocabulary, binding, states):
    text = "def tall(c):\n    return height(c) > 4\n" + START
    text += "    n = 0\n    for c in columns:\n        if tall(c):\n            n = n + 1\n    return n\n"
    found = evaluate(parse(text, vocabulary), binding, states[:5], trace=True)
    assert [call.called_from for call in found.values] == [(5, 6)] * 3
    assert [call.values.tolist() for call in found.values] == states[:5]["heights"].T.tolist()
    assert found.actions.tolist() == (states[:5]["heights"] > 4).sum(axis=1).tolist()


def test_the_trace_names_where_helpers_returned(vocabulary, binding, states, monkeypatch):
    text = "def side(h):\n    if h > 4:\n        return 1\n    return 2\n" + START
    text += "    if side(height(west)) == 2:\n        return side(height(east))\n    return 0\n"
    monkeypatch.setattr(batches, "CHUNK_STATES", 7)
    monkeypatch.setattr(evaluating, "chunk_states", lambda _: 7)
    found = evaluate(parse(text, vocabulary), binding, states, trace=True)
    west, east = states["heights"][:, 0], states["heights"][:, -1]
    masks = {(each.called_from, each.line): each.mask for each in found.returns}
    assert set(masks) == {((6,), 3), ((6,), 4), ((7,), 3), ((7,), 4)}
    assert (masks[(6,), 3] == (west > 4)).all() and (masks[(6,), 4] == (west <= 4)).all()
    assert (masks[(7,), 3] == ((west <= 4) & (east > 4))).all() and (
        masks[(7,), 4] == ((west <= 4) & (east <= 4))
    ).all()
    assert evaluate(parse(text, vocabulary), binding, states).returns == ()


def test_tables_and_tuples_are_looked_up(vocabulary, binding, env):
    text = "ROWS = ((1, 2, 3), (4, 5, 6))\nMIXED = (2, 0.5, -1)\nDEEP = (((0, 1), (2, 3)), ((4, 5), (6, 7)))\n" + START
    text += (
        "    i = height(west)\n    row = ROWS[i % 2]\n    pair = (height(middle), 7) if lamp() else (1, height(east))\n"
    )
    text += "    x = row[piece()] + DEEP[1][i % 2][i // 2 % 2] * 10 + pair[i % 2] * 100 + MIXED[0] * 1000\n"
    text += "    return 3 if x == {x} and MIXED[i % 3] == {mixed} else 0\n"
    cases = [((2, 8, 9), 1, True, 2 + 50 + 800 + 2000, -1), ((3, 8, 9), 2, False, 6 + 70 + 900 + 2000, 2)]
    for heights, piece, lamp, x, mixed in cases:
        program = parse(text.format(x=x, mixed=mixed), vocabulary)
        assert evaluate(program, binding, state(env, heights, piece, lamp)).actions.tolist() == [3]


def test_helpers_take_and_give_tuples_and_tables(vocabulary, binding, states):
    text = "A = (5, 1, 2)\nB = (1, 7, 0)\ndef best(t):\n    return (argmax(columns, key=lambda c: t[c]), 9)\n"
    text += START + "    x = best(A)\n    return x[0] + best(B)[0]\n"
    assert set(evaluate(parse(text, vocabulary), binding, states).actions) == {1}


def test_guards_give_flags_and_numbers(vocabulary, binding, states):
    guard = parse_expression("lamp() and height(west) >= 3", vocabulary)
    assert guard.kind == "bool"
    expected = states["lamp"] & (states["heights"][:, 0] >= 3)
    assert (evaluate_expression(guard, binding, states) == expected).all()
    mean = parse_expression("sum(height(c) for c in columns) / 3", vocabulary)
    assert (evaluate_expression(mean, binding, states) == states["heights"].sum(axis=1) / 3).all()
    assert evaluate_expression(parse_expression("7", vocabulary), binding, states).dtype == np.int64


def test_a_text_for_another_environment_is_refused(vocabulary, binding, env, states):
    other = type(env)()
    other.action_names = ("a", "b", "c", "d")
    program = parse(START + "    return 1\n", vocabulary)
    with pytest.raises(ContractBroken, match="action_names differ"):
        evaluate(program, bind_state(other), states)
    assert evaluate(program, bind_state(type(env)()), states).actions.tolist() == [1] * len(states)


def test_declared_bounds_are_checked_since_the_proof_rests_on_them(env, states):
    other = type(env)()
    other.concepts = (Concept(name="height", kind="count", measure=lambda s: s["heights"] * 99, axis=("columns",),
                              high=20, doc=""),)  # fmt: skip
    binding = bind_state(other)
    program = parse(START + "    return height(0) % 4\n", binding.vocabulary)
    with pytest.raises(ContractBroken, match="lies between 0 and 20"):
        evaluate(program, binding, states)


class Cart:
    """A plain environment as the wrapper shows it: one concept `obs` with axis component, two actions."""

    id = "Cart"
    kwargs = MappingProxyType({})
    state_dtype = np.dtype([("x", "<f8", (4,))])
    observation_space = gymnasium.spaces.Box(-9, 9, (4,), np.float64)
    action_space = gymnasium.spaces.Discrete(2)
    action_names = ("left", "right")
    axes = MappingProxyType({"component": ("0", "speed", "pole_angle", "pole speed")})
    concepts = (Concept(name="obs", kind="number", measure=lambda s: s["x"], axis=("component",), doc=""),)

    def reset(self, seeds):
        return np.zeros(len(seeds), self.state_dtype)

    def observe(self, states):
        return states["x"]

    def step(self, states, actions):
        return Transition(states, *[np.zeros(len(states))] * 3)


def test_a_flag_is_an_action_where_there_are_two(monkeypatch):
    binding = bind_state(Cart())
    states = np.zeros(3, Cart.state_dtype)
    states["x"][:, 2:] = [(0.1, 1), (-1, 0.5), (0, 0)]
    text = START + "    return 2 * obs(pole_angle) + obs(3) > 0\n"
    assert evaluate(parse(text, binding.vocabulary), binding, states).actions.tolist() == [1, 0, 0]
    with pytest.raises(TextError, match="unknown name pole_speed"):
        parse(text.replace("pole_angle", "pole_speed"), binding.vocabulary)


def test_the_line_is_that_of_the_canonical_print(vocabulary, binding, states):
    text = "# a comment\n\n" + START + "\n    # why\n    if lamp(): return wait\n\n\n    return (put_left)\n"
    program = parse(text, vocabulary)
    found = evaluate(program, binding, states)
    lines = print_program(program).splitlines()
    assert {lines[line - 1].strip() for line in found.lines} == {"return wait", "return put_left"}
    assert (evaluate(parse(print_program(program), vocabulary), binding, states).lines == found.lines).all()


def test_the_scores_behind_an_argmax_are_what_it_compares(env, vocabulary):
    states = np.concatenate([state(env, (3, 1, 2)), state(env, (0, 12, 5))])
    text = "def key(a):\n    return -2 * total(a) + a\n\ndef strategy(state):\n    return argmax(actions, key=lambda a: key(a))\n"
    program = parse(text, vocabulary)
    scores = rank_actions(program, bind_state(env), states)
    total = {concept.name: concept for concept in env.action_concepts}["total"].measure(states)
    legal = env.legal_actions(states)
    assert np.array_equal(scores, np.where(legal, -2.0 * total + np.arange(4), -np.inf))
    assert scores.argmax(axis=1).tolist() == evaluate(program, bind_state(env), states).actions.tolist()
    tree = parse("def strategy(state):\n    return 1 if lamp() else argmax(actions, key=lambda a: a)\n", vocabulary)
    assert rank_actions(tree, bind_state(env), states) is None


def test_floor_is_the_greatest_whole_number_not_above(vocabulary, binding, states):
    expression = parse_expression("floor(drift() * 4.0)", vocabulary)
    assert (expression.kind, expression.low, expression.high) == ("int", -(2**53), 2**53)
    found = evaluate_expression(expression, binding, states)
    assert found.dtype == np.int64 and found.tolist() == [math.floor(x * 4.0) for x in states["drift"].tolist()]
    assert (found < 0).any() and (found > 0).any()
    same = parse_expression("floor(height(0) - 3) + floor(lamp())", vocabulary)
    assert (same.low, same.high) == (-3, 18)
    assert (evaluate_expression(same, binding, states) == states["heights"][:, 0] - 3 + states["lamp"]).all()
    clipped = parse_expression("min(max(floor(drift() * 256.0), -4096), 4096)", vocabulary)
    assert (clipped.low, clipped.high) == (-4096, 4096)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 2.0**53 + 2, -(2.0**54)])
def test_floor_of_what_is_no_whole_number_is_refused_where_it_is_taken(value, vocabulary, binding, states):
    few = states[:3].copy()
    few["drift"], few["lamp"] = (0.5, value, -0.5), (True, False, True)
    assert evaluate_expression(parse_expression("floor(drift()) if lamp() else 9", vocabulary), binding, few).tolist() == [
        0, 9, -1,
    ]  # fmt: skip
    with pytest.raises(TextError, match=r"line 1, column 5: floor takes decimals between -2\*\*53 and 2\*\*53"):
        evaluate_expression(parse_expression("1 + floor(drift())", vocabulary), binding, few)
    few["drift"] = (2.0**53, -(2.0**53), 0.0)
    found = evaluate_expression(parse_expression("floor(drift())", vocabulary), binding, few)
    assert found.tolist() == [2**53, -(2**53), 0]
