"""Why this action, here: found again from the run's seed."""

import pytest

from agentscope import pipeline
from agentscope.errors import EmptySample
from agentscope.records import Inspection


def test_an_explanation_names_the_line_the_values_and_a_change_that_flips_it(
    cartpole: pipeline.OpenAgent, inspection: Inspection
) -> None:
    assert inspection.strategy is not None
    text = inspection.strategy.text
    found = pipeline.explain_step(cartpole, text, 0, 3, seed=5)
    assert found["line_text"].startswith("return") and found["values"]
    assert found["nearest_change"]["action"] != found["action"]
    with pytest.raises(EmptySample, match="steps, so there is no step"):
        pipeline.explain_step(cartpole, text, 0, 10_000, seed=5)
