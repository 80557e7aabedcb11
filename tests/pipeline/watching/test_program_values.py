"""Values of a program's functions in one state, against the formulas that they were written from."""

import pytest

from agentscope import language
from agentscope.pipeline.watching.levels import Bound, Level
from agentscope.pipeline.watching.program_values import program_values
from tests.pipeline.watching.scenes import compiled, states_of

TEXT = """\
def shifted(k):
    return 3 * k + column()

def alone():
    return column() - row()

def strategy(state) -> action:
    return turn_left if shifted(0) + shifted(2) > alone() else forward
"""


@pytest.fixture(scope="module")
def agent():
    return compiled("keydoor-dqn-relu-l0")[0]


def level_of(agent, text):
    seeing = language.with_cells(agent.env)

    def bind():
        program = language.parse(text, language.vocabulary_of(seeing), language.DECOMPILATION_LIMITS)
        return Bound(program, language.bind_state(seeing))

    return Level("program", text, bind=bind)


def test_functions_give_their_values_for_all_arguments_callers_first(agent):
    level = level_of(agent, TEXT)
    for state in states_of(agent, 4):
        row, column = int(state["row"][0]), int(state["column"][0])
        rows, why = program_values(level, state)
        assert why is None
        by_text = {each["text"]: each for each in rows}
        assert by_text["alone()"] == {"line": 4, "text": "alone()", "value": column - row}
        assert by_text["shifted(0..2)"] == {
            "line": 1, "text": "shifted(0..2)", "values": [column, 3 + column, 6 + column], "of": 3,
        }  # fmt: skip


def test_a_level_that_is_missing_says_why(agent):
    state = states_of(agent, 1)[0]
    assert program_values(Level("program", why="it was not decompiled"), state) == ([], "it was not decompiled")
    rows, why = program_values(level_of(agent, "def strategy(state) -> action:\n    return nonsense\n"), state)
    assert rows == [] and why is not None and "nonsense" in why
