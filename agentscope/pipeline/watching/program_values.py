"""What each function of a decompiled program gives in one state, as rows of the page's documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentscope import language
from agentscope.contracts import States
from agentscope.errors import ContractBroken, TextError
from agentscope.pipeline.watching.levels import Level, function_spans
from agentscope.pipeline.watching.values import MOST_LANES, plain, plain_row
from agentscope.reports import plain_text

MOST_VALUES = 4_096  # of one function in one state: a larger table is no reading for anyone


def program_values(level: Level, state: States) -> tuple[list[dict[str, Any]], str | None]:
    """Values of the program's functions in one state, callers before what they call, and why there are none.

    A function of arguments gives its values for all of those that it is ever called with, the first MOST_LANES of them.
    """
    bound = level.bound
    if bound is None:
        return [], level.missing
    program = bound.program
    wanted = {name: table.ranges for name, table in program.tabulated.items() if table.combinations <= MOST_VALUES}
    try:
        found = language.evaluate_functions(program, bound.binding, state, wanted)
    except (TextError, ContractBroken) as problem:
        return [], plain_text(str(problem))
    starts: Mapping[str, int] = {span["name"]: span["start"] for span in function_spans(level.text)}
    rows = []
    for name in reversed(wanted):
        values = found[name].reshape(-1)
        said: dict[str, Any] = {"line": starts.get(name, 1), "text": f"{name}({_arguments(wanted[name])})"}
        shown = {"value": plain(values[0])} if len(values) == 1 else {
            "values": plain_row(values[:MOST_LANES]), "of": len(values)
        }  # fmt: skip
        rows.append(said | shown)
    return rows, None


def _arguments(ranges: tuple[range, ...]) -> str:
    """The arguments that the values are of, e.g. "0..47, 0..9"."""
    return ", ".join(str(each.start) if len(each) == 1 else f"{each.start}..{each.stop - 1}" for each in ranges)
