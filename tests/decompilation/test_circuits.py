"""Circuits: the same scores as the network, and the same circuit whichever units hold it."""

from collections import Counter

import numpy as np
import pytest

from agentscope.decompilation.recovery.circuits import circuit_of
from agentscope.decompilation.running import scores
from agentscope.errors import BadOption
from agentscope.integers import IntegerNetwork, Stage
from tests.decompilation.test_exact import exact_of


def random_network(seed):
    rng = np.random.default_rng(seed)
    stages = (Stage("a", "dense", ("seen",), {"units": 5, "shift": 1, "low": -2, "high": 6}),
              Stage("b", "dense", ("a",), {"units": 4, "shift": 0, "low": 0, "high": 5}),
              Stage("scores", "dense", ("b",), {"units": 3}))  # fmt: skip
    sizes = {"a": (5, 4), "b": (4, 5), "scores": (3, 4)}
    arrays = {f"{name}.weight": rng.integers(-2, 3, size) for name, size in sizes.items()}
    arrays |= {f"{name}.bias": rng.integers(-2, 3, size[0]) for name, size in sizes.items()}
    return IntegerNetwork(stages, arrays, (4,))


@pytest.mark.parametrize("seed", range(12))
def test_a_circuit_has_the_scores_of_its_network_shifts_and_clamps_included(seed):
    network = random_network(seed)
    observations = np.array(np.meshgrid(*[range(3)] * 4)).reshape(4, -1).T
    circuit = circuit_of(network, {"seen": observations})
    found = np.stack([circuit.value_of(form) for form in circuit.scores], axis=1)
    assert np.array_equal(found, scores(network, observations))


def test_relu_and_tanh_plain_and_disguised_are_one_circuit():
    kinds = []
    for name in ("greedy-dqn-relu-l0", "greedy-dqn-relu-l1", "greedy-ppo-tanh-l0", "greedy-ppo-tanh-l1"):
        _, found, observations = exact_of(name)
        circuit = circuit_of(found.network, {"seen": observations})
        kinds.append(Counter(circuit.atoms[atom].kind for atom in circuit.needed()))
    assert kinds[0] == kinds[1] == kinds[2] == kinds[3]


def test_two_halves_of_a_step_are_one_step():
    stages = (Stage("a", "dense", ("seen",), {"units": 2, "shift": 0, "low": 0, "high": 9}),
              Stage("scores", "dense", ("a",), {"units": 1}))  # fmt: skip
    arrays = {"a.weight": np.ones((2, 2), dtype=int), "a.bias": np.array([-1, -2]),
              "scores.weight": np.array([[1, -1]]), "scores.bias": np.array([3])}  # fmt: skip
    observations = np.array([[0, 0], [1, 0], [3, 3]])
    circuit = circuit_of(IntegerNetwork(stages, arrays, (2,)), {"seen": observations})
    (form,) = circuit.scores
    ((atom, weight),) = form.terms.items()
    assert (circuit.atoms[atom].kind, circuit.atoms[atom].threshold, weight, form.constant) == ("step", 2, 1, 3)


def test_a_stage_that_mixes_columns_is_refused():
    stages = (Stage("a", "slide", ("seen",), {"channels": 1, "kernel": 3}),)
    arrays = {
        "a.weight": np.ones((1, 2, 3), dtype=int),
        "a.bias": np.zeros(1, dtype=int),
        "a.outside": np.zeros(2, dtype=int),
    }
    with pytest.raises(BadOption, match="slide"):
        circuit_of(IntegerNetwork(stages, arrays, (2, 3)), {"seen": np.zeros((1, 2, 3), dtype=int)})
