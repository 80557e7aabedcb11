"""What a compiled network reads, and how the concepts of its program are computed from that.

Concepts are defined in the same language as the program: a text of helpers, one for each concept, over the single
primitive `seen(...)`, a component of what the network reads. The definitions are not trusted: tests compare each with
the environment's own measure of the concept in every state.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Int

from agentscope.compiling.circuits import Circuit
from agentscope.compiling.expressions import refuse
from agentscope.compiling.forms import Form, Wire, bounded, constant
from agentscope.compiling.statements import Translator
from agentscope.contracts import InspectableEnv
from agentscope.errors import DoesNotCompile
from agentscope.language import DECOMPILATION_LIMITS, Program, Signature, Vocabulary, parse, tree

_DEFINED = re.compile(r"^def (\w+)\(", re.MULTILINE)


@dataclass(frozen=True)
class Sensor:
    """The numbers that the first dense layer reads: the observation, or what a features extractor makes of it.

    Attributes:
        axes: (name, labels) of each dimension of `seen(...)`, in the order in which the numbers lie.
        low, high: bounds of each number.
        shared: axes of the environment that no definition may name, as one place stands for all.
        extractor: class of the features extractor, by name; the caller hands in the class.
        extractor_kwargs, tensors: its arguments, and its parameters by name.
    """

    axes: tuple[tuple[str, tuple[str, ...]], ...]
    low: Int[np.ndarray, "..."]
    high: Int[np.ndarray, "..."]
    shared: tuple[str, ...] = ()
    extractor: str = "FlattenExtractor"
    extractor_kwargs: Mapping[str, bool | int | float | str] = field(default_factory=dict)
    tensors: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return int(self.low.size)

    def vocabulary(self, env: InspectableEnv) -> Vocabulary:
        """What a text of definitions may name: `seen`, its axes, the environment's axes and actions."""
        low, high = int(self.low.min()), int(self.high.max())
        names = tuple(name for name, _ in self.axes)
        seen = Signature("seen", "count", names, (), False, False, False, True, low, high)
        axes = {str(name): tuple(map(str, labels)) for name, labels in env.axes.items()} | dict(self.axes)
        for name in self.shared:
            del axes[name]
        return Vocabulary({"seen": seen}, {}, tuple(map(str, env.action_names)), axes)


def flat_sensor(env: InspectableEnv, *axes: tuple[str, tuple[str, ...]]) -> Sensor:
    """The observation itself, flattened as SB3 does it.

    Args:
        axes: (name, labels) of each of its dimensions.
    """
    low, high = (np.asarray(getattr(env.observation_space, bound), dtype=np.int64) for bound in ("low", "high"))
    assert low.shape == tuple(len(labels) for _, labels in axes), "one axis for each dimension of the observation"
    return Sensor(axes, low, high)


class _Seen:
    """`seen(...)` as components of the circuit's input."""

    def __init__(self, circuit: Circuit, sensor: Sensor) -> None:
        self.circuit, self.sensor = circuit, sensor

    def value(self, name: str, arguments: tuple[int, ...], node: tree.Node) -> Form:
        """One number that the network reads."""
        component = int(np.ravel_multi_index(arguments, self.sensor.low.shape))
        return self.circuit.read(component, int(self.sensor.low[arguments]), int(self.sensor.high[arguments]))


class Perception:
    """Concepts of a program in its circuit: each value stands alone on one wire, which every reader shares.

    Attributes:
        instances: the form of each concept asked for so far, by name and indices.
    """

    def __init__(self, circuit: Circuit, sensor: Sensor, text: str, env: InspectableEnv, program: Program) -> None:
        self.circuit = circuit
        self.signatures = program.vocabulary.concepts
        self.defined = [name for name in _DEFINED.findall(text) if name in self.signatures]
        names = sensor.vocabulary(env)
        entry = _entry([self.signatures[name] for name in self.defined], names)
        definitions = parse(text + entry, names, DECOMPILATION_LIMITS)
        self.translator = Translator(circuit, definitions, _Seen(circuit, sensor))
        self.instances: dict[tuple[str, tuple[int, ...]], Form] = {}

    def value(self, name: str, arguments: tuple[int, ...], node: tree.Node) -> Form:
        """The concept at these indices, on a wire of its own."""
        if (name, arguments) not in self.instances:
            if name not in self.defined:
                refuse(f"{name} does not compile: the concept is not defined over the observation", node)
            self.instances[name, arguments] = self._carried(name, arguments, node)
        return self.instances[name, arguments]

    def every(self, name: str, axes: Mapping[str, tuple[str, ...]]) -> None:
        """Compute a concept at all its indices, whether the program asks for it or not."""
        node = tree.Node()
        for arguments in itertools.product(*(range(len(axes[axis])) for axis in self.signatures[name].axis)):
            self.value(name, arguments, node)

    def wires(self) -> dict[tuple[str, tuple[int, ...]], Wire]:
        """The wire of each instance that depends on the state at all."""
        return {key: form.terms[0][0] for key, form in self.instances.items() if form.terms}

    def _carried(self, name: str, arguments: tuple[int, ...], node: tree.Node) -> Form:
        """The concept's value, within its declared bounds, moved to start at 0 and put on a ramp of its own."""
        signature = self.signatures[name]
        value = self.translator.call(name, [constant(index) for index in arguments], node)
        assert isinstance(value, Form)
        low = value.low if signature.low is None else math.ceil(signature.low)
        high = value.high if signature.high is None else math.floor(signature.high)
        if low > value.high or high < value.low:
            raise DoesNotCompile(f"{name} is defined from {value.low} to {value.high}, declared from {low} to {high}")
        value = bounded(value, low, high)
        if value.is_constant:
            return value
        moved = Form(value.terms, value.constant - value.low, 0, value.high - value.low)
        wire = self.circuit.ramp(moved, label=f"{name}{arguments}")
        return Form(wire.terms, value.low, value.low, value.high)


def _entry(concepts: Sequence[Signature], names: Vocabulary) -> str:
    """The entry point that every text has; here it only asks for each concept at all its indices."""
    lines = ["", "def strategy(state):"]
    for number, concept in enumerate(concepts):
        axes = {f"index{place}": axis for place, axis in enumerate(concept.axis) if axis in names.axes}
        indices = [index if index in axes else "0" for index in (f"index{place}" for place in range(len(concept.axis)))]
        loops = "".join(f" for {index} in {axis}" for index, axis in axes.items())
        call = f"{concept.name}({', '.join(indices)})"
        lines.append(f"    value{number} = " + (f"sum({call}{loops})" if loops else call))
    return "\n".join([*lines, "    return 0", ""])
