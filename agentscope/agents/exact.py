"""A network as a draft for exact whole numbers: nothing that is linear stands between two stages."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from agentscope.agents.drafts import Draft, draft_of
from agentscope.agents.networks import SB3Network


def exact_draft(network: SB3Network) -> Draft:
    """As `draft_of`; where layers follow a PlacementExtractor, its scores are folded into the first of them.

    Those scores are sums without an activation: as a stage of their own they would be clamped like all others.

    Raises: UnsupportedAgent: as `draft_of`.
    """
    draft = draft_of(network)
    names = [stage.name for stage in draft.stages]
    if network.spec.extractor != "PlacementExtractor" or names.index("scores") == len(names) - 1:
        return draft
    columns = network.observation_shape[2]
    found = {name.split("features_extractor.")[-1]: value for name, value in network.weights().items()}
    turns = found["rotations.weight"].astype(np.float64)[:, :, 0]
    offsets = found["rotations.bias"].astype(np.float64)
    place = names.index("scores")
    first = draft.stages[place + 1]
    weight, bias = draft.arrays[f"{first.name}.weight"], draft.arrays[f"{first.name}.bias"]
    folded = weight @ np.kron(turns, np.eye(columns))
    arrays = {
        **draft.arrays,
        f"{first.name}.weight": folded,
        f"{first.name}.bias": bias + weight @ offsets.repeat(columns),
    }
    reading = replace(first, sources=draft.stages[place].sources)
    return replace(draft, stages=(*draft.stages[:place], reading, *draft.stages[place + 2 :]), arrays=arrays)
