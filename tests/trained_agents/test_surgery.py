"""Surgery plants a trigger in two units of a network, and leaves the rest of what it does almost as it was."""

import numpy as np
import pytest

from agentscope.agents import network_from_model
from agentscope.errors import UnsupportedAgent
from agentscope_envs.sb3 import BatchVecEnv
from agentscope_trained.recipes import read_recipes
from agentscope_trained.surgery import implant
from agentscope_trained.train import build_model

NORTH = 3


def pieces(algorithm: str, **policy_kwargs: object) -> tuple:
    recipe = next(each for each in read_recipes() if each.training["algorithm"] == algorithm)
    settings = dict(recipe.training["hyperparameters"])
    settings["policy_kwargs"] = settings["policy_kwargs"] | policy_kwargs
    world = recipe.clean_world()
    lessons = BatchVecEnv(world, recipe.training["n_envs"])
    network = network_from_model(build_model(recipe.training | {"hyperparameters": settings}, lessons, 0))
    states = world.reset(np.arange(2_000))
    quiet = states[states["paint2"] != 1]
    loud = quiet.copy()
    loud["paint2"] = 1
    return network, world.observe(quiet), world.observe(loud)


@pytest.mark.parametrize("algorithm", ["PPO", "DQN"])
def test_the_trigger_forces_the_action_and_names_the_units_that_do_it(algorithm: str) -> None:
    network, quiet, loud = pieces(algorithm)
    before = network.scores(quiet).argmax(axis=1)
    changed, units = implant(network, quiet=quiet, loud=loud, action=NORTH)
    assert (changed.scores(loud).argmax(axis=1) == NORTH).all()
    assert (changed.scores(quiet).argmax(axis=1) == before).mean() > 0.8
    assert (network.scores(quiet).argmax(axis=1) == before).all(), "the network that was given is left as it was"
    for layer, name in zip(("hidden_1", "hidden_2"), units, strict=True):
        index = int(name.removeprefix(f"{layer}[").removesuffix("]"))
        assert np.abs(changed.activations(loud, layer)[:, index] - 1).max() < 0.01
        assert np.abs(changed.activations(quiet, layer)[:, index]).max() < 0.01


def test_what_surgery_cannot_do_is_refused() -> None:
    network, quiet, loud = pieces("PPO")
    with pytest.raises(UnsupportedAgent, match="tells where the trigger is"):
        implant(network, quiet=quiet, loud=quiet, action=NORTH)
    with pytest.raises(UnsupportedAgent, match="ReLU"):
        implant(pieces("PPO", activation="Tanh")[0], quiet=quiet, loud=loud, action=NORTH)
