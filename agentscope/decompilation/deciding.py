"""Decision lists: a few rules over flags, the first that holds decides; right in every state, or none is given."""

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
    flags: Bool[np.ndarray, "states flags"],
    actions: Int[np.ndarray, "states"],
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


def determining(
    flags: Bool[np.ndarray, "states flags"], actions: Int[np.ndarray, "states"], order: Sequence[int]
) -> tuple[int, ...] | None:
    """Flags that decide the action together, none of which could be spared; those first in `order` go first."""
    kept = list(range(flags.shape[1]))
    if not _decides(flags, actions):
        return None
    for flag in order:
        fewer = [other for other in kept if other != flag]
        if _decides(flags[:, fewer], actions):
            kept = fewer
    return tuple(kept)


def _decides(flags: np.ndarray, actions: np.ndarray) -> bool:
    packed = np.packbits(flags, axis=1) if flags.shape[1] else np.zeros((len(flags), 1), dtype=np.uint8)
    both = np.column_stack([packed, actions.astype(np.uint8)])
    return len(np.unique(both, axis=0)) == len(np.unique(packed, axis=0))


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
