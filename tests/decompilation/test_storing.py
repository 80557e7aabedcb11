"""Parts go into report.json and come back; what a stranger may write there is refused with the row and the key."""

import json
from dataclasses import replace

import pytest

from agentscope.decompilation.parts import Part
from agentscope.decompilation.storing import MOST_PARTS, part_to_json, parts_from_json
from agentscope.errors import RefusedFile

PARTS = (
    Part("cell", "board", (0, 1), ((0, 2), (0, 3)), (), 1, low=0, high=1),
    Part("near", "", (), (), ("cell",), note="a look beyond the wall"),
    Part("hidden_3", "hidden_1", (3,), (), ("cell", "near"), 6, 4, 15, 1, 30, 64, -7, 9, True),
)


def rows_of(parts):
    """The functions of a text as a report holds them."""
    return [part_to_json(part) for part in parts]


def test_what_is_written_is_read_back():
    assert parts_from_json(json.loads(json.dumps(rows_of(PARTS)))) == PARTS


def test_other_keys_are_left_and_figures_may_be_missing():
    rows = [{"name": "f", "stage": "s", "units": [0], "ranges": [], "effect": 0.3, "in_budget": True}]
    assert parts_from_json(rows) == (Part("f", "s", (0,), (), ()),)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "a b"), ("name", "x" * 65), ("name", 3), ("name", "\u00e9"), ("stage", None), ("stage", "<b>"),
        ("units", [-1]), ("units", ["0"]), ("units", [True]), ("units", 0), ("units", [0.0]),
        ("ranges", [[0]]), ("ranges", [[3, 3]]), ("ranges", [[0, 1.5]]), ("ranges", [[0, 10**9]]), ("ranges", "00"),
        ("ranges", [[0, 300], [0, 300]]), ("ranges", [[0, 1]] * 9), ("calls", "cell"), ("calls", ["a.b"]),
        ("opaque", 1), ("note", ["n"]), ("note", "n" * 4_001), ("inputs", -1), ("rows", 2**60), ("low", "0"),
        ("high", float("nan")),
    ],
)  # fmt: skip
def test_a_row_that_is_no_part_is_refused(key, value):
    rows = rows_of(PARTS)
    rows[1][key] = value
    with pytest.raises(RefusedFile, match=f"Row 1 of the report's functions has a '{key}'"):
        parts_from_json(rows)


def test_lists_that_are_none_are_refused():
    for rows in (None, {}, [], "parts", [{}] * (MOST_PARTS + 1)):
        with pytest.raises(RefusedFile, match="lists no functions"):
            parts_from_json(rows)
    with pytest.raises(RefusedFile, match=r"Row 0 .* needs name"):
        parts_from_json([["name"]])
    with pytest.raises(RefusedFile, match="'cell' twice"):
        parts_from_json(rows_of((PARTS[0], replace(PARTS[1], name="cell"))))
