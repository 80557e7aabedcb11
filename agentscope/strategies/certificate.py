"""The far end of the frontier: how large a tree must be to agree everywhere, beside CART at the same agreement."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agentscope.errors import TextError
from agentscope.records import FrontierPoint
from agentscope.strategies.judging import Judge, Judged
from agentscope.strategies.study import Study
from agentscope.strategies.tree_form import text_of
from agentscope.strategies.trees import group_rows, improve

OURS = "tree with coordinates"
CART = "CART with coordinates (baseline)"
SIZES = (64, 128, 256, 512, 1_024, 2_048, 4_096)


def points_to_one(study: Study, judge: Judge, sizes: Sequence[int] = SIZES) -> tuple[list[FrontierPoint], str | None]:
    """Trees of growing size, coordinates allowed, until one agrees in every state; and why it ended before that.

    Each is CART's tree with every node re-chosen, so that it agrees at least as often with no more leaves.
    """
    truth = study.conditions.truth
    rows = group_rows(truth, np.where(study.lessons.same, 0.0, 1.0))
    points: list[FrontierPoint] = []
    best = 0.0
    for size in sizes:
        start = study.cart(size)
        try:
            cart = judge.judge(CART, text_of(study, start, study.conditions))
            ours = judge.judge(OURS, text_of(study, improve(start, rows, sweeps=2), study.conditions))
        except TextError as error:
            return points, f"a tree of {size} leaves exceeds the limits of the language ({error})"
        points += [cart.point, ours.point]
        if ours.agreement == 1.0:
            return points, None
        if _stands_still(cart, ours, best):
            return points, f"{1 - ours.agreement:.4f} of the states share all concepts with one decided otherwise"
        best = max(cart.agreement, ours.agreement)
    return points, f"{sizes[-1]} leaves are not enough"


def _stands_still(cart: Judged, ours: Judged, best: float) -> bool:
    return max(cart.agreement, ours.agreement) <= best
