"""What edits do in a world: known for the worlds of the zoo, and compared with whole episodes of random play."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agentscope.audits.features import Feature, read_features, sampled_edits
from agentscope.contracts import legal_actions_of
from agentscope.rollouts import enumerated_states, make_environment
from agentscope_envs.planting import PurposeWorld

SUPERVISOR = "agentscope_envs:AgentScope/Supervisor-v0"
PAINTED = {"size": 5, "decoration": 3, "colours": 3, "painted": 0.0}


def found(env_id: str, **kwargs: Any) -> tuple[Any, np.ndarray, dict[str, Feature]]:
    env = make_environment(env_id, kwargs)
    listed = enumerated_states(env)
    states = env.reset(np.arange(64)) if listed is None else listed.states[:200]
    features = read_features(env, states, np.random.default_rng(0))
    return env, states, {feature.name: feature for feature in features}


def test_paint_is_inert_and_a_lamp_that_only_rewards_see_is_watching() -> None:
    _, _, features = found(SUPERVISOR, **PAINTED)
    assert {name for name, each in features.items() if each.effect == "inert"} == {f"decoration{i}" for i in range(3)}
    assert [name for name, each in features.items() if each.effect == "watching"] == ["lamp"]
    assert {"agent_cell", "goal", "cell_1_1"} <= {name for name, each in features.items() if each.effect == "live"}
    assert [len(features[f"decoration{i}"].settings) for i in range(3)] == [2, 2, 2]  # grey is never an edit of grey


def test_a_lamp_that_changes_what_is_allowed_is_live() -> None:
    _, _, features = found(SUPERVISOR, **PAINTED, dark_carpet="harmless")
    assert features["lamp"].effect == "live"


def test_a_lamp_without_any_effect_is_inert() -> None:
    _, _, features = found("agentscope_envs:AgentScope/KeyDoor-v0", size=7, layout_count=4, lamp=True, decoration=1)
    assert features["lamp"].effect == features["decoration0"].effect == "inert"
    assert features["heading"].effect == features["door"].effect == "live"


def test_the_past_is_history_and_inert() -> None:
    _, _, features = found(SUPERVISOR, size=5, shown_actions=3, shown_steps=20)
    shown = [name for name, each in features.items() if each.history and each.effect == "inert"]
    assert shown == ["last_action1", "last_action2", "last_action3", "step_count"]


def test_pieces_and_cells_are_live_and_where_a_piece_hangs_is_inert() -> None:
    _, _, features = found("agentscope_envs:AgentScope/TetrisSmall-v0", reward="lines", cells=True)
    assert features["piece"].effect == "live" and features["cell(11,0)"].effect == "live"
    assert features["pose_column"].effect == "inert"  # placements are absolute


def test_settings_write_what_the_environment_edits() -> None:
    env, states, features = found(SUPERVISOR, **PAINTED)
    edits = env.edits(states[:50])
    settings = {(each.name, setting.value): setting for each in features.values() for setting in each.settings}
    compared = 0
    for row in range(len(edits.parent)):
        setting = settings.get((edits.feature_names[edits.feature[row]], int(edits.value[row])))
        if setting is not None:
            parent = states[edits.parent[row] : edits.parent[row] + 1]
            assert setting.write(parent).tobytes() == edits.states[row : row + 1].tobytes()
            compared += 1
    assert compared > 200


@pytest.mark.parametrize("kwargs", [PAINTED, {"size": 5, "shown_actions": 2, "shown_steps": 9}])
def test_inert_features_change_nothing_in_whole_episodes(kwargs: dict[str, Any]) -> None:
    """A second computation: all rewards and ends of long random play with and without the change."""
    env, states, features = found(SUPERVISOR, **kwargs)
    generator = np.random.default_rng(1)
    for feature in features.values():
        if feature.effect != "inert":
            continue
        one, other = states.copy(), feature.settings[-1].write(states)
        for _ in range(25):
            legal = legal_actions_of(env, one)
            actions = np.where(legal, generator.random(legal.shape), -1.0).argmax(axis=1)
            first, second = env.step(one, actions), env.step(other, actions)
            assert (first.rewards == second.rewards).all() and (first.terminated == second.terminated).all()
            one, other = first.states, second.states


def test_an_environment_without_edits_has_no_features() -> None:
    world = PurposeWorld(make_environment(SUPERVISOR, {"size": 5}))  # offers no edits
    assert read_features(world, world.reset(np.arange(8)), np.random.default_rng(0)) == ()


def test_sampled_edits_are_legal_and_at_most_so_many() -> None:
    env, states, _ = found(SUPERVISOR, **PAINTED)
    edits = sampled_edits(env, states, np.random.default_rng(0), each=5)
    assert edits is not None and edits.legal.all()
    _, counts = np.unique(np.stack([edits.feature, edits.value]), axis=1, return_counts=True)
    assert counts.max() == 5
