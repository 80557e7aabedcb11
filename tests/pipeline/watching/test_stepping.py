"""Steps as documents: what the network thinks and what texts read, checked against the environment itself."""

import base64
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from agentscope import pipeline
from agentscope.pipeline.watching.filming import board_of, film
from agentscope.pipeline.watching.recording import record_exam
from agentscope.pipeline.watching.running import Watch
from agentscope.pipeline.watching.values import MOST_LANES, lines_through, plain
from agentscope.records import Budget
from tests.pipeline.watching.scenes import compiled, scene_of, states_of

TINY = Budget("tiny", 4, 4, 100, 100, 1, 10, 1, 30)
RANKING = "def strategy(state) -> action:\n    return argmax(actions, key=lambda a: 10 * lines(a) - after(a, holes))\n"
LOOPING = (
    "def strategy(state) -> action:\n    tall = sum(height(c) for c in columns)\n    if tall > 3:\n"
    "        return turn0_column0\n    return turn0_column1 if maximum_height() == 0 else turn0_column2\n"
)


@pytest.fixture(scope="module")
def tetris():
    return pipeline.open_agent("tetris-dqn")


def watch_of(agent, text, **parts):
    scene = replace(scene_of(agent, text, **parts), budget=TINY)
    return Watch(scene, record_exam(scene))


@pytest.fixture(scope="module")
def ranking(tetris):
    return watch_of(tetris, RANKING)


def pixels(address):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))).convert("RGB"))


def test_one_step_is_the_same_alone_and_among_others(ranking):
    together = ranking.steps("1", 0, 12)["steps"]
    assert [step["step"] for step in together] == list(range(12))
    for at in (0, 5, 11):
        assert ranking.steps("1", at, at + 1)["steps"] == [together[at]]


def test_a_step_says_what_the_network_thinks(ranking, tetris):
    trail = ranking.trail("0")
    made = tetris.decide(trail.states)
    document = ranking.steps("0", 0, 500)
    for at, step in enumerate(document["steps"]):
        assert step["action"] == step["taken"] == made.actions[at] == trail.actions[at]
        assert step["scores"] == pytest.approx(made.scores[at].tolist(), rel=1e-5)
        assert step["value"] == max(step["scores"]) and step["value_of"] == "highest score"
        assert step["same_as"] == made.equivalent[at].tolist()
        others = [score for score, own in zip(made.scores[at], made.equivalent[at], strict=True)
                  if own != made.equivalent[at][made.actions[at]]]  # fmt: skip
        gap = (made.scores[at].max() - max(others)) / ranking.recording.unit
        assert step["gap"] == pytest.approx(gap, rel=1e-4) and step["near_tie"] == (gap < 0.25)
    rewards = [step["reward"] for step in document["steps"]]
    assert [step["return"] for step in document["steps"]] == pytest.approx([0, *np.cumsum(rewards)[:-1]], abs=1e-4)
    assert document["final"]["return"] == pytest.approx(sum(rewards), abs=1e-4)


def test_values_inside_a_ranking_are_those_of_both_choices(ranking, tetris):
    env, concepts = tetris.env, {each.name: each for each in (*tetris.env.concepts, *tetris.env.action_concepts)}
    trail, seen = ranking.trail("0"), 0
    for step in ranking.steps("0", 0, len(trail))["steps"]:
        state, said = trail.states[step["step"]][None], step["levels"]["strategy"]
        scores = []
        for action in range(40):
            after = env.step(state, np.array([action])).states
            cleared = int(concepts["lines"].measure(state)[0, action])
            scores.append(10 * cleared - int(concepts["holes"].measure(after)[0]))
        assert said["scores"] == scores and said["action"] == int(np.argmax(scores))
        holes = next(value for value in said["values"] if value["text"] == "after(a, holes)")
        lines = next(value for value in said["values"] if value["text"] == "lines(a)")
        assert (holes["line"], lines["line"], said["line"]) == (2, 2, 2)
        if "at_text" in holes and "value" in lines:
            seen += 1
            total = {"at_text": said["action"], "at_network": step["action"]}
            assert all(10 * lines["value"] - holes[key] == scores[action] for key, action in total.items())
        assert said["same"] == (step["same_as"][said["action"]] == step["same_as"][step["action"]])
        assert said["same"] == (said["regret"] == 0)
    assert seen > 3


def test_values_of_other_loops_are_listed_and_untaken_calls_are_not_there(tetris):
    watch = watch_of(tetris, LOOPING)
    concepts = {each.name: each for each in tetris.env.concepts}
    trail, lines = watch.trail("0"), set()
    heights, tallest = (concepts[name].measure(trail.states) for name in ("height", "maximum_height"))
    for at, step in enumerate(watch.steps("0", 0, len(trail))["steps"]):
        said = step["levels"]["strategy"]
        values = {value["text"]: value for value in said["values"]}
        lines.add(said["line"])
        assert said["scores"] is None
        if len(set(heights[at].tolist())) > 1:
            assert values["height(c)"] == {"line": 2, "text": "height(c)", "values": heights[at].tolist(), "of": 10}
        else:
            assert values["height(c)"]["value"] == heights[at][0]
        assert ("maximum_height()" in values) == (heights[at].sum() <= 3)
        if "maximum_height()" in values:
            assert values["maximum_height()"] == {"line": 5, "text": "maximum_height()", "value": int(tallest[at])}
    assert lines == {4, 5} and MOST_LANES >= 10


def test_a_step_of_tetris_is_small(ranking):
    sizes = [len(json.dumps(step, separators=(",", ":"))) for step in ranking.steps("0", 0, 30)["steps"]]
    assert max(sizes) < 4096


def test_illegal_actions_have_no_score_and_critics_say_what_they_expect():
    agent, text = compiled("keydoor-ppo-relu-l0")
    watch = watch_of(agent, text)
    states = watch.trail("0").states
    step = watch.steps("0", 0, 1)["steps"][0]
    legal = agent.decide(states[:1]).legal[0]
    assert [score is not None for score in step["scores"]] == legal.tolist()
    assert step["value_of"] == "critic"
    assert step["value"] == pytest.approx(float(agent.network.value(agent.env.observe(states[:1]))[0]), rel=1e-4)


def test_a_choice_is_told_by_its_label():
    agent, _ = compiled("keydoor-ppo-relu-l0")
    watch = watch_of(
        agent, "def strategy(state) -> action:\n    return forward if cell_ahead() == empty else turn_left\n"
    )
    choices = {each.name: each for each in agent.env.concepts}["cell_ahead"].choices
    for step in watch.steps("0", 0, 20)["steps"]:
        (value,) = step["levels"]["strategy"]["values"]
        assert value["label"] == choices[value["value"]]
        assert (step["levels"]["strategy"]["action"] == 2) == (value["label"] == "empty")


def test_the_board_lies_where_cells_change(tetris, ranking):
    board = board_of(tetris, ranking.trail("0").states)
    assert board == {"rows": 20, "columns": 10, "left": 0, "top": 64, "tile": 16, "width": 160, "height": 384}
    state = ranking.trail("0").states[12]
    picture, cells = pixels(film(tetris, ranking.trail("0").states, [12])[0]), tetris.env.observe(state[None])[0, 0]
    middle = picture[64 + 8 :: 16, 8::16]
    assert len(np.unique(middle[cells == 1], axis=0)) == 1
    assert not (middle[cells == 0] == middle[cells == 1][0]).all(axis=1).any()


def test_bars_have_the_scale_of_the_whole_trail():
    agent = pipeline.open_agent("cartpole-ppo")
    watch = watch_of(agent, "def strategy(state) -> action:\n    return obs(angle) > 0\n")
    document = watch.document()
    assert document["board"] is None
    step = watch.steps("0", 7, 8)["steps"][0]
    assert step["picture"] == watch.steps("0", 0, 30)["steps"][7]["picture"]
    assert step["same_as"] is None and len(step["scores"]) == 2


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1 / 3, 0.333333), (np.float32(2.0), 2), (np.int64(7), 7), (np.True_, True), (np.nan, None), (-np.inf, None),
     (123456.789, 123457), (1.5e-9, 1.5e-9)],
)  # fmt: skip
def test_numbers_have_six_digits_and_none_that_json_lacks(value, shown):
    assert plain(value) == shown and type(plain(value)) is type(shown)


def test_a_line_that_calls_a_helper_names_where_the_helper_returned():
    agent, _ = compiled("keydoor-dqn-relu-l0")
    text = "def side(k):\n    if k > 4:\n        return turn_left\n    return turn_right\n\n"
    text += "def strategy(state) -> action:\n    if row() > 2:\n        return side(column())\n    return forward\n"
    scene = scene_of(agent, text)
    states = np.concatenate(states_of(agent, 12))
    found = scene.level("strategy").evaluate(states, trace=True)
    expected = [[3 if state["column"] > 4 else 4] if state["row"] > 2 else [] for state in states]
    assert [lines_through(found, at) for at in range(len(states))] == expected
    assert [] in expected and any(expected)
