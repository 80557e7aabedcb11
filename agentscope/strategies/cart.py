"""CART as scikit-learn grows it, in our own trees: a baseline, and a start for our own search."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Int
from sklearn.tree import DecisionTreeClassifier

from agentscope.strategies.trees import Branch, Leaf, Tree, tidy


def cart_tree(truth: Bool[np.ndarray, "states tests"], labels: Int[np.ndarray, "states"], size: int) -> Tree:
    """The tree of `size` leaves (Breiman et al. 1984) for one label a state."""
    model = DecisionTreeClassifier(max_leaf_nodes=size, random_state=0).fit(truth, labels)
    return tidy(_convert(model.tree_, model.classes_, 0))


def _convert(table: Any, classes: np.ndarray, node: int) -> Tree:
    left, right = int(table.children_left[node]), int(table.children_right[node])
    if left < 0:
        return Leaf(int(classes[table.value[node][0].argmax()]))
    return Branch(int(table.feature[node]), _convert(table, classes, right), _convert(table, classes, left))
