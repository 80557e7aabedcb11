"""The nearest change that flips a choice: where network and text are the same, and by trying every edit alone."""

import json

import numpy as np
import pytest

from agentscope import pipeline
from agentscope.contracts import equivalent_actions_of
from agentscope.pipeline.watching.changing import nearest_changes, why_document
from tests.pipeline.watching.scenes import compiled, scene_of, states_of

OTHER = "def strategy(state):\n    return turn_left\n"


def one_by_one(agent, state, choose, flips):
    """The nearest flip by stepping through the edits one after the other: (feature, value, size)."""
    made, seen = agent.env.edits(state), agent.env.observe(state)[0].astype(float)
    best = None
    for row in range(len(made.parent)):
        edited = made.states[[row]]
        if made.legal.any() and not made.legal[row]:
            continue
        classes = equivalent_actions_of(agent.env, edited)[0]
        size = float(np.abs(agent.env.observe(edited)[0].astype(float) - seen).sum())
        if flips(classes, choose(edited)) and (best is None or size < best[2]):
            best = int(made.feature[row]), int(made.value[row]), size
    return best


def told(flip):
    return None if flip is None else (flip["feature_index"], flip["to"], flip["size"])


@pytest.mark.parametrize("name", ["columns-dqn-relu-l1", "keydoor-dqn-relu-l0"])
def test_a_compiled_network_flips_where_its_text_flips_and_nowhere_nearer(name):
    agent, text = compiled(name)
    scene = scene_of(agent, text)
    found = 0
    for state in states_of(agent, 4):
        nearest = nearest_changes(scene, state)
        here = int(agent.decide(state).actions[0])
        assert told(nearest.network) == told(nearest.strategy)
        alone = one_by_one(
            agent, state, lambda edited: int(agent.decide(edited).actions[0]),
            lambda classes, action, here=here: classes[action] != classes[here],
        )  # fmt: skip
        assert told(nearest.network) == alone
        found += alone is not None
        assert nearest.searched == int(agent.env.edits(state).legal.sum()) and nearest.legal_only
        if nearest.network is not None:
            assert nearest.network["action"] == nearest.strategy["action"] != here
            assert nearest.network["picture"].startswith("data:image/png;base64,")
    assert found > 2


def test_toward_is_the_nearest_change_after_which_the_network_does_what_the_text_does():
    agent, _ = compiled("keydoor-dqn-relu-l0")
    scene = scene_of(agent, OTHER)
    parted = [state for state in states_of(agent, 12) if int(agent.decide(state).actions[0]) != 0]
    assert len(parted) > 3
    for state in parted:
        nearest = nearest_changes(scene, state)
        alone = one_by_one(
            agent, state, lambda edited: int(agent.decide(edited).actions[0]),
            lambda classes, action: classes[action] == classes[0],
        )  # fmt: skip
        assert told(nearest.toward) == alone
        assert nearest.strategy is None and nearest.why["flips.strategy"] == "no single change does it"


def test_where_they_agree_it_goes_toward_the_networks_second_best():
    agent, text = compiled("keydoor-dqn-relu-l0")
    scene = scene_of(agent, text)
    for state in states_of(agent, 4):
        here, nearest = agent.decide(state), nearest_changes(scene, state)
        classes = here.equivalent[0]
        others = [a for a in range(len(classes)) if here.legal[0, a] and classes[a] != classes[here.actions[0]]]
        second = max(others, key=lambda a: here.scores[0, a])
        if nearest.toward is not None:
            made = agent.env.edits(state)
            row = np.flatnonzero(
                (made.feature == nearest.toward["feature_index"]) & (made.value == nearest.toward["to"])
            )
            edited = agent.decide(made.states[row])
            assert edited.equivalent[0, edited.actions[0]] == edited.equivalent[0, second]


def test_without_edits_or_text_the_reasons_are_told():
    agent, text = compiled("columns-dqn-relu-l1")
    state = states_of(agent, 1)[0]
    assert nearest_changes(scene_of(agent, ""), state).why["flips.strategy"].startswith("no strategy")
    edits, agent.env.edits = agent.env.edits, None
    try:
        nearest = nearest_changes(scene_of(agent, text), state)
    finally:
        agent.env.edits = edits
    assert nearest.searched == 0 and nearest.network is nearest.strategy is nearest.toward is None
    assert set(nearest.why.values()) == {"the environment offers no edits"}


def test_a_text_that_breaks_on_an_edit_leaves_the_networks_flip():
    agent, _ = compiled("columns-dqn-relu-l1")
    state = states_of(agent, 1, seed=4)[0]
    scene = scene_of(agent, "def strategy(state):\n    return 0 // (height(column0) - height(column0))\n")
    nearest = nearest_changes(scene, state)
    assert nearest.strategy is None and "line 2" in nearest.why["flips.strategy"]
    assert nearest.network is not None


def test_labels_are_the_environments_own_and_the_document_is_plain():
    agent, text = compiled("keydoor-dqn-relu-l0")
    documents = [why_document(scene_of(agent, text), state) for state in states_of(agent, 8)]
    flips = [flip for each in documents for flip in (each["flips"]["network"], each["toward"]) if flip]
    headings = {flip["to_label"] for flip in flips if flip["feature"] == "heading"}
    assert headings and headings <= set(agent.env.axes["directions"])
    json.dumps(documents, allow_nan=False)


def test_a_component_is_labelled_by_its_value():
    agent = pipeline.open_agent("cartpole-ppo")
    state = states_of(agent, 1)[0]
    flip = nearest_changes(scene_of(agent, ""), state).network
    made = agent.env.edits(state)
    row = np.flatnonzero((made.feature == flip["feature_index"]) & (made.value == flip["to"]))
    value = agent.env.observe(made.states[row])[0, flip["feature_index"]]
    assert flip["feature"].startswith("obs(") and float(flip["to_label"]) == pytest.approx(float(value), rel=1e-3)
