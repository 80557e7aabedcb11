"""What a text reads as the agent sees it: proved for every place and direction, and refused where one is wrong."""

import numpy as np
import pytest

from agentscope.decompilation.placing import placed_parts
from agentscope.decompilation.proofs.leaves import LeafText, prove_leaves
from agentscope.decompilation.proofs.turning import _cases, differing_views, is_turned
from agentscope.decompilation.proofs.wide import Unfollowed
from agentscope.decompilation.ranges import bounds
from agentscope.decompilation.running import agents_view
from agentscope.decompilation.texts.emitting import emit
from agentscope.integers import SEEN
from agentscope.language import DECOMPILATION_LIMITS, header_for, parse
from tests.decompilation.shown_worlds import PLANS, differing_parts, network_of, random_observations, world_of


def emitted(name, highest=10):
    observation, _, plan = PLANS[name]
    network = network_of(plan, observation, 3)
    world = world_of(network, highest)
    made = emit(network, world, header=header_for("shown", {}, level=3))
    return network, world, made


def leaf_text(network, made, highest=10):
    shape = network.observation
    found = bounds(network, np.zeros(shape), np.full(shape, highest))
    return LeafText(made.program, placed_parts(made.parts, network), network, found)


@pytest.mark.parametrize("name", ["view", "flags in view"])
def test_every_observation_is_one_case_that_says_what_is_seen_where(name):
    network, _, made = emitted(name)
    text = leaf_text(network, made)
    observations = random_observations(network, 10, states=50)
    observations[1, 0, 0, :2] = 10  # two agents: the first counts
    cases = list(_cases(text))
    rows, columns = network.observation[1:]
    stage = network.stages[0]
    for ids in observations.astype(np.int64):
        flat = ids.reshape(3, -1)
        numbers = flat.ravel()
        fitting = [case for case in cases if all(a <= numbers[at] <= b for (_, at), (a, b) in case.ends.items())]
        assert len(fitting) == 1
        view = fitting[0].view(stage)
        seen = agents_view(ids[None], stage.settings["reach"])[0].reshape(3, -1)
        for channel in range(3):
            expected = np.where(view < 0, 0, flat[channel][np.maximum(view, 0)])
            np.testing.assert_array_equal(seen[channel], expected)
    assert {SEEN} == {one[0] for case in cases for one in case.ends}
    assert len(cases) == (rows * columns + 1) * 4


@pytest.mark.parametrize("name", ["view", "flags in view"])
def test_emitted_views_are_proved(name):
    network, _, made = emitted(name)
    text = leaf_text(network, made)
    turned = [part for part in text.parts if is_turned(text, part)]
    assert turned and differing_views(text, turned) == {}


@pytest.mark.parametrize("name", ["view", "flags in view"])
@pytest.mark.parametrize(
    ("right", "wrong"),
    [("(0, 1, 0, -1)", "(0, 1, 0, 1)"), ("== 10", "== 9"), ("agent_column()), 3)", "agent_column()), 2)")],
)
def test_a_text_that_looks_elsewhere_is_not_proved(name, right, wrong):
    network, world, made = emitted(name)
    assert right in made.text
    program = parse(made.text.replace(right, wrong, 1), made.program.vocabulary, DECOMPILATION_LIMITS)
    other = type(made)("", program, made.parts)
    differing, _ = differing_parts(other, network, world, random_observations(network, 10, states=400))
    text = leaf_text(network, other)
    turned = [part for part in text.parts if is_turned(text, part)]
    found = differing_views(text, turned)
    assert set(differing) & {part.name for part in turned} <= set(found) and found
    shape = network.observation
    proofs = prove_leaves(made.parts, program, network, np.zeros(shape), np.full(shape, 10))
    assert proofs["untested"] == len(found) and not proofs["every_input"]
    assert all("agent in cell" in why or "known beforehand" in why for why in proofs["why"].values())


def test_ids_beyond_the_agents_are_refused_not_overlooked():
    network, _, made = emitted("view", highest=12)
    text = leaf_text(network, made, highest=12)
    with pytest.raises(Unfollowed, match="beyond 10"):
        differing_views(text, [part for part in text.parts if is_turned(text, part)])
    shape = network.observation
    proofs = prove_leaves(made.parts, made.program, network, np.zeros(shape), np.full(shape, 12))
    assert proofs["untested"] == 1 and not proofs["every_input"]
