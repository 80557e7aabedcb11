"""A user's own concepts: what a file may say, what it then means, and that a stranger's file does no harm."""

import pickle
from types import MappingProxyType

import gymnasium
import numpy as np
import pytest

from agentscope.concepts import ActionConcept, Concept
from agentscope.contracts import InspectableEnv, action_concepts_of, concepts_of, provides
from agentscope.errors import AgentScopeError, BadOption, RefusedFile, TextError
from agentscope.language import (
    bind_state,
    evaluate_expression,
    extend_environment,
    parse_expression,
    read_concepts,
    with_cells,
)
from agentscope.language.declaring import parse_concepts
from tests.language.conftest import PIECES, LittleEnv, lifted

FILE = """
[concepts.tall_lamp]
expression = "lamp() and height(west) > 4"
doc = "Tall in the west while the lamp is lit."
unit = ""

[concepts.slope]
expression = "height(c) - height((c + 1) % 3)"
axis = "columns"
unit = "rows"

[concepts.total_height]
expression = "sum(height(c) for c in columns)"

[concepts.half]
expression = "total_height() / 2"

[concepts.crowded]
expression = '''
(total_height() > 20
 or any(slope(c) > 9 for c in columns))'''
should_matter = true

[concepts.gain]
of = "action"
axis = "columns"
variables = ["move", "place"]
expression = "lifted(move, place) - height(place)"

[concepts.next_total]
of = "action"
expression = "after(a, total_height)"
"""


def extended(text, env=None):
    return extend_environment(env or LittleEnv(), parse_concepts(text.encode(), "mine.toml"))


@pytest.fixture(scope="module")
def mine():
    return extended(FILE)


def named(env, name):
    return next(c for c in (*concepts_of(env), *action_concepts_of(env)) if c.name == name)


def test_kinds_and_bounds_follow_from_the_expressions(mine):
    assert isinstance(mine, InspectableEnv)
    told = {c.name: (c.kind, c.low, c.high, c.axis) for c in (*mine.concepts[6:], *mine.action_concepts[2:])}
    assert told == {
        "tall_lamp": ("flag", None, None, ()),
        "slope": ("number", -20, 20, ("columns",)),
        "total_height": ("count", 0, 60, ()),
        "half": ("number", None, None, ()),
        "crowded": ("flag", None, None, ()),
        "gain": ("number", -20, 30, ("columns",)),
        "next_total": ("count", 0, 60, ()),
    }
    assert isinstance(named(mine, "gain"), ActionConcept) and not isinstance(named(mine, "slope"), ActionConcept)
    assert named(mine, "slope").unit == "rows" and "Tall in the west" in named(mine, "tall_lamp").doc
    assert "total_height() / 2" in named(mine, "half").doc


def test_marks_are_inherited_from_what_is_called_unless_the_file_says_otherwise(mine):
    assert not named(mine, "tall_lamp").should_matter and named(mine, "crowded").should_matter
    assert named(extended('[concepts.other_piece]\nexpression = "piece() == T or lamp()"\n'.replace("== T", "== O")),
                 "other_piece").chance  # fmt: skip
    ahead = extended('[concepts.room]\nexpression = "any(after(a, height, west) < 3 for a in actions)"\n')
    assert named(ahead, "room").chance and not named(mine, "slope").chance


def test_values_are_those_of_the_same_thing_written_in_numpy(mine, states):
    heights, lamp = states["heights"], states["lamp"]
    total = heights.sum(axis=1)
    slope = heights - np.roll(heights, -1, axis=1)
    truth = {
        "tall_lamp": lamp & (heights[:, 0] > 4),
        "slope": slope.astype(np.float64),
        "total_height": total,
        "half": total / 2,
        "crowded": (total > 20) | (slope > 9).any(axis=1),
    }
    for name, wanted in truth.items():
        values = named(mine, name).measure(states)
        assert values.dtype == wanted.dtype
        np.testing.assert_array_equal(values, wanted)
    legal = mine.legal_actions(states)
    wanted = np.where(legal[:, :, None], lifted(states) - heights[:, None], 0)
    np.testing.assert_array_equal(named(mine, "gain").measure(states), wanted)
    following = np.where(legal, lifted(states).sum(axis=2), 0)
    np.testing.assert_array_equal(named(mine, "next_total").measure(states), following)
    assert named(mine, "slope").measure(states[:0]).shape == (0, 3)


def test_texts_call_them_like_any_other_concept(mine, states):
    binding = bind_state(mine)
    guard = parse_expression("crowded() and max(slope(c) for c in columns) > 2 and after(wait, half) > 3",
                             binding.vocabulary)  # fmt: skip
    heights = states["heights"]
    total, slope = heights.sum(axis=1), heights - np.roll(heights, -1, axis=1)
    wanted = ((total > 20) | (slope > 9).any(axis=1)) & (slope.max(axis=1) > 2) & (total / 2 > 3)
    np.testing.assert_array_equal(evaluate_expression(guard, binding, states), wanted)
    assert 0 < wanted.sum() < len(wanted)


def test_everything_else_is_passed_on_unchanged(mine, states):
    plain = LittleEnv()
    assert provides(mine) == provides(plain)
    assert (mine.id, mine.axes, mine.action_names) == (plain.id, plain.axes, plain.action_names)
    np.testing.assert_array_equal(mine.observe(states), plain.observe(states))
    np.testing.assert_array_equal(mine.reset(np.arange(5)), plain.reset(np.arange(5)))
    np.testing.assert_array_equal(mine.step(states, np.full(len(states), 3)).states,
                                  plain.step(states, np.full(len(states), 3)).states)  # fmt: skip
    assert [c.name for c in mine.concepts[:6]] == [c.name for c in plain.concepts]
    with pytest.raises(AttributeError):
        _ = mine.optimal_values
    assert pickle.loads(pickle.dumps(mine.file)) == mine.file


def test_unseen_levels_have_the_concepts_too(states):
    class WithLevels(LittleEnv):
        def unseen_levels(self):
            return LittleEnv()

    env = extended(FILE, WithLevels())
    assert provides(env) == provides(WithLevels()) and "unseen_levels" in provides(env)
    np.testing.assert_array_equal(
        named(env.unseen_levels(), "half").measure(states), named(env, "half").measure(states)
    )


def test_an_environment_without_concepts_gains_some_and_one_without_drawing_can_still_show_afterstates():
    class Bare(LittleEnv):
        concepts = (Concept(name="drift", kind="number", measure=lambda s: s["drift"], doc="A real number."),)
        action_concepts = ()

    one = '[concepts.calm]\nexpression = "abs(drift()) < 1"\n'
    assert "action_concepts" in provides(extended(one, Bare()))
    states = Bare().reset(np.arange(3))
    assert extended(one, Bare()).with_chance_of(states, states) is states
    assert getattr(extended(one), "with_chance_of", None) is None


def test_a_fault_that_shows_only_in_some_states_names_the_concept(states):
    env = extended('[concepts.odd]\nexpression = "8 // height(west)"\n')
    with pytest.raises(TextError, match=r"line 1, column \d+: concept odd of mine.toml: .*zero"):
        named(env, "odd").measure(states)


def test_expressions_may_read_the_observation_which_is_not_declared_for_that(states):
    env = extended('[concepts.lean]\nexpression = "seen(0) - seen(5)"\n[concepts.more]\nexpression = "lean() > 1"\n')
    assert [c.name for c in env.concepts[6:]] == ["lean", "more"] and env.axes == LittleEnv.axes
    np.testing.assert_array_equal(named(env, "lean").measure(states), states["heights"][:, 0] - states["drift"])
    np.testing.assert_array_equal(named(env, "more").measure(states), states["heights"][:, 0] - states["drift"] > 1)
    with pytest.raises(TextError, match="no concept or helper seen"):
        parse_expression("seen(0) > 1", bind_state(env).vocabulary)


def test_cells_have_the_axes_of_the_environment_where_the_lengths_agree(states):
    class Grid(LittleEnv):
        axes = MappingProxyType({"columns": ("west", "middle", "east"), "rows": ("top", "bottom"), "pieces": PIECES})
        observation_space = gymnasium.spaces.Box(0, 20, (4, 2, 3), np.uint8)
        concepts = LittleEnv.concepts[:1]
        action_concepts = ()

        def observe(self, states):
            grids = np.zeros((len(states), 4, 2, 3), np.uint8)
            grids[:, 1, 1] = states["heights"]
            return grids

    env = with_cells(Grid())
    assert isinstance(env, InspectableEnv)
    seen = named(env, "seen")
    assert (seen.kind, seen.axis, seen.low, seen.high) == ("count", ("channels", "rows", "columns"), 0, 20)
    binding = bind_state(env)
    parsed = parse_expression("seen(1, bottom, east) > height(west)", binding.vocabulary)
    wanted = states["heights"][:, 2] > states["heights"][:, 0]
    np.testing.assert_array_equal(evaluate_expression(parsed, binding, states), wanted)
    plain = LittleEnv()
    plain.concepts = (*LittleEnv.concepts, Concept(name="obs", kind="flag", measure=lambda s: s["lamp"], doc="Shown."))
    assert with_cells(plain) is plain
    pixels = Grid()
    pixels.observation_space = gymnasium.spaces.Box(0, 255, (84, 84), np.uint8)
    assert with_cells(pixels) is pixels


def table(**keys):
    lines = [f"{key} = {value}" for key, value in keys.items()]
    return "\n".join(["[concepts.mine]", *lines, ""])


EXPRESSIONS = {
    "heights(west) > 1": "did you mean height",
    "height(9) > 1": "an index of columns",
    "height(c) > 1": "unknown name c",
    "__import__('os')": "line 1, column 1",
    "(1, 2)": "a number is needed",
    "lamp() +": "line 1, column",
    "mine() > 2": "no concept or helper mine",
    "(" * 100 + "1" + ")" * 100: "nest at most",
    "9" * 40: "digits",
    "sum(1 for i in range(900000))": "operations",
    "after(wait, piece)": "decided by chance",
    "total(wait) * total(wait) * " * 8 + "total(wait) * total(wait)": "int64",
    "": "line 1",
    "lamp()\u2003or lamp()": "U+2003",
}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_wrong_expression_is_told_with_its_place(expression):
    with pytest.raises(TextError, match=r"concept mine of mine.toml") as told:
        extended(table(expression=f'"""{expression}"""'))
    assert EXPRESSIONS[expression] in str(told.value) and "\n" not in str(told.value)
    assert told.value.line >= 1


REFUSED = {
    "concepts = 3": "declares no concepts",
    "": "declares no concepts",
    "[other]\nx = 1": "the key 'other'",
    "[concepts]\nmine = 3": "it is a whole number",
    "[[concepts.mine]]\nexpression = '1'": "it is a list",
    table(doc='"only"'): "no expression",
    table(expression="3"): "expression is a string",
    table(expression='"1"', high="3"): "unknown key 'high'",
    table(expression='"1"', kind='"choice"'): "one of flag, count, number",
    table(expression='"1"', kind='"flag"'): "gives a count",
    table(expression='"lamp()"', kind='"count"'): "gives a flag",
    table(expression='"0 - 1"', kind='"count"'): "gives a number",
    table(expression='"1"', should_matter='"no"'): "should_matter is true or false",
    table(expression='"1"', of='"cell"'): "of is 'cell'",
    table(expression='"1"', axis='"depth"'): "no axis 'depth'",
    table(expression='"1"', axis="[1]"): "axis is a string or a list",
    table(expression='"1"', axis='["columns", "columns"]'): "variables are different names",
    table(expression='"1"', variables='["c"]'): "variables are different names",
    table(expression='"1"', axis='"columns"', variables='["1c"]'): "is no identifier",
    table(expression='"1"', doc='"a\\u001b[31mred"'): "cannot be printed",
    table(expression='"1"', unit=f'"{"x" * 400}"'): "at most 300",
    table(expression='"1"', doc="1979-05-27"): "a date or time",
    "[concepts.c]\nexpression = '1'": "single letters",
    "[concepts.sum]\nexpression = '1'": "belongs to the language",
    "[concepts.state]\nexpression = '1'": "belongs to the language",
    "[concepts.'two words']\nexpression = '1'": "an ASCII identifier",
    '[concepts."\\u001b[2J"]\nexpression = "1"': "\\x1b",
    "[concepts.lamp]\nexpression = '1'": "already has a concept",
    "[concepts.lifted]\nexpression = '1'": "already has a concept",
    "[concepts.columns]\nexpression = '1'": "already has an axis",
    "[concepts.wait]\nexpression = '1'": "already has an action or label",
    "[concepts.bar]\nexpression = '1'": "already has an action or label",
    "".join(f"[concepts.x{i}]\nexpression = '1'\n" for i in range(65)): "at most 64",
    "a = " + "[" * 20_000: "deep",
    "a = " + "9" * 10_000: "is no TOML",
    "a = 1979-05-27T00:00:00+99:99": "is no TOML",
    "[concepts.mine]\nexpression = '1'\nexpression = '2'": "is no TOML",
    "[concepts.mine": "is no TOML",
    ".".join("a" * 5_000) + " = 1": "the key 'a'",
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:30].encode("unicode_escape").decode())
def test_a_wrong_file_is_refused_in_one_line_that_says_why(text):
    with pytest.raises(RefusedFile) as told:
        extended(text)
    assert REFUSED[text] in str(told.value) and str(told.value).isprintable() and len(str(told.value)) < 400
    assert "mine.toml" in str(told.value)


def test_concepts_that_call_each_other_cost_what_their_calls_cost():
    """Each calls the two before it: without a sum over calls the 60th would take 10^12 measurements."""
    tables = ["[concepts.f0]\nexpression = 'height(west)'", "[concepts.f1]\nexpression = 'height(west)'"]
    tables += [f"[concepts.f{i}]\nexpression = 'min(f{i - 1}() + f{i - 2}(), 99)'" for i in range(2, 60)]
    with pytest.raises(TextError, match="with the concepts that it calls"):
        extended("\n".join(tables))
    assert named(extended("\n".join(tables[:12])), "f11").high == 99


def test_bytes_that_are_no_text_and_files_that_are_too_large_are_refused(tmp_path):
    noise = np.random.default_rng(0)
    for size in (1, 10, 100, 1_000):
        for _ in range(20):
            with pytest.raises(AgentScopeError):
                parse_concepts(noise.bytes(size), "noise.toml")
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * 100_000)
    with pytest.raises(RefusedFile, match="65,536 bytes"):
        read_concepts(large)
    with pytest.raises(BadOption, match=r"no file gone\.toml"):
        read_concepts(tmp_path / "gone.toml")
    sound = tmp_path / "sound.toml"
    sound.write_text(FILE)
    assert len(read_concepts(sound).sha256) == 64 and len(read_concepts(sound).declarations) == 7


def test_mutations_of_a_sound_file_raise_nothing_but_our_errors(states):
    rng = np.random.default_rng(1)
    data, survived = FILE.encode(), 0
    for _ in range(400):
        changed = bytearray(data)
        for place in rng.integers(0, len(data), rng.integers(1, 4)):
            changed[place] = rng.choice(np.frombuffer(b"()[]\"'=.<+c1 \n\\#{", np.uint8))
        try:
            env = extend_environment(LittleEnv(), parse_concepts(bytes(changed), "mine.toml"))
            for concept in (*env.concepts[6:], *env.action_concepts[2:]):
                concept.measure(states[:5])
            survived += 1
        except AgentScopeError as told:
            assert str(told).isprintable()
    assert 0 < survived < 400
