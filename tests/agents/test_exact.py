"""Drafts for exact whole numbers: what is linear is folded into what reads it."""

import numpy as np
import pytest

from agentscope.agents.exact import exact_draft
from agentscope.pipeline import open_agent


@pytest.mark.parametrize("name", ["convolution-dqn-relu-l1", "convolution-ppo-relu-l0"])
def test_scores_of_an_extractor_are_folded_into_the_layer_behind_it(name):
    agent = open_agent(name)
    draft = exact_draft(agent.network)
    assert [stage.kind for stage in draft.stages][-2:] == ["slide", "dense"]
    observations = np.random.default_rng(0).integers(0, 2, (50, 2, 4, 4)).astype(np.uint8)
    placement = np.maximum(agent.network.activations(observations, "placement"), 0).reshape(50, -1)
    last = draft.stages[-1].name
    found = placement @ draft.arrays[f"{last}.weight"].T + draft.arrays[f"{last}.bias"]
    assert np.array_equal(found, agent.network.scores(observations))


def test_a_network_without_such_scores_is_its_draft():
    draft = exact_draft(open_agent("trigger-dqn-relu-l0").network)
    assert [stage.name for stage in draft.stages] == ["hidden_1", "hidden_2", "hidden_3", "scores"]
