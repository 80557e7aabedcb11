"""Groups of units: a layer's activations, or their attributions to the choice, as a few parts that come back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from agentscope.contracts import Network
from agentscope.errors import BadOption, EmptySample
from agentscope.probes.attribution import margin_attribution, margin_direction
from agentscope.probes.factors import Columns, Factors, factor_curve, strengths
from agentscope.probes.group_records import Group, GroupData, Grouping, Groups
from agentscope.probes.group_scores import Resampling, concept_rows, draw_donors, random_effects
from agentscope.probes.sources import View

__all__ = ["Group", "GroupData", "Grouping", "Groups", "find_groups"]

HELD_OUT = 3  # one episode in three
FEWEST_UNITS = 4  # that vary: two groups of two


def find_groups(
    network: Network,
    layer: str,
    data: GroupData,
    *,
    grouping: Grouping | None = None,
    generator: np.random.Generator,
) -> Groups:
    """Factorise a layer's activations or attributions, and describe each factor as a group of units.

    Non-negative matrix factorisation (Lee and Seung 1999; for neurons Olah et al. 2018) of signed units split into
    positive and negative parts. The rank is the smallest that foretells held-out units of held-out episodes nearly as
    well as the best of those that come back from other starts and other samples; where none does, there are no groups.

    Args:
        grouping: what is grouped and by which rule; by default activations.
        generator: of the split, the fits, the donors and the random groups.
    Raises: BadOption: no such layer, or labels of another shape. EmptySample: fewer than 2 episodes.
    """
    grouping = grouping or Grouping()
    split, fits, effects = generator.spawn(3)
    view = _view(network, layer, grouping.places)
    _check_labels(data, view)
    if grouping.of == "attributions":
        data = data.take(np.flatnonzero(margin_direction(data.decisions)[1]))  # the others decide nothing
    train, held = _split(data.episodes, split)
    rows = view.arrange(_values(network, layer, data, grouping))
    columns = Columns.of(_flat(rows[train]), each=grouping.of == "activations")
    live = np.unique(columns.unit)
    found = Groups(layer, grouping.of, view.features, len(live), len(held), len(np.unique(data.episodes[held])),
                   grouping.rule)  # fmt: skip
    if len(live) < FEWEST_UNITS:
        return replace(found, why=f"no groups: {len(live)} units vary, fewer than {FEWEST_UNITS}")
    sides = tuple(_sample(columns, rows, side, grouping.rule.rows, fits) for side in (train, held))
    curve = factor_curve(sides[0], sides[1], columns.unit, rule=grouping.rule, generator=fits)
    found = replace(found, curve=tuple(factors.point for factors in curve))
    chosen = grouping.rule.choose(found.curve)
    if chosen is None:
        return replace(found, why="no stable groups")
    train, held = (np.sort(split.permutation(side)[: grouping.states]) for side in (train, held))
    resampled = data.take(np.sort(split.permutation(held)[: grouping.effect_states]))
    control = _Control(_resampling(network, view, resampled, effects), live, grouping.random_groups, effects)
    groups = _Described(columns, curve[chosen], rows, data).groups(train, held, control)
    return replace(found, rank=curve[chosen].point.rank, groups=groups)


def _values(network: Network, layer: str, data: GroupData, grouping: Grouping) -> Float[np.ndarray, "states ..."]:
    if grouping.of == "attributions":
        return margin_attribution(network, data.observations, layer, data.decisions)
    return network.activations(data.observations, layer)


def _view(network: Network, layer: str, places: tuple[int, ...] | None) -> View:
    """The layer position by position, where its units are shared over positions."""
    known = {each.name: each for each in network.layers}
    if layer not in known:
        raise BadOption(f"The network {network.name} has no layer {layer!r}; it has {', '.join(known)}.")
    shape, axes = known[layer].shape, known[layer].axis
    if places is None:
        named = tuple(i for i, axis in enumerate(axes) if axis)
        places = named if len(named) < len(shape) else ()
    return View(layer, shape, places)


def _check_labels(data: GroupData, view: View) -> None:
    for name, values in data.labels.items():
        if np.shape(values) not in ((len(data.observations),), (len(data.observations), view.positions)):
            raise BadOption(f"The labels {name} have shape {np.shape(values)}: give one column, or one value for each "
                            f"of the {view.positions} positions of {view.layer}.")  # fmt: skip


def _split(
    episodes: Int[np.ndarray, "states"], generator: np.random.Generator
) -> tuple[Int[np.ndarray, "train"], Int[np.ndarray, "held"]]:
    """Training states and those of one episode in three."""
    names = np.unique(episodes)
    if len(names) < 2:
        raise EmptySample(f"Groups need states of at least 2 episodes (one is held out), found {len(names)}. "
                          "Play more episodes.")  # fmt: skip
    held = np.isin(episodes, generator.permutation(names)[: max(len(names) // HELD_OUT, 1)])
    return np.flatnonzero(~held), np.flatnonzero(held)


def _flat(rows: Float[np.ndarray, "states positions units"]) -> Float[np.ndarray, "rows units"]:
    return rows.reshape(-1, rows.shape[2])


def _sample(
    columns: Columns, rows: np.ndarray, side: np.ndarray, most: int, generator: np.random.Generator
) -> Float[np.ndarray, "rows columns"]:
    """Non-negative columns of some of the rows; of each seed's fit more than it needs, so that samples differ."""
    drawn = np.sort(generator.permutation(len(side) * rows.shape[1])[: 4 * most])
    return columns.read(rows[side[drawn // rows.shape[1]], drawn % rows.shape[1]])


@dataclass(frozen=True)
class _Control:
    """Random groups beside those that were found; groups of one size share theirs."""

    resampling: Resampling
    live: Int[np.ndarray, "units"]
    count: int
    generator: np.random.Generator
    drawn: dict[int, np.ndarray] = field(default_factory=dict)

    def effects(self, size: int) -> Float[np.ndarray, "draws"]:
        """Effects of random groups of this size."""
        if size not in self.drawn:
            self.drawn[size] = random_effects(
                self.resampling, self.live, size, count=self.count, generator=self.generator
            )
        return self.drawn[size]


@dataclass(frozen=True)
class _Described:
    """Factors beside the rows and labels that describe them."""

    columns: Columns
    factors: Factors
    rows: Float[np.ndarray, "states positions units"]
    data: GroupData

    def groups(
        self, train: Int[np.ndarray, "train"], held: Int[np.ndarray, "held"], control: _Control
    ) -> tuple[Group, ...]:
        """All factors as groups, the largest share first."""
        concepts, shares = self.concepts(train, held), self.shares(held)
        groups = [self.group(index, share, concepts[index], control) for index, share in enumerate(shares)]
        return tuple(sorted(groups, key=lambda group: -group.share))

    def group(self, index: int, share: float, concepts: Sequence[dict[str, Any]], control: _Control) -> Group:
        """One factor as a group."""
        units, loadings = self.units(index)
        drawn = control.effects(len(units))
        return Group(units, loadings, share, float(self.factors.stability[index]), tuple(concepts),
                     control.resampling.effect(units), float(drawn.mean()), float(drawn.max()))  # fmt: skip

    def units(self, index: int) -> tuple[tuple[int, ...], tuple[float, ...]]:
        """Units of a group and their shares of its squared loading, the strongest first."""
        width = self.rows.shape[2]
        held = np.bincount(self.columns.unit, weights=self.factors.loadings[index] ** 2, minlength=width)
        order = np.argsort(-held, kind="stable")
        # As many equal units would spread the loading as widely (the participation ratio): half of their share is in.
        least = float((held**2).sum()) / 2
        kept = [int(unit) for unit in order if held[unit] >= least and held[unit] > 0]
        return tuple(kept), tuple(float(held[unit]) for unit in kept)

    def _strengths(self, side: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        read = self.columns.read(_flat(self.rows[side]))
        return read, strengths(read, self.factors.loadings)

    def shares(self, side: Int[np.ndarray, "side"]) -> list[float]:
        """Covariance of each factor's part with the columns, as a share of their variance."""
        read, strength = self._strengths(side)
        apart = read - read.mean(axis=0, dtype=np.float64)
        total = float((apart**2).sum())
        each = np.einsum("rg,gr->g", strength, self.factors.loadings @ apart.T)
        return [float(part) / total if total > 0 else 0.0 for part in each]

    def concepts(self, train: Int[np.ndarray, "train"], held: Int[np.ndarray, "held"]) -> list[list[dict[str, Any]]]:
        """Concepts of each group: of states by the mean strength over positions, of positions by that of each."""
        positions = self.rows.shape[1]
        found: list[list[dict[str, Any]]] = [[] for _ in self.factors.stability]
        for shape in ((), (positions,)):
            named = {name: np.asarray(v) for name, v in self.data.labels.items() if np.shape(v)[1:] == shape}
            sides = []
            for side in (train, held):
                each = self._strengths(side)[1]
                of_states = each.reshape(len(side), positions, -1).mean(axis=1)
                sides.append(
                    (each if shape else of_states, {name: values[side].ravel() for name, values in named.items()})
                )
            for rows, more in zip(found, concept_rows(sides[0], sides[1]), strict=True):
                rows += more
        return found


def _resampling(network: Network, view: View, data: GroupData, generator: np.random.Generator) -> Resampling:
    activations = network.activations(data.observations, view.layer)
    places = view.arrange(np.arange(view.units).reshape(1, *view.shape))[0]
    donors = draw_donors(len(data.observations), generator)
    return Resampling(network, view.layer, data.observations, data.decisions, activations, places, donors)
