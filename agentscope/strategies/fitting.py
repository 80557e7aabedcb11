"""Fitting trees to a size: grown, improved, and shaken until no shaking helps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from agentscope.strategies.trees import Leaf, Rows, Tree, cost_of, group_rows, grow, improve, leaves, predict

SHARPNESS = (2.0, 4.0)
SCOUT = 6_000  # rows on which questions are screened
SCREEN = 64  # leaves of the trees that screen them
SHAKES = 4


def fit_tree(rows: Rows, size: int, generator: np.random.Generator, *, start: Tree | None = None,
             shakes: int = SHAKES) -> Tree:  # fmt: skip
    """The best tree of at most `size` leaves found: grown from `start` and from nothing, then shaken.

    Shaking (iterated local search) takes one branch off, grows the tree to its size again and improves it; what is
    cheaper is kept.
    """
    starts = [start] if start is not None and leaves(start) > 1 else [None]
    found = [improve(grow(rows, size, sharpness=each, start=tree), rows) for each in SHARPNESS for tree in starts]
    if start is not None:
        found.append(start)
    best = min(found, key=lambda tree: _mark(tree, rows))
    mark = _mark(best, rows)
    for turn in range(shakes if leaves(best) > 2 else 0):
        trial = _shaken(best, rows, generator)
        trial = improve(grow(rows, size, sharpness=SHARPNESS[turn % 2], start=trial), rows)
        if (now := _mark(trial, rows)) < mark:
            best, mark = trial, now
    return best


def _mark(tree: Tree, rows: Rows) -> tuple[float, int]:
    return round(cost_of(tree, rows), 6), leaves(tree)


def _shaken(tree: Tree, rows: Rows, generator: np.random.Generator) -> Tree:
    """The tree without one random branch of at most half its leaves."""
    most = max(2, leaves(tree) // 2)
    spots = [found for found in _collapses(tree, rows, np.arange(len(rows.cost)), ()) if 2 <= found[3] <= most]
    if not spots:
        return tree
    chosen = spots[int(generator.integers(len(spots)))]
    return _replace(tree, chosen[1], chosen[2])


def prune(tree: Tree, rows: Rows, size: int) -> Tree:
    """Collapse, one at a time, the branch that costs least for each leaf it frees, until `size` leaves remain."""
    while leaves(tree) > size:
        found = min(_collapses(tree, rows, np.arange(len(rows.cost)), ()), key=lambda item: (item[0], len(item[1])))
        tree = _replace(tree, found[1], found[2])
    return tree


def _collapses(tree: Tree, rows: Rows, part: np.ndarray,
               path: tuple[bool, ...]) -> Iterator[tuple[float, tuple[bool, ...], Leaf, int]]:  # fmt: skip
    """Each branch: the cost of making it a leaf for each leaf freed, the way to it, that leaf, its leaves."""
    if isinstance(tree, Leaf):
        return
    cost, count = rows.cost[part], leaves(tree)
    now = cost[np.arange(len(part)), predict(tree, rows.truth[part])].sum()
    totals = cost.sum(axis=0)
    yield float(totals.min() - now) / (count - 1), path, Leaf(int(totals.argmin())), count
    true = rows.truth[part, tree.test] > 0
    yield from _collapses(tree.yes, rows, part[true], (*path, True))
    yield from _collapses(tree.no, rows, part[~true], (*path, False))


def _replace(tree: Tree, path: tuple[bool, ...], leaf: Tree) -> Tree:
    if not path or isinstance(tree, Leaf):
        return leaf
    if path[0]:
        return replace(tree, yes=_replace(tree.yes, path[1:], leaf))
    return replace(tree, no=_replace(tree.no, path[1:], leaf))


def screened(truth: np.ndarray, cost: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Places of the questions worth keeping: those that large trees on a sample of the states ask.

    Fewer questions also make more states alike, so that everything after this runs several times faster.
    """
    rows = np.sort(generator.permutation(len(truth))[:SCOUT])
    scout = group_rows(truth[rows], cost[rows])
    asked: set[int] = set()
    for sharpness in SHARPNESS:
        asked |= tests_in(improve(grow(scout, SCREEN, sharpness=sharpness), scout, sweeps=1))
        asked |= tests_in(grow(scout, SCREEN, sharpness=sharpness))
    return np.array(sorted(asked), dtype=np.int64)


def tests_in(tree: Tree) -> set[int]:
    """Questions that a tree asks."""
    return set() if isinstance(tree, Leaf) else {tree.test} | tests_in(tree.yes) | tests_in(tree.no)
