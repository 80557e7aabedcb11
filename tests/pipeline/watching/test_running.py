"""A run folder opened to be watched: episodes, tracks, bookmarks and witnesses, and what is refused."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from agentscope import pipeline, rollouts
from agentscope.errors import BadCard, BadOption, RefusedFile, RunFolderMismatch, SpaceMismatch
from agentscope.pipeline.examining import bound_in
from agentscope.pipeline.watching.entering import kept_recording, open_watch, refresh_watch
from agentscope.pipeline.watching.recording import record_exam
from agentscope.pipeline.watching.running import FURTHER, Watch
from agentscope.pipeline.watching.scene import agent_of_run, open_scene
from agentscope.pipeline.watching.trails import play_trail, replay
from agentscope.pipeline.witnessing import play_states
from agentscope.records import Budget
from agentscope.reports import RunFolder, build_report, write_inspection
from tests.pipeline.watching.scenes import compiled, scene_of

TINY = Budget("tiny", 4, 6, 100, 100, 1, 10, 1, 40)
OTHER = "def strategy(state) -> action:\n    return switch_off if lit() > 2 else wait\n"


def watch_of(agent, text, **parts):
    scene = replace(scene_of(agent, text, **parts), budget=TINY)
    return Watch(scene, record_exam(scene))


@pytest.fixture(scope="module")
def trigger():
    return compiled("trigger-dqn-relu-l1")


@pytest.fixture(scope="module")
def parted(trigger):
    """A network beside a text that is not its own."""
    return watch_of(trigger[0], OTHER)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, inspection):
    path = tmp_path_factory.mktemp("run")
    run = RunFolder(path, sha256=inspection.agent["sha256"])
    write_inspection(run, build_report(inspection, command="inspect cartpole-ppo"), inspection)
    return path


def changed(folder, tmp_path, change):
    """A copy of the run folder whose report was changed."""
    report = json.loads((folder / "report.json").read_text())
    change(report)
    (tmp_path / "report.json").write_text(json.dumps(report))
    return tmp_path


def test_the_run_document_counts_what_the_recording_holds(parted):
    document, recording = parted.document(), parted.recording
    assert json.dumps(document, allow_nan=False) and document["schema"] == "agentscope/watch/1"
    assert [row["episode"] for row in document["episodes"]] == ["0", "1", "2", "3", "4", "5"]
    for episode, row in enumerate(document["episodes"]):
        same = recording.same[recording.rows(episode)]
        assert row["steps"] == recording.lengths[episode] and row["disagreements"] == (~same).sum()
        assert row["first_divergence"] == (int(np.argmin(same)) if not same.all() else None)
    assert [level["key"] for level in document["levels"]] == ["gist", "strategy", "grounded", "program"]
    assert document["levels"][2]["why"] and document["levels"][3]["why"] and document["levels"][1]["why"] is None
    assert len(document["levels"][1]["lines"]) == 2 and document["actions"] == list(parted.scene.agent.env.action_names)


def test_the_track_of_the_text_is_the_text_played_on_the_same_seed(parted, trigger):
    agent, seen = trigger[0], 0
    for episode in map(str, range(6)):
        own, trail = parted.trail(episode), parted.trail(episode, "text")
        seeds = parted.recording.seeds[int(episode) : int(episode) + 1]
        policy = bound_in(OTHER, agent.env)
        played = rollouts.play(policy, agent.env, seeds, max_steps=max(len(own) + FURTHER, 400), trajectories=True)
        assert np.array_equal(trail.actions, played.trajectories.actions) and trail.total == played.returns[0]
        said = parted.beside(episode, "text")
        assert (said["steps"], said["end"] == "over") == (len(trail), bool(played.terminated[0]))
        row = parted.document()["episodes"][int(episode)]
        if row["first_divergence"] is not None and row["first_divergence"] < min(len(own), len(trail)):
            seen += 1
            assert said["first_divergence"] == row["first_divergence"]  # until then they meet the same states
    assert seen


def test_a_text_equal_to_the_network_never_parts_from_it(trigger):
    watch = watch_of(*trigger)
    assert all(watch.beside(str(at), "text")["first_divergence"] is None for at in range(6))
    assert not [mark for mark in watch.bookmarks if mark.kind == "disagreement"]


def test_another_agent_is_watched_on_the_same_seeds(trigger):
    agent, text = trigger
    other, _ = compiled("trigger-dqn-relu-random")
    watch = Watch(replace(scene_of(agent, text), budget=TINY, other=other), record_exam(scene_of_tiny(agent, text)))
    assert watch.document()["other"] == {"name": other.name, "sha256": other.network.sha256}
    trail = watch.trail("0", "other")
    assert np.array_equal(trail.actions, other.decide(trail.states).actions)
    step = watch.steps("0", 0, 1, "other")["steps"][0]
    assert step["scores"] == pytest.approx(other.decide(trail.states[:1]).scores[0].tolist(), rel=1e-5)
    assert set(step["levels"]) == {"strategy"}
    with pytest.raises(SpaceMismatch, match="cannot be shown beside"):
        open_scene(agent, watch.scene.report, other=pipeline.open_agent("cartpole-ppo"))


def scene_of_tiny(agent, text):
    return replace(scene_of(agent, text), budget=TINY)


def test_what_is_not_there_is_named(parted):
    for ask, said in (
        (lambda: parted.steps("6", 0, 1), "there is no episode '6': there are 0 to 5"),
        (lambda: parted.steps("-1", 0, 1), "no episode"),
        (lambda: parted.steps("0", 0, 1, "dream"), "no track 'dream'"),
        (lambda: parted.steps("0", 0, 1, "other"), "no other agent"),
        (lambda: parted.state("0", 9_999), "no step 9999"),
    ):
        with pytest.raises(BadOption, match=said):
            ask()
    length = len(parted.trail("0"))
    assert parted.steps("0", -5, 10_000)["from"] == 0 and len(parted.steps("0", 0, 10_000)["steps"]) == length
    assert parted.steps("0", length, length + 9)["steps"] == [] and parted.steps("0", length, length)["final"]
    assert parted.steps("0", 0, length - 1)["final"] is None


def test_a_recorded_action_that_is_illegal_is_refused():
    agent, _ = compiled("keydoor-ppo-relu-l0")
    first = agent.env.reset(np.array([3]))
    illegal = int(np.argmin(agent.env.legal_actions(first)[0]))
    if not agent.env.legal_actions(first)[0, illegal]:
        with pytest.raises(RefusedFile, match="step 0 is recorded with an action that is illegal"):
            replay(agent.env, first, [illegal])


def test_a_text_that_breaks_off_ends_its_track(trigger):
    agent, _ = trigger
    text = (
        "def strategy(state) -> action:\n    return (wait, switch_on)[6 // (3 - lit())] if lit() > 2 else switch_on\n"
    )
    watch = watch_of(agent, text)
    ends = [watch.beside(str(at), "text") for at in range(6)]
    broken = [said for said in ends if "why" in said]
    assert not watch.recording.has_text and "breaks off" in watch.document()["why"]["text"]
    assert broken and all(said["end"] == "cut" and "line 2" in said["why"]["end"] for said in broken)


@pytest.fixture(scope="module")
def witnessed(trigger):
    agent, _ = trigger
    env = agent.env
    states = env.reset(np.arange(40))
    states = env.step(states, agent.policy.actions(states)).states
    chosen = agent.decide(states).actions
    other = int(np.flatnonzero(chosen != chosen[0])[0])
    sides = [play_states(agent.network, env, states[row : row + 1])[0] for row in (0, other)]
    witness = {
        "paired": True,
        **{name: side.to_json(env) for name, side in zip(("plain", "shown"), sides, strict=True)},
    }
    return sides, json.loads(json.dumps(witness))


def test_witnesses_are_episodes_and_bookmarks(trigger, witnessed):
    sides, witness = witnessed
    watch = watch_of(*trigger, findings=[{"witnesses": []}, {"witnesses": [witness]}])
    for name, side in zip(("plain", "shown"), sides, strict=True):
        trail = watch.trail(f"finding-2.1-{name}")
        assert np.array_equal(trail.states, side.states) and trail.total == side.returned and trail.end == side.ended
    rows = [row for row in watch.document()["episodes"] if row["kind"] == "witness"]
    assert [row["episode"] for row in rows] == ["finding-2.1-plain", "finding-2.1-shown"]
    assert [row["steps"] for row in rows] == [len(side.actions) for side in sides]
    (mark,) = [mark for mark in watch.bookmarks if mark.kind == "finding"]
    assert (mark.episode, mark.step) == ("finding-2.1-shown", 0)
    assert len(watch.steps("finding-2.1-shown", 0, 5)["steps"]) == min(5, len(sides[1].actions))


@pytest.mark.parametrize(
    "damage",
    [
        lambda side: side["fields"].pop(next(iter(side["fields"]))),
        lambda side: side["actions"].append(99),
        lambda side: side.update(actions="0123"),
        lambda side: side.update(fields=None),
        lambda side: side.update(actions=[True]),
    ],
)
def test_a_damaged_witness_is_left_out_with_its_reason(trigger, witnessed, damage):
    witness = json.loads(json.dumps(witnessed[1]))
    damage(witness["shown"])
    watch = watch_of(*trigger, findings=[{"witnesses": [witness, "none", {"shown": 3}]}])
    assert set(watch.witnesses) == {"finding-1.1-plain"}
    assert {"finding-1.1-shown", "finding-1.3-shown"} <= set(watch.document()["why"])


def test_an_inspected_folder_opens_and_its_recording_is_kept(folder, cartpole, tiny, inspection):
    report = json.loads((folder / "report.json").read_text())
    scene = open_scene(cartpole, report, folder, budget=tiny)
    kept = kept_recording(scene)
    fresh = record_exam(scene)
    assert kept is not None and kept.key == fresh.key and np.array_equal(kept.actions, fresh.actions)
    agreed = report["fidelity"]["network"]
    assert kept.same.mean() == pytest.approx(agreed["agreement"], abs=0.02)
    watch = open_watch(folder)  # the report's budget has no name of ours: the exam is that of `quick`, recorded anew
    assert watch.recording.planned == 100 and np.array_equal(watch.recording.seeds[:12], kept.seeds)
    assert watch.document()["levels"][1]["lines"] and watch.scene.level("grounded").why is None
    step = watch.steps("0", 0, 1)["steps"][0]
    assert set(step["levels"]) == {"strategy", "grounded"}


def test_a_recording_that_the_network_does_not_keep_to_is_passed_over(folder, cartpole, tiny, tmp_path):
    report = json.loads((folder / "report.json").read_text())
    with np.load(folder / "trails.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    for change in ({"actions": 1 - arrays["actions"]}, {"key": np.array("0" * 64)}, {"seeds": arrays["seeds"] + 1}):
        np.savez(tmp_path / "trails.npz", **{**arrays, **change})
        assert kept_recording(open_scene(cartpole, report, tmp_path, budget=tiny)) is None
    (tmp_path / "trails.npz").write_bytes(b"no zip")
    assert kept_recording(open_scene(cartpole, report, tmp_path, budget=tiny)) is None


def test_episodes_of_another_recording_stay_as_they_were_and_why_is_told(folder, cartpole, tmp_path):
    """The fixture's budget has no name of ours, so that its recording is not the one that the report speaks of."""
    copied = shutil.copytree(folder, tmp_path / "copied")
    run = RunFolder(copied, sha256=cartpole.network.sha256)
    before = (copied / "watch.json").read_bytes()
    assert "another run" in str(refresh_watch(run, cartpole)) and (copied / "watch.json").read_bytes() == before
    (copied / "trails.npz").unlink()
    assert refresh_watch(run, cartpole) is None and (copied / "watch.json").read_bytes() == before


def test_a_run_of_another_agent_says_what_to_do(folder, tmp_path):
    other = changed(folder, tmp_path, lambda report: report["agent"].update(sha256="ab" * 32))
    with pytest.raises(RunFolderMismatch, match=r"sha256 abababababab.*--agent FILE"):
        open_watch(other)
    with pytest.raises(RunFolderMismatch, match="--agent FILE"):
        open_watch(folder, "cartpole-dqn")
    unknown = changed(folder, tmp_path, lambda report: report["agent"].update(name="who-knows"))
    with pytest.raises(RunFolderMismatch, match=r"who-knows, which is no shipped agent: .*--agent FILE\.zip"):
        open_watch(unknown)
    with pytest.raises(RunFolderMismatch, match="holds no report"):
        open_watch(tmp_path / "nowhere")


def test_a_report_cannot_name_any_module_to_import(folder, tmp_path):
    strange = changed(folder, tmp_path, lambda report: report["environment"].update(id="antigravity:Fly-v0"))
    with pytest.raises(BadCard, match="not on the allow-list"):
        open_watch(strange)


def test_a_run_with_own_concepts_needs_the_same_file(folder, tmp_path):
    named = {"name": "mine.toml", "sha256": "cd" * 32}
    own = changed(folder, tmp_path, lambda report: report["environment"].update(concepts_file=named))
    with pytest.raises(RunFolderMismatch, match=r"mine\.toml.*--concepts FILE"):
        open_watch(own)
    file = tmp_path / "mine.toml"
    file.write_text('[concepts.leaning]\nexpression = "obs(angle) > 0"\ndoc = "The pole leans to the right."\n')
    report = json.loads((own / "report.json").read_text())
    with pytest.raises(RunFolderMismatch, match="the run was made with sha256 cdcdcdcdcdcd"):
        agent_of_run(report, concepts=str(file))


def test_a_folder_without_a_strategy_opens_all_the_same(folder, tmp_path):
    def without(report):
        report.update(strategy=None, levels=None)
        report["why"].update({"strategy": "only probed", "levels": "only probed"})

    watch = open_watch(changed(folder, tmp_path, without))
    levels = {level["key"]: level for level in watch.document()["levels"][1:]}
    assert levels["strategy"]["why"] == "only probed" and levels["grounded"]["why"]
    assert watch.steps("0", 0, 3)["steps"][0]["levels"] == {}
    with pytest.raises(BadOption, match="no track 'text': only probed"):
        watch.trail("0", "text")


def test_trails_are_followed_to_their_end():
    agent = pipeline.open_agent("cartpole-ppo")
    first = agent.env.reset(np.array([11]))
    trail = play_trail(agent.env, first, lambda states: np.array([0]), most=100)
    assert trail.end == "over" and len(trail) == trail.total < 20
    short = trail.first(3)
    assert (len(short), short.end) == (3, "cut") and np.array_equal(short.final, trail.states[3:4])
    again = replay(agent.env, first, trail.actions.tolist())
    assert np.array_equal(again.states, trail.states) and again.end == "over"
    assert trail.before.tolist() == list(range(len(trail)))
