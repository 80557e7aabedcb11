"""Baselines beside the frontier: CART on the same questions, in the same language."""

from __future__ import annotations

from agentscope.records import FrontierPoint
from agentscope.strategies.judging import Judge
from agentscope.strategies.study import Study
from agentscope.strategies.tree_form import TreeOfTests, text_of

NAME = "CART (baseline)"
SIZES = (4, 8, 16, 32, 64)


def cart_points(study: Study, judge: Judge) -> list[FrontierPoint]:
    """CART (Breiman et al. 1984) with so many leaves, taught the network's own actions, judged like any text."""
    if TreeOfTests().applies(study) is not None:
        return []
    return [judge.judge(NAME, text_of(study, study.cart(size), study.conditions)).point for size in SIZES]
