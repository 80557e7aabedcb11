"""Trees over yes-or-no questions: grown best first, then every node re-chosen in turn, then pruned.

The cost of each answer is known for each row, so that one row may be content with several answers. After growing,
tree alternating optimisation (Carreira-Perpinan and Tavallali 2018) re-chooses each node's question with the rest of
the tree held still, which never raises the cost on the rows fitted.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int

LARGEST = 200_000  # rows x questions up to which a split that helps nobody alone is looked behind
SWEEPS = 6  # sweeps over all nodes; most trees stand still after three


@dataclass(frozen=True)
class Leaf:
    """Give this answer."""

    answer: int


@dataclass(frozen=True)
class Branch:
    """Ask a question: go on with `yes` where it is true, with `no` where it is false."""

    test: int
    yes: Leaf | Branch
    no: Leaf | Branch


Tree = Leaf | Branch


@dataclass(frozen=True)
class Rows:
    """Distinct answer vectors with the summed cost of each answer over the states that share them.

    Attributes:
        truth: 1 where a question is true; float32, so that products with costs run in one matrix product.
        cost: summed cost of each answer.
        group: which distinct row each original state went to.
    """

    truth: Float[np.ndarray, "rows tests"]
    cost: Float[np.ndarray, "rows answers"]
    group: Int[np.ndarray, "states"]


def group_rows(truth: Bool[np.ndarray, "states tests"], cost: Float[np.ndarray, "states answers"]) -> Rows:
    """Merge states that answer every question alike: they share every leaf, so only their summed cost matters."""
    if truth.shape[1] == 0:
        group = np.zeros(len(truth), dtype=np.int64)
        return Rows(np.zeros((1, 0), np.float32), cost.sum(axis=0, keepdims=True), group)
    packed = np.packbits(truth, axis=1)
    keys = np.ascontiguousarray(packed).view(f"V{packed.shape[1]}").ravel()
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    return Rows(truth[first].astype(np.float32), sum_by(group, cost, len(first)), group)


def sum_by(group: np.ndarray, cost: np.ndarray, groups: int) -> np.ndarray:
    """Sum of the cost rows of each group."""
    return np.stack([np.bincount(group, weights=column, minlength=groups) for column in cost.T], axis=1)


def predict(tree: Tree, truth: np.ndarray) -> Int[np.ndarray, "rows"]:
    """Answer of the tree in each row."""
    return _answers(tree, truth, np.arange(len(truth)))


def _answers(tree: Tree, truth: np.ndarray, part: np.ndarray) -> Int[np.ndarray, "rows"]:
    """Answer of the tree in some of the rows."""
    if isinstance(tree, Leaf):
        return np.full(len(part), tree.answer, dtype=np.int64)
    true = truth[part, tree.test] > 0
    out = np.empty(len(part), dtype=np.int64)
    out[true] = _answers(tree.yes, truth, part[true])
    out[~true] = _answers(tree.no, truth, part[~true])
    return out


def cost_of(tree: Tree, rows: Rows) -> float:
    """Total cost of the tree's answers."""
    return float(rows.cost[np.arange(len(rows.cost)), predict(tree, rows.truth)].sum())


def leaves(tree: Tree) -> int:
    """Number of leaves."""
    return 1 if isinstance(tree, Leaf) else leaves(tree.yes) + leaves(tree.no)


@dataclass
class _Growth:
    """A tree while it grows: the rows at each node, the splits made, and the leaves in order of worth."""

    rows: Rows
    credit: np.ndarray
    sharpness: float
    parts: list[np.ndarray] = field(default_factory=list)
    splits: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    queue: list[tuple[float, int, int]] = field(default_factory=list)

    def add(self, tree: Tree, part: np.ndarray) -> int:
        """A node for this tree over these rows; its leaves are offered for splitting."""
        node = len(self.parts)
        self.parts.append(part)
        if isinstance(tree, Branch) and len(part):
            true = self.rows.truth[part, tree.test] > 0
            self.splits[node] = (tree.test, self.add(tree.yes, part[true]), self.add(tree.no, part[~true]))
        else:
            self._offer(node)
        return node

    def split(self) -> None:
        """Split the leaf that is worth most."""
        _, node, test = heapq.heappop(self.queue)
        true = self.rows.truth[self.parts[node], test] > 0
        part = self.parts[node]
        self.splits[node] = (test, self.add(Leaf(0), part[true]), self.add(Leaf(0), part[~true]))

    def _offer(self, node: int) -> None:
        part = self.parts[node]
        here = self.credit[part]
        total = here.sum(axis=0)
        if len(part) == 0 or total.max() >= here.max(axis=1).sum() - 1e-9:
            return  # one answer already suits every row
        true = self.rows.truth[part].T @ here.astype(np.float32)
        worth = _norm(true, self.sharpness) + _norm(total - true, self.sharpness) - _norm(total, self.sharpness)
        test = int(worth.argmax())
        if worth[test] <= 1e-6 * max(1.0, float(total.max())):
            worth = self._two_deep(part)
            test = int(worth.argmax())
        if worth[test] > 1e-6 * max(1.0, float(total.max())):
            heapq.heappush(self.queue, (-float(worth[test]), node, test))

    def _two_deep(self, part: np.ndarray) -> np.ndarray:
        """Worth of each question with the best one after it on either side: finds an exclusive or."""
        truth, credit = self.rows.truth[part], self.credit[part].astype(np.float32)
        total = _norm(credit.sum(axis=0), self.sharpness)
        worth = np.zeros(truth.shape[1])
        for test in range(truth.shape[1] if truth.size <= LARGEST else 0):
            for side in (truth[:, test] > 0, truth[:, test] == 0):
                whole = credit[side].sum(axis=0)
                true = truth[side].T @ credit[side]
                worth[test] += (_norm(true, self.sharpness) + _norm(whole - true, self.sharpness)).max()
        return np.maximum(worth - total, 0.0)

    def tree(self, node: int = 0) -> Tree:
        """The tree as it stands, each leaf with its cheapest answer."""
        if node not in self.splits:
            return Leaf(int(self.rows.cost[self.parts[node]].sum(axis=0).argmin()))
        test, yes, no = self.splits[node]
        return Branch(test, self.tree(yes), self.tree(no))


def grow(rows: Rows, size: int, *, sharpness: float = 4.0, start: Tree | None = None) -> Tree:
    """Grow a tree best first, from nothing or from `start`, until it has `size` leaves or no split helps.

    A split is worth what it raises the `sharpness`-norm of the leaf's credit vector (credit = what an answer saves
    over the worst): 2 is Gini's measure, infinity counts errors only; the norm's convexity makes every worth >= 0.
    """
    growth = _Growth(rows, rows.cost.max(axis=1, keepdims=True) - rows.cost, sharpness)
    growth.add(start or Leaf(0), np.arange(len(rows.cost)))
    while growth.queue and len(growth.splits) + 1 < size:
        growth.split()
    return growth.tree()


def _norm(credit: np.ndarray, sharpness: float) -> np.ndarray:
    top = np.maximum(credit.max(axis=-1, keepdims=True), 1e-12)
    return np.asarray(top[..., 0] * (np.clip(credit / top, 0, None) ** sharpness).sum(axis=-1) ** (1 / sharpness))


def improve(tree: Tree, rows: Rows, sweeps: int = SWEEPS) -> Tree:
    """Re-choose every node in turn, children first, until a sweep gains nothing; branches that nobody takes go."""
    cost = cost_of(tree, rows)
    for _ in range(sweeps):
        tree, _ = _improve(tree, rows, np.arange(len(rows.cost)))
        now = cost_of(tree, rows)
        if now >= cost - 1e-9:
            break
        cost = now
    return tidy(tree)


def _improve(tree: Tree, rows: Rows, part: np.ndarray) -> tuple[Tree, float]:
    """The improved tree, and its cost on these rows."""
    totals = rows.cost[part].sum(axis=0)
    best = int(totals.argmin())
    if isinstance(tree, Leaf) or len(part) == 0:
        return (Leaf(best) if len(part) else tree), float(totals[best])
    true = rows.truth[part, tree.test] > 0
    yes, _ = _improve(tree.yes, rows, part[true])
    no, _ = _improve(tree.no, rows, part[~true])
    if_yes, if_no = (rows.cost[part, _answers(side, rows.truth, part)] for side in (yes, no))
    apart = np.flatnonzero(if_yes != if_no)  # the others cost the same whatever is asked: their rows are not copied
    change = rows.truth[part[apart]].T @ (if_yes - if_no)[apart].astype(np.float32)
    low, high = int(change.argmin()), int(change.argmax())
    straight, crossed = if_no.sum() + change[low], if_yes.sum() - change[high]
    old = np.where(true, if_yes, if_no).sum()
    if min(straight, crossed) < old - 1e-4:
        if straight <= crossed:
            return Branch(low, yes, no), float(straight)
        return Branch(high, no, yes), float(crossed)
    return Branch(tree.test, yes, no), float(old)


def tidy(tree: Tree, known: tuple[tuple[int, bool], ...] = ()) -> Tree:
    """Drop questions whose answer is already known, and questions whose two answers are one."""
    if isinstance(tree, Leaf):
        return tree
    for test, truth in known:
        if test == tree.test:
            return tidy(tree.yes if truth else tree.no, known)
    yes, no = tidy(tree.yes, (*known, (tree.test, True))), tidy(tree.no, (*known, (tree.test, False)))
    return yes if yes == no else Branch(tree.test, yes, no)
