"""The far end of the frontier: how large a tree must be to agree everywhere, beside CART at the same agreement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from agentscope.errors import TextError
from agentscope.language import DECOMPILATION_LIMITS
from agentscope.records import FrontierPoint
from agentscope.strategies.baselines import NAME as CART
from agentscope.strategies.judging import Judge
from agentscope.strategies.study import Study
from agentscope.strategies.tree_form import TreeOfTests, text_of
from agentscope.strategies.trees import group_rows, improve

ABSOLUTE = " with coordinates"  # after the name of a form that reads them
SIZES = (64, 128, 256, 512, 1_024, 2_048, 4_096)


def points_to_one(study: Study, judge: Judge, sizes: Sequence[int] = SIZES) -> tuple[list[FrontierPoint], str | None]:
    """Trees of growing size until one agrees in every state in which any text over these questions can.

    Beside each of CART's trees stand two of ours: that tree with every node re-chosen, which agrees at least as often
    with no more leaves, and that tree itself, in case the re-chosen questions are longer to write.

    Args:
        study, judge: of the same lessons, so that the certificate is about the states that were fitted.
    Returns: the points, and why they end below 1.0 (None where they do not).
    """
    rows = group_rows(study.conditions.truth, np.where(study.lessons.same, 0.0, 1.0))
    least = round(float(rows.cost.min(axis=1).sum()))
    names = (TreeOfTests().name, CART)
    ours, cart = (name + ABSOLUTE for name in names) if study.absolute else names
    points: list[FrontierPoint] = []
    for size in sizes:
        start = study.cart(size)
        texts = [text_of(study, tree, study.conditions) for tree in (start, improve(start, rows, sweeps=2))]
        try:
            judged = [judge.judge(ours, text, limits=DECOMPILATION_LIMITS) for text in dict.fromkeys(texts)]
        except TextError as error:
            return points, f"a tree of {size:,} leaves exceeds the limits of the language ({error})"
        points += [replace(judged[0].point, form=cart), *(each.point for each in judged)]
        if max(each.agreement for each in judged) >= 1 - (least + 0.5) / len(study.lessons):
            return points, _aliased(study, least) if least else None
    return points, f"{sizes[-1]:,} leaves are not enough"


def _aliased(study: Study, states: int) -> str:
    vocabulary = "every concept, coordinates included," if study.absolute else "every concept but coordinates"
    return f"{states:,} of {len(study.lessons):,} states share {vocabulary} with others that are decided otherwise"
