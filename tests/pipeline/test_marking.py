"""What is said of a primitive beside its first call, and that the marked text is the one that runs."""

from dataclasses import replace

import numpy as np
import pytest

from agentscope import language, pipeline
from agentscope.pipeline.marking import mark_of, marked_strategy
from agentscope.records import Inspection, Primitive, ProbeScores

BARE = Primitive("lamp", "flag", "hidden_1", "AUC", 0.9, ProbeScores(0.8, None, None, None), 0.016, None, "input")


@pytest.mark.parametrize(("changes", "expected"), [
    ({}, "input only, gain .02"),
    ({"use": "unused"}, "input only, gain .02"),
    ({"use": "used"}, ""),
    ({"where": "computed", "use": "used"}, ""),
    ({"where": "computed", "use": "unused"}, "computed, not found used"),
    ({"where": "computed"}, "computed, use untested"),
    ({"where": "absent", "gain": -0.014}, "not found, gain -.01"),
    ({"where": "absent", "gain": 0.35}, "partly readable, gain .35"),
    ({"where": "absent", "gain": -0.004}, "not found, gain .00"),
    ({"where": "absent", "gain": -1.25}, "not found, gain -1.25"),
    ({"where": "absent", "score": None, "gain": None}, "not scored"),
])  # fmt: skip
def test_marks(changes: dict[str, object], expected: str) -> None:
    assert mark_of(replace(BARE, **changes)) == expected  # type: ignore[arg-type]


def test_the_marked_text_is_read_back_with_its_marks_and_acts_alike(
    cartpole: pipeline.OpenAgent, inspection: Inspection
) -> None:
    assert inspection.strategy is not None and inspection.exam is not None
    vocabulary, binding = language.vocabulary_of(cartpole.env), language.bind_state(cartpole.env)
    unused = [replace(each, use="unused") for each in inspection.primitives]
    marked = marked_strategy(inspection.strategy, cartpole, unused)
    program = language.parse(marked.text, vocabulary)
    marks = {each.concept: mark_of(each) for each in unused if mark_of(each)}
    assert program.marks == {name: marks[name] for name in marked.primitives if name in marks}
    assert program.marks and language.print_program(program) == marked.text
    used = [replace(each, use="used") for each in inspection.primitives]
    plain = marked_strategy(inspection.strategy, cartpole, used)
    assert "# network: input" not in plain.text
    again = language.parse(plain.text, vocabulary)
    states = inspection.exam.states
    both = [language.evaluate(each, binding, states).actions for each in (program, again)]
    assert again == program and np.array_equal(*both)
