"""Whatever a stranger writes, what is printed has no control characters and reads back as JSON."""

import json
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentscope.reports import plain_text, to_plain

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(st.text())
def test_one_line_stays_one_line_of_printable_characters(text):
    cleaned = plain_text(text)
    assert "\n" not in cleaned
    assert not {unicodedata.category(c) for c in cleaned} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert plain_text(cleaned) == cleaned


@given(st.text())
def test_several_lines_keep_their_newlines_and_nothing_else(text):
    cleaned = plain_text(text, multiline=True)
    assert cleaned.count("\n") == text.replace("\r\n", "\n").count("\n") + text.replace("\r\n", "\n").count("\r")
    assert all(c.isprintable() or c == "\n" or unicodedata.category(c) == "Zs" for c in cleaned)


@given(VALUES)
def test_every_value_becomes_json_that_says_why_a_number_is_gone(value):
    why = {}
    plain = to_plain(value, "part", why)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert all("JSON cannot hold" in text for text in why.values())
    assert to_plain(plain, "part", {}) == plain


def test_numpy_values_become_plain_ones():
    value = {
        "b": np.bool_(True),
        "i": np.int16(3),
        "f": np.float32(0.5),
        "a": np.array([[1, 2]]),
        "s": np.str_("x\x00"),
    }
    assert to_plain(value, "p", {}) == {"a": [[1, 2]], "b": True, "f": 0.5, "i": 3, "s": "x"}


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", lambda: None])
def test_what_has_no_place_in_a_report_is_our_own_mistake(value):
    with pytest.raises(TypeError, match="no place in a report"):
        to_plain(value, "p", {})
