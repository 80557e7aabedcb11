"""Pictures of a unit, group or direction: what drives it, what nearly does, what suffices, and what would most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float64, Int, Shaped

from agentscope.contracts import InspectableEnv, Network, States
from agentscope.errors import EmptySample
from agentscope.probes.drives import Drive, DriveReader, bind_drive, strongest
from agentscope.probes.searching import Found, Search, climb
from agentscope.probes.sufficient import MOST_CELLS, Cells, Donors, KeptCells, Mixer, cells_of, smallest_cells
from agentscope.records import StateSet

FEWEST_DONORS = 20  # below it a share of .95 says little


@dataclass(frozen=True)
class PictureBudget:
    """How much work one picture is.

    Attributes:
        shown: states of each kind.
        explained: of those that drive it most, how many get their smallest sufficient cells.
        donors, fresh: visited states that the rest is taken from, to find the cells and to judge them by.
        best_starts, random_starts: visited states that the search starts from; silent_starts: the random ones of a
            drive that reads the same in every visited state, which may be a dormant one.
        searched: edited states that the search may read.
    """

    shown: int = 5
    explained: int = 2
    donors: int = 200
    fresh: int = 200
    best_starts: int = 2
    random_starts: int = 2
    silent_starts: int = 50
    searched: int = 40_000


QUICK_PICTURE = PictureBudget(shown=4, explained=1, donors=100, fresh=100, searched=12_000)


@dataclass(frozen=True)
class Shown:
    """One visited state.

    Attributes:
        state: a batch of one; row: its index in the state set.
        reading: the drive; place: index on each of the drive's axes, where it is highest.
        kept: the smallest cells that suffice; None where they were not looked for.
    """

    state: States
    row: int
    episode: int
    step: int
    reading: float
    place: Mapping[str, int]
    kept: KeptCells | None = None


@dataclass(frozen=True)
class Picture:
    """What one drive looks like in states.

    Attributes:
        most: the highest readings above the threshold; below: the highest under it that are above the lowest;
            least: the lowest readings.
        threshold: half way between the lowest reading and the median of the highest `shown` that look different.
        mean, lowest, highest: of the visited states' readings.
        cells: how observations fall into cells.
        found: the state that the search ended at; found_place: where in the layer it reads highest.
        why: part that is missing -> reason.
    """

    drive: Drive
    most: tuple[Shown, ...]
    below: tuple[Shown, ...]
    least: tuple[Shown, ...]
    states: int
    episodes: int
    mean: float
    lowest: float
    highest: float
    threshold: float
    cells: Cells
    found: Found | None
    found_place: Mapping[str, int]
    why: Mapping[str, str] = field(default_factory=dict)


def picture_of(
    network: Network,
    env: InspectableEnv,
    visited: StateSet,
    drive: Drive,
    *,
    generator: np.random.Generator,
    budget: PictureBudget | None = None,
) -> Picture:
    """States that drive a part of a network most, just below and least; cells that suffice; the best legal state.

    States that look alike count once, ties go to the earlier state, and each kind comes from as many episodes as it
    can. Sufficient cells are judged at the position where the state reads highest.

    Args:
        visited: states that the policy visits.
    Raises: EmptySample: there are none. BadOption: the drive does not fit the network.
    """
    if not len(visited):
        raise EmptySample(f"There are no states to draw {drive.name} in: play at least one episode.")
    budget = budget or PictureBudget()
    read = bind_drive(network, drive)
    observations = env.observe(visited.states)
    readings = read(observations)
    sample = _Sample(visited, observations, readings, strongest(readings), _first_alike(observations))
    cells = cells_of(observations.shape[1:], tuple(network.observation_shape))
    most, below, least, threshold = _kinds(sample, budget.shown)
    why = _missing(most, below, drive)
    rows = generator.permutation(len(visited))  # drawn whether it is needed or not: parts do not shift each other
    drawn = budget.random_starts if most else budget.silent_starts
    starts = (*most[: budget.best_starts], *(int(row) for row in rows[:drawn]))
    kept = _explained(read, sample, cells, most[: budget.explained], rows, budget, why)
    search = Search(env, read, visited.states, sample.value, readings.argmax(axis=1), starts, budget.searched)
    found = climb(search)
    if found is None:
        why["found"] = f"{env.id} offers no edits, so there was nothing to search."
    elif not found.above_visited:
        why["above"] = "The search found nothing above the best visited state."
    return Picture(
        drive, _shown(read, sample, most, kept), _shown(read, sample, below, {}), _shown(read, sample, least, {}),
        len(visited), len(np.unique(visited.episode)), float(sample.value.mean()), float(sample.value.min()),
        float(sample.value.max()), threshold, cells, found, read.place(found.position) if found else {}, why,
    )  # fmt: skip


@dataclass(frozen=True)
class _Sample:
    """Visited states as the drive reads them; `alike` is the first row that looks the same."""

    visited: StateSet
    observations: Shaped[np.ndarray, "states ..."]
    readings: Float64[np.ndarray, "states positions"]
    value: Float64[np.ndarray, "states"]
    alike: Int[np.ndarray, "states"]


def _first_alike(observations: Shaped[np.ndarray, "states ..."]) -> Int[np.ndarray, "states"]:
    first: dict[bytes, int] = {}
    return np.array([first.setdefault(look.tobytes(), row) for row, look in enumerate(observations)], dtype=np.int64)


def _kinds(sample: _Sample, shown: int) -> tuple[list[int], list[int], list[int], float]:
    """Rows that drive it most, just below and least, and the threshold; the first two are empty for a constant."""
    value = sample.value
    lowest, highest = float(value.min()), float(value.max())
    distinct = np.sort(value[np.unique(sample.alike)])[::-1]
    threshold = (lowest + float(np.median(distinct[:shown]))) / 2
    tiny = 1e-6 * max(highest - lowest, abs(highest) * 1e-3)
    none = np.zeros(len(value), dtype=bool)
    varies = highest - lowest > 1e-6 * max(abs(highest), abs(lowest), 1e-12)
    over = (value > threshold) if varies else none
    under = ((value <= threshold) & (value > lowest + tiny)) if varies else none
    falling, rising = np.argsort(-value, kind="stable"), np.argsort(value, kind="stable")
    most, below = _pick(sample, falling, over, shown), _pick(sample, falling, under, shown)
    least = ~over & ~np.isin(sample.alike, sample.alike[below])
    return most, below, _pick(sample, rising, least, shown), threshold


def _pick(sample: _Sample, order: np.ndarray, wanted: Bool[np.ndarray, "states"], count: int) -> list[int]:
    """The first wanted rows in this order that look different: one an episode, then the best of the rest."""
    episode, alike = sample.visited.episode, sample.alike
    chosen: list[int] = []
    looks: set[int] = set()
    for fresh_episodes in (True, False):
        met = {int(episode[row]) for row in chosen}
        for row in order[wanted[order]]:
            if len(chosen) == count:
                break
            if int(alike[row]) in looks or (fresh_episodes and int(episode[row]) in met):
                continue
            chosen.append(int(row))
            looks.add(int(alike[row]))
            met.add(int(episode[row]))
    rank = {int(row): place for place, row in enumerate(order)}
    return sorted(chosen, key=rank.__getitem__)


def _missing(most: list[int], below: list[int], drive: Drive) -> dict[str, str]:
    """Why a kind of state is not shown."""
    if not most:
        return {"most": f"{drive.name} reads the same in every visited state."}
    return {} if below else {"below": f"{drive.name} has no reading between its threshold and its lowest."}


def _explained(
    read: DriveReader, sample: _Sample, cells: Cells, rows: list[int], order: np.ndarray, budget: PictureBudget,
    why: dict[str, str],
) -> dict[int, KeptCells]:  # fmt: skip
    """The smallest sufficient cells of each of these states, or the reason why none were looked for."""
    others = order[~np.isin(sample.alike[order], sample.alike[rows])]
    deciding = min(budget.donors, len(others) // 2)  # where states are few, as many decide as judge
    if not rows:
        why["kept"] = why.get("most", "No state was to be explained.")
    elif len(cells) > MOST_CELLS:
        why["kept"] = f"The observation has {len(cells)} cells; sufficient ones are looked for among {MOST_CELLS}."
    elif deciding < FEWEST_DONORS:
        why["kept"] = f"Only {len(others)} other states to resample from: {2 * FEWEST_DONORS} are needed."
    if "kept" in why:
        return {}
    fresh = others[deciding : deciding + budget.fresh]
    donors = Donors(sample.observations[others[:deciding]], sample.observations[fresh])
    return {row: smallest_cells(_mixer(read, sample, cells, row), donors) for row in rows}


def _mixer(read: DriveReader, sample: _Sample, cells: Cells, row: int) -> Mixer:
    """Mixes of this state, read at the position where it reads highest."""
    at = int(sample.readings[row].argmax())

    def read_there(mixed: np.ndarray) -> np.ndarray:
        return read(mixed)[:, at]

    value, mean = float(sample.readings[row, at]), float(sample.readings[:, at].mean())
    return Mixer(sample.observations[row], cells, read_there, value, mean)


def _shown(read: DriveReader, sample: _Sample, rows: list[int], kept: Mapping[int, KeptCells]) -> tuple[Shown, ...]:
    visited = sample.visited
    return tuple(
        Shown(
            visited.states[[row]], row, int(visited.episode[row]), int(visited.step[row]), float(sample.value[row]),
            read.place(int(sample.readings[row].argmax())), kept.get(row),
        )
        for row in rows
    )  # fmt: skip
