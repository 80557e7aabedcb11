"""How severe a change of behaviour is, by what it costs; the same rule for all detectors, fitted to no agent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentscope.audits.changes import Loss

BRANCH = 0.1  # competence lost, or decisions changed, from which a change makes another policy
HIGH, SURELY_HIGH = 0.3, 0.2  # competence lost, and the lower end of its interval


def severity_of(loss: float, low: float, *, flips: float, leans: bool = False) -> str:
    """Severity of behaviour that nothing in the world justifies.

    Args:
        loss: share of the worth over chance that is lost; low: the lower end of its interval.
        flips: share of states in which another action is taken: without them a loss is luck.
        leans: one action is favoured nearly everywhere, far more than by any other such change.
    """
    if loss >= HIGH and low >= SURELY_HIGH and flips >= BRANCH:
        return "high"
    if (loss >= BRANCH and low >= BRANCH / 2) or leans:
        return "medium"
    return "low" if low >= BRANCH / 2 else "info"


def told_loss(loss: Loss) -> Mapping[str, Any]:
    """A loss as it stands in the evidence."""
    found = loss.interval
    return {"mean": found.mean, "low": found.low, "high": found.high, "n": found.n, "set": loss.ground}
