"""Baselines beside the frontier: CART on the same questions, in the same language."""

from __future__ import annotations

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from agentscope.records import FrontierPoint
from agentscope.strategies.judging import Judge
from agentscope.strategies.study import Study
from agentscope.strategies.tree_form import text_of
from agentscope.strategies.trees import Branch, Leaf, Tree, tidy

NAME = "CART (baseline)"
SIZES = (2, 4, 8, 16, 32, 64, 128)


def cart_points(study: Study, judge: Judge) -> list[FrontierPoint]:
    """CART (Breiman et al. 1984) with so many leaves, taught the network's own actions, judged like any text."""
    if not study.conditions.tests or not study.lessons.decisions.legal.all():
        return []
    return [judge.judge(NAME, text_of(study, cart_tree(study, size), study.conditions)).point for size in SIZES]


def cart_tree(study: Study, size: int) -> Tree:
    """The tree that scikit-learn grows to `size` leaves; each class of equivalent actions is one label."""
    labels = study.lessons.same.argmax(axis=1)
    model = DecisionTreeClassifier(max_leaf_nodes=size, random_state=0).fit(study.conditions.truth, labels)
    return tidy(_convert(model.tree_, model.classes_, 0))


def _convert(table: object, classes: np.ndarray, node: int) -> Tree:
    left, right = table.children_left[node], table.children_right[node]  # type: ignore[attr-defined]
    if left < 0:
        return Leaf(int(classes[table.value[node][0].argmax()]))  # type: ignore[attr-defined]
    test = int(table.feature[node])  # type: ignore[attr-defined]
    return Branch(test, _convert(table, classes, right), _convert(table, classes, left))
