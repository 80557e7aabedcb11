"""The naive program is equal to the network, and its size is that of the text really written."""

import numpy as np
import pytest

from agentscope.decompilation.running import scores
from agentscope.decompilation.texts.naive import naive_size, naive_text
from agentscope.language import DECOMPILATION_LIMITS, bind_state, evaluate, measure_size, parse, with_cells
from tests.decompilation.shown_worlds import PLANS, network_of, random_observations, world_of

WITHOUT_READERS = ("dense", "two sources", "slides", "everywhere", "two readers", "match", "around", "around scores")


@pytest.mark.parametrize("name", PLANS)
def test_naive_text_equals_network(name):
    observation, highest, plan = PLANS[name]
    network = network_of(plan, observation)
    world = world_of(network, highest)
    program = parse(naive_text(network, world), with_cells_vocabulary(world), DECOMPILATION_LIMITS)
    observations = random_observations(network, highest)
    found = evaluate(program, bind_state(with_cells(world)), world.states_from(observations))
    assert np.array_equal(found.actions, scores(network, observations).argmax(axis=1))


@pytest.mark.parametrize("name", WITHOUT_READERS)
@pytest.mark.parametrize("top", [1, 300])
def test_size_is_that_of_the_written_text(name, top):
    observation, highest, plan = PLANS[name]
    network = network_of(plan, observation, top=top)
    world = world_of(network, highest)
    program = parse(naive_text(network, world), with_cells_vocabulary(world), DECOMPILATION_LIMITS)
    assert naive_size(network, world) == measure_size(program)


@pytest.mark.parametrize("name", sorted(set(PLANS) - set(WITHOUT_READERS)))
def test_only_readers_are_left_out(name):
    """With other weights of as many digits the text grows by as much as the count."""
    observation, highest, plan = PLANS[name]
    networks = [network_of(plan, observation, seed, top) for seed, top in ((0, 9), (1, 400))]
    world = world_of(networks[0], highest)
    texts = [naive_text(network, world) for network in networks]
    written = [measure_size(parse(text, with_cells_vocabulary(world), DECOMPILATION_LIMITS)) for text in texts]
    counted = [naive_size(network, world) for network in networks]
    tables = [sum(len(str(abs(v))) * 4 + 5 * (v < 0) for k, a in n.arrays.items() if "table" in k for v in a.ravel())
              for n in networks]  # fmt: skip
    assert written[1].bits - written[0].bits - (tables[1] - tables[0]) == counted[1].bits - counted[0].bits
    assert written[0].constants > counted[0].constants or written[0].lines > counted[0].lines


def with_cells_vocabulary(world):
    """What a text about this world may name."""
    return bind_state(with_cells(world)).vocabulary
