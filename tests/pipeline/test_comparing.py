"""A text of the user's against the network."""

import pytest

from agentscope import pipeline
from agentscope.errors import TextError
from agentscope.records import Budget, Inspection


def test_a_hand_edited_copy_shows_the_drop_and_the_line(
    cartpole: pipeline.OpenAgent, inspection: Inspection, tiny: Budget
) -> None:
    assert inspection.strategy is not None and inspection.fidelity.network is not None
    header = "".join(line + "\n" for line in inspection.strategy.text.splitlines() if line.startswith("#"))
    wrong = f"{header}def strategy(state):\n    if obs(angle) > 0.0:\n        return 0\n    return 1\n"
    compared = pipeline.compare_agent(cartpole, wrong, "wrong.py", tiny, seed=5)
    assert compared.fidelity.network is not None and compared.worst_line is not None
    assert compared.fidelity.network.agreement < inspection.fidelity.network.agreement - 0.3
    assert compared.worst_line["text"] in {"return 0", "return 1"}
    assert compared.worst_line["disagreements"] > 0


def test_a_text_for_another_environment_is_refused(cartpole: pipeline.OpenAgent, tiny: Budget) -> None:
    text = "# agentscope text 1\n# environment: AgentScope/KeyDoor-v0\ndef strategy(state):\n    return 0\n"
    with pytest.raises(TextError, match="was written for AgentScope/KeyDoor-v0"):
        pipeline.compare_agent(cartpole, text, "other.py", tiny)
