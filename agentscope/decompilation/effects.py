"""How much a part matters: the share of decisions that change when it is ablated by resampling."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from jaxtyping import Shaped

from agentscope.contracts import Network
from agentscope.measures import same_class
from agentscope.records import Decisions

Units = tuple[str, tuple[int, ...]]  # a stage, and units along the first axis of what it puts out


def effect_shares(
    network: Network,
    observations: Shaped[np.ndarray, "states ..."],
    decisions: Decisions,
    parts: Mapping[str, Iterable[Units]],
    *,
    generator: np.random.Generator,
) -> dict[str, float]:
    """For each part, the share of these states in which another class of actions is chosen without it.

    Without it: its units put out what they put out in another of the states, all of them in the same one, so that they
    stay what they usually are and stop saying anything about this state (resampling ablation).

    Args:
        network: the simplified network, whose layers are the stages; decisions: its own in these states.
        parts: by name, the units that belong to it.
    """
    wanted = {name: [(stage, list(units)) for stage, units in part] for name, part in parts.items()}
    stages = sorted({stage for part in wanted.values() for stage, _ in part})
    values = network.activations_of(observations, stages)
    shares = {}
    for name, part in wanted.items():
        other = generator.permutation(len(observations))
        given: dict[str, np.ndarray] = {}
        for stage, units in part:
            changed = given.setdefault(stage, values[stage].copy())
            changed[:, units] = values[stage][other][:, units]
        scores = network.scores_with(observations, given, decisions.legal)
        same = same_class(decisions.actions, scores.argmax(axis=1), decisions.equivalent)
        shares[name] = float(1 - same.mean())
    return shares
