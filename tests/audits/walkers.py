"""Networks whose goal is known: they read the world off the observation and walk to what a concept leads to."""

import numpy as np

from tests.toy_networks import ClosedNetwork


class Walker(ClosedNetwork):
    """Walks where the named concept says, or where the second does once the condition no longer holds.

    Args:
        way: a concept whose choices name actions; then: the way once `until` (a flag) holds.
    """

    name, algorithm = "walker", "DQN"

    def __init__(self, env, way, *, until=None, then=None):
        self.env, self.way, self.until, self.then = env, way, until, then
        self.observation_shape, self.actions = env.observation_space.shape, int(env.action_space.n)
        self.concepts = {concept.name: concept for concept in env.concepts}

    def scores(self, observations, legal=None):
        states = self.env.states_from(observations)
        chosen = self.concepts[self.way].measure(states)
        if self.until is not None:
            chosen = np.where(
                self.concepts[self.until].measure(states), self.concepts[self.then].measure(states), chosen
            )
        return (chosen[:, None] == np.arange(self.actions)).astype(np.float64)


class Wanderer(ClosedNetwork):
    """Chooses by a sum over the observation: neither here nor there, and always the same in the same place."""

    name, algorithm = "wanderer", "DQN"

    def __init__(self, env):
        self.observation_shape, self.actions = env.observation_space.shape, int(env.action_space.n)

    def scores(self, observations, legal=None):
        flat = observations.reshape(len(observations), -1).astype(np.int64)
        chosen = (flat * np.arange(1, flat.shape[1] + 1) ** 2).sum(axis=1) % 7 % self.actions
        return (chosen[:, None] == np.arange(self.actions)).astype(np.float64)
