"""Successors side by side: of the right actions, with terms that add up to what the text compares."""

import json

import numpy as np

from agentscope import language, pipeline
from agentscope.pipeline.watching.afterstates import MOST, afterstates, shown_actions
from agentscope.pipeline.watching.picturing import pictures_of
from agentscope.records import Decisions
from tests.pipeline.watching.scenes import compiled, scene_of, states_of

SCORE = "def score(a):\n    return 9 * lines(a) - 4 * landing_height(a) - new_holes(a)\n\n"
RANKING = SCORE + "def strategy(state):\n    return argmax(actions, key=lambda a: score(a))\n"
BRANCHED = SCORE + (
    "def strategy(state):\n    if holes() > 0:\n        return argmax(actions, key=lambda a: score(a))\n    return 0\n"
)


def tetris():
    return pipeline.open_agent("tetris-small-dqn")


def test_the_best_placements_one_of_each_class_with_terms_that_add_up():
    agent = tetris()
    scene = scene_of(agent, RANKING)
    bound = scene.level("strategy").bound
    for state in states_of(agent, 4):
        rows, why = afterstates(scene, state)
        here = agent.decide(state)
        classes = here.equivalent[0]
        assert 2 <= len(rows) <= MOST and not why
        assert len({classes[row["action"]] for row in rows}) == len(rows)
        assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)
        ranked = language.rank_actions(bound.program, bound.binding, state)[0]
        for row in rows:
            assert row["total"] == ranked[row["action"]] == sum(value for _, value in row["terms"])
            assert [term for term, _ in row["terms"]] == [
                "9 * lines(a)", "-4 * landing_height(a)", "-new_holes(a)",
            ]  # fmt: skip
            assert row["score"] == here.scores[0, row["action"]]
        assert [row["action"] for row in rows if row["network"]] == [int(here.actions[0])]
        text = int(language.evaluate(bound.program, bound.binding, state).actions[0])
        assert [classes[row["action"]] for row in rows if row["text"]] == [classes[text]]
        json.dumps(rows, allow_nan=False)


def test_pictures_show_the_successor_with_the_same_piece():
    agent = tetris()
    state = states_of(agent, 3)[2]
    rows, _ = afterstates(scene_of(agent, RANKING), state)
    for row in rows:
        kept = agent.env.step(state, np.array([row["action"]])).states
        assert row["picture"] != pictures_of(agent, kept)[0] or kept["piece"] == state["piece"]
        kept["piece"] = state["piece"]
        assert np.array_equal(kept["piece"], agent.env.with_chance_of(kept, state)["piece"])
        assert row["picture"] == pictures_of(agent, agent.env.with_chance_of(kept, state))[0]


def test_a_text_that_does_not_rank_here_says_so():
    agent = tetris()
    state = agent.env.reset(np.array([1]))
    rows, why = afterstates(scene_of(agent, BRANCHED), state)
    assert all(row["terms"] is None and row["total"] is None for row in rows)
    assert why["afterstates.terms"].startswith("line 7 of the text decides here")
    classes = agent.decide(state).equivalent[0]
    assert [classes[row["action"]] for row in rows if row["text"]] == [classes[0]]


def test_without_a_text_the_networks_view_remains():
    agent, _ = compiled("keydoor-dqn-relu-l0")
    rows, why = afterstates(scene_of(agent, ""), states_of(agent, 1)[0])
    assert rows[0]["network"] and not any(row["text"] for row in rows)
    assert why["afterstates.terms"].startswith("no strategy")


def test_the_texts_choice_is_shown_however_low_it_ranks():
    scores = np.arange(12, 0, -1, dtype=np.float64)[None]
    equivalent = np.array([[0, 0, *range(2, 12)]], dtype=np.int16)
    legal = np.ones((1, 12), dtype=bool)
    here = Decisions(scores, np.array([0]), equivalent, legal)
    assert shown_actions(here, None).tolist() == [0, 2, 3, 4, 5, 6]
    assert shown_actions(here, 11).tolist() == [0, 2, 3, 4, 5, 11]
    assert shown_actions(here, 1).tolist() == [0, 2, 3, 4, 5, 6]  # the same move as the network's
    legal[0, 2:11] = False
    assert shown_actions(here, 11).tolist() == [0, 11]
