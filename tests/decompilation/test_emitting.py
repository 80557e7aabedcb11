"""Emitting: the text of an integer network equals it, score by score and function by function."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentscope.decompilation.running import run, scores
from agentscope.decompilation.texts.emitting import annotated, emit
from agentscope.decompilation.texts.observing import legend
from agentscope.errors import SpaceMismatch, UnsupportedAgent
from agentscope.integers import IntegerNetwork, arrays_of, read_plan
from agentscope.language import (
    DECOMPILATION_LIMITS,
    bind_state,
    evaluate,
    evaluate_functions,
    header_for,
    parse,
    print_program,
    with_cells,
)
from agentscope.pipeline import open_agent
from tests.decompilation.shown_worlds import (
    PLANS,
    ShownWorld,
    differing_parts,
    network_of,
    random_observations,
    world_of,
)

HEADER = header_for("shown", {}, level=3)


def check_equal(network, highest, seed=0):
    """Actions and every function's values, on random observations."""
    world = world_of(network, highest)
    made = emit(network, world, header=HEADER)
    observations = random_observations(network, highest, seed=seed)
    found = evaluate(made.program, bind_state(with_cells(world)), world.states_from(observations))
    assert np.array_equal(found.actions, scores(network, observations).argmax(axis=1))
    wrong, compared = differing_parts(made, network, world, observations)
    assert not wrong and compared
    assert parse(print_program(made.program), made.program.vocabulary, DECOMPILATION_LIMITS) == made.program
    assert print_program(made.program) == made.text
    return made


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("density", [0.3, 1.0])
def test_text_equals_network(name, density):
    observation, highest, plan = PLANS[name]
    for seed in range(3):
        check_equal(network_of(plan, observation, seed, density=density), highest, seed)


def test_what_is_only_asked_for_beyond_the_walls_computes_nothing_inside():
    """Found by hypothesis: a unit was written that no column asks for, since its reader only looks over the wall."""
    observation, highest, plan = PLANS["everywhere"]
    made = check_equal(network_of(plan, observation, 343777, 1, 0.125), highest)
    assert set(made.program.tabulated) == {part.name for part in made.parts}


@pytest.mark.parametrize("name", PLANS)
def test_weights_in_tables_equal_network(name, monkeypatch):
    monkeypatch.setattr("agentscope.decompilation.texts.layers.MANY_TERMS", 0)
    monkeypatch.setattr("agentscope.decompilation.texts.layers.SPARSE", 0)
    observation, highest, plan = PLANS[name]
    check_equal(network_of(plan, observation), highest)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.sampled_from(sorted(PLANS)), st.integers(0, 10**6), st.floats(0.1, 1), st.sampled_from([1, 3, 40]))
def test_any_network_is_equalled(name, seed, density, top):
    observation, highest, plan = PLANS[name]
    check_equal(network_of(plan, observation, seed, top, density), highest, seed)


# texts that are known


def dense_over(shape, weights, bias, settings_of_units="shift=0 low=0 high=100", scores=None):
    """One layer of units over the observation, and scores that add them up."""
    weights = np.array(weights)
    units = len(weights)
    stages = read_plan([f"hidden dense seen units={units} {settings_of_units}", "scores dense hidden units=2"])
    last = np.ones((2, units), np.int64) if scores is None else np.array(scores)
    arrays = {"hidden.weight": weights.reshape(units, -1), "hidden.bias": np.array(bias), "scores.weight": last,
              "scores.bias": np.array([0, 1])}  # fmt: skip
    return IntegerNetwork(stages, arrays, shape)


def body_of(text, name):
    """The lines of one function, joined."""
    lines = text[text.index(f"def {name}(") :].split("\n\n")[0].splitlines()
    return " ".join(line.strip() for line in lines[1:])


def emitted(network, highest=1, **options):
    return emit(network, world_of(network, highest), header=HEADER, **options)


def test_counting_a_column_is_a_loop():
    """What fills a column, minus the topmost row of the next one: no summand of either is written out."""
    plan = ["board plane seen index=0", "heights slide board channels=1 kernel=3 shift=0 low=0 high=9",
            "scores slide heights channels=1 kernel=1"]  # fmt: skip
    stages = read_plan(plan)
    weight = np.zeros((1, 6, 3), np.int64)
    weight[0, 1:, 1], weight[0, 0, 2] = 1, -3
    arrays = {"heights.weight": weight, "heights.bias": np.array([2]), "heights.outside": np.zeros(6, np.int64),
              "scores.weight": np.ones((1, 1, 1), np.int64), "scores.bias": np.zeros(1, np.int64)}  # fmt: skip
    network = IntegerNetwork(stages, arrays, (1, 6, 4))
    made = emitted(
        network, names={"heights[0]": "filled"}, why={"heights[0]": "carries filled: erasure and interchange agree"}
    )
    assert (
        body_of(made.text, "filled") == "return max(sum(cell(r + 1, c) for r in range(5)) - 3 * cell(0, c + 1) + 2, 0)"
    )
    assert body_of(made.text, "cell") == "if c < 0 or c > 3: return False return seen(0, r, c) == 1"
    part = next(part for part in made.parts if part.name == "filled")
    assert (part.inputs, part.weights, part.largest_weight, part.nonlinearities) == (6, 2, 3, 1)
    assert part.operations == 8, "four sums of the loop, minus, times, plus and the clamp"
    assert part.rows == 2**6 and part.in_budget and (part.low, part.high) == (0, 7)
    assert "called so because it carries filled: erasure and interchange agree" in made.text
    check_equal(network, 1)


def test_weights_of_one_size_stand_behind_one_bracket():
    network = dense_over((4,), [[3, -3, 1, 0], [-2, -2, 0, 0]], [5, 4])
    text = emitted(network).text
    assert body_of(text, "hidden_0") == "return 3 * (seen(0) - seen(1)) + seen(2) + 5"
    assert body_of(text, "hidden_1") == "return 4 - 2 * (seen(0) + seen(1))"


def test_rounding_is_halved_with_its_weights():
    """(4x - 8y + 3 + 4) // 8 is (x - 2y + 1) // 2; clamps that never act are not written."""
    network = dense_over((3,), [[4, -8, 0], [5, 0, 2]], [3, 0], "shift=3 low=-9 high=5")
    text = emitted(network, 7).text
    assert body_of(text, "hidden_0") == "return (seen(0) - 2 * seen(1) + 1) // 2"
    assert body_of(text, "hidden_1") == "return min((5 * seen(0) + 2 * seen(2) + 4) // 8, 5)"
    check_equal(network, 7)


def test_a_threshold_of_flags_is_a_condition():
    network = dense_over((4,), [[2, 1, 1, 0], [1, -1, 0, 0], [-1, -1, -1, -1]], [-1, 0, 1], "shift=0 low=0 high=1")
    text = emitted(network).text
    assert body_of(text, "hidden_0") == "return seen(0) == 1 or seen(1) == 1 and seen(2) == 1"
    assert body_of(text, "hidden_1") == "return seen(0) == 1 and seen(1) == 0"
    assert body_of(text, "hidden_2") == "return max(1 - sum(seen(i) for i in range(4)), 0)", (
        "shorter than the condition"
    )
    check_equal(network, 1)


def test_dead_units_have_no_function():
    made = emitted(dense_over((2,), [[1, 1], [1, 0]], [0, 0], scores=[[1, 0], [2, 0]]))
    assert "hidden_0" in made.text and "hidden_1" not in made.text


def test_what_is_not_asked_for_is_not_claimed():
    """Only columns 1 to 3 of a unit are read, and only one row of the board."""
    plan = ["board plane seen index=0", "a slide board channels=1 kernel=1", "scores dense a units=2"]
    arrays = {"a.weight": np.array([[[0], [2], [0]]]), "a.bias": np.array([1]),
              "scores.weight": np.array([[0, 1, 2, 3], [0, 0, 1, 0]]),
              "scores.bias": np.zeros(2, np.int64)}  # fmt: skip
    made = check_equal(IntegerNetwork(read_plan(plan), arrays, (1, 3, 4)), 1)
    ranges = {part.name: (part.units, part.ranges) for part in made.parts}
    assert ranges["a_0"] == ((0,), ((1, 4),)) and ranges["cell"] == ((1,), ((1, 2), (1, 4)))


def test_effects_stand_in_the_comments():
    network = dense_over((2,), [[1, 1], [1, 0]], [0, 0])
    made = emitted(network, effects={"hidden[0]": 0.125})
    again = annotated(made, {"hidden_1": 1.0})
    assert "touches .125 of the decisions\ndef hidden_0" in made.text and "touches" in again.text
    assert "touches 1.000 of the decisions\ndef hidden_1" in again.text and again.program == made.program
    assert "touches .125" not in again.text
    for one in (made, again):
        parsed = parse(one.text, one.program.vocabulary, DECOMPILATION_LIMITS)
        assert parsed == one.program and parsed.return_lines == one.program.return_lines
        assert [f.notes for f in parsed.functions] == [f.notes for f in one.program.functions]


def test_names_that_mean_something_already_are_not_given():
    network = dense_over((2,), [[1, 1], [1, 0]], [0, 0])
    text = emitted(network, names={"hidden[0]": "seen", "hidden[1]": "c"}).text
    assert "def seen(" not in text and "def hidden_unit_0(" in text and "def hidden_unit_1(" in text


def test_score_is_chosen_by_action():
    text = emitted(dense_over((2,), [[1, 1], [1, 0]], [0, 0])).text
    assert body_of(text, "score") == "if a == action_0: return score_action_0() return score_action_1()"


def test_scores_of_columns_are_called_by_what_their_actions_share():
    network = network_of(["scores slide seen channels=2 kernel=1"], (2, 3))
    world = world_of(network, 1)
    world.action_names = tuple(f"turn{k}_column{c}" for k in range(2) for c in range(3))
    text = emit(network, world, header=HEADER).text
    assert body_of(text, "score") == "if a == 0: return score_turn0(c) return score_turn1(c)"
    assert "argmax(actions, key=lambda a: score(a // 3, a % 3))" in text


def test_large_units_are_opaque_unless_named():
    wide = np.arange(1, 21)[None] * np.array([[1], [1]])
    made = emitted(dense_over((20,), wide, [0, 0], "shift=2 low=0 high=200"), names={"hidden[1]": "known"})
    opaque = {part.name for part in made.parts if part.opaque}
    assert opaque == {"hidden_0"} and "OPAQUE: 20 weights up to 20" in made.text
    assert made.text.count("OPAQUE") == 1


def test_decimals_are_rounded_as_the_network_rounds_them():
    agent = open_agent("cartpole-ppo")
    stages = read_plan(["input whole seen", "hidden dense input units=3 shift=6 low=-20 high=20",
                        "scores dense hidden units=2"])  # fmt: skip
    rng = np.random.default_rng(0)
    arrays = {name: rng.integers(-9, 10, size=shape) for name, shape in arrays_of(stages, (4,)).items()}
    arrays |= {"input.exponent": np.array([6, 5, 8, 4]), "input.low": np.full(4, -200), "input.high": np.full(4, 190)}
    network = IntegerNetwork(stages, arrays, (4,))
    made = emit(network, agent.env, header=header_for(agent.env.id, {}, level=3))
    states = agent.env.reset(np.arange(200))
    for _ in range(3):
        states = agent.env.step(states, np.arange(200) % 2).states
    found = evaluate(made.program, bind_state(with_cells(agent.env)), states)
    values = run(network, agent.env.observe(states))
    assert np.array_equal(found.actions, values["scores"].argmax(axis=1))
    names = {part.name: () for part in made.parts if part.stage}
    ours = evaluate_functions(made.program, bind_state(with_cells(agent.env)), states, names)
    assert all(np.array_equal(ours[f"input_{i}"], values["input"][:, i]) for i in range(4))


@pytest.mark.parametrize("shape", [(4,), (2, 3)])
@pytest.mark.parametrize("alike", [True, False])
def test_whole_numbers_are_rounded_too(shape, alike):
    stages = read_plan(["input whole seen", "hidden dense input units=3 shift=2 low=-20 high=20",
                        "scores dense hidden units=2"])  # fmt: skip
    rng = np.random.default_rng(0)
    arrays = {name: rng.integers(-9, 10, size=size) for name, size in arrays_of(stages, shape).items()}
    exponent = np.full(shape, -1) if alike else rng.integers(-2, 3, size=shape)
    arrays |= {"input.exponent": exponent, "input.low": np.full(shape, 1), "input.high": np.full(shape, 6)}
    check_equal(IntegerNetwork(stages, arrays, shape), 7)


def test_refuses_what_does_not_fit():
    network = dense_over((2,), [[1, 1], [1, 0]], [0, 0])
    with pytest.raises(SpaceMismatch, match="2 scores, but shown has 3 actions"):
        emit(network, ShownWorld((2,), 1, 3), header=HEADER)
    with pytest.raises(UnsupportedAgent, match="No concept shows observations of shape"):
        emit(network, ShownWorld((3,), 1, 2), header=HEADER)


def test_rows_of_a_table_are_told_by_what_stands_there():
    (codes,) = read_plan(["codes codes seen objects=11 colours=0 states=4"])
    rows = np.zeros((44, 2), np.int64)
    rows[[4, 18, 20, 41]] = 1
    assert legend(codes, rows) == "rows that are not all 0: 4 empty, 18 door locked, 20 key, 41 agent in state 1"
    (coloured,) = read_plan(["codes codes seen objects=12 colours=7 states=0"])
    rows = np.zeros((84, 1), np.int64)
    rows[[36, 83]] = 1
    assert legend(coloured, rows) == "rows that are not all 0: 36 green key, 83 colour 6 object 11"


def test_a_unit_without_a_name_is_described():
    observation, highest, plan = PLANS["dense"]
    network = network_of(plan, observation, 1)
    why = {"hidden[2]": "named candidate: seen(0, 1) == 1 (R2 0.90)"}
    made = emit(network, world_of(network, highest), header=HEADER, why=why)
    assert "# named candidate: seen(0, 1) == 1 (R2 0.90)" in made.text and "called so" not in made.text
