"""A program of the language becomes a network: read it, write it into a circuit, stack the circuit into layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import gymnasium

from agentscope.compiling.circuits import Circuit
from agentscope.compiling.forms import Form, Wire
from agentscope.compiling.layers import Held, Stack, stack_layers
from agentscope.compiling.records import (
    SCHEMA,
    Algorithm,
    CarriedConcept,
    Carrier,
    CompilationRecord,
    CompiledAgent,
)
from agentscope.compiling.sensing import Perception, Sensor
from agentscope.compiling.statements import Translator
from agentscope.compiling.units import Activation
from agentscope.contracts import InspectableEnv, Scalar
from agentscope.language import bind_state, parse

HEAD_GAIN: dict[Algorithm, int] = {"DQN": 1, "PPO": 32}  # logits 1 and 0 would be sampled almost alike; e**-32 is never


@dataclass(frozen=True)
class Recipe:
    """All that is needed to compile one agent.

    Attributes:
        name: of the agent; environment, kwargs: what it is compiled for.
        program: the strategy, over the environment's concepts.
        definitions: one helper for each concept that the network is to compute, over `seen(...)`.
        also: concepts that are computed, at all their indices, though the program does not ask for them.
        learned_twin: name of a shipped agent that learned the same task by training, "" if there is none.
    """

    name: str
    environment: str
    program: str
    definitions: str
    kwargs: Mapping[str, Scalar] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    learned_twin: str = ""


def compile_agent(
    recipe: Recipe,
    env: InspectableEnv,
    sensor: Sensor,
    *,
    algorithm: Algorithm = "DQN",
    activation: Activation = "ReLU",
) -> CompiledAgent:
    """The network (level L0) whose greedy action is what the program returns, in every state of the environment.

    Raises:
        TextError: the texts are not sound. DoesNotCompile: they are, but lie outside the subset.
        BadOption: the program's numbers are too large to be exact in float32.
    """
    program = parse(recipe.program, bind_state(env).vocabulary)
    circuit = Circuit(sensor.size)
    perception = Perception(circuit, sensor, recipe.definitions, env, program)
    scores = Translator(circuit, program, perception).scores()
    for name in recipe.also:
        perception.every(name, program.vocabulary.axes)
    stack = stack_layers(circuit, scores, activation=activation, gain=HEAD_GAIN[algorithm])
    record = describe(recipe, sensor, perception, stack, scores)
    record = replace(record, algorithm=algorithm, activation=activation)
    space = env.observation_space
    assert isinstance(space, gymnasium.spaces.Box), "a sensor reads Box observations"
    return CompiledAgent(stack.layers, sensor, space, len(scores), record)


def describe(
    recipe: Recipe, sensor: Sensor, perception: Perception, stack: Stack, scores: Sequence[Form]
) -> CompilationRecord:
    """The record of a freshly compiled ReLU DQN: which concept lies where, and which of them the scores read."""
    used = _ancestors(perception.circuit, [wire for form in scores for wire, _ in form.terms])
    computed = {name for name, _ in perception.instances}
    return CompilationRecord(
        schema=SCHEMA,
        name=recipe.name,
        environment=recipe.environment,
        kwargs=dict(recipe.kwargs),
        level="L0",
        seed=None,
        algorithm="DQN",
        activation="ReLU",
        extractor=sensor.extractor,
        extractor_kwargs=dict(sensor.extractor_kwargs),
        hidden=tuple(len(layer.bias) for layer in stack.layers[:-1]),
        program=recipe.program,
        definitions=recipe.definitions,
        reads=sensor.axes,
        concepts=_carried(perception, stack, used),
        absent=tuple(sorted(set(perception.signatures) - computed)),
        dead=(),
        largest_sum=stack.largest_sum,
        margin=stack.margin,
        noise=None,
        learned_twin=recipe.learned_twin,
    )


def _ancestors(circuit: Circuit, ends: list[Wire]) -> set[int]:
    """Indices of all wires that these depend on, themselves included."""
    found = {wire.index for wire in ends}
    for wire in reversed(circuit.wires):
        form = circuit.nodes[wire.index].form
        if wire.index in found and form is not None:
            found |= {source.index for source, _ in form.terms}
    return found


def _carried(perception: Perception, stack: Stack, used: set[int]) -> tuple[CarriedConcept, ...]:
    wires = perception.wires()
    concepts = []
    for key, form in sorted(perception.instances.items()):
        name, arguments = key
        if key not in wires:
            concepts.append(CarriedConcept(name, arguments, "constant", form.low, form.high, ()))
            continue
        index = wires[key].index
        carriers = tuple(_carrier(held, form.low) for held in stack.held[index])
        status: Literal["used", "unused"] = "used" if index in used else "unused"
        concepts.append(CarriedConcept(name, arguments, status, form.low, form.high, carriers))
    return tuple(concepts)


def _carrier(held: Held, low: int) -> Carrier:
    thresholds = tuple(threshold + low for threshold in held.thresholds)
    return Carrier(f"hidden_{held.layer}", held.units, thresholds, (1.0,) * len(held.units))
