"""Integer networks: whole tensors made of whole tensors by a few kinds of stages, with power-of-two scales.

An integer network is what a simplified agent runs (`agents.extractors.QuantisedExtractor`), what a decompilation
prints, and what node-by-node equality compares. A stage that weighs its sources computes

    clamp(floor((weights . values + bias) / 2**shift + 1/2), low, high)

in whole numbers; the last stage gives the scores, unscaled and unclamped. docs/decompiling.md lists the kinds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from jaxtyping import Shaped

from agentscope.errors import BadOption

SEEN = "seen"  # the source that every network starts from: the observation
SCORES = "scores"  # the last stage
EXACT = 2**24  # float32 holds every whole number below it, so that sums there do not depend on their order
WEIGHING = ("dense", "slide", "match", "around")  # kinds with weights
CODING = ("whole", "plane", "codes", "flags", "planes", "lookup")  # kinds that hold the input in another code
_SETTINGS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = MappingProxyType({  # (needed, allowed)
    "whole": ((), ()),
    "plane": (("index",), ()),
    "covered": ((), ()),
    "counted": ((), ()),
    "summed": ((), ()),
    "codes": (("objects", "colours", "states"), ("reach",)),
    "flags": (("objects", "colours", "states"), ("reach",)),
    "planes": (("objects", "colours", "states"), ()),
    "lookup": (("channels",), ()),
    "dense": (("units",), ("shift", "low", "high")),
    "slide": (("channels", "kernel"), ("shift", "low", "high")),
    "match": (("channels",), ("shift", "low", "high")),
    "around": (("channels",), ("shift", "low", "high")),
})  # fmt: skip
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
MOST_STAGES, LONGEST_LINE = 24, 200
_HIGHEST = {"units": 4_096, "channels": 1_024, "kernel": 31, "shift": 24, "index": 63, "reach": 32, "objects": 256,
            "colours": 256, "states": 256, "low": EXACT, "high": EXACT}  # fmt: skip


@dataclass(frozen=True)
class Stage:
    """One step of an integer network.

    Kinds that rearrange: `whole` floors decimals, each times its own power of two, and clamps them; `plane` takes one
    plane of the observation; `covered` is 1 in and below the topmost filled cell of a column; `counted` gives every
    cell the number of filled cells in its row, `summed` every column the number of its filled cells; `codes` gives each
    cell of a MiniGrid encoding one number, as it lies or as the agent sees it (`reach`); `flags` and `planes` give its
    ids one by one; `lookup` describes each code by a row of a table. Kinds that weigh: `dense`; `slide` along columns,
    the same weights for each; `match` of 4 x 4 patterns anywhere in the first four rows (the maximum over positions);
    `around` in 3 x 3 cells.

    Attributes:
        sources: names of earlier stages, or "seen".
        settings: sizes, and of weighing stages `shift`, `low`, `high`, absent where the sums are left as they are.
    """

    name: str
    kind: str
    sources: tuple[str, ...]
    settings: Mapping[str, int] = field(default_factory=dict)

    @property
    def weighs(self) -> bool:
        """Whether it has weights."""
        return self.kind in WEIGHING

    def to_text(self) -> str:
        """One line, e.g. `hidden_1 dense cells units=32 shift=7 low=0 high=255`."""
        settings = "".join(f" {name}={value}" for name, value in self.settings.items())
        return f"{self.name} {self.kind} {','.join(self.sources)}{settings}"


@dataclass(frozen=True)
class IntegerNetwork:
    """A network of whole numbers.

    Attributes:
        stages: in the order in which they run; the last gives the scores, in the order of the actions.
        arrays: by "stage.array", int64: weight, bias, everywhere (weights of sources without columns), outside (what
            stands beyond the side walls), table; of `whole` exponent, low and high.
        observation: shape of one observation, channels first.
    """

    stages: tuple[Stage, ...]
    arrays: Mapping[str, Shaped[np.ndarray, "..."]]
    observation: tuple[int, ...]

    def stage(self, name: str) -> Stage:
        """The stage of this name."""
        return next(stage for stage in self.stages if stage.name == name)

    def of(self, stage: str) -> dict[str, np.ndarray]:
        """The arrays of one stage, by their own names."""
        start = f"{stage}."
        return {name[len(start) :]: array for name, array in self.arrays.items() if name.startswith(start)}

    @property
    def nonzero(self) -> int:
        """Weights, biases and table entries that are not zero."""
        return sum(int(np.count_nonzero(array)) for array in self._learned())

    @property
    def bits(self) -> int:
        """Size: one bit a number says whether it is zero; others take the bits of their array's widest, and a sign."""
        total = 0
        for array in self._learned():
            wide = 1 + int(np.abs(array).max(initial=0)).bit_length()
            total += array.size + wide * int(np.count_nonzero(array))
        return total

    def _learned(self) -> list[np.ndarray]:
        kept = ("exponent", "low", "high")
        return [array for name, array in self.arrays.items() if name.rsplit(".", 1)[-1] not in kept]


def read_plan(lines: Sequence[str], allowed: int = MOST_STAGES) -> tuple[Stage, ...]:
    """Stages from their lines, as a zip states them.

    Raises: BadOption: a line is no stage, asks for a size beyond the limits, or reads what does not come before it.
    """
    if not 0 < len(lines) <= allowed:
        raise BadOption(f"A plan of an integer network has 1 to {allowed} stages, found {len(lines)}.")
    known, stages = {SEEN}, []
    for line in lines:
        stage = _read_stage(line)
        missing = [source for source in stage.sources if source not in known]
        if missing or stage.name in known:
            what = f"reads {missing[0]!r}, which does not come before it" if missing else "has a name that is taken"
            raise BadOption(f"Stage {stage.name!r} of an integer network {what}.")
        known.add(stage.name)
        stages.append(stage)
    return tuple(stages)


def _read_stage(line: str) -> Stage:
    parts = line.split(" ") if isinstance(line, str) and len(line) <= LONGEST_LINE else []
    if len(parts) < 3 or not _NAME.fullmatch(parts[0]) or parts[1] not in _SETTINGS:
        raise BadOption(f"{str(line)[:60]!r} is no stage of an integer network: NAME KIND SOURCES key=number ...")
    needed, allowed = _SETTINGS[parts[1]]
    settings: dict[str, int] = {}
    for part in parts[3:]:
        key, _, value = part.partition("=")
        if key not in (*needed, *allowed) or key in settings or not re.fullmatch(r"-?[0-9]{1,9}", value):
            raise BadOption(f"Stage {parts[0]!r} has {part[:40]!r}; {parts[1]} takes {', '.join((*needed, *allowed))}.")
        settings[key] = int(value)
        if abs(settings[key]) > _HIGHEST[key] or (settings[key] < 0 and key != "low"):
            raise BadOption(f"Stage {parts[0]!r} has {key}={value}; it lies between 0 and {_HIGHEST[key]}.")
    absent = [key for key in needed if key not in settings]
    clamped = [key for key in ("shift", "low", "high") if key in settings]
    if absent or 0 < len(clamped) < 3 or settings.get("kernel", 1) % 2 == 0:
        raise BadOption(
            f"Stage {parts[0]!r} needs {', '.join(absent or ('shift, low and high together', 'an odd kernel'))}."
        )
    return Stage(parts[0], parts[1], tuple(parts[2].split(",")), settings)


def shapes_of(stages: Sequence[Stage], observation: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """The shape of what each stage puts out, without the batch axis.

    Raises: BadOption: a stage cannot read what its sources put out.
    """
    found: dict[str, tuple[int, ...]] = {SEEN: observation}
    for stage in stages:
        sources = [found[source] for source in stage.sources]
        shape = _shape(stage, sources)
        if shape is None:
            raise BadOption(f"Stage {stage.name!r} ({stage.kind}) cannot read shapes {sources}.")
        found[stage.name] = shape
    return found


def _shape(stage: Stage, sources: Sequence[tuple[int, ...]]) -> tuple[int, ...] | None:
    first, settings = sources[0], stage.settings
    dimensions = {len(source) for source in sources}
    match stage.kind:
        case "whole":
            return first if len(sources) == 1 else None
        case "plane" if len(first) == 3 and settings["index"] < first[0]:
            return first[1:]
        case "covered" | "counted" if len(first) == 2:
            return first
        case "summed" if len(first) == 2:
            return (1, first[1])
        case "codes" | "flags" if len(first) == 3 and first[0] == 3:
            side = 2 * settings.get("reach", 0) + 1
            cells = side**2 if side > 1 else first[1] * first[2]
            return (cells,) if stage.kind == "codes" else (cells * ids_of(stage),)
        case "planes" if len(first) == 3 and first[0] == 3:
            return (ids_of(stage), *first[1:])
        case "lookup" if len(first) == 1:
            return (first[0] * settings["channels"],)
        case "dense":
            return (settings["units"],)
        case "slide" if dimensions <= {1, 2} and len(first) == 2:
            fits = all(source[1] == first[1] for source in sources if len(source) == 2)
            return (settings["channels"], first[1]) if fits else None
        case "match" if len(first) == 2 and first[0] >= PATTERN:
            return (settings["channels"],)
        case "around" if dimensions == {3} and len(sources) == 1:
            return (settings["channels"], *first[1:])
    return None


PATTERN = 4  # side of the patterns that `match` looks for


def ids_of(stage: Stage) -> int:
    """How many ids `flags` and `planes` spread: of objects, colours and states together."""
    return sum(stage.settings[kind] for kind in ("objects", "colours", "states"))


def kinds_of(stage: Stage) -> int:
    """How many codes `codes` gives: the product of its numbers of ids, 0 counting as 1."""
    return int(np.prod([max(stage.settings[kind], 1) for kind in ("objects", "colours", "states")]))


def arrays_of(stages: Sequence[Stage], observation: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """Name ("stage.array") and shape of every array that the stages need.

    Raises: BadOption: as `shapes_of`.
    """
    shapes = shapes_of(stages, observation)
    by_name = {stage.name: stage for stage in stages}
    wanted: dict[str, tuple[int, ...]] = {}
    for stage in stages:
        sources = [shapes[source] for source in stage.sources]
        for name, shape in _arrays(stage, sources, by_name).items():
            wanted[f"{stage.name}.{name}"] = shape
    return wanted


def _arrays(
    stage: Stage, sources: Sequence[tuple[int, ...]], by_name: Mapping[str, Stage]
) -> dict[str, tuple[int, ...]]:
    settings, first = stage.settings, sources[0]
    match stage.kind:
        case "whole":
            return dict.fromkeys(("exponent", "low", "high"), first)
        case "lookup":
            codes = by_name.get(stage.sources[0])
            if codes is None or codes.kind != "codes":
                raise BadOption(f"Stage {stage.name!r} looks up codes, but {stage.sources[0]!r} gives none.")
            return {"table": (kinds_of(codes), settings["channels"])}
        case "dense":
            inputs = sum(int(np.prod(source)) for source in sources)
            return {"weight": (settings["units"], inputs), "bias": (settings["units"],)}
        case "slide":
            described = sum(source[0] for source in sources if len(source) == 2)
            same = sum(source[0] for source in sources if len(source) == 1)
            found = {"weight": (settings["channels"], described, settings["kernel"]), "bias": (settings["channels"],)}
            found |= {"everywhere": (settings["channels"], same)} if same else {}
            return found | ({"outside": (described,)} if settings["kernel"] > 1 else {})
        case "match":
            return {"weight": (settings["channels"], PATTERN, PATTERN), "bias": (settings["channels"],)}
        case "around":
            return {"weight": (settings["channels"], first[0], 3, 3), "bias": (settings["channels"],)}
    return {}
