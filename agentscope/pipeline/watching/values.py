"""What a text read while it decided: the primitives of a traced evaluation, as rows of the page's documents."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from agentscope import language

MOST_LANES = 40  # values of one call in a loop that are shown
MOST_ROWS = 60  # calls that are shown of one state
_NAMED = re.compile(r"(?:after\([^,]+, )?([A-Za-z_][A-Za-z0-9_]*)")


def plain(value: Any) -> Any:
    """A number as documents hold it: six significant digits, None for what JSON lacks."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    number = float(value)
    if not math.isfinite(number):
        return None
    rounded = float(f"{number:.6g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def plain_row(values: Sequence[Any] | np.ndarray) -> list[Any]:
    """Several of them."""
    return [plain(value) for value in values]


def lines_through(found: language.Evaluation, row: int) -> list[int]:
    """Lines of helpers that returned what the deciding line returned in one state, e.g. of `return approach(...)`."""
    line = int(found.lines[row])
    return sorted({each.line for each in found.returns if each.mask[row] and each.called_from[0] >= line})


def value_rows(
    found: language.Evaluation, row: int, vocabulary: language.Vocabulary, network_action: int
) -> list[dict[str, Any]]:
    """The primitives that the text called in one state, in the order of evaluation.

    A call inside a loop over actions shows its value at the text's action and at the network's; one in any other loop
    shows its values, the first MOST_LANES of them.

    Args:
        row: of the evaluation's states.
        network_action: of the network in that state.
    """
    rows = []
    for call in found.values:
        mask, values = call.mask[..., row], call.values[..., row]
        if not mask.any():
            continue
        said: dict[str, Any] = {"line": int(call.line), "text": call.text}
        taken = values[mask]
        if mask.ndim == 0 or (taken == taken[0]).all():
            said["value"] = plain(taken[0])
            label = _label(call.text, taken[0], vocabulary)
            rows.append(said if label is None else {**said, "label": label})
        elif mask.ndim == 1 and len(mask) == vocabulary.actions and _of_action(call.text, vocabulary):
            places = {"at_text": int(found.actions[row]), "at_network": network_action}
            rows.append(said | {key: plain(values[at]) if mask[at] else None for key, at in places.items()})
        else:
            rows.append(said | {"values": plain_row(taken[:MOST_LANES]), "of": len(taken)})
        if len(rows) == MOST_ROWS:
            break
    return rows


def _of_action(text: str, vocabulary: language.Vocabulary) -> bool:
    """Whether the call's value depends on an action: of an action concept, or of the state after one."""
    named = _NAMED.match(text)
    signature = vocabulary.signature(named[1]) if named else None
    return text.startswith("after(") or (signature is not None and signature.of_action)


def _label(text: str, value: Any, vocabulary: language.Vocabulary) -> str | None:
    """What a choice's number means."""
    named = _NAMED.match(text)
    signature = vocabulary.signature(named[1]) if named else None
    if signature is None or signature.kind != "choice" or not 0 <= int(value) < len(signature.choices):
        return None
    return signature.choices[int(value)]
