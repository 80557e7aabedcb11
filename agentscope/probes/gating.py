"""Gates: a unit follows a number while a flag holds and is constant otherwise, `height(c) if lamp() else 0`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from agentscope.probes.affine import Rows, line_of
from agentscope.probes.terms import Term, chosen, number_term

FEWEST = 20  # visited states on each side of a gate


@dataclass(frozen=True)
class Gate:
    """A number and the flag that lets it through, with the score of the best constant on the other side."""

    number: Term
    flag: Term
    score: float

    def term(self, rows: Rows) -> Term:
        """The conditional expression, its constant rounded to a whole number where the number is whole."""
        visited, unit = rows.parts[0], rows.unit[0]
        holds, values = self.flag.values[visited], self.number.values[visited]
        slope, intercept = line_of(values[holds], unit[holds])
        other = (float(unit[~holds].mean()) - intercept) / slope if slope else 0.0
        other = float(np.clip(other, -1e6, 1e6))
        text = str(round(other)) if self.number.whole else repr(round(other, 1) + 0.0)
        return chosen(self.number, self.flag, number_term(text, np.array(float(text)), whole=self.number.whole))


def best_gates(rows: Rows, numbers: Sequence[Term], flags: Sequence[Term], most: int) -> list[Gate]:
    """The best pairs of a number and a flag (or its negation), by the lower of R2 on visited and edited states."""
    if not numbers or not flags:
        return []
    parts = [_sums(rows.stacked(flags, part), rows.stacked(numbers, part), unit) for part, unit in enumerate(rows.unit)]
    held = _scores(rows, parts, lambda whole, some: some)
    turned = _scores(rows, parts, lambda whole, some: whole - some)
    table = np.stack([held, turned])
    order = np.argsort(-table, axis=None, kind="stable")[:most]
    found = []
    for at in order:
        if np.isfinite(table.flat[at]):
            side, flag, number = map(int, np.unravel_index(at, table.shape))
            asked = flags[flag].turned() if side else flags[flag]
            found.append(Gate(numbers[number], asked, float(table.flat[at])))
    return found


Part = tuple[dict[str, np.ndarray], dict[str, np.ndarray]]  # sums where each flag holds, and over all states


def _sums(flags: np.ndarray, numbers: np.ndarray, unit: np.ndarray) -> Part:
    """Counts and moments of (number, unit) where each flag holds: (flags, numbers), those of the unit (flags, 1)."""
    one = np.ones((len(unit), 1))
    columns = {"n": one, "y": unit[:, None], "yy": unit[:, None] ** 2, "x": numbers, "xx": numbers**2,
               "xy": numbers * unit[:, None]}  # fmt: skip
    return {name: flags.T @ values for name, values in columns.items()}, {
        name: values.sum(axis=0)[None] for name, values in columns.items()
    }


def _scores(
    rows: Rows, parts: Sequence[Part], side: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> Float[np.ndarray, "flags numbers"]:
    """The lower of both R2 for every pair, the number let through on one side of each flag."""
    inside = [{name: side(whole[name], some[name]) for name in some} for some, whole in parts]
    outside = [
        {name: whole[name] - here[name] for name in here} for here, (_, whole) in zip(inside, parts, strict=True)
    ]
    here, there = inside[0], outside[0]
    enough = (here["n"] >= FEWEST) & (there["n"] >= FEWEST)
    count = np.maximum(here["n"], 1)
    variance = here["xx"] - here["x"] ** 2 / count
    flat = variance <= 1e-9 * np.maximum(here["xx"], 1e-300)
    slope = np.where(flat, 0, (here["xy"] - here["x"] * here["y"] / count) / np.where(flat, 1, variance))
    intercept = (here["y"] - slope * here["x"]) / count
    constant = there["y"] / np.maximum(there["n"], 1)
    lowest = np.where(enough & ~flat, np.inf, -np.inf)
    for part, unit in enumerate(rows.unit):
        spread = float(((unit - unit.mean()) ** 2).sum()) if len(unit) else 0.0
        if spread <= 0:
            continue
        a, b = inside[part], outside[part]
        followed = (
            a["yy"] - 2 * intercept * a["y"] - 2 * slope * a["xy"] + a["n"] * intercept**2
            + 2 * slope * intercept * a["x"] + slope**2 * a["xx"]
        )  # fmt: skip
        rest = b["yy"] - 2 * constant * b["y"] + b["n"] * constant**2
        lowest = np.minimum(lowest, 1 - (followed + rest) / spread)
    return lowest
