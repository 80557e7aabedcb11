"""Weights that columns share: what such a network can and cannot be asked to do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agentscope.agents import network_from_model
from agentscope.compiling import compile_column, scores_of, tie_columns
from agentscope.errors import DoesNotCompile, TextError
from tests.compiling.conftest import case

KEYS = {
    "another column": ("height(column0)", "own concepts only"),
    "a concept of the whole board": ("holes()", "own concepts only"),
    "the column's number": ("height(c) + c", "which one it is"),
}


@pytest.mark.parametrize("name", KEYS)
def test_a_shared_column_reads_nothing_but_itself(name: str) -> None:
    key, reason = KEYS[name]
    known = case("convolution")
    text = f"def strategy(state):\n    return argmax(columns, key=lambda c: {key})\n"
    with pytest.raises(DoesNotCompile, match=reason) as caught:
        compile_column(replace(known.subject.recipe, program=text), known.env)
    assert caught.value.line == 2


def test_only_one_argmax_over_columns_can_be_shared() -> None:
    known = case("convolution")
    with pytest.raises(DoesNotCompile, match="return argmax"):
        compile_column(replace(known.subject.recipe, program="def strategy(state):\n    return 3\n"), known.env)
    with pytest.raises(TextError, match="a loop runs over one of"):
        definitions = "def height(c):\n    return sum(seen(r, c) for c in columns for r in rows)\n"
        compile_column(replace(known.subject.recipe, definitions=definitions), known.env)


def test_the_falling_piece_does_not_matter_to_it() -> None:
    known = case("convolution")
    observations = known.observations[:2_000].copy()
    observations[:, 1] = observations[::-1, 1]
    model = known.model("DQN", "ReLU", "L1")
    assert np.array_equal(scores_of(model, observations), scores_of(model, known.observations[:2_000]))


def test_one_column_is_compiled_and_all_have_its_weights() -> None:
    known = case("convolution")
    column = compile_column(known.subject.recipe, known.env)
    tensors = tie_columns(column, known.env).sensor.tensors
    weight = tensors["columns.0.weight"]
    assert not weight[:, :, [0, 2]].any() and not weight[:, 4:].any()
    assert np.array_equal(weight[: len(column.layers[0].bias), :4, 1], column.layers[0].weight)


def test_channels_that_are_said_to_be_dead_never_change() -> None:
    known = case("convolution")
    network = network_from_model(known.model("DQN", "ReLU", "L1"))
    dead = dict(known.agent("DQN", "ReLU", "L1").record.dead)
    assert list(dead) == ["columns", "surface", "placement"]
    for layer, units in dead.items():
        assert not network.activations(known.observations[::50], layer)[:, list(units)].any()
