"""The ledger and the call tree of a text whose functions are known."""

import numpy as np

from agentscope.decompilation.budgets import ledger_of
from agentscope.decompilation.calling import call_tree
from agentscope.decompilation.emitting import emit
from agentscope.integers import IntegerNetwork, read_plan
from agentscope.language import header_for
from tests.decompilation.shown_worlds import PLANS, network_of, world_of

HEADER = header_for("shown", {}, level=3)


def made_of(name, **options):
    observation, highest, plan = PLANS[name]
    network = network_of(plan, observation)
    return emit(network, world_of(network, highest), header=HEADER, **options)


def test_call_tree_opens_every_function_once():
    made = made_of("board")
    root = call_tree(made, {"columns_0": 0.5})
    seen = []

    def visit(branch):
        seen.append(branch)
        for below in branch.calls:
            visit(below)

    visit(root)
    names = [branch.name for branch in seen]
    assert names[0] == "strategy" and sorted(names[1:]) == sorted(part.name for part in made.parts)
    by_name = {branch.name: branch for branch in seen}
    assert by_name["columns_0"].effect == 0.5 and by_name["columns_1"].effect is None
    assert by_name["score"].size == "" and "weights up to" in by_name["columns_0"].size
    scores = by_name["scores_0"]
    assert {below.name for below in scores.calls} == set(scores.part.calls) and not scores.again
    shared = set(by_name["scores_1"].part.calls) & set(scores.part.calls)
    assert shared and set(by_name["scores_1"].again) == shared
    assert by_name["columns_0"].opaque == next(part for part in made.parts if part.name == "columns_0").opaque


def test_ledger_counts_units_once_and_places_each():
    """A unit for three columns and scores for two actions, over a board of 2 x 3 cells."""
    plan = [
        "board plane seen index=0",
        "a slide board channels=1 kernel=1 shift=0 low=0 high=9",
        "scores dense a units=2",
    ]
    arrays = {"a.weight": np.array([[[3], [1]]]), "a.bias": np.array([0]),
              "scores.weight": np.array([[1, 2, 3], [1, 40, 50]]), "scores.bias": np.zeros(2, np.int64)}  # fmt: skip
    network = IntegerNetwork(read_plan(plan), arrays, (1, 2, 3))
    made = emit(network, world_of(network, 1), header=HEADER)
    ledger = ledger_of(made)
    assert ledger.distinct_leaves == 4, "cell, a_0 and two scores"
    assert ledger.leaves == 6 + 3 + 2
    parts = {part.name: part for part in made.parts}
    score = parts["score_action_1"]
    assert (score.inputs, score.weights, score.largest_weight, score.rows) == (3, 3, 50, 5**3)
    assert score.in_budget, "its weights are large, but its table has 125 rows"
    assert ledger.in_budget == 4 and ledger.opaque == () and ledger.operations == made.program.operations


def test_tables_of_weights_count_as_many_leaves_as_units(monkeypatch):
    monkeypatch.setattr("agentscope.decompilation.layers.MANY_TERMS", 0)
    monkeypatch.setattr("agentscope.decompilation.layers.SPARSE", 0)
    made = made_of("dense", names={"hidden[1]": "known"})
    ledger = ledger_of(made)
    assert ledger.distinct_leaves == 4 + 3 and ledger.leaves == 4 + 3
    assert "unit 1 is known" in made.text
