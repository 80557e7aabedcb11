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

PERCEPTION = ({"concept": "holes", "layer": "q_net.0", "readout": "non-linear", "score": 0.8125, "alone": 0.84375,
               "without": 0.859375},
              {"concept": "height", "layer": "q_net.0", "readout": "linear", "score": 0.71875, "alone": 0.8671875,
               "without": 0.8515625})  # fmt: skip
LEVEL_2 = {"level": 2, "set": "network", "agreement": 0.828125, "states": 1000, "low": 0.8, "high": 0.85,
           "level_1": 0.8828125, "loss": 0.0546875, "linear_agreement": 0.734375, "fitted_on": "lessons",
           "read_from_state": ["lamp"], "perception": PERCEPTION, "readouts_sha256": "cd" * 32}  # fmt: skip
RESIDUAL = {"share": 0.3125, "map": "choice", "verdict": "structure",
            "structure": {"r2": 0.4375, "low": 0.4, "high": 0.5, "states": 500, "episodes": 40, "control": 0.015625,
                          "held_out": "episodes"},
            "shared": {"correlation": 0.65625, "low": 0.6, "high": 0.7, "states": 500, "episodes": 40, "twin": "toy-2",
                       "verdict": "shared"},
            "ablated_return": {"network": 30.25, "strategy": 27.75, "strategy_and_predicted": 29.5, "low": 27.0,
                               "high": 31.0, "n": 20, "steps": 150,
                               "difference": Interval(-2.5, -3.0, -2.0, 20),
                               "difference_predicted": Interval(-0.75, -1.5, 0.25, 20)},
            "thresholds": {"structure": 0.1, "shared": 0.2, "nothing": 0.01}}  # fmt: skip


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
        levels=(LEVEL_2,),
        residual=RESIDUAL,
        findings=(Finding("loader", "file-anomaly", "low", "the text and the blob name two activations"),),
        timings={"probes": 1.5},
        readouts={"holes/weights": np.arange(3.0)},
        exam=StateSet("network", states, np.array([1, 1, 2]), np.array([0, 1, 0])),
        rollouts=({"seed": 1, "network_return": 2.0, "strategy_return": 3.0},),
    )  # fmt: skip
