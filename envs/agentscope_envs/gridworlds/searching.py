"""What both families of gridworlds need of sets of states: which are reachable, and which share their grid."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Int64, UInt8

from agentscope.contracts import States
from agentscope_envs.gridworlds import kernels

Successors = Callable[[States], States]
Codes = Callable[[States], np.ndarray]


def reachable(starts: States, successors: Successors, codes: Codes) -> States:
    """Breadth first from the starts: every state once, sorted by its code.

    Args:
        successors: all states that may follow these and are not terminal, in any order, repeated or not.
        codes: one number for each state; states of one code are the same state.
    """
    frontier = starts
    known: dict[int, np.void] = {}
    while len(frontier):
        known.update(zip(codes(frontier).tolist(), frontier, strict=True))
        following = successors(frontier)
        found, first = np.unique(codes(following), return_index=True)
        new = np.array([code not in known for code in found.tolist()], dtype=bool)
        frontier = following[first[new]]
    return np.array([known[code] for code in sorted(known)], dtype=starts.dtype)


def equal_grids(
    grids: UInt8[np.ndarray, "states rows columns"],
) -> tuple[Int64[np.ndarray, "states"], Int64[np.ndarray, "groups"]]:
    """Which grids are equal: the group of each, and the index of each group's first."""
    rows = np.ascontiguousarray(grids).reshape(len(grids), grids.shape[1] * grids.shape[2])
    group, representative = np.empty(len(rows), dtype=np.int64), np.empty(len(rows), dtype=np.int64)
    groups = kernels.group_rows(rows, group, representative)
    return group, representative[:groups]
