"""CART as scikit-learn grows it, in our own trees: a baseline, and a start for our own search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Int
from sklearn.tree import DecisionTreeClassifier

from agentscope.strategies.trees import Branch, Leaf, Tree, tidy


@dataclass(frozen=True)
class Cart:
    """One tree grown best first (Breiman et al. 1984), from which every smaller one is cut.

    Growing best first makes the same splits in the same order whatever the size it stops at, so that the tree of any
    smaller size is its first splits.

    Attributes:
        table: scikit-learn's arrays of nodes; the children of a node are numbered when it is split.
        answers: class of each column of the table's values.
    """

    table: Any
    answers: Int[np.ndarray, "classes"]

    def tree(self, size: int) -> Tree:
        """The tree of at most `size` leaves."""
        made = np.sort(self.table.children_left[self.table.children_left > 0])[: size - 1]
        return tidy(self._convert(0, int(made[-1]) if len(made) else 0))

    def _convert(self, node: int, last: int) -> Tree:
        left, right = int(self.table.children_left[node]), int(self.table.children_right[node])
        if not 0 < left <= last:
            return Leaf(int(self.answers[self.table.value[node][0].argmax()]))
        return Branch(int(self.table.feature[node]), self._convert(right, last), self._convert(left, last))


def grow_cart(truth: Bool[np.ndarray, "states tests"], labels: Int[np.ndarray, "states"], largest: int) -> Cart:
    """CART for one label a state, grown to at most `largest` leaves."""
    model = DecisionTreeClassifier(max_leaf_nodes=largest, random_state=0).fit(truth, labels)
    return Cart(model.tree_, model.classes_)
