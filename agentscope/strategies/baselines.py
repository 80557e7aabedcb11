"""Baselines beside the frontier: CART on the same questions, in the same language."""

from __future__ import annotations

from agentscope.records import FrontierPoint
from agentscope.strategies.cart import cart_tree
from agentscope.strategies.judging import Judge
from agentscope.strategies.study import Study
from agentscope.strategies.tree_form import TreeOfTests, text_of

NAME = "CART (baseline)"
SIZES = (2, 4, 8, 16, 32, 64, 128)


def cart_points(study: Study, judge: Judge) -> list[FrontierPoint]:
    """CART (Breiman et al. 1984) with so many leaves, taught the network's own actions, judged like any text."""
    if TreeOfTests().applies(study) is not None:
        return []
    labels = study.lessons.same.argmax(axis=1)
    trees = [cart_tree(study.conditions.truth, labels, size) for size in SIZES]
    return [judge.judge(NAME, text_of(study, tree, study.conditions)).point for tree in trees]
