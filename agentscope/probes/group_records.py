"""The records of groups: what they are found in, by which rule, and what was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Int, Shaped

from agentscope.probes.factors import RankPoint, RankRule
from agentscope.records import Decisions


@dataclass(frozen=True)
class GroupData:
    """States that groups are found and measured on.

    Attributes:
        observations: exactly as the network gets them; decisions: what it thinks of them.
        episodes: what the split goes by.
        labels: columns by name: bool for flags (one for each choice), else numbers; of shape (n,), or (n, positions)
            where the layer's units are repeated over positions (in their order).
    """

    observations: Shaped[np.ndarray, "states ..."]
    decisions: Decisions
    episodes: Int[np.ndarray, "states"]
    labels: Mapping[str, np.ndarray] = field(default_factory=dict)

    def take(self, rows: np.ndarray) -> GroupData:
        """Some of the states."""
        known = self.decisions
        parts = (known.scores[rows], known.actions[rows], known.equivalent[rows], known.legal[rows])
        labels = {name: values[rows] for name, values in self.labels.items()}
        return GroupData(self.observations[rows], Decisions(*parts), self.episodes[rows], labels)


@dataclass(frozen=True)
class Grouping:
    """What is grouped, and how much work that may be; a value here, so that no run chooses it from what it sees.

    Attributes:
        of: "activations" (what varies together), or "attributions" to the chosen action's margin (what decides
            together).
        places: dimensions of the layer that are positions, over which units are shared; None: those that are
            environment axes, unless all are.
        states: training states and held-out states that groups are described on, at most.
        effect_states: held-out states that are resampled, at most; random_groups: beside each group.
    """

    of: Literal["activations", "attributions"] = "activations"
    rule: RankRule = field(default_factory=RankRule)
    places: tuple[int, ...] | None = None
    states: int = 1_000
    effect_states: int = 512
    random_groups: int = 20


@dataclass(frozen=True)
class Group:
    """Some units of a layer that belong together.

    Attributes:
        units: those with at least half of the squared loading that each of equally loaded units would have; index in
            the layer (flattened), or channel where they are shared over positions; the strongest first.
        loadings: share of the group's squared loading that each holds, both of its signs together.
        share: of the held-out variance (of scaled activations, or of attributions): covariance of the group's part with
            the whole. Shares of all groups add up.
        stability: mean cosine with the matching groups of other seeds.
        concepts: what its strength goes with best: rows of concept, metric, score (held out), direction.
        effect: share of held-out states whose choice changes when its units are resampled together.
        random_effect, random_highest: mean and highest of as large random groups.
    """

    units: tuple[int, ...]
    loadings: tuple[float, ...]
    share: float
    stability: float
    concepts: tuple[Mapping[str, Any], ...]
    effect: float
    random_effect: float
    random_highest: float

    @property
    def matters(self) -> bool:
        """Whether play depends on it more than on any of the random groups: by chance 1 time in 21 if 20 are drawn."""
        return self.effect > self.random_highest


@dataclass(frozen=True)
class Groups:
    """The groups of one layer, with the curve that chose how many there are.

    Attributes:
        of: activations or attributions; units: that vary, of all that the layer has (width).
        states, episodes: held out.
        rank: None where no rank is stable.
        why: why there are no groups; empty where there are some.
    """

    layer: str
    of: str
    width: int
    units: int
    states: int
    episodes: int
    rule: RankRule
    rank: int | None = None
    curve: tuple[RankPoint, ...] = ()
    groups: tuple[Group, ...] = ()
    why: str = ""

    @property
    def verdict(self) -> str:
        """In words."""
        return self.why or f"{len(self.groups)} groups"

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One row a group, for tables."""
        return [
            {"layer": self.layer, "of": self.of, "group": number, "units": list(group.units), "share": group.share,
             "stability": group.stability, "effect": group.effect, "random_effect": group.random_effect,
             "random_highest": group.random_highest, "concepts": [dict(row) for row in group.concepts]}
            for number, group in enumerate(self.groups)
        ]  # fmt: skip

    @property
    def ranks(self) -> list[dict[str, Any]]:
        """The whole curve, one row a rank, for tables."""
        return [
            {"layer": self.layer, "of": self.of, "rank": point.rank, "explained": point.explained,
             "stability": point.stability, "chosen": point.rank == self.rank}
            for point in self.curve
        ]  # fmt: skip
