"""Trees over yes-or-no questions: grown best first, then every node re-chosen in turn, then pruned.

The cost of each answer is known for each row, so that one row may be content with several answers. After growing,
tree alternating optimisation (Carreira-Perpinan and Tavallali 2018) re-chooses each node's question with the rest of
the tree held still, which never raises the cost on the rows fitted.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

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
    out = np.empty(len(truth), dtype=np.int64)
    _predict(tree, truth, np.arange(len(truth)), out)
    return out


def _predict(tree: Tree, truth: np.ndarray, rows: np.ndarray, out: np.ndarray) -> None:
    if isinstance(tree, Leaf):
        out[rows] = tree.answer
        return
    true = truth[rows, tree.test] > 0
    _predict(tree.yes, truth, rows[true], out)
    _predict(tree.no, truth, rows[~true], out)


def cost_of(tree: Tree, rows: Rows) -> float:
    """Total cost of the tree's answers."""
    return float(rows.cost[np.arange(len(rows.cost)), predict(tree, rows.truth)].sum())


def leaves(tree: Tree) -> int:
    """Number of leaves."""
    return 1 if isinstance(tree, Leaf) else leaves(tree.yes) + leaves(tree.no)


def grow(rows: Rows, size: int, *, sharpness: float = 4.0) -> Tree:
    """Grow a tree best first until it has `size` leaves or no split helps.

    A split is worth what it raises the `sharpness`-norm of the leaf's credit vector (credit = what an answer saves
    over the worst): 2 is Gini's measure, infinity counts errors only; the norm's convexity makes every worth >= 0.
    """
    credit = rows.cost.max(axis=1, keepdims=True) - rows.cost
    parts: dict[int, np.ndarray] = {0: np.arange(len(credit))}
    splits: dict[int, tuple[int, int, int]] = {}
    queue: list[tuple[float, int, int]] = []
    _offer(queue, 0, parts[0], (rows.truth, credit, sharpness))
    count = 1
    while queue and count < size:
        _, node, test = heapq.heappop(queue)
        true = rows.truth[parts[node], test] > 0
        yes, no = 2 * count - 1, 2 * count
        splits[node] = (test, yes, no)
        parts[yes], parts[no] = parts[node][true], parts[node][~true]
        for child in (yes, no):
            _offer(queue, child, parts[child], (rows.truth, credit, sharpness))
        count += 1
    return _assemble(0, splits, parts, rows.cost)


def _offer(queue: list[tuple[float, int, int]], node: int, part: np.ndarray,
           problem: tuple[np.ndarray, np.ndarray, float]) -> None:  # fmt: skip
    truth, credit, sharpness = problem
    here = credit[part]
    total = here.sum(axis=0)
    if total.max() >= here.max(axis=1).sum() - 1e-9:
        return  # one answer already suits every row
    true = truth[part].T @ here.astype(np.float32)
    worth = _norm(true, sharpness) + _norm(total - true, sharpness) - _norm(total, sharpness)
    test = int(worth.argmax())
    if worth[test] > 1e-6 * max(1.0, float(total.max())):
        heapq.heappush(queue, (-float(worth[test]), node, test))


def _norm(credit: np.ndarray, sharpness: float) -> np.ndarray:
    top = np.maximum(credit.max(axis=-1, keepdims=True), 1e-12)
    return np.asarray(top[..., 0] * (np.clip(credit / top, 0, None) ** sharpness).sum(axis=-1) ** (1 / sharpness))


def _assemble(node: int, splits: dict[int, tuple[int, int, int]], parts: dict[int, np.ndarray],
              cost: np.ndarray) -> Tree:  # fmt: skip
    if node not in splits:
        return Leaf(int(cost[parts[node]].sum(axis=0).argmin()))
    test, yes, no = splits[node]
    return Branch(test, _assemble(yes, splits, parts, cost), _assemble(no, splits, parts, cost))


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
    truth, cost = rows.truth[part], rows.cost[part]
    line = np.arange(len(part))
    if_yes, if_no = cost[line, predict(yes, truth)], cost[line, predict(no, truth)]
    change = truth.T @ (if_yes - if_no).astype(np.float32)
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


def prune(tree: Tree, rows: Rows, size: int) -> Tree:
    """Collapse, one at a time, the branch that costs least for each leaf it frees, until `size` leaves remain."""
    while leaves(tree) > size:
        found = min(_collapses(tree, rows, np.arange(len(rows.cost)), ()), key=lambda item: (item[0], len(item[1])))
        tree = _replace(tree, found[1], found[2])
    return tree


def _collapses(tree: Tree, rows: Rows, part: np.ndarray,
               path: tuple[bool, ...]) -> Iterator[tuple[float, tuple[bool, ...], Leaf]]:  # fmt: skip
    if isinstance(tree, Leaf):
        return
    cost = rows.cost[part]
    now = cost[np.arange(len(part)), predict(tree, rows.truth[part])].sum()
    totals = cost.sum(axis=0)
    yield (float(totals.min() - now)) / (leaves(tree) - 1), path, Leaf(int(totals.argmin()))
    true = rows.truth[part, tree.test] > 0
    yield from _collapses(tree.yes, rows, part[true], (*path, True))
    yield from _collapses(tree.no, rows, part[~true], (*path, False))


def _replace(tree: Tree, path: tuple[bool, ...], leaf: Tree) -> Tree:
    if not path or isinstance(tree, Leaf):
        return leaf
    if path[0]:
        return replace(tree, yes=_replace(tree.yes, path[1:], leaf))
    return replace(tree, no=_replace(tree.no, path[1:], leaf))


def fit_tree(rows: Rows, size: int, *, start: Tree | None = None) -> Tree:
    """The best tree of at most `size` leaves found from several starts: grown to size, or grown larger and pruned."""
    starts: list[Tree] = [improve(prune(start, rows, size), rows)] if start is not None else []
    for sharpness in (2.0, 4.0):
        starts.append(improve(grow(rows, size, sharpness=sharpness), rows))
        larger = improve(grow(rows, size + size // 2 + 1, sharpness=sharpness), rows, sweeps=2)
        starts.append(improve(prune(larger, rows, size), rows))
    return min(starts, key=lambda tree: (round(cost_of(tree, rows), 6), leaves(tree)))
