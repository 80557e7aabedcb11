"""Programs read back out of networks whose programs are known, and hidden convolutions, with controls.

`python -m benchmarks.known_programs [--texts] [NAME...]` takes the shipped compiled agents of levels L0 and L1
(docs/compiling.md). Of each it prints the states in which the recovered text acts as the network does, of all there
are; how many of the *used* concepts of its record one of the text's functions equals in all states, but for a factor
and a constant (and how many more only as the question whether they reach a threshold); and bits of description: of the
source (program and the definitions that it needs), of the recovered text without the functions that look at the agent's
view (the source starts behind them), and of the naive text, every weight of the exact network printed.

Then convolutions: written out as dense layers, their units permuted, with noise of 5 % and rescaled; in compiled
layers; and nulls: the same weights shuffled, random layers, layers that were trained. Exit code 1 where a gate fails.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from agentscope.agents import finding
from agentscope.agents.drafts import draft_of
from agentscope.compiling import subject
from agentscope.contracts import InspectableEnv, concepts_of
from agentscope.decompilation.recovery.convolutions import as_slide, find_convolution, tied_weights
from agentscope.decompilation.recovery.exact import Exact, exact_integers
from agentscope.decompilation.recovery.recovering import Recovered, recovered
from agentscope.decompilation.running import scores
from agentscope.decompilation.texts.naive import naive_size
from agentscope.integers import IntegerNetwork, shapes_of
from agentscope.language import (
    DECOMPILATION_LIMITS,
    Program,
    bind_state,
    evaluate,
    evaluate_functions,
    measure_size,
    parse,
    with_cells,
)
from agentscope.pipeline import open_agent

LEVELS = ("L0", "L1")
_NAMED, _WORD = re.compile(r"^(?:def )?([A-Za-z_0-9]+)(?:\(| =)", re.MULTILINE), re.compile(r"\w+")
EXPLAINED, NULL, LONGEST = 0.95, 0.10, 2.0
SHAPES = (  # channels, planes, rows, columns, kernel of the convolutions that are written out
    (4, 2, 5, 5, (3, 3)), (8, 3, 7, 7, (3, 3)), (9, 1, 4, 4, (4, 1)), (4, 1, 10, 10, (10, 3)), (12, 3, 5, 5, (3, 3)),
)  # fmt: skip
COMPILED = ("columns-dqn-relu-l0", "columns-dqn-relu-l1", "columns-ppo-tanh-l0", "columns-ppo-tanh-l1")
NEGATIVE = ("columns-dqn-relu-random", "columns-ppo-tanh-shuffled", "greedy-ppo-tanh-shuffled",
            "follower-ppo-tanh-shuffled", "follower-dqn-relu-random")  # fmt: skip
TRAINED = ("greedy-learned", "follower-learned", "keydoor-ppo", "keydoor-dqn")


@dataclass(frozen=True)
class Row:
    """One agent: states equal of all, used concepts recovered (also as thresholds) of all, and bits."""

    name: str
    form: str
    equal: int
    states: int
    exact: int
    thresholds: int
    used: int
    source: int
    bits: int
    naive: int

    def told(self) -> str:
        return (f"{self.name:24s} {self.form:7s} equal {self.equal:6d} of {self.states:6d}   used concepts "
                f"{self.exact}+{self.thresholds} of {self.used}   bits: source {self.source:5d}  recovered "
                f"{self.bits:5d} ({self.bits / self.source:.2f}x)  naive {self.naive:7d}")  # fmt: skip

    @property
    def failed(self) -> bool:
        """A gate, not an aim: the text acts otherwise somewhere, or a used concept is not one of its functions."""
        return self.equal < self.states or self.exact + self.thresholds < self.used


def exact_of(name: str) -> tuple[Exact, Any, dict[str, Any]]:
    """The agent's network in whole numbers, the agent, its record."""
    agent = open_agent(name)
    draft = draft_of(agent.network)
    record = json.loads((finding.find_agent(name).zip_path.parent / "record.json").read_text())
    highest = int(np.max(agent.env.observation_space.high))  # type: ignore[attr-defined]
    exact = exact_integers(
        draft.stages, draft.arrays, activation=draft.activation, observation=draft.observation, highest=highest
    )
    return exact, agent, record


def study(name: str) -> tuple[Row, str]:
    """One agent's row, and its recovered text."""
    exact, agent, record = exact_of(name)
    found = subject(record["name"])
    env = found.world()
    states = found.states(env)
    observations = env.observe(states)
    wanted = agent.network.scores(observations).argmax(axis=1)
    assert np.array_equal(scores(exact.network, observations).argmax(axis=1), wanted), "whole numbers choose otherwise"
    text = recovered(exact.network, env, observations)
    binding = bind_state(with_cells(env))
    program = parse(text.text, binding.vocabulary, DECOMPILATION_LIMITS)
    equal = int((evaluate(program, binding, states).actions == wanted).sum())
    tables = evaluate_functions(
        program, binding, states, {name: tuple(one.ranges) for name, one in program.tabulated.items()}
    )
    functions = [values.reshape(len(states), -1).astype(np.int64) for values in tables.values()]
    functions += [observations.reshape(len(states), -1).astype(np.int64)]  # a cell of what is seen is a function too
    values = np.unique(np.concatenate(functions, axis=1), axis=1)
    known = list(used_concepts(env, states, record))
    full = sum(any_affine(values, concept) for concept in known)
    partly = sum(not any_affine(values, concept) and any_threshold(values, concept) for concept in known)
    bits = measure_size(own_part(program, text)).bits
    row = Row(name, text.form, equal, len(states), full, partly, len(known), source_bits(record), bits,
              naive_size(exact.network, env).bits)  # fmt: skip
    return row, text.text


def used_concepts(env: InspectableEnv, states: np.ndarray, record: dict[str, Any]) -> Iterator[np.ndarray]:
    """Values of each used concept at each place of its axes."""
    measures = {concept.name: concept for concept in concepts_of(env)}
    for row in record["concepts"]:
        if row["status"] == "used":
            values = np.asarray(measures[row["concept"]].measure(states))
            yield values[(slice(None), *row["arguments"])].astype(np.int64)


def any_affine(functions: np.ndarray, concept: np.ndarray) -> bool:
    """Whether a column is a times the concept plus b, a not 0."""
    low = concept == concept.min()
    high = concept == concept.max()
    for column in functions.T:
        start, end = column[low][0], column[high][0]
        if start != end:
            span = int(concept.max() - concept.min())
            if np.array_equal((column - start) * span, (concept - concept.min()) * (end - start)):
                return True
    return False


def any_threshold(functions: np.ndarray, concept: np.ndarray) -> bool:
    """Whether a column asks whether the concept reaches some value."""
    flags = functions[:, np.array([len(np.unique(column)) == 2 for column in functions.T])]
    return any(any_affine(flags, (concept >= t).astype(np.int64)) for t in np.unique(concept)[1:])


def source_bits(record: dict[str, Any]) -> int:
    """Bits of the program with those definitions that it needs."""
    name = (
        "columns" if record["name"] == "convolution" else record["name"]
    )  # the same texts; its own leave the column out
    found = subject(name)
    assert found.sense is not None
    env = found.world()
    text = needed_definitions(found.recipe.definitions, found.recipe.program) + found.recipe.program
    names = found.sense(env).vocabulary(env)
    choices = {f"{one.name}_choices": tuple(map(str, one.choices)) for one in concepts_of(env) if one.choices}
    return measure_size(parse(text, replace(names, axes={**names.axes, **choices}), DECOMPILATION_LIMITS)).bits


def needed_definitions(definitions: str, program: str) -> str:
    """The blocks of the definitions that the program names, itself or through others of them."""
    blocks = [block.strip("\n") for block in definitions.split("\n\n") if block.strip()]
    text = program
    while True:
        kept = [block for block in blocks if any(name in _WORD.findall(text) for name in _NAMED.findall(block))]
        grown = "\n\n".join(kept) + "\n" + program
        if grown == text:
            return "\n\n".join(kept) + "\n"
        text = grown


def own_part(program: Program, text: Recovered) -> Program:
    """The program without the functions that only look at what is seen."""
    return replace(
        program,
        functions=tuple(one for one in program.functions if one.name not in text.looking),
        tables=tuple(one for one in program.tables if one.name not in text.looking),
    )


@dataclass(frozen=True)
class Explained:
    """How much tied filters explain of one layer; `wanted`: high, low or, where neither is known, none."""

    layer: str
    share: float
    wanted: str

    @property
    def failed(self) -> bool:
        return (self.wanted == "high" and self.share < EXPLAINED) or (self.wanted == "low" and self.share > NULL)


def written_out(
    channels: int, planes: int, rows: int, columns: int, *, kernel: tuple[int, int], generator: np.random.Generator
) -> np.ndarray:
    """A convolution as a dense layer: units permuted, noise of 5 % of the weights' root mean square, powers of two."""
    height, width = kernel
    up, side = (0 if height == rows else height // 2), width // 2
    filters = generator.normal(size=(channels, planes, height, width))
    units = []
    for one, row, column in product(filters, range(1 if height == rows else rows), range(columns)):
        plane = np.zeros((planes, rows + 2 * up, columns + 2 * side))
        plane[:, row : row + height, column : column + width] = one
        units.append(plane[:, up : up + rows, side : side + columns])
    weight = np.array(units)[generator.permutation(len(units))]
    noisy = weight + 0.05 * float(np.sqrt((weight**2).mean())) * generator.normal(size=weight.shape)
    return np.asarray(noisy * (2.0 ** generator.integers(-2, 4, len(weight)))[:, None, None, None])


def convolutions() -> Iterator[Explained]:
    """Known convolutions, compiled layers, nulls."""
    for number, (channels, planes, rows, columns, kernel) in enumerate(SHAPES):
        generator = np.random.default_rng(number)
        weight = written_out(channels, planes, rows, columns, kernel=kernel, generator=generator)
        told = f"{channels} filters {kernel[0]} x {kernel[1]} on {planes} x {rows} x {columns}"
        shuffled = generator.permutation(weight.ravel()).reshape(weight.shape)
        for label, layer, wanted in ((told, weight, "high"), (f"{told}, shuffled", shuffled, "low"),
                                     (f"{told}, random", generator.normal(size=weight.shape), "low")):  # fmt: skip
            yield Explained(label, find_convolution(layer, kernel, generator=generator).explained, wanted)
    for name in COMPILED:
        exact, _, _ = exact_of(name)
        weight = planes_of(exact.network, "hidden_1")
        yield Explained(f"{name} hidden_1", explained(weight, (weight.shape[2], 1)), "high")
    for name in (*NEGATIVE, *TRAINED, "columns-learned"):
        agent = open_agent(name)
        draft = draft_of(agent.network)
        weight = planes_of(IntegerNetwork(draft.stages, draft.arrays, draft.observation), "hidden_1")
        kernel = (weight.shape[2], 1) if name.startswith("columns") else (3, 3)
        wanted = "none" if name == "columns-learned" else "low"  # its columns share one task, and perhaps weights
        yield Explained(f"{name} hidden_1", explained(weight, kernel), wanted)


def explained(weight: np.ndarray, kernel: tuple[int, int]) -> float:
    """Explained, from a fixed seed."""
    return find_convolution(weight, kernel, generator=np.random.default_rng(0)).explained


def planes_of(network: IntegerNetwork, name: str) -> np.ndarray:
    """Weights of a dense stage as (units, planes, rows, columns) of what it reads."""
    stage = network.stage(name)
    weight = network.of(name)["weight"].astype(np.float64)
    source = next((one for one in network.stages if one.name == stage.sources[0]), None)
    if source is None or source.kind not in ("flags", "lookup"):
        shape = shapes_of(network.stages, network.observation)[stage.sources[0]]
        return weight.reshape(len(weight), *((1, *shape) if len(shape) == 2 else shape))
    ids = source if source.kind == "flags" else network.stage(source.sources[0])
    reach = ids.settings.get("reach", 0)
    sides = (2 * reach + 1, 2 * reach + 1) if reach else network.observation[1:]
    return np.moveaxis(weight.reshape(len(weight), *sides, -1), 3, 1)


def replacements() -> Iterator[tuple[str, bool]]:
    """Compiled layers written as slides, and whether every score stayed as it was."""
    for name in COMPILED:
        exact, _, record = exact_of(name)
        found = subject(record["name"])
        env = found.world()
        observations = env.observe(found.states(env))
        weight = planes_of(exact.network, "hidden_1")
        convolution = find_convolution(weight, (weight.shape[2], 1), generator=np.random.default_rng(0))
        slid = as_slide(exact.network, "hidden_1", convolution)
        same = np.array_equal(scores(slid, observations), scores(exact.network, observations))
        close = float(np.abs(tied_weights(convolution, weight.shape[1:]) - weight).max()) < 1e-9
        yield f"{name}: hidden_1 as {slid.stages[0].to_text()}, {len(observations)} states", same and close


def main(arguments: Sequence[str]) -> int:
    """Print every row; 1 where a gate fails."""
    texts = "--texts" in arguments
    named = [word for word in arguments if not word.startswith("--")]
    folders = finding.shipped_folders()
    known = [name for name, folder in folders.items() if (folder / "record.json").is_file()]
    names = [name for name in named or known if name.rsplit("-", 1)[-1].upper() in LEVELS]
    failed = 0
    for name in names:
        row, text = study(name)
        failed += row.failed
        over = "" if row.bits <= LONGEST * row.source else f"   (AIM missed: more than {LONGEST:.0f}x)"
        print(row.told() + (" FAILED" if row.failed else over), flush=True)
        if texts:
            print(text)
    if named:
        return int(failed > 0)
    for one in convolutions():
        failed += one.failed
        print(f"{one.layer:50s} explained {one.share:.3f} {one.wanted:5s}{' FAILED' if one.failed else ''}", flush=True)
    for told, same in replacements():
        failed += not same
        print(f"{told}: {'every score the same' if same else 'FAILED'}", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
