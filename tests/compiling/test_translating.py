"""Hand-made texts over three numbers: the network's answer against the language's, on every observation there is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from agentscope.compiling import Recipe, build_model, compile_agent, flat_sensor, scores_of
from agentscope.concepts import ActionConcept, Concept
from agentscope.errors import DoesNotCompile, TextError
from agentscope.language import bind_state, evaluate, parse
from agentscope_envs.quizzes import Questions, Quiz

PLACES = ("left", "middle", "right")
QUESTIONS = np.array(list(itertools.product(range(5), repeat=3)), dtype=np.uint8)
CONCEPTS = (
    Concept(name="pile", kind="count", high=4, axis=("places",), measure=lambda seen: seen, doc="Blocks."),
    Concept(name="tall", kind="flag", axis=("places",), measure=lambda seen: seen > 2, doc="More than two blocks."),
    Concept(name="half", kind="number", low=0, high=2, measure=lambda seen: seen[:, 0] / 2, doc="Not whole."),
    Concept(name="hidden", kind="count", high=4, measure=lambda seen: seen[:, 0], doc="Defined nowhere."),
)
DEFINITIONS = """
def pile(i):
    return seen(i)

def tall(i):
    return seen(i) > 2
"""


def quiz() -> Quiz:
    questions = Questions(
        name="piles", observations=QUESTIONS, answers=np.zeros(len(QUESTIONS), dtype=np.int64),
        action_names=("take", "put", "swap", "stop"), axes={"places": PLACES}, concepts=CONCEPTS,
        features={name: QUESTIONS[:, index].astype(np.int64) for index, name in enumerate(PLACES)},
        cells=lambda seen: seen[None], glyphs="01234",
    )  # fmt: skip
    return Quiz(questions)


TEXTS = {
    "constant": "    return swap",
    "branches": """
    if pile(left) > pile(right) and not tall(middle):
        return take
    elif pile(left) == pile(right) or pile(middle) != 2:
        return put
    else:
        if tall(left):
            return swap
    return stop""",
    "some return inside, some go on": """
    best = 1
    if pile(left) > 1:
        if tall(right):
            return take
        best = 2
    elif tall(middle):
        best = 3
    if pile(right) == 0:
        return best
    return best - 1""",
    "loops and assignments": """
    total = 0
    for i in places:
        for j in range(2):
            if pile(i) > j + i:
                total += 1 if tall(i) else 2
    return min(max(total - 3, 0), 3)""",
    "a loop that returns": """
    for i in places:
        if tall(i):
            return i
    return stop""",
    "aggregates": """
    if any(tall(i) for i in places if i > 0) and all(pile(i) > 0 for i in places):
        return count(pile(i) > 1 for i in places if tall(i))
    if max(pile(i) * (2 - i) for i in places) > min(pile(left), pile(middle), 3):
        return sum(tall(i) for i in places)
    return 3 if abs(pile(left) - pile(right)) >= 2 else sum(i for i in places if tall(i))""",
    "argmax, alone": "    return argmax(places, key=lambda i: 2 * pile(i) - pile(left) * tall(i))",
    "argmax, used": """
    best = argmax(places, key=lambda i: pile(i) if i > 0 else 2)
    if pile(best) > 3 and best != left:
        return stop
    return best""",
    "chained comparisons": "    return put if 0 < pile(left) <= pile(middle) < 4 else take",
    "tables": """
    row = ROWS[pile(left)]
    pair = (pile(middle), row[1]) if tall(right) else (row[0], 1)
    return ROWS[pair[0]][pair[1] % 2 if False else 0]""",
    "helpers": """
    if rank(left) == 2:
        return stop
    return rank(middle) if rank(right) > 0 else higher(pile(left), 2)""",
}
TABLES = "ROWS = ((0, 3), (1, 1), (2, 0), (3, 2), (0, 1))\n\n"
HELPERS = """
def higher(x, y):
    return min(x, 3) if x > y else y

def rank(i):
    if pile(i) > 3:
        return 2
    if pile(i) > 1:
        return 1
    return 0

"""


def whole(name: str) -> str:
    before = TABLES if name == "tables" else HELPERS if name == "helpers" else ""
    return f"{before}def strategy(state):\n{TEXTS[name].lstrip(chr(10))}\n"


@pytest.mark.parametrize("activation", ["ReLU", "Tanh"])
@pytest.mark.parametrize("name", TEXTS)
def test_a_text_and_its_network_agree_on_every_observation(name: str, activation: str) -> None:
    world = quiz()
    recipe = Recipe(name, world.id, whole(name), DEFINITIONS)
    agent = compile_agent(recipe, world, flat_sensor(world, ("places", PLACES)), activation=activation)
    states, binding = world.enumerate(), bind_state(world)
    said = evaluate(parse(whole(name), binding.vocabulary), binding, states).actions
    assert np.array_equal(scores_of(build_model(agent), world.observe(states)).argmax(axis=1), said)


REFUSED = {
    "decimals": ("    return put if pile(left) > 1.5 else take", 2, 32),
    "a product of two numbers": ("    return put if pile(left) * pile(right) > 3 else take", 2, 32),
    "a quotient": ("    return pile(left) // 2", 2, 26),
    "after": ("    return put if after(0, pile, left) > 1 else take", 2, 19),
    "a concept without definition": ("    x = 1\n    return put if hidden() > x else take", 3, 19),
    "an action concept": ("    return argmax(actions, key=lambda a: gain(a))", 2, 42),
    "min of members that depend on the state": ("    return min(i for i in places if tall(i) or i == 2)", 2, 12),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_lies_outside_the_subset_is_refused_where_it_stands(name: str) -> None:
    body, line, column = REFUSED[name]
    world = quiz()
    gain = ActionConcept(
        name="gain", kind="count", high=4, measure=lambda states: np.zeros((len(states), 4), int), doc=""
    )
    world.action_concepts = (gain,)
    recipe = Recipe(name, world.id, f"def strategy(state):\n{body}\n", DEFINITIONS)
    with pytest.raises(DoesNotCompile, match=r"docs/compiling\.md") as caught:
        compile_agent(recipe, world, flat_sensor(world, ("places", PLACES)))
    assert (caught.value.line, caught.value.column) == (line, column)


def test_texts_that_are_not_sound_are_refused_by_the_language_itself() -> None:
    world = quiz()
    sensor = flat_sensor(world, ("places", PLACES))
    with pytest.raises(TextError, match="nowhere"):
        compile_agent(Recipe("x", world.id, "def strategy(state):\n    return nowhere()\n", DEFINITIONS), world, sensor)
    rule = "def strategy(state):\n    return pile(left) > 2\n"
    with pytest.raises(TextError, match="pile"):
        compile_agent(Recipe("x", world.id, whole("branches"), "def pile(i):\n    return pile(i)\n"), world, sensor)
    with pytest.raises(TextError, match="flag is an action"):
        compile_agent(Recipe("x", world.id, rule, DEFINITIONS), world, sensor)


def test_a_definition_outside_the_declared_bounds_is_refused() -> None:
    world = quiz()
    text = DEFINITIONS + "\ndef hidden():\n    return 9 + seen(left)\n"
    recipe = Recipe("x", world.id, "def strategy(state):\n    return put if hidden() > 2 else take\n", text)
    with pytest.raises(DoesNotCompile, match="declared from 0 to 4"):
        compile_agent(recipe, world, flat_sensor(world, ("places", PLACES)))
