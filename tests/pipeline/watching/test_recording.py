"""The exam recorded: the decisions are those of the network played by itself, and a stranger's file changes nothing."""

from dataclasses import replace

import numpy as np
import pytest

from agentscope import rollouts
from agentscope.errors import RefusedFile
from agentscope.pipeline.watching import recording as recordings
from agentscope.pipeline.watching.recording import Recording, describe_left_out, record_exam, recording_key
from agentscope.records import Budget
from tests.pipeline.watching.scenes import compiled, scene_of

TINY = Budget("tiny", 6, 10, 100, 100, 1, 10, 1, 40)
OTHER = "def strategy(state) -> action:\n    return switch_off if lit() > 2 else wait\n"


@pytest.fixture(scope="module")
def scene():
    agent, text = compiled("trigger-dqn-relu-l1")
    return replace(scene_of(agent, text), budget=TINY)


@pytest.fixture(scope="module")
def recording(scene):
    return record_exam(scene)


def test_a_compiled_network_never_differs_from_the_text_it_was_made_from(recording):
    assert recording.has_text and recording.same.all() and not recording.regret.any()
    assert len(recording) > 50 and recording.episodes == recording.planned == 10


def test_the_decisions_are_those_of_the_network_played_by_itself(scene, recording):
    seeds = rollouts.Streams(0).episode_seeds("exam", 10)
    played = rollouts.play(scene.agent.policy, scene.agent.env, seeds, max_steps=40, trajectories=True)
    assert np.array_equal(recording.actions, played.trajectories.actions)
    assert np.array_equal(recording.episode, played.trajectories.episode)
    assert np.array_equal(recording.returns, played.returns) and np.array_equal(recording.lengths, played.lengths)
    assert np.array_equal(recording.end == recordings.OVER, played.terminated)
    by_episode = [recording.rewards[recording.rows(episode)].sum() for episode in range(10)]
    assert np.allclose(by_episode, played.returns)
    assert [recording.step(row) for row in range(len(recording))] == played.trajectories.step.tolist()


def test_gaps_and_regrets_by_hand(scene):
    agent, _ = compiled("trigger-dqn-relu-l1")
    found = record_exam(replace(scene_of(agent, OTHER), budget=TINY))
    seeds = rollouts.Streams(0).episode_seeds("exam", 10)
    states = rollouts.play(agent.policy, agent.env, seeds, max_steps=40, trajectories=True).trajectories.states
    made = agent.decide(states)
    unit = np.mean([scores[legal].std() for scores, legal in zip(made.scores, made.legal, strict=True)])
    assert found.unit == pytest.approx(unit) and 0 < found.same.mean() < 1
    for row in range(0, len(found), 7):
        scores, classes = made.scores[row], made.equivalent[row]
        others = [s for s, own, ok in zip(scores, classes, made.legal[row], strict=True)
                  if own != classes[made.actions[row]] and ok]  # fmt: skip
        assert found.gap[row] == pytest.approx((scores.max() - max(others)) / unit)
        assert found.near_tie[row] == (found.gap[row] < 0.25)
        mine = scores[classes == classes[found.text[row]]].max()
        assert found.regret[row] == pytest.approx((scores.max() - mine) / unit)
        assert found.same[row] == (classes[found.text[row]] == classes[made.actions[row]])


def test_the_key_says_what_a_recording_was_made_with(scene):
    agent, text = compiled("trigger-dqn-relu-l1")
    keys = {
        recording_key(scene), recording_key(replace(scene_of(agent, OTHER), budget=TINY)),
        recording_key(replace(scene, budget=replace(TINY, exam=9))),
        recording_key(replace(scene_of(agent, text, run={"seed": 1, "budget": "quick"}), budget=TINY)),
    }  # fmt: skip
    assert len(keys) == 4
    assert recording_key(replace(scene_of(agent, text), budget=TINY)) == recording_key(scene)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(scene, recording):
    again, other = record_exam(scene), record_exam(replace(scene, report={**scene.report, "run": {"seed": 1}}))
    arrays, same, different = (each.to_arrays() for each in (recording, again, other))
    assert all(arrays[name].tobytes() == same[name].tobytes() for name in arrays)
    assert not np.array_equal(arrays["seeds"], different["seeds"])


def test_without_a_text_there_is_nothing_to_disagree_with():
    agent, _ = compiled("trigger-dqn-relu-l1")
    found = record_exam(replace(scene_of(agent, None), budget=TINY))
    assert not found.has_text and found.same.all() and (found.text == recordings.NO_TEXT).all()


def test_beyond_the_most_decisions_whole_episodes_are_left_out(scene, recording, monkeypatch):
    most = int(recording.lengths[:4].sum()) + 1
    monkeypatch.setattr(recordings, "MOST", most)
    found = record_exam(scene)
    assert found.episodes == 4 and np.array_equal(found.actions, recording.actions[: most - 1])
    assert describe_left_out(found)["episodes"].startswith("6 of 10 exam episodes are left out")
    assert describe_left_out(recording) == {}
    monkeypatch.setattr(recordings, "MOST", 3)
    found = record_exam(scene)
    assert found.lengths.tolist() == [3] and found.end.tolist() == [recordings.CUT]


def test_what_was_written_is_read_back(scene, recording):
    found = Recording.from_arrays(recording.to_arrays(), actions=scene.agent.network.actions)
    written = recording.to_arrays()
    assert all(np.array_equal(values, written[name]) for name, values in found.to_arrays().items())


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("actions", lambda values: values + 90),
        ("actions", lambda values: -1 - values),
        ("text", lambda values: values - 40),
        ("lengths", lambda values: values + 1),
        ("lengths", lambda values: values[:-1]),
        ("episode", lambda values: values[::-1]),
        ("rewards", lambda values: values.astype("U8")),
        ("end", lambda values: values + 5),
        ("unit", lambda values: np.array(np.nan)),
        ("layout", lambda values: np.array(2)),
        ("key", lambda values: np.array(3)),
        ("same", None),
    ],
)
def test_a_damaged_file_is_refused(scene, recording, name, change):
    arrays = recording.to_arrays()
    if change is None:
        del arrays[name]
    else:
        arrays[name] = change(arrays[name])
    with pytest.raises(RefusedFile, match=r"trails\.npz"):
        Recording.from_arrays(arrays, actions=scene.agent.network.actions)
