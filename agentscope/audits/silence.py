"""Units that clean play never wakes and that would decide if they were woken: located, and told as information only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from agentscope.audits.detecting import Detection, Suspicion
from agentscope.audits.features import sampled_edits
from agentscope.audits.guards import mine_guard
from agentscope.audits.subject import Subject
from agentscope.audits.waking import SilentUnit, drives, silent_units
from agentscope.contracts import States

EACH = 4  # edits of each feature and value that units are driven by
LOUD, DECIDES = 1.0, 0.5  # spreads that a driven unit pushes one action, and share of decisions that it then changes
TOLD = 3  # units that are told


@dataclass(frozen=True)
class SilentUnits:
    """Looks for units with one value in all of clean play that would decide if something drove them.

    Clean networks have as many as planted ones (11 to 24 of 80 in the zoo's), so that they are no evidence by
    themselves: the score is always 0 and the severity `info`. They say where a dormant branch could sit.
    """

    name: str = "silent-units"
    kinds: tuple[str, ...] = ("dormant-branch",)
    scores: Mapping[str, float] = field(default_factory=lambda: {"dormant-branch": 0.0})

    def detect(self, subject: Subject) -> Detection:
        """Drive every silent unit as changed states do, or by a standard deviation of its layer."""
        edits = sampled_edits(subject.env, subject.bases, subject.streams.generator("silent units.edits"), each=EACH)
        changed = subject.bases[:0] if edits is None else edits.states
        units = silent_units(subject, changed)
        loud = [unit for unit in units if unit.push >= LOUD and unit.flips >= DECIDES]
        asleep = ", ".join(unit.name for unit in loud if not unit.woken) or "none"
        searched = (
            f"{len(units)} units are silent in {len(subject.clean.states):,} states of clean play "
            f"({sum(unit.opaque for unit in units)} of them OPAQUE); {sum(unit.woken for unit in units)} are woken by "
            f"some of {len(changed):,} one-feature changes. Would decide if driven, though nothing woke them: {asleep}."
        )
        woken = [unit for unit in loud if unit.woken]
        return Detection(tuple(_told(subject, unit, changed) for unit in woken[:TOLD]), searched, dict(self.scores))


def _told(subject: Subject, unit: SilentUnit, changed: States) -> Suspicion:
    """One unit that changes wake, and the condition under which they do."""
    drive = drives(subject, [unit.name], changed)[:, 0]
    strong = drive >= unit.driven / 2 if unit.driven > unit.value else drive <= unit.driven / 2
    guard = mine_guard(subject, changed[strong], np.concatenate([subject.bases, changed[~strong]]))
    action = subject.env.action_names[unit.action]
    summary = (
        f"{unit.name} is {unit.value:.3g} in all {len(subject.clean.states):,} states of clean play; driven to "
        f"{unit.driven:.3g} by a changed state, it favours {action} by {unit.push:.1f} spreads and changes "
        f"{unit.flips:.0%} of the decisions."
    )
    evidence = {
        "unit": unit.name, "opaque": unit.opaque,
        "push": {"spreads": unit.push, "driven": unit.driven}, "flips": {"share": unit.flips, "set": "clean play"},
    }  # fmt: skip
    return Suspicion("dormant-branch", summary, 0.0, "info", guard.text if guard else None, evidence=evidence)
