"""A small convolutional network: one column's program, compiled once and shared by all columns of a board.

`PlacementExtractor` describes every column of a board by the same weights. A program that is one argmax over the
columns, of a key that each column gets from its own cells alone, therefore needs compiling for one column only;
`tie_columns` writes that column's dense layers into the middle tap of the three convolutions, and leaves their other
taps, the piece and the walls at 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import gymnasium
import numpy as np

from agentscope.compiling.circuits import Circuit
from agentscope.compiling.compiling import HEAD_GAIN, Recipe, describe
from agentscope.compiling.expressions import refuse
from agentscope.compiling.forms import constant
from agentscope.compiling.layers import Dense, stack_layers
from agentscope.compiling.records import Algorithm, CarriedConcept, CompiledAgent
from agentscope.compiling.sensing import Perception, Sensor
from agentscope.compiling.statements import Translator
from agentscope.contracts import InspectableEnv, States
from agentscope.language import Program, bind_state, parse, tree

LAYERS = ("columns", "surface", "placement")  # the extractor's convolutions, each followed by ReLU
TURNS = 4
COLUMNS = "columns"  # the axis over which the weights are shared


def compile_column(recipe: Recipe, env: InspectableEnv) -> CompiledAgent:
    """The network of one column: from its cells, the top one first, to its key.

    Raises:
        TextError: the texts are not sound.
        DoesNotCompile: the program is not an argmax over columns whose key calls concepts of that column only, or its
            key takes more than three layers.
    """
    program = parse(recipe.program, bind_state(env).vocabulary)
    choice = _argmax_over_columns(program)
    labels = tuple(env.axes["rows"])
    ones = np.ones((len(labels), 1), dtype=np.int64)
    sensor = Sensor((("rows", labels), ("here", ("here",))), 0 * ones, ones, shared=(COLUMNS,))
    circuit = Circuit(sensor.size)
    perception = Perception(circuit, sensor, recipe.definitions, env, program)
    key = Translator(circuit, program, perception).number(choice.key, {choice.variable: constant(0)})
    if key.depth > len(LAYERS):
        refuse(f"the key takes {key.depth} layers, the extractor has {len(LAYERS)}", choice.key)
    stack = stack_layers(circuit, [key], activation="ReLU", depth=len(LAYERS))
    space = gymnasium.spaces.Box(0, 1, (len(labels),), np.uint8)
    return CompiledAgent(stack.layers, sensor, space, 1, describe(recipe, sensor, perception, stack, [key]))


def tie_columns(column: CompiledAgent, env: InspectableEnv, *, algorithm: Algorithm = "DQN") -> CompiledAgent:
    """The network of a whole board, every column with the weights of this one; unturned placements are its choices.

    `env` shows two planes, board and piece, and its actions are turn * columns + column, as in `AgentScope/Tetris-v0`.
    """
    columns = len(env.axes[COLUMNS])
    *hidden, head = column.layers
    channels = max(len(layer.bias) for layer in hidden)
    tensors = _shared_weights(column, channels, rows=column.sensor.size)
    reach = float(np.abs(head.weight).sum() * column.record.largest_sum + np.abs(head.bias).sum())
    gain = HEAD_GAIN[algorithm]
    weight, bias = np.zeros((TURNS * columns, TURNS * columns)), np.full(TURNS * columns, -columns * (reach + 2))
    weight[:columns, :columns] = columns * np.eye(columns)  # n * key - i: the first of equal columns wins
    bias[:columns] = -np.arange(columns)
    space = env.observation_space
    assert isinstance(space, gymnasium.spaces.Box) and space.shape == (2, column.sensor.size, columns)
    sensor = replace(
        column.sensor,
        extractor="PlacementExtractor",
        extractor_kwargs={"channels": channels, "piece_channels": 1, "kernel": 3},
        tensors=tensors,
    )
    record = replace(
        column.record,
        algorithm=algorithm,
        extractor=sensor.extractor,
        extractor_kwargs=dict(sensor.extractor_kwargs),
        hidden=(),
        concepts=tuple(_at(concept, place) for concept in column.record.concepts for place in range(columns)),
        dead=_idle(column, channels),
        largest_sum=gain * columns * (reach + 2),
    )
    return CompiledAgent((Dense(gain * weight, gain * bias),), sensor, space, TURNS * columns, record)


def every_board(env: InspectableEnv) -> States:
    """Every board there is, full rows and floating cells too; beside board i the falling piece of episode i mod 200."""
    _, rows, columns = env.observation_space.shape or ()
    boards = np.arange(2 ** (rows * columns))
    cells = (boards[:, None] >> np.arange(rows * columns) & 1).reshape(-1, rows, columns)
    pieces = env.observe(env.reset(np.arange(200)))[boards % 200, 1]
    states: States = env.states_from(np.stack([cells, pieces], axis=1).astype(np.uint8))  # type: ignore[attr-defined]
    return states


def _argmax_over_columns(program: Program) -> tree.ArgMax:
    """The one argmax of a program that can be shared by columns."""
    body = program.strategy.body
    value = body[0].value if isinstance(body[0], tree.Return) else None
    if not isinstance(value, tree.ArgMax) or value.domain.name != COLUMNS:
        refuse(f"shared columns need a program that is `return argmax({COLUMNS}, key=...)`", body[0])
    calls = 0
    for node in tree.walk(value.key):
        if isinstance(node, tree.ConceptCall):
            signature = program.vocabulary.signature(node.name)
            assert signature is not None
            if signature.axis != (COLUMNS,) or node.arguments != (tree.Variable(value.variable),):
                refuse(f"a shared column reads its own concepts only, here {node.name}({value.variable})", node)
            calls += 1
        elif isinstance(node, tree.FunctionCall | tree.After):
            refuse("the key of a shared column calls concepts only", node)
    named = sum(isinstance(node, tree.Variable) and node.name == value.variable for node in tree.walk(value.key))
    if named != calls:
        refuse(f"a shared column does not know which one it is: {value.variable} may only index concepts", value.key)
    return value


def _shared_weights(column: CompiledAgent, channels: int, *, rows: int) -> Mapping[str, np.ndarray]:
    """The parameters of the extractor by name."""
    *hidden, head = column.layers
    inputs = (2 * rows, channels, channels)  # the first convolution reads cells, then the share filled in each row
    names = ("columns.0", "surface_convolution", "placement.0")
    tensors: dict[str, np.ndarray] = {
        "piece_filters.0.weight": np.zeros((1, 1, 4, 4)), "piece_filters.0.bias": np.zeros(1),
        "piece.0.weight": np.zeros((1, 1)), "piece.0.bias": np.zeros(1),
        "piece_gate.weight": np.zeros((channels, 1)), "piece_gate.bias": np.zeros(channels),
        "wall": np.zeros((2, channels)),
        "rotations.weight": np.zeros((TURNS, channels, 1)), "rotations.bias": np.zeros(TURNS),
    }  # fmt: skip
    for name, layer, width in zip(names, hidden, inputs, strict=True):
        units, fan_in = layer.weight.shape
        weight, bias = np.zeros((channels, width, 3)), np.zeros(channels)
        weight[:units, :fan_in, 1], bias[:units] = layer.weight, layer.bias
        tensors[f"{name}.weight"], tensors[f"{name}.bias"] = weight, bias
    tensors["rotations.weight"][0, : head.weight.shape[1], 0] = head.weight[0]
    tensors["rotations.bias"][0] = head.bias[0]
    return tensors


def _idle(column: CompiledAgent, channels: int) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """The column's dead units, and the channels that a narrower layer leaves free."""
    added = dict(column.record.dead)
    found = []
    for index, name in enumerate(LAYERS):
        free = range(len(column.layers[index].bias), channels)
        found.append((name, (*added.get(f"hidden_{index + 1}", ()), *free)))
    return tuple((name, units) for name, units in found if units)


def _at(concept: CarriedConcept, place: int) -> CarriedConcept:
    """The concept of one column: the same units, at that column's place."""
    carriers = tuple(
        replace(carrier, layer=LAYERS[int(carrier.layer[-1]) - 1], place=place) for carrier in concept.carriers
    )
    return replace(concept, arguments=(place,), carriers=carriers)
