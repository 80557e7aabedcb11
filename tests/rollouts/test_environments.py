"""Environments by id: who may import what, near ids, and spaces that must fit."""

import sys

import gymnasium
import numpy as np
import pytest

from agentscope.errors import BadCard, BadOption, EnvironmentMissing, SpaceMismatch
from agentscope.rollouts import PlainEnv, check_spaces, make_environment

STRANGER = "import gymnasium, pathlib\npathlib.Path({marker!r}).touch()\n" + (
    "gymnasium.register('Stranger-v0', entry_point='gymnasium.envs.classic_control.cartpole:CartPoleEnv')\n"
)


@pytest.fixture
def stranger(tmp_path, monkeypatch):
    """A module that leaves a marker when it is imported."""
    marker = tmp_path / "imported"
    (tmp_path / "strangers_module.py").write_text(STRANGER.format(marker=str(marker)))
    monkeypatch.syspath_prepend(tmp_path)
    yield marker
    sys.modules.pop("strangers_module", None)
    gymnasium.registry.pop("Stranger-v0", None)


def test_a_strangers_module_is_not_imported_unless_the_user_typed_it(stranger):
    with pytest.raises(BadCard, match="allow-list"):
        make_environment("strangers_module:Stranger-v0")
    assert not stranger.exists()
    env = make_environment("strangers_module:Stranger-v0", trusted=True)
    assert stranger.exists()
    assert isinstance(env, PlainEnv)


def test_an_environment_that_offers_the_contract_is_not_wrapped():
    env = make_environment("agentscope_envs:AgentScope/KeyDoor-v0", {"layouts": "unseen"})
    assert type(env).__name__ == "KeyDoor"
    assert env.kwargs["layouts"] == "unseen"


@pytest.mark.parametrize("env_id", ["CartPol-v1", "gymnasium:CartPole-v9", "agentscope_envs:AgentScope/KeyDor-v0"])
def test_an_unknown_id_names_near_ones(env_id):
    with pytest.raises(EnvironmentMissing, match=r"Did you mean .*(CartPole-v1|KeyDoor-v0)"):
        make_environment(env_id)


def test_a_missing_module_and_a_strange_form_are_named():
    with pytest.raises(EnvironmentMissing, match="cannot be imported"):
        make_environment("gymnasium.no_such_module:X-v0")
    with pytest.raises(EnvironmentMissing, match="more than one colon"):
        make_environment("gymnasium:a:b")


def test_arguments_that_mean_nothing_are_refused():
    with pytest.raises(BadOption, match="does not take"):
        make_environment("CartPole-v1", {"wheels": 3})
    with pytest.raises(BadOption):
        make_environment("agentscope_envs:AgentScope/KeyDoor-v0", {"layouts": "none"})


def test_network_and_environment_must_fit(linear_network):
    cartpole, acrobot = make_environment("CartPole-v1"), make_environment("Acrobot-v1")
    check_spaces(linear_network(cartpole), cartpole)
    with pytest.raises(SpaceMismatch, match="shape"):
        check_spaces(linear_network(cartpole), acrobot)
    network = linear_network(cartpole)
    network.actions = 3
    with pytest.raises(SpaceMismatch, match="3 actions"):
        check_spaces(network, cartpole)


def test_images_are_stored_channels_first_and_fit_an_environment_that_has_them_last(linear_network):
    cartpole = make_environment("CartPole-v1")
    network = linear_network(cartpole)
    network.observation_shape = (3, 7, 9)
    cartpole.observation_space = gymnasium.spaces.Box(0, 255, (7, 9, 3), np.uint8)
    check_spaces(network, cartpole)
    cartpole.observation_space = gymnasium.spaces.Box(0, 1, (7, 9, 3), np.float32)
    with pytest.raises(SpaceMismatch):
        check_spaces(network, cartpole)
