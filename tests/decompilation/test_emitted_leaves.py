"""Leaves of emitted texts: all proved; and where a number in a text is changed, never all, unless nothing changes."""

import re

import numpy as np
import pytest

from agentscope.decompilation.placing import placed_parts
from agentscope.decompilation.proofs.leaves import LeafText, prove_leaf, prove_leaves
from agentscope.decompilation.ranges import bounds
from agentscope.decompilation.texts.emitting import emit
from agentscope.errors import TextError
from agentscope.language import DECOMPILATION_LIMITS, header_for, parse, tree
from tests.decompilation.shown_worlds import PLANS, differing_parts, network_of, random_observations, world_of

pytest.importorskip("z3", reason="pip install 'agentscope-rl[solver]'")
HEADER = header_for("shown", {}, level=3)
TURNED = {"view", "flags in view"}  # as the agent sees it: what is read depends on where it stands


def emitted(name, seed, density=0.6):
    observation, highest, plan = PLANS[name]
    network = network_of(plan, observation, seed, density=density)
    world = world_of(network, highest)
    return network, world, emit(network, world, header=HEADER), highest


def proofs(made, network, highest):
    """Every function that stands for units, whatever its size."""
    shape = network.observation
    found = bounds(network, np.zeros(shape), np.full(shape, highest))
    text = LeafText(made.program, placed_parts(made.parts, network), network, found)
    return {part.name: prove_leaf(text, part) for part in text.parts}


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("seed", range(2))
def test_every_leaf_is_proved(name, seed):
    network, _, made, highest = emitted(name, seed)
    found = proofs(made, network, highest)
    assert found and all(leaf.differs is None for leaf in found.values())
    untested = {leaf.stage for leaf in found.values() if not leaf.proved}
    assert untested <= ({"codes", "cells"} if name in TURNED else set())


@pytest.mark.parametrize("name", PLANS)
def test_nothing_is_left_to_prove_of_an_emitted_text(name):
    network, _, made, highest = emitted(name, 7)
    shape = network.observation
    found = prove_leaves(made.parts, made.program, network, np.zeros(shape), np.full(shape, highest))
    assert found["every_input"], found


def changed_numbers(program, rng, count):
    """Copies of a program's text with one number of one function raised by 1."""
    start = program.index("\ndef ")
    places = [found for found in re.finditer(r"(?<![\w.])\d+", program) if found.start() > start]
    for index in rng.permutation(len(places))[:count]:
        found = places[index]
        yield program[: found.start()] + str(int(found[0]) + 1) + program[found.end() :]


def as_before(before, after, name):
    """Whether a function is called for the same arguments."""
    return name in after.tabulated and after.tabulated[name].ranges == before.tabulated[name].ranges


@pytest.mark.parametrize("name", ["dense", "slides", "board", "flags", "lookup", "around"])
def test_no_change_of_a_number_is_proved_unless_it_changes_nothing(name):
    """Function by function on observations, against the proof for all inputs."""
    network, world, made, highest = emitted(name, 4)
    observations = random_observations(network, highest, states=400)
    refuted = 0
    for text in changed_numbers(made.text, np.random.default_rng(0), 12):
        try:
            program = parse(text, made.program.vocabulary, DECOMPILATION_LIMITS)
        except TextError:  # an index beyond its table: no text at all
            continue
        if not all(as_before(made.program, program, part.name) for part in made.parts):
            continue  # a call that now goes elsewhere
        wrong = type(made)(text, program, made.parts)
        leaves = proofs(wrong, network, highest)
        differing, _ = differing_parts(wrong, network, world, observations)
        if differing:
            assert any(not leaf.proved for leaf in leaves.values()), text
        refuted += any(leaf.differs is not None for leaf in leaves.values())
    assert refuted >= 3


def test_a_refuted_leaf_is_the_one_whose_number_was_changed():
    network, _, made, highest = emitted("dense", 4)
    target = next(part for part in made.parts if part.stage == "hidden" and part.inputs > 1)
    body = next(f for f in made.program.functions if f.name == target.name)
    literal = max((node for node in tree.walk(body) if isinstance(node, tree.Number)), key=lambda node: node.value)
    lines = made.text.splitlines()
    line = lines[literal.line - 1]
    at = literal.column - 1
    lines[literal.line - 1] = line[:at] + str(literal.value + 1) + line[at + len(str(literal.value)) :]
    program = parse("\n".join(lines) + "\n", made.program.vocabulary, DECOMPILATION_LIMITS)
    found = proofs(type(made)("", program, made.parts), network, highest)
    assert {name for name, leaf in found.items() if not leaf.proved} <= {target.name}
