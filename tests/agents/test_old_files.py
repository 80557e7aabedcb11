"""Files of older SB3 versions: gym-era spaces, one copy of a shared extractor, net_arch in a list."""

from __future__ import annotations

import base64
import io
import json
import sys
import types
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agentscope.agents import load_network
from agentscope.errors import RefusedFile, UnsupportedAgent
from tests.agents.little_models import SPACES, make_model, some_observations
from tests.agents.test_hostile_zips import blob, members_of, with_data, zipped


def gym_class(monkeypatch: pytest.MonkeyPatch, module: str, name: str) -> type:
    """A class that pickles as one of gym's, which is not installed."""
    home = types.ModuleType(module)
    for parent in ("gym", "gym.spaces"):
        if module.startswith(parent):
            monkeypatch.setitem(sys.modules, parent, types.ModuleType(parent))
    cls = type(name, (), {"__module__": module})
    setattr(home, name, cls)
    monkeypatch.setitem(sys.modules, module, home)
    return cls


def test_spaces_of_the_gym_era_are_read(dqn_zip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = gym_class(monkeypatch, "gym.spaces.box", "Box")()
    box.__dict__.update(dtype=np.dtype("f4"), shape=(5,), low=np.full(5, -2, "f4"), high=np.full(5, 2, "f4"))
    discrete = gym_class(monkeypatch, "gym.spaces.discrete", "Discrete")()
    discrete.__dict__.update(n=4, shape=(), dtype=np.dtype("i8"), np_random=np.random.RandomState(1))
    old = with_data(dqn_zip, lambda data: data.update(observation_space=blob(box), action_space=blob(discrete)))
    observations = some_observations(SPACES["float"], 10)
    assert np.array_equal(load_network(old).scores(observations), load_network(dqn_zip).scores(observations))


@pytest.mark.parametrize(
    ("module", "name"), [("gym.spaces.dict", "Dict"), ("gymnasium.spaces.multi_discrete", "MultiDiscrete")]
)
def test_other_observation_spaces_are_named_in_the_refusal(
    module: str, name: str, dqn_zip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = gym_class(monkeypatch, module, name)()
    space.__dict__.update(nvec=3)
    with pytest.raises(UnsupportedAgent, match=f"{name}.*Box and Discrete"):
        load_network(with_data(dqn_zip, lambda data: data.update(observation_space=blob(space))))


def test_a_dtype_that_numpy_does_not_have_is_refused(dqn_zip: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        serialized = base64.b64decode(data["observation_space"][":serialized:"])
        assert b"f4" in serialized
        data["observation_space"][":serialized:"] = base64.b64encode(serialized.replace(b"f4", b"f1")).decode()

    with pytest.raises(RefusedFile, match="dtype"):
        load_network(with_data(dqn_zip, change))


def changed_state(path: Path, change: Any) -> bytes:
    members = members_of(path)
    state = torch.load(io.BytesIO(members["policy.pth"]), weights_only=True)
    buffer = io.BytesIO()
    torch.save(OrderedDict(change(dict(state))), buffer)
    return zipped({**members, "policy.pth": buffer.getvalue()})


def test_a_shared_extractor_stored_once_is_read(tmp_path: Path) -> None:
    path = tmp_path / "image.zip"
    make_model("PPO", "image", "CnnPolicy").save(path)
    old = changed_state(path, lambda state: {k: v for k, v in state.items() if not k.startswith(("pi_", "vf_"))})
    observations = some_observations(SPACES["image"], 5)
    assert np.array_equal(load_network(old).scores(observations), load_network(path).scores(observations))


def test_net_arch_in_a_list_is_read(tmp_path: Path) -> None:
    path = tmp_path / "agent.zip"
    make_model("PPO", "float", net_arch={"pi": [7], "vf": [9]}).save(path)

    def age(data: dict[str, Any]) -> None:
        data["policy_kwargs"] = {"net_arch": [{"pi": [7], "vf": [9]}]}

    assert load_network(with_data(path, age)).architecture["hidden"] == [7]


def test_shared_hidden_layers_are_named_in_the_refusal(ppo_zip: Path) -> None:
    old = changed_state(ppo_zip, lambda state: {**state, "mlp_extractor.shared_net.0.weight": torch.zeros(2, 2)})
    with pytest.raises(UnsupportedAgent, match=r"1\.8"):
        load_network(old)


@pytest.mark.parametrize(
    "change",
    [
        lambda state: {**state, "more": torch.zeros(1)},
        lambda state: {k: v for k, v in state.items() if k != "q_net.q_net.2.bias"},
        lambda state: {k: v for k, v in state.items() if not k.startswith("q_net_target")},
        lambda state: {**state, "q_net.q_net.0.weight": torch.zeros(64, 6)},
        lambda state: {**state, "q_net.q_net.4.weight": torch.zeros(5, 64)},
        lambda state: {**state, "q_net.q_net.2.weight": torch.zeros(32, 64)},
    ],
)
def test_parameters_that_do_not_fit_are_refused(change: Any, dqn_zip: Path) -> None:
    with pytest.raises(RefusedFile, match=r"policy\.pth"):
        load_network(changed_state(dqn_zip, change))


def test_weights_that_are_not_finite_are_noticed(dqn_zip: Path) -> None:
    bad = changed_state(dqn_zip, lambda state: {**state, "q_net.q_net.4.bias": torch.full((4,), float("nan"))})
    assert "non-finite" in {notice.kind for notice in load_network(bad).notices}


def test_half_a_json_is_no_agent(dqn_zip: Path) -> None:
    for key in ("policy_class", "policy_kwargs", "observation_space", "action_space"):
        members = members_of(dqn_zip)
        data = json.loads(members["data"])
        del data[key]
        members["data"] = json.dumps(data).encode()
        with pytest.raises(RefusedFile, match=key):
            load_network(zipped(members))
