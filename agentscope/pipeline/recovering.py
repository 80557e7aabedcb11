"""Networks that are programs in disguise: whole numbers without loss, and the program read back out of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from agentscope import language, rollouts
from agentscope.decompilation.recovery.exact import exact_integers
from agentscope.decompilation.recovery.recovering import recovered
from agentscope.errors import BadOption
from agentscope.integers import IntegerNetwork
from agentscope.language import header_for, write_header
from agentscope.pipeline.opening import OpenAgent

FILE = "recovered.py"
MOST_STATES = 100_000  # of a world in which a program is looked for


def exact_network(agent: OpenAgent) -> IntegerNetwork | None:
    """The network in whole numbers that give its own scores; None where its weights are none in disguise.

    Raises: UnsupportedAgent: the network has parts that integer stages do not hold.
    """
    from agentscope.agents.drafts import draft_of

    draft = draft_of(agent.network)
    highest = np.max(getattr(agent.env.observation_space, "high", np.inf))
    if draft.stages[0].kind == "whole" or not np.isfinite(highest):
        return None
    try:
        return exact_integers(
            draft.stages, draft.arrays, activation=draft.activation, observation=draft.observation, highest=int(highest)
        ).network
    except BadOption:  # learned weights are no whole numbers at any scale
        return None


def recover_program(
    agent: OpenAgent, integers: IntegerNetwork, *, sha256: str
) -> tuple[dict[str, Any], Mapping[str, bytes]] | None:
    """The program of an exact network where all states can be listed: its block of the report, and its file.

    The text is parsed and run in every state: `disagreements` counts those in which the network chooses otherwise.

    Args:
        sha256: of the simplified network's zip.
    """
    everything = rollouts.enumerated_states(agent.env)
    if everything is None or len(everything) > MOST_STATES:
        return None
    states = everything.states
    found = recovered(integers, agent.env, agent.env.observe(states))
    header = header_for(agent.env.id, agent.env.kwargs, network=sha256, level=3)
    seeing = language.with_cells(agent.env)
    text = write_header(header) + found.text
    program = language.parse(text, language.vocabulary_of(seeing), language.DECOMPILATION_LIMITS)
    chosen = language.evaluate(program, language.bind_state(seeing), states).actions
    wanted = agent.decide(states).actions
    size = language.measure_size(program)
    block = {
        "form": found.form, "lines": size.lines, "constants": size.constants, "bits": size.bits, "text_file": FILE,
        "states": len(states), "disagreements": int((chosen != wanted).sum()), "text": text,
    }  # fmt: skip
    return block, {FILE: text.encode()}
