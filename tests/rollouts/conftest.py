"""A small network over any observation, and a policy that looks only at the states it gets."""

import numpy as np
import pytest

from tests.toy_networks import ClosedNetwork


class LinearNetwork(ClosedNetwork):
    """Scores are a fixed random linear function of the observation."""

    def __init__(self, env, seed=0):
        self.observation_shape = tuple(env.observation_space.shape)
        self.actions = int(env.action_space.n)
        size = int(np.prod(self.observation_shape))
        self.weights_ = np.random.default_rng(seed).normal(size=(size, self.actions))

    def scores(self, observations, legal=None):
        flat = observations.reshape(len(observations), -1).astype(np.float64)
        scores = (flat[:, :, None] * self.weights_[None]).sum(axis=1)  # no BLAS: the same bits at any batch size
        return scores if legal is None else np.where(legal, scores, -np.inf)


class Scripted:
    """Actions from seed and step alone, so that any player who meets the same episodes acts alike."""

    def __init__(self, actions):
        self.count = actions

    def actions(self, states):
        return (states["seed"] % 7 + states["steps"] * 3 + states["steps"] // 5) % self.count


@pytest.fixture
def linear_network():
    return LinearNetwork


@pytest.fixture
def scripted():
    return Scripted
