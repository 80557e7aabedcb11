"""One made-up inspection whose every figure is known, for all tests of the reports."""

import numpy as np
import pytest

from agentscope.records import (
    Agreement,
    Ceiling,
    Fidelity,
    Finding,
    FrontierPoint,
    Inspection,
    Interval,
    NoiseFloor,
    PairedEpisodes,
    Primitive,
    ProbeScores,
    StateSet,
    Strategy,
)

TEXT = "def strategy(state) -> action:\n    if holes() > 3:\n        return 1\n    return 0\n"


def primitive(concept: str, where: str, gain: float | None) -> Primitive:
    layers = ({"layer": "q_net.0", "score": 0.9, "input": 0.4, "untrained": 0.6, "gain": gain},)
    controls = ProbeScores(input=0.4, untrained=0.6, random=0.5, task=None)
    return Primitive(
        concept, "count", "q_net.0", "R2", 0.9, controls, gain, None, where, states=900, episodes=30, layers=layers
    )


@pytest.fixture
def inspection() -> Inspection:
    network = Agreement(
        states=2000, episodes=40, agreement=0.875, low=0.86, high=0.89, raw=0.625, without_near_ties=0.96875,
        near_tie_share=0.25, equally_good=None, regret=0.0625,
        counterexamples=({"episode": 3, "step": 7, "network": 1, "text": 0, "scores": np.array([0.5, 1.5])},),
    )  # fmt: skip
    edited = Agreement(
        states=500, episodes=40, agreement=0.75, low=0.7, high=0.8, raw=0.5, without_near_ties=0.8, near_tie_share=0.2,
        equally_good=None, regret=0.125, by_feature=({"feature": "cell", "states": 500, "agreement": 0.75},),
    )  # fmt: skip
    episodes = PairedEpisodes(
        n=40, identical=0.375, first_divergence=12.0, network_return=Interval(30.5, 28.0, 33.0, 40),
        strategy_return=Interval(29.25, 27.0, 31.5, 40), difference=Interval(-1.25, -3.0, 0.5, 40), mass=None,
        network_success=0.95, strategy_success=0.9, extra={"lines": 30.5},
    )  # fmt: skip
    states = np.zeros(3, dtype=[("board", np.uint8, (2, 2)), ("step", np.int64)])
    return Inspection(
        run={"seed": 7, "versions": {"python": "3.11"}, "budget": "quick"},
        agent={"name": "toy", "sha256": "ab" * 32, "algorithm": "DQN", "parameters": 1234, "mode": "deterministic"},
        environment={"id": "toys:Toy-v0", "kwargs": {"size": 5}, "provides": ["concepts"], "missing": ["edits"],
                     "reward_concepts": ["holes"]},
        vocabulary=("holes", "height"),
        ceiling=Ceiling(distinct_share=0.125, agreement=0.984375, states=2000, aliased=({"n": 4},), black_box=None),
        primitives=(primitive("holes", "computed", 0.3), primitive("height", "absent", None)),
        strategy=Strategy("tree", TEXT, 3, 1, 1, 40, ("holes",), (), (FrontierPoint("tree", 3, 1, 40, 0.875),
                                                                   FrontierPoint("linear test", 1, 2, 30, 0.75))),
        fidelity=Fidelity(network, None, edited, None, None, episodes,
                          why={"strategy": "the text left the states that can be simulated"}),
        noise_floor=NoiseFloor({"parameters": 300, "plateau": False, "agreement": 0.90625, "without_near_ties": 0.95},
                               None),
        findings=(Finding("loader", "file-anomaly", "low", "the text and the blob name two activations"),),
        timings={"probes": 1.5},
        readouts={"holes/weights": np.arange(3.0)},
        exam=StateSet("network", states, np.array([1, 1, 2]), np.array([0, 1, 0])),
        rollouts=({"seed": 1, "network_return": 2.0, "strategy_return": 3.0},),
    )  # fmt: skip
