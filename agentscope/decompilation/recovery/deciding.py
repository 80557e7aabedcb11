"""Decision lists and trees over flags: right in every row, or none is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float64, Int

LONGEST = 3  # flags that one rule may ask for
EXPONENTS = (0.5, 1.0, 2.0)  # how much a rule's reach counts against its length; each is tried, the shortest list kept
RULE_BITS = 20.0  # what a rule takes beside its flags
MOST_RULES = 64


@dataclass(frozen=True)
class Rule:
    """If every one of these flags is as wanted, take this action; without flags: otherwise.

    Attributes:
        flags: (number of the flag, wanted value).
    """

    flags: tuple[tuple[int, bool], ...]
    action: int


def rules_of(
    flags: Bool[np.ndarray, "rows flags"],
    actions: Int[np.ndarray, "rows"],
    costs: Float64[np.ndarray, "flags"],
) -> tuple[Rule, ...] | None:
    """The shortest list found that gives every state its action; None where the flags do not decide it.

    Args:
        costs: bits that asking for each flag takes.
    """
    rows, first, counts = np.unique(flags, axis=0, return_index=True, return_counts=True)
    table = np.column_stack([flags, actions])
    if len(np.unique(table, axis=0)) > len(rows):
        return None
    wanted = actions[first]
    found = []
    for exponent in EXPONENTS:
        for weights in (np.ones(len(rows)), counts.astype(np.float64)):
            rules = _listed(rows, wanted, weights, costs, exponent)
            if rules is not None:
                found.append(_shortened(rules, rows, wanted))
    return min(found, key=lambda rules: list_bits(rules, costs)) if found else None


def list_bits(rules: Sequence[Rule], costs: Float64[np.ndarray, "flags"]) -> float:
    """Description length of a list."""
    return sum(RULE_BITS + sum(float(costs[flag]) for flag, _ in rule.flags) for rule in rules)


def decided(rules: Sequence[Rule], flags: Bool[np.ndarray, "states flags"]) -> Int[np.ndarray, "states"]:
    """What the list says in each state; -1 where no rule holds."""
    actions = np.full(len(flags), -1)
    for rule in rules:
        holds = actions < 0
        for flag, value in rule.flags:
            holds &= flags[:, flag] == value
        actions[holds] = rule.action
    return actions


def _listed(
    rows: np.ndarray, wanted: np.ndarray, weights: np.ndarray, costs: np.ndarray, exponent: float
) -> tuple[Rule, ...] | None:
    """Separate and conquer: the best rule that is never wrong, then the next one on what is left."""
    literals = np.concatenate([rows, ~rows], axis=1)
    prices = np.concatenate([costs, costs + 2.0])
    left = np.ones(len(rows), dtype=bool)
    rules: list[Rule] = []
    while left.any() and len(rules) < MOST_RULES:
        if len(set(wanted[left])) == 1:
            rules.append(Rule((), int(wanted[left][0])))
            return tuple(rules)
        best = _best_rule(literals[left], wanted[left], weights[left], prices, exponent)
        if best is None:
            return None
        chosen, action = best
        holds = left & literals[:, list(chosen)].all(axis=1)
        flags = tuple((which % rows.shape[1], which < rows.shape[1]) for which in chosen)
        rules.append(Rule(flags, action))
        left &= ~holds
    return None


def _best_rule(
    literals: np.ndarray, wanted: np.ndarray, weights: np.ndarray, prices: np.ndarray, exponent: float
) -> tuple[tuple[int, ...], int] | None:
    """The conjunction that is right wherever it holds, and reaches most for its length."""
    best: tuple[float, tuple[int, ...], int] | None = None
    values = literals.astype(np.float64)
    for action in sorted(set(wanted.tolist())):
        right = (wanted == action) * weights
        wrong = (wanted != action).astype(np.float64)
        for chosen, reach in _pure(values, right, wrong):
            score = reach**exponent / (RULE_BITS + float(prices[list(chosen)].sum()))
            if best is None or score > best[0] + 1e-12:
                best = (score, chosen, int(action))
    return None if best is None else (best[1], best[2])


def _pure(values: np.ndarray, right: np.ndarray, wrong: np.ndarray) -> list[tuple[tuple[int, ...], float]]:
    """(literals, weight reached) of every conjunction that is never wrong and no longer than it need be."""
    found: list[tuple[tuple[int, ...], float]] = []
    reach, miss = right @ values, wrong @ values
    open_ones = []
    for literal in range(values.shape[1]):
        if reach[literal] > 0:
            if miss[literal] == 0:
                found.append(((literal,), float(reach[literal])))
            else:
                open_ones.append(literal)
    for position, first in enumerate(open_ones):
        rest = open_ones[position + 1 :]
        chosen = values[:, [first]] * values[:, rest]
        pair_reach, pair_miss = right @ chosen, wrong @ chosen
        usable = [i for i in range(len(rest)) if pair_reach[i] > 0]
        found += [((first, rest[i]), float(pair_reach[i])) for i in usable if pair_miss[i] == 0]
        still = [i for i in usable if pair_miss[i] > 0]
        if LONGEST < 3 or len(still) < 2:
            continue
        inner = chosen[:, still]
        triple_reach, triple_miss = (inner * right[:, None]).T @ inner, (inner * wrong[:, None]).T @ inner
        for one, other in combinations(range(len(still)), 2):
            if triple_reach[one, other] > 0 and triple_miss[one, other] == 0:
                found.append(((first, rest[still[one]], rest[still[other]]), float(triple_reach[one, other])))
    return found


def _shortened(rules: tuple[Rule, ...], rows: np.ndarray, wanted: np.ndarray) -> tuple[Rule, ...]:
    """The list without flags and rules that the rest makes needless."""
    kept = list(rules)
    for number in reversed(range(len(kept))):
        without = kept[:number] + kept[number + 1 :]
        if np.array_equal(decided(without, rows), wanted):
            kept = without
            continue
        for flag in list(kept[number].flags):
            shorter = Rule(tuple(one for one in kept[number].flags if one != flag), kept[number].action)
            tried = [*kept[:number], shorter, *kept[number + 1 :]]
            if np.array_equal(decided(tried, rows), wanted):
                kept = tried
    return tuple(kept)


@dataclass(frozen=True)
class Split:
    """A tree: `yes` where the flag holds, else `no`; an action where there is nothing more to ask."""

    flag: int
    yes: Split | int
    no: Split | int


def tree_of(
    flags: Bool[np.ndarray, "rows flags"],
    actions: Int[np.ndarray, "rows"],
    bases: Int[np.ndarray, "rows bases"],
    costs: Float64[np.ndarray, "flags"],
) -> Split | int | None:
    """A tree that gives every row its action; first it asks what makes the most other questions needless.

    Args:
        bases: what the flags ask about, so that rows with the same bases have the same flags.
    """
    if len(set(actions.tolist())) == 1:
        return int(actions[0])
    kinds = np.unique(actions)
    hot = (actions[:, None] == kinds).astype(np.float64)
    yes = flags.T.astype(np.float64) @ hot
    no = hot.sum(axis=0) - yes
    useful = np.flatnonzero((yes.sum(axis=1) > 0) & (no.sum(axis=1) > 0))
    if not len(useful):
        return None
    left = _surprise(yes) + _surprise(no)
    best = min(useful.tolist(), key=lambda flag: (
        _relevant(bases[flags[:, flag]], actions[flags[:, flag]])
        + _relevant(bases[~flags[:, flag]], actions[~flags[:, flag]]),
        round(float(left[flag]), 6), costs[flag], flag,
    ))  # fmt: skip
    sides = (flags[:, best], ~flags[:, best])
    parts = [tree_of(flags[side], actions[side], bases[side], costs) for side in sides]
    return None if parts[0] is None or parts[1] is None else Split(best, parts[0], parts[1])


def _relevant(bases: np.ndarray, actions: np.ndarray) -> int:
    """How many bases the action depends on: those without which two rows are alike and act differently."""
    sizes = bases.max(axis=0) + 1
    strides = np.concatenate([[1], np.cumprod(sizes[:-1])])
    codes = bases @ strides
    count = 0
    for column, stride in enumerate(strides):
        others = codes - bases[:, column] * stride
        count += len(np.unique(others)) < len(np.unique(others * (int(actions.max()) + 1) + actions))
    return count


def _surprise(counts: np.ndarray) -> np.ndarray:
    """Bits that naming the action of every row takes, rows x entropy."""
    total = counts.sum(axis=1, keepdims=True)
    shares = np.where(counts > 0, counts / np.maximum(total, 1), 1.0)
    return np.asarray(-(counts * np.log2(shares)).sum(axis=1))
