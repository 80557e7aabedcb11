"""Bookmarks: the steps of a run that are worth a look, best first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool

from agentscope.contracts import InspectableEnv
from agentscope.pipeline.watching.recording import OVER, Recording
from agentscope.pipeline.watching.trails import Trail, first_divergence
from agentscope.pipeline.watching.values import plain

MOST = 20  # of each kind
A_LINE = 4  # of those for one rarely used line
RARE = 0.05  # share of decisions: a line that decides more often is not rare


@dataclass(frozen=True)
class Bookmark:
    """A step of an episode, why one might look, and the figure that ranks it."""

    kind: str
    episode: str
    step: int
    label: str
    value: float | None

    def to_json(self) -> dict[str, Any]:
        """As the run document lists it."""
        value = None if self.value is None else plain(self.value)
        return {"kind": self.kind, "episode": self.episode, "step": self.step, "label": self.label, "value": value}


def bookmarks_of(
    recording: Recording, env: InspectableEnv, lines: Sequence[str], witnesses: Mapping[str, Trail],
    within: Bool[np.ndarray, "decisions"] | None = None,
) -> tuple[Bookmark, ...]:  # fmt: skip
    """All bookmarks of a run: disagreements by regret, findings, deaths, extreme gaps, rarely used lines.

    Args:
        lines: of the strategy's text.
        witnesses: trails of the findings' witnesses by episode key.
        within: decisions that may be marked; all by default.
    """
    within = np.ones(len(recording), dtype=bool) if within is None else within
    return (
        *disagreements(recording, env.action_names, within), *findings(env, witnesses), *deaths(recording, within),
        *extreme_gaps(recording, within), *rare_lines(recording, lines, within),
    )  # fmt: skip


def disagreements(recording: Recording, names: Sequence[str], within: np.ndarray) -> Iterable[Bookmark]:
    """Where the text does something else, by what the network thinks that costs."""
    if not recording.has_text:
        return
    rows = np.flatnonzero(~recording.same & within)
    for row in rows[np.argsort(-recording.regret[rows], kind="stable")][:MOST]:
        told = f"text: {names[recording.text[row]]}, network: {names[recording.actions[row]]}"
        yield _at(recording, "disagreement", int(row), f"{told}, regret {recording.regret[row]:.2f}",
                  float(recording.regret[row]))  # fmt: skip


def deaths(recording: Recording, within: np.ndarray) -> Iterable[Bookmark]:
    """Last steps of episodes that ended by the rules without success; where success is unknown, of those that earned
    less than most."""
    last = recording.starts + recording.lengths - 1
    over = np.flatnonzero((recording.end == OVER) & within[last])
    if (recording.success >= 0).all():
        over = over[recording.success[over] == 0]
    else:
        over = over[recording.returns[over] <= np.median(recording.returns)]
    for episode in over[np.argsort(recording.returns[over], kind="stable")][:MOST]:
        row, earned = int(last[episode]), float(recording.returns[episode])
        yield _at(
            recording, "death", row, f"over after {recording.lengths[episode]} steps, return {earned:.4g}", earned
        )


def extreme_gaps(recording: Recording, within: np.ndarray) -> Iterable[Bookmark]:
    """Where the network's choice is closest, and where it is clearest."""
    rows = np.flatnonzero(np.isfinite(recording.gap) & within)
    for kind, sign in (("small-gap", 1.0), ("large-gap", -1.0)):
        for row in rows[np.argsort(sign * recording.gap[rows], kind="stable")][:MOST]:
            gap = float(recording.gap[row])
            yield _at(recording, kind, int(row), f"best score ahead by {gap:.3g} units", gap)


def rare_lines(recording: Recording, lines: Sequence[str], within: np.ndarray) -> Iterable[Bookmark]:
    """Steps that a rarely used line of the text decided, the rarest line first."""
    if not recording.has_text:
        return
    known, counts = np.unique(recording.line, return_counts=True)
    found = 0
    for place in np.argsort(counts, kind="stable"):
        line, share = int(known[place]), float(counts[place]) / len(recording)
        if share > RARE:
            return
        text = lines[line - 1].strip() if 0 < line <= len(lines) else ""
        for row in np.flatnonzero((recording.line == line) & within)[:A_LINE]:
            yield _at(
                recording, "rare-line", int(row), f"line {line} decides {share:.2%} of steps: {text}"[:160], share
            )
            found += 1
            if found == MOST:
                return


def findings(env: InspectableEnv, witnesses: Mapping[str, Trail]) -> Iterable[Bookmark]:
    """Findings' witnesses: the first step in which the shown side acts otherwise than the plain one, else the first."""
    shown = [key for key in witnesses if key.endswith("-shown")]
    for key in shown[:MOST]:
        plain_side = witnesses.get(key.removesuffix("shown") + "plain")
        step = 0 if plain_side is None else first_divergence(env, witnesses[key], plain_side)
        number = key.split("-")[1]
        what = "acts otherwise here" if plain_side is not None else "starts here"
        yield Bookmark("finding", key, step or 0, f"finding {number.split('.')[0]}, witness {number}: {what}", None)


def _at(recording: Recording, kind: str, row: int, label: str, value: float) -> Bookmark:
    return Bookmark(kind, str(int(recording.episode[row])), recording.step(row), label, value)
