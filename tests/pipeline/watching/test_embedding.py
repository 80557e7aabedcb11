"""What the report embeds: whole in itself, within its budget, the same bytes each time."""

import json
from dataclasses import replace

import pytest

from agentscope.pipeline.watching import embedding
from agentscope.pipeline.watching.embedding import embedded
from agentscope.pipeline.watching.recording import record_exam
from agentscope.pipeline.watching.running import Watch
from agentscope.records import Budget
from tests.pipeline.watching.scenes import compiled, scene_of

TINY = Budget("tiny", 4, 8, 100, 100, 1, 10, 1, 40)
OTHER = "def strategy(state) -> action:\n    return switch_off if lit() > 2 else wait\n"


@pytest.fixture(scope="module")
def watch():
    agent, _ = compiled("trigger-dqn-relu-l1")
    scene = replace(scene_of(agent, OTHER), budget=TINY)
    return Watch(scene, record_exam(scene))


def size(document):
    return len(json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode())


def test_everything_that_it_points_to_is_in_it(watch):
    document = embedded(watch)
    steps = {key: len(part["steps"]) for key, part in document["steps"].items()}
    assert [row["episode"] for row in document["run"]["episodes"]] == list(steps) and "0" in steps
    assert {row["episode"]: row["steps"] for row in document["run"]["episodes"]} == steps
    assert document["run"]["bookmarks"]
    for mark in document["run"]["bookmarks"]:
        assert mark["step"] < steps[mark["episode"]]
        assert document["why"][f"{mark['episode']}/{mark['step']}"]["track"] == "network"
    for key, part in document["steps"].items():
        assert part == watch.steps(key, 0, 40)
    assert document["tracks"]["text"]["0"]["beside"] == watch.beside("0", "text")
    recording = watch.recording
    worst = int(recording.episode[recording.regret.argmax()])
    assert str(worst) in steps


def test_its_lines_are_plain_since_the_page_colours_them(watch):
    (level,) = [level for level in embedded(watch)["run"]["levels"] if level["key"] == "strategy"]
    assert level["lines"] == OTHER.splitlines()


def test_the_same_run_gives_the_same_bytes(watch):
    again = Watch(watch.scene, record_exam(watch.scene))
    assert json.dumps(embedded(watch)) == json.dumps(embedded(again))


def test_it_keeps_to_its_budget_and_leaves_out_the_last(watch):
    whole = embedded(watch)
    assert size(whole) <= embedding.MOST_BYTES
    for share in (0.25, 0.5, 0.75):
        small = embedded(watch, most_bytes=int(size(whole) * share))
        assert size(small) <= size(whole) * share + size(whole["run"])  # the run document grows with its bookmarks
        assert set(small["steps"]) <= set(whole["steps"])
        assert all(whole["steps"][key] == part for key, part in small["steps"].items())


def test_a_long_episode_is_cut_and_says_so(watch, monkeypatch):
    monkeypatch.setattr(embedding, "MOST_STEPS", 5)
    document = embedded(watch)
    long = [row for row in document["run"]["episodes"] if watch.recording.lengths[int(row["episode"])] > 5]
    assert long
    for row in long:
        assert row["steps"] == 5 and row["end"] == "cut" and "first 5 of" in row["title"]
        part = document["steps"][row["episode"]]
        assert part["final"]["picture"] == watch.steps(row["episode"], 5, 6)["steps"][0]["picture"]
    assert document["tracks"]["text"]["0"]["beside"]["steps"] == 5


def test_a_long_text_is_left_out(watch, monkeypatch):
    monkeypatch.setattr(embedding, "MOST_TEXT", 10)
    (level,) = [level for level in embedded(watch)["run"]["levels"] if level["key"] == "strategy"]
    assert level["lines"] == [] and "lies beside the report" in level["why"]
