"""A network as a policy of an environment, and what it thinks of a batch of states."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int64

from agentscope.contracts import InspectableEnv, Network, States, equivalent_actions_of, legal_actions_of
from agentscope.errors import BadOption
from agentscope.records import Decisions

CHUNK = 4_096  # states scored at once: bounds memory, whatever the size of the set
SAMPLED = frozenset({"PPO", "A2C", "MaskablePPO"})  # algorithms whose scores are logits, sampled unless told otherwise


class NetworkPolicy:
    """The policy that a network follows in an environment: greedy (lowest index among ties), or sampled.

    Args:
        deterministic: greedy if True; else actions are drawn from the softmax of the legal actions' scores.
        generator: source of those draws, needed only for a sampled policy.
    Raises: BadOption: a sampled policy without a generator, or of a network whose scores are no logits.
    """

    def __init__(
        self,
        network: Network,
        env: InspectableEnv,
        *,
        deterministic: bool = True,
        generator: np.random.Generator | None = None,
    ) -> None:
        if not deterministic and generator is None:
            raise BadOption("a sampled policy needs a generator: pass one, or play it greedily.")
        if not deterministic and network.algorithm not in SAMPLED:
            raise BadOption(
                f"{network.algorithm} cannot be sampled, since its scores are values and no logits: play it greedily; "
                f"{', '.join(sorted(SAMPLED))} can be."
            )
        self.network, self.env = network, env
        self.deterministic, self.generator = deterministic, generator

    def actions(self, states: States) -> Int64[np.ndarray, "states"]:
        """One legal action a state."""
        chosen = np.empty(len(states), dtype=np.int64)
        for start in range(0, len(states), CHUNK):
            part = slice(start, start + CHUNK)
            scores = legal_scores(self.network, self.env, states[part])
            chosen[part] = scores.argmax(axis=1) if self.deterministic else self._draw(scores)
        return chosen

    def _draw(self, scores: np.ndarray) -> np.ndarray:
        assert self.generator is not None
        cumulative = probabilities(scores).cumsum(axis=1)
        drawn = self.generator.random(len(scores))[:, None] * cumulative[:, -1:]
        return (drawn >= cumulative).sum(axis=1)


class RandomLegal:
    """The policy that draws among the legal actions, each alike."""

    def __init__(self, env: InspectableEnv, generator: np.random.Generator) -> None:
        self.env, self.generator = env, generator

    def actions(self, states: States) -> Int64[np.ndarray, "states"]:
        """One legal action a state."""
        legal = legal_actions_of(self.env, states)
        return np.asarray(np.where(legal, self.generator.random(legal.shape), -1.0).argmax(axis=1))


def legal_scores(network: Network, env: InspectableEnv, states: States) -> Float[np.ndarray, "states actions"]:
    """The network's scores of a batch of states, -inf where an action is illegal."""
    legal = legal_actions_of(env, states)
    scores = network.scores(env.observe(states), legal)
    return np.where(legal, scores, -np.inf)


def probabilities(scores: Float[np.ndarray, "states actions"]) -> Float[np.ndarray, "states actions"]:
    """Softmax over the actions in float64; an action with score -inf gets 0."""
    shifted = np.exp(scores.astype(np.float64) - scores.max(axis=1, keepdims=True))
    normalised: np.ndarray = shifted / shifted.sum(axis=1, keepdims=True)
    return normalised


def decide(network: Network, env: InspectableEnv, states: States) -> Decisions:
    """What the network thinks of each state, with what the environment says of its actions; in bounded chunks."""
    count, actions = len(states), int(env.action_space.n)
    scores = np.empty((count, actions), dtype=np.float64)
    equivalent = np.empty((count, actions), dtype=np.int16)
    legal = np.empty((count, actions), dtype=bool)
    for start in range(0, count, CHUNK):
        part = slice(start, start + CHUNK)
        legal[part] = legal_actions_of(env, states[part])
        equivalent[part] = equivalent_actions_of(env, states[part])
        observed = network.scores(env.observe(states[part]), legal[part])
        scores[part] = np.where(legal[part], observed, -np.inf)
    return Decisions(scores, scores.argmax(axis=1) if count else np.empty(0, np.int64), equivalent, legal)
