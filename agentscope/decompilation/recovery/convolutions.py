"""Hidden convolutions: does a dense layer use the same few filters at every position, in whatever order and scale?

Units are told apart by nothing but their weights. *Filters* are taken from most of the units and judged on the others:
each held-out unit gets the best filter at the best position, times a number. *Explained* is the share of the held-out
weights' squares that this gives, less the most that the procedure gives on weights shuffled within each unit:
choosing among many filters and positions explains a part of anything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64, Int

from agentscope.errors import BadOption
from agentscope.integers import IntegerNetwork, shapes_of

FOLDS, SMALL = 8, 64
WIDTHS, TIED = (1, 3), 0.95  # kernels that are looked for behind a layer, and what they must explain
ROUNDS = 3  # of averaging
NEARLY = 0.8  # windows that hold this share of what the fullest one holds may be the place of a unit
SHARED = 0.5  # share of a unit's squares that a filter explains where the unit counts as one of its users
TINY = 1e-12
SHUFFLES = 8  # the most that one of them explains is what chance explains
MOST_FILTERS, MOST_CANDIDATES = 64, 256
FEWEST_UNITS = 2  # that must share a filter: a pattern that occurs once is no filter
GAIN = 0.005  # share of the weights' squares that one more filter must explain


@dataclass(frozen=True)
class Convolution:
    """What tied filters make of a dense layer that reads planes of rows and columns.

    Attributes:
        kernel: rows and columns of a filter; as many rows as the input has where it slides along columns only.
        filters: of unit length.
        channel, row, column: of each unit: which filter, centred where; channel -1 where none explains anything.
        scale: what each unit multiplies its filter by.
        explained: cross-validated, 0 for what chance explains and 1 for all; raw: before chance is taken off.
        chance: the most that was explained of shuffled weights.
    """

    kernel: tuple[int, int]
    filters: Float64[np.ndarray, "channels planes height width"]
    channel: Int[np.ndarray, "units"]
    row: Int[np.ndarray, "units"]
    column: Int[np.ndarray, "units"]
    scale: Float64[np.ndarray, "units"]
    explained: float
    raw: float
    chance: float


def find_convolution(
    weight: Float64[np.ndarray, "units planes rows columns"],
    kernel: tuple[int, int],
    *,
    generator: np.random.Generator,
) -> Convolution:
    """The best tied filters of this size, and how much of the layer they explain.

    Args:
        weight: of a dense layer; units without any weight are left out of every share.

    Raises: BadOption: a kernel that does not fit, or fewer than sixteen units with weights.
    """
    _, _, rows, columns = weight.shape
    height, width = kernel
    if (height % 2 == 0 and height != rows) or width % 2 == 0 or height > 2 * rows or width > 2 * columns:
        raise BadOption(
            f"A kernel has an odd number of rows and columns (or all rows); {height} x {width} was asked for."
        )
    lengths = np.sqrt((weight.reshape(len(weight), -1) ** 2).sum(axis=1))
    alive = np.flatnonzero(lengths > 0)
    if len(alive) < 2 * FOLDS:
        raise BadOption(f"A layer of {len(alive)} units with weights cannot be split into parts that share filters.")
    units = weight[alive] / lengths[alive, None, None, None]
    few = len(alive) <= SMALL  # a filter has few units there, and should not lose most of them at once
    folds = generator.permutation(len(alive)) % (len(alive) // 2 if few else FOLDS)
    raw = _held_out(units, folds, kernel)
    flat = units.reshape(len(alive), -1)
    shuffled = [
        _held_out(generator.permuted(flat, axis=1).reshape(units.shape), folds, kernel) for _ in range(SHUFFLES)
    ]
    chance = max(shuffled)
    views = _views(units, kernel)
    filters = _filters(views, len(alive))
    squares, best = _best(views, filters, len(alive))
    places = (np.full(len(weight), -1) for _ in range(3))
    channel, row, column = places
    scale = np.zeros(len(weight))
    if len(filters):
        channel[alive] = squares.argmax(axis=1)
        view = best[np.arange(len(alive)), channel[alive]]
        row[alive], column[alive] = views.row[view], views.column[view]
        factor = (views.patch[view] * filters[channel[alive]]).sum(axis=1)
        scale[alive] = (
            lengths[alive] * factor / np.maximum((views.inside[view] * filters[channel[alive]] ** 2).sum(axis=1), TINY)
        )
    explained = max((raw - chance) / (1 - chance), 0.0) if chance < 1 else 0.0
    shaped = filters.reshape(len(filters), weight.shape[1], *kernel)
    return Convolution(kernel, shaped, channel, row, column, scale, explained, raw, chance)


def tied_weights(found: Convolution, shape: tuple[int, int, int]) -> Float64[np.ndarray, "units planes rows columns"]:
    """The layer's weights if every unit were its filter, placed and scaled: what replacement puts in their place."""
    planes, rows, columns = shape
    height, width = found.kernel
    up, side = _margins(found.kernel, rows)
    weight = np.zeros((len(found.channel), planes, rows + 2 * up, columns + 2 * side))
    for unit in np.flatnonzero(found.channel >= 0):
        row, column = found.row[unit], found.column[unit]
        weight[unit, :, row : row + height, column : column + width] = (
            found.scale[unit] * found.filters[found.channel[unit]]
        )
    return weight[:, :, up : up + rows, side : side + columns]


def as_slide(network: IntegerNetwork, name: str, found: Convolution) -> IntegerNetwork:
    """The network with a dense stage written as a `slide` along columns, its units renamed and its scores as they were.

    Args:
        name: of a dense stage that reads one source of (rows, columns), and is read by dense stages.
        found: its convolution, whose kernel has as many rows as the source.

    Raises: BadOption: the stage's weights and biases are not exactly those of tied filters.
    """
    stage, arrays = network.stage(name), dict(network.arrays)
    rows, columns = shapes_of(network.stages, network.observation)[stage.sources[0]]
    units = arrays[f"{name}.weight"].reshape(-1, rows, columns)
    side = found.kernel[1] // 2
    padded = np.pad(units, ((0, 0), (0, 0), (side, side)))
    channels: dict[bytes, int] = {}
    places, tied = np.zeros(len(units), dtype=np.int64), np.zeros((len(units), rows, found.kernel[1]), dtype=np.int64)
    for unit, column in enumerate(found.column):
        window = padded[unit, :, column : column + found.kernel[1]]
        if np.abs(window).sum() != np.abs(units[unit]).sum():
            raise BadOption(f"Unit {unit} of {name!r} has weights outside its column, so that no slide equals it.")
        key = np.append(window, arrays[f"{name}.bias"][unit]).tobytes()
        channel = channels.setdefault(key, len(channels))
        tied[channel], places[unit] = window, channel * columns + column
    settings = {"channels": len(channels), "kernel": found.kernel[1],
                **{key: value for key, value in stage.settings.items() if key != "units"}}  # fmt: skip
    biases = np.array([np.frombuffer(key, dtype=np.int64)[-1] for key in channels])
    arrays |= {f"{name}.weight": tied[: len(channels)], f"{name}.bias": biases}
    if side:
        arrays[f"{name}.outside"] = np.zeros(rows, dtype=np.int64)
    for reader in network.stages:
        if name in reader.sources:
            weight = np.zeros((len(arrays[f"{reader.name}.bias"]), len(channels) * columns), dtype=np.int64)
            np.add.at(weight.T, places, arrays[f"{reader.name}.weight"].T)
            arrays[f"{reader.name}.weight"] = weight
    stages = tuple(replace(one, kind="slide", settings=settings) if one.name == name else one for one in network.stages)
    return replace(network, stages=stages, arrays=arrays)


def with_slides(network: IntegerNetwork, *, generator: np.random.Generator) -> IntegerNetwork:
    """The network with every dense stage that hides tied filters along columns written as a slide; same scores."""
    shapes = shapes_of(network.stages, network.observation)
    for stage in network.stages[:-1]:
        shape = shapes[stage.sources[0]]
        readers = [one for one in network.stages if stage.name in one.sources]
        if stage.kind != "dense" or len(stage.sources) > 1 or len(shape) != 2 or {r.kind for r in readers} != {"dense"}:
            continue
        weight = network.of(stage.name)["weight"].astype(np.float64).reshape(-1, 1, *shape)
        for width in WIDTHS:
            try:
                found = find_convolution(weight, (shape[0], width), generator=generator)
                if found.explained >= TIED:
                    network = as_slide(network, stage.name, found)
                    break
            except BadOption:  # too few units, or something beside the filters
                continue
    return network


@dataclass(frozen=True)
class _Views:
    """Windows in which a unit has most of its weights: a few for each unit, in the order of the units.

    Attributes:
        patch: the weights there. inside: 1 where the window lies in the input. row, column: of its centre.
    """

    unit: Int[np.ndarray, "views"]
    patch: Float64[np.ndarray, "views taps"]
    inside: Float64[np.ndarray, "views taps"]
    row: Int[np.ndarray, "views"]
    column: Int[np.ndarray, "views"]


def _margins(kernel: tuple[int, int], rows: int) -> tuple[int, int]:
    return (0 if kernel[0] == rows else kernel[0] // 2), kernel[1] // 2


def _views(units: np.ndarray, kernel: tuple[int, int]) -> _Views:
    up, side = _margins(kernel, units.shape[2])
    edges = ((0, 0), (0, 0), (up, up), (side, side))
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(units, edges), kernel, axis=(2, 3))
    energy = (windows**2).sum(axis=(1, 4, 5))
    chosen = energy >= NEARLY * energy.max(axis=(1, 2), keepdims=True)
    unit, row, column = np.nonzero(chosen)
    patch = np.moveaxis(windows, 1, 3)[unit, row, column].reshape(len(unit), -1)
    ones = np.lib.stride_tricks.sliding_window_view(np.pad(np.ones_like(units[:1]), edges), kernel, axis=(2, 3))
    inside = np.moveaxis(ones, 1, 3)[0][row, column].reshape(len(unit), -1)
    return _Views(unit, patch, inside, row, column)


def _best(views: _Views, filters: np.ndarray, units: int) -> tuple[np.ndarray, np.ndarray]:
    """For each unit and filter: squares that the filter explains in the unit's best window, and that window."""
    squares = (views.patch @ filters.T) ** 2 / np.maximum(views.inside @ (filters**2).T, TINY)
    starts = np.searchsorted(views.unit, np.arange(units))
    most = np.maximum.reduceat(squares, starts, axis=0) if len(filters) else np.zeros((units, 0))
    place = np.arange(len(squares))[:, None]
    hits = np.where(squares >= most[views.unit], place, len(squares))
    return most, np.minimum.reduceat(hits, starts, axis=0) if len(filters) else most.astype(np.int64)


def _held_out(units: np.ndarray, folds: np.ndarray, kernel: tuple[int, int]) -> float:
    """Share of the squares of each fold that filters of the others explain."""
    found = 0.0
    for fold in range(int(folds.max()) + 1):
        filters = _filters(_views(units[folds != fold], kernel), int((folds != fold).sum()))
        held = units[folds == fold]
        if len(filters):
            found += float(_best(_views(held, kernel), filters, len(held))[0].max(axis=1).sum())
    return found / len(units)


def _filters(views: _Views, units: int) -> Float64[np.ndarray, "channels taps"]:
    """Greedy: the window of a unit that explains most of what is left, as long as other units share it."""
    fullest = _fullest(views, units)
    spaced = fullest[np.unique(np.linspace(0, units - 1, MOST_CANDIDATES).astype(int))]  # all, where they are few
    candidates = views.patch[spaced] / np.maximum(np.sqrt((views.patch[spaced] ** 2).sum(axis=1)), TINY)[:, None]
    squares, _ = _best(views, candidates, units)
    explained, chosen = np.zeros(units), []
    for _ in range(min(MOST_FILTERS, max(units // FEWEST_UNITS, 1))):
        gains = np.maximum(squares - explained[:, None], 0.0)
        shared = ((gains > 0) & (squares > SHARED)).sum(axis=0) >= FEWEST_UNITS
        gain = np.where(shared, gains.sum(axis=0), 0.0)
        best = int(gain.argmax())
        if gain[best] < GAIN * units:
            break
        chosen.append(best)
        explained = np.maximum(explained, squares[:, best])
    filters = candidates[chosen]
    for _ in range(ROUNDS):
        filters = _averaged(views, filters, units)
    return filters


def _fullest(views: _Views, units: int) -> Int[np.ndarray, "units"]:
    """The window of each unit that holds most of it; those that are cut off at an edge come last."""
    energy = (views.patch**2).sum(axis=1) + views.inside.all(axis=1)
    order = np.lexsort((-energy, views.unit))
    first: np.ndarray = order[np.searchsorted(views.unit[order], np.arange(units))]
    return first


def _averaged(views: _Views, filters: np.ndarray, units: int) -> np.ndarray:
    """Each filter as the mean of what its units have in their windows, so that the noise of one unit does not stay."""
    if not len(filters):
        return filters
    squares, best = _best(views, filters, units)
    channel, found = squares.argmax(axis=1), filters.copy()
    for number in range(len(filters)):
        view = best[channel == number, number]
        factor = views.patch[view] @ filters[number]
        weight = (factor**2) @ views.inside[view]
        total = factor @ views.patch[view]
        found[number] = np.where(weight > 0, total / np.maximum(weight, TINY), filters[number])
    return np.asarray(found / np.maximum(np.sqrt((found**2).sum(axis=1)), TINY)[:, None])
