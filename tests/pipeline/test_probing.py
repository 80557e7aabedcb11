"""A probe names every control, for each value of a concept with axes too; an unknown concept is refused."""

import pytest

from agentscope import pipeline
from agentscope.errors import ConceptsMissing
from agentscope.records import Budget


def test_an_unknown_concept_is_refused_with_near_names(tiny: Budget) -> None:
    agent = pipeline.open_agent("keydoor-ppo")
    with pytest.raises(ConceptsMissing, match="Did you mean has_key"):
        pipeline.probe_agent(agent, ["haskey"], tiny)


def test_a_probe_shows_every_control_and_the_gain_over_each(tiny: Budget) -> None:
    block = pipeline.probe_agent(pipeline.open_agent("tetris-dqn"), ["piece_is_T"], tiny)
    (primitive,) = block["primitives"]
    assert primitive.metric and primitive.score is not None and primitive.score > 0.95
    assert primitive.use in ("used", "unused") and primitive.use_decided
    assert primitive.evidence.interchange_control is not None and primitive.evidence.erasure_ceiling is not None
    assert {"erasure", "subspaces_tried", "trained_subspaces", "play_without"} <= set(block["probes"]["piece_is_T"])
    found = block["probes"]["piece_is_T"]
    for scores, gains in zip(found["scores"], found["gains"], strict=True):
        for control in ("input", "untrained", "random", "task"):
            assert gains[f"over {control}"] == pytest.approx(scores["score"] - scores[control], abs=0.002)
    piece = next(row for row in found["gains"] if row["layer"] == "piece")
    assert abs(piece["over untrained"]) < 0.1  # an untrained convolution separates the piece too


def test_locating_the_t_names_every_cell_with_its_controls_and_counts_those_left_out(tiny: Budget) -> None:
    agent = pipeline.open_agent("tetris-moves-ppo")
    block = pipeline.probe_agent(agent, ["t_here"], tiny)
    (primitive,) = block["primitives"]
    assert primitive.score is not None and primitive.score > 0.9
    cells = block["probes"]["t_here"]["each_value"]
    assert len(cells) == 72 and cells[7]["rows"] == "row1" and cells[7]["columns"] == "column1"
    scored = [cell for cell in cells if cell["score"] is not None]
    assert all(cell["true"] < 2 for cell in cells if cell not in scored)
    assert block["probes"]["t_here"]["values"].startswith(f"{len(scored)} of 72 have a score")
    for cell in scored:
        assert {"balanced_accuracy", "input", "untrained", "random", "task"} <= set(cell)
    mean = sum(cell["score"] for cell in scored) / len(scored)
    assert mean == pytest.approx(primitive.score, abs=0.001)
