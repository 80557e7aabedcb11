"""Each gadget, as ReLU and as Tanh units in float32, against Python on every input of a small range."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from agentscope.compiling import gadgets
from agentscope.compiling.circuits import Circuit
from agentscope.compiling.forms import add, constant
from agentscope.compiling.layers import stack_layers
from agentscope.compiling.units import GAIN
from agentscope.errors import BadOption

LOW, HIGH = -3, 4
GRID = np.array(list(itertools.product(range(LOW, HIGH + 1), repeat=2)), dtype=np.float32)
TABLE = (5, -2, 5, 9)

GADGETS = {
    "threshold": (lambda c, x, y: gadgets.at_least(c, x, 2), lambda x, y: x >= 2),
    "threshold at the top": (lambda c, x, y: gadgets.at_least(c, x, HIGH), lambda x, y: x >= HIGH),
    "comparison": (lambda c, x, y: gadgets.at_least(c, add((2, x), (-3, y)), 0), lambda x, y: 2 * x - 3 * y >= 0),
    "equality": (lambda c, x, y: gadgets.equal(c, x, -1), lambda x, y: x == -1),
    "sum": (lambda c, x, y: add((3, x), (-2, y), offset=7), lambda x, y: 3 * x - 2 * y + 7),
    "and": (lambda c, x, y: gadgets.all_of(c, [gadgets.at_least(c, x, 0), gadgets.at_least(c, y, 1)]),
            lambda x, y: x >= 0 and y >= 1),
    "or": (lambda c, x, y: gadgets.any_of(c, [gadgets.at_least(c, x, 3), gadgets.equal(c, y, 0)]),
           lambda x, y: x >= 3 or y == 0),
    "max": (lambda c, x, y: gadgets.larger(c, x, add((2, y))), lambda x, y: max(x, 2 * y)),
    "min": (lambda c, x, y: gadgets.smaller(c, x, y), lambda x, y: min(x, y)),
    "absolute value": (lambda c, x, y: gadgets.magnitude(c, add((1, x), (-1, y))), lambda x, y: abs(x - y)),
    "gate": (lambda c, x, y: gadgets.gate(c, gadgets.at_least(c, y, 1), x), lambda x, y: x * (y >= 1)),
    "choice": (lambda c, x, y: gadgets.choose(c, gadgets.at_least(c, x, 1), y, add((-2, x), offset=1)),
               lambda x, y: y if x >= 1 else 1 - 2 * x),
    "argmax": (lambda c, x, y: gadgets.best_of(c, [x, constant(1), y]),
               lambda x, y: int(np.argmax([x, 1, y]))),
    "table": (lambda c, x, y: gadgets.look_up(c, gadgets.magnitude(c, x), [constant(item) for item in TABLE]),
              lambda x, y: TABLE[abs(x)] if abs(x) < 4 else None),
    "table of forms": (lambda c, x, y: gadgets.look_up(c, gadgets.best_of(c, [x, y]), [add((2, y)), x]),
                       lambda x, y: [2 * y, x][int(np.argmax([x, y]))]),
}  # fmt: skip


@pytest.mark.parametrize("activation", ["ReLU", "Tanh"])
@pytest.mark.parametrize("name", GADGETS)
def test_a_gadget_is_exact_on_every_input(name: str, activation: str) -> None:
    build, truth = GADGETS[name]
    circuit = Circuit(2)
    form = build(circuit, *(circuit.read(component, LOW, HIGH) for component in range(2)))
    stack = stack_layers(circuit, [form], activation=activation)
    values = GRID
    for layer in stack.layers[:-1]:
        values = values @ layer.weight.T.astype(np.float32) + layer.bias.astype(np.float32)
        if activation == "Tanh":
            assert np.abs(values).min(initial=np.inf) >= GAIN / 4, "a unit reads a number that does not saturate it"
        values = np.maximum(values, 0) if activation == "ReLU" else np.tanh(values)
    found = values @ stack.layers[-1].weight.T.astype(np.float32) + stack.layers[-1].bias.astype(np.float32)
    for (x, y), value in zip(GRID.astype(int).tolist(), found[:, 0], strict=True):
        expected = truth(x, y)
        assert expected is None or value == expected, (x, y)
        assert expected is None or form.low <= expected <= form.high


def test_equal_steps_are_built_once_and_constants_not_at_all() -> None:
    circuit = Circuit(2)
    x, y = (circuit.read(component, LOW, HIGH) for component in range(2))
    first, second = gadgets.at_least(circuit, x, 2), gadgets.at_least(circuit, add((1, x), (0, y)), 2)
    assert first == second and len(circuit.nodes) == 3
    assert gadgets.at_least(circuit, x, LOW) == constant(1) and gadgets.at_least(circuit, x, HIGH + 1) == constant(0)
    assert gadgets.larger(circuit, x, constant(HIGH)) == constant(HIGH) and len(circuit.nodes) == 3


def test_numbers_that_float32_cannot_add_exactly_are_refused() -> None:
    circuit = Circuit(1)
    x = circuit.read(0, 0, 255)
    with pytest.raises(BadOption, match="too large to be exact"):
        stack_layers(circuit, [circuit.ramp(add((2**17, x), offset=-5))], activation="ReLU")
    stack = stack_layers(circuit, [circuit.ramp(add((2**15, x), offset=-5))], activation="ReLU")
    assert 2**22 < stack.largest_sum < 2**24
