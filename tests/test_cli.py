"""The command line: exit codes, one line an error, one JSON document, nothing heavy for --help."""

import dataclasses
import importlib
import json
import subprocess
import sys
import types

import numpy as np
import pytest
from click.testing import CliRunner

import agentscope
from agentscope.cli import main
from agentscope.cli_options import refresh_episodes
from agentscope.cli_session import Session, environment_arguments
from agentscope.errors import BadOption, RefusedFile, UnknownAgent
from agentscope.pipeline.opening import OpenAgent
from agentscope.pipeline.surveying import start_report
from agentscope.records import (
    Agreement,
    Comparison,
    Fidelity,
    Inspection,
    NoiseFloor,
    Primitive,
    ProbeScores,
    Strategy,
)

SHA = "ab" * 32
TEXT = "def strategy(state) -> action:\n    return angle() > 0\n"


class ToyEnv:
    """Has what the contract asks for by name; no verb here looks inside."""

    concepts = ()
    id = kwargs = state_dtype = observation_space = action_space = action_names = axes = None
    reset = observe = step = staticmethod(lambda *given: None)


@dataclasses.dataclass
class ToyNetwork:
    sha256: str = SHA
    algorithm: str = "DQN"
    parameters: int = 10


def fidelity(agreement):
    part = Agreement(100, 10, agreement, None, None, agreement, None, 0.0, None, 0.0)
    return Fidelity(part, None, None, None, None, None)


def toy_inspection(agent, budget, *, seed, progress):
    progress("collecting states", 1, 2)
    progress("collecting states", 2, 2)
    strategy = Strategy("linear test", TEXT, 1, 1, 1, 20, ("angle",))
    head = {
        "name": agent.name,
        "sha256": agent.network.sha256,
        "algorithm": "DQN",
        "parameters": 10,
        "mode": "deterministic",
    }
    place = {"id": agent.env_id, "kwargs": agent.env_kwargs, "provides": [], "missing": [], "reward_concepts": []}
    run_info = {"seed": seed, "budget": budget.name, "versions": {}}
    return Inspection(
        run_info, head, place, ("angle",), None, (), strategy, fidelity(0.9),
        NoiseFloor(None, None), exam=None, readouts={"w": np.zeros(2)},
    )  # fmt: skip


def toy_probe(agent, names, budget, *, seed, progress):
    controls = ProbeScores(0.5, 0.75, 0.5, 0.0)
    rows = [Primitive(name, "flag", "q_net.0", "F1", 0.75, controls, 0.0, None, "input") for name in names]
    return {"primitives": rows, "probes": {name: {"top_states": [{"step": 1}]} for name in names}}


@pytest.fixture
def pipeline(monkeypatch, tmp_path):
    """A pipeline of stubs, so that these tests are about the command line alone; run in an empty folder."""

    def open_agent(text, *, env_id=None, env_kwargs=None, vecnormalize=None, trust=False, concepts=None, labels=None):
        if text == "tetris-dnq":
            raise UnknownAgent("There is no agent tetris-dnq. Did you mean tetris-dqn?")
        return OpenAgent("toy", ToyNetwork(), ToyEnv(), None, env_id or "toys:Toy-v0", env_kwargs or {})

    fake = types.SimpleNamespace(
        open_agent=open_agent,
        inspect_agent=toy_inspection,
        probe_agent=toy_probe,
        compare_agent=lambda agent, text, name, budget, *, seed, progress: Comparison(
            name, "cd" * 32, fidelity(0.9), {"line": 1, "text": "return [b]", "states": 10, "disagreements": 5}
        ),
        explain_step=lambda agent, text, episode, step, *, seed: {
            "episode": episode,
            "step": step,
            "seed": seed,
            "text": text,
        },
        start_report=start_report,
        list_agents=lambda family: [{"name": "toy\x1b[31m", "environment": "toys:[red]Toy", "family": family or "F0"}],
        family_titles=lambda: {"F0": "toys"},
        list_environments=lambda: [],
        describe_concepts=lambda env_id, kwargs: [
            {"name": "angle", "kind": "number", "axis": "", "unit": "rad", "doc": "d"}
        ],
        check_file=lambda path: {"members": [{"name": "data", "bytes": 3}], "would_run": []},
    )
    monkeypatch.setitem(sys.modules, "agentscope.pipeline", fake)
    monkeypatch.setattr(agentscope, "pipeline", fake, raising=False)
    monkeypatch.chdir(tmp_path)
    return fake


def run(*words):
    return CliRunner().invoke(main, list(words))


def lines(text):
    return text.strip().splitlines()


def test_inspect_prints_gist_strategy_and_table_and_writes_the_run_folder(pipeline, tmp_path):
    result = run("inspect", "toy", "--seed", "3")
    assert result.exit_code == 0, result.output
    for words in ("does not explain 10%", "return angle() > 0", "agreement of text and network"):
        assert words in result.stdout, words
    folder = tmp_path / "runs" / "toy-abababab"
    report = json.loads((folder / "report.json").read_text())
    assert report["run"]["command"] == "inspect toy --seed 3" and report["run"]["seed"] == 3
    assert (folder / "strategy.py").read_text() == TEXT
    assert "collecting states: 2 in" in (folder / "log.txt").read_text()
    assert "collecting states" in result.stderr and "collecting states" not in result.stdout


def test_every_agent_option_reaches_the_loader_and_its_absence_changes_nothing(pipeline):
    seen = []
    opener = pipeline.open_agent

    def watching(text, **options):
        seen.append((text, options))
        return opener(text, **options)

    pipeline.open_agent = watching
    run("inspect", "toy")
    run("inspect", "toy", "--vecnormalize", "stats.pkl", "--trust", "--concepts", "own.toml")
    run("probe", "toy", "--concept", "angle", "--labels", "mine.npz")
    plain = {"env_id": None, "env_kwargs": {}, "vecnormalize": None, "trust": False, "concepts": None, "labels": None}
    assert seen == [
        ("toy", plain),
        ("toy", {**plain, "vecnormalize": "stats.pkl", "trust": True, "concepts": "own.toml"}),
        ("toy", {**plain, "labels": "mine.npz"}),
    ]


def test_quiet_silences_progress_and_nothing_else(pipeline):
    loud, quiet = run("inspect", "toy"), run("inspect", "toy", "--quiet")
    assert loud.stdout == quiet.stdout
    assert "collecting states" in loud.stderr and "collecting states" not in quiet.stderr


def test_the_seed_reaches_the_report_and_its_default_is_0(pipeline):
    assert json.loads(run("inspect", "toy", "--json").stdout)["run"]["seed"] == 0
    assert json.loads(run("inspect", "toy", "--json", "--seed", "5").stdout)["run"]["seed"] == 5


def test_out_names_the_folder_and_does_not_enter_the_report(pipeline, tmp_path):
    first, second = (run("inspect", "toy", "--json", "--quiet", "--out", name).stdout for name in ("one", "two"))
    assert first == second and (tmp_path / "one" / "report.json").is_file()


def test_the_budget_and_the_environment_reach_the_pipeline(pipeline):
    words = (
        "--budget",
        "full",
        "--env",
        "a:B-v0",
        "--env-kwargs",
        "size:9",
        "--env-kwargs",
        "start:anywhere",
        "--json",
    )
    report = json.loads(run("inspect", "dir/toy.zip", *words).stdout)
    assert report["run"]["budget"] == "full"
    assert report["environment"]["id"] == "a:B-v0" and report["environment"]["kwargs"] == {
        "size": 9,
        "start": "anywhere",
    }
    assert report["run"]["command"].startswith("inspect toy.zip --env a:B-v0 --env-kwargs size:9")


@pytest.mark.parametrize(
    "words",
    [
        ("agents",), ("envs",), ("concepts", "a:B"), ("check", "x.zip"), ("inspect", "toy"),
        ("probe", "toy", "--concept", "angle"), ("compare", "toy", "mine.py"),
        ("explain", "toy", "--episode", "1", "--step", "2"),
    ],
)  # fmt: skip
def test_json_is_exactly_one_document_on_standard_output(pipeline, tmp_path, words):
    run("inspect", "toy")
    (tmp_path / "mine.py").write_text(TEXT)
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert isinstance(document, list if words[0] in ("agents", "envs", "concepts") else dict)


def test_each_verb_without_json_shows_a_view(pipeline, tmp_path):
    (tmp_path / "mine.py").write_text(TEXT)
    assert "toy[31m" in run("agents").stdout and "[red]Toy" in run("agents").stdout
    assert "F0 (1): toys" in run("agents").stdout and "F9 (1)" in run("agents", "--family", "F9").stdout
    assert "no environments" in run("envs").stderr
    assert "rad" in run("concepts", "a:B").stdout
    assert "members" in run("check", "x.zip").stdout
    probed = run("probe", "toy", "--concept", "angle").stdout
    assert "can be read from the input" in probed and "+0.000" in probed and "top states" in probed
    compared = run("compare", "toy", "mine.py").stdout
    assert "line 1: return [b]" in compared and "0.900" in compared


def test_probe_and_compare_write_their_own_blocks_beside_those_of_inspect(pipeline, tmp_path):
    (tmp_path / "mine.py").write_text(TEXT)
    for words in (
        ("compare", "toy", "mine.py"),
        ("probe", "toy", "--concept", "angle"),
        ("inspect", "toy", "--seed", "2"),
    ):
        assert run(*words).exit_code == 0
    report = json.loads((tmp_path / "runs/toy-abababab/report.json").read_text())
    assert [row["name"] for row in report["comparisons"]] == ["mine.py"]
    assert report["run"]["command"] == "inspect toy --seed 2"


def test_compare_misses_a_bar_with_1_and_reaches_it_with_0(pipeline, tmp_path):
    (tmp_path / "mine.py").write_text(TEXT)
    assert run("compare", "toy", "mine.py", "--fail-below", "0.9").exit_code == 0
    missed = run("compare", "toy", "mine.py", "--fail-below", ".95")
    assert missed.exit_code == 1 and "bar missed" in missed.stderr


def test_explain_takes_text_and_seed_of_the_run_folder_unless_told_otherwise(pipeline):
    early = run("explain", "toy", "--episode", "0", "--step", "0")
    assert early.exit_code == 2 and "agentscope inspect" in early.stderr
    run("inspect", "toy", "--seed", "4")
    document = json.loads(run("explain", "toy", "--episode", "1", "--step", "2", "--json").stdout)
    assert document == {"episode": 1, "step": 2, "seed": 4, "text": TEXT}
    other = run("explain", "toy", "--episode", "1", "--step", "2", "--json", "--seed", "9")
    assert json.loads(other.stdout)["seed"] == 9


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("inspect", "tetris-dnq"), "Did you mean tetris-dqn"),
        (("compare", "toy", "absent.py"), "no file absent.py"),
        (("inspect", "toy", "--env-kwargs", "nine"), "NAME:VALUE"),
        (("inspect", "toy", "--seed", "x"), "--seed"),
        (("inspect",), "AGENT"),
        (("inpsect", "toy"), "inpsect"),
        (("--loud", "inspect"), "--loud"),
        (("--loud",), "--loud"),
        (("probe", "toy"), "--concept"),
        (("explain", "toy", "--episode", "-1", "--step", "0"), "--episode"),
    ],
)
def test_bad_use_is_one_line_on_standard_error_and_exit_2(pipeline, words, said):
    result = run(*words)
    assert result.exit_code == 2
    assert len(lines(result.stderr)) == 1 and result.stderr.startswith("error: ") and said in result.stderr
    assert result.stdout == ""


def test_a_stranger_s_error_text_stays_one_line_without_escapes(pipeline):
    def refuse(path):
        raise RefusedFile("bad\nerror: faked \x1b[2J name")

    pipeline.check_file = refuse
    result = run("check", "x.zip")
    assert result.exit_code == 2 and len(lines(result.stderr)) == 1 and "\x1b" not in result.stderr


def test_another_agent_s_folder_is_refused_before_any_work(pipeline, monkeypatch):
    run("inspect", "toy", "--out", "here")
    monkeypatch.setattr(
        ToyNetwork, "__init__", lambda self: self.__dict__.update(sha256="cd" * 32, algorithm="DQN", parameters=1)
    )
    pipeline.inspect_agent = None  # would fail with 70 if it were called
    result = run("inspect", "toy", "--out", "here")
    assert result.exit_code == 2 and "another agent" in result.stderr


def test_an_interrupted_run_says_what_was_kept(pipeline):
    def stop(*_, **__):
        raise KeyboardInterrupt

    stages = pipeline.inspect_agent
    pipeline.inspect_agent = stop
    first = run("inspect", "toy")
    assert first.exit_code == 130 and first.stderr.strip() == "interrupted: nothing was written"
    pipeline.inspect_agent = stages
    run("inspect", "toy")
    pipeline.inspect_agent = stop
    second = run("inspect", "toy")
    assert second.exit_code == 130 and "report.json" in second.stderr


def test_a_fault_of_ours_is_one_line_with_70_and_a_traceback_only_on_request(pipeline, monkeypatch):
    def fail(family):
        raise ValueError("broken\nthing")

    pipeline.list_agents = fail
    monkeypatch.delenv("AGENTSCOPE_DEBUG", raising=False)
    result = run("agents")
    assert result.exit_code == 70 and len(lines(result.stderr)) == 1
    assert result.stderr.startswith("internal error: ValueError: broken thing")
    monkeypatch.setenv("AGENTSCOPE_DEBUG", "1")
    assert isinstance(run("agents").exception, ValueError)


def test_environment_arguments_are_scalars():
    assert environment_arguments(["a:1", "b:.5", "c:true", "d:word", "e:'x:y'", "f:-3"]) == {
        "a": 1, "b": 0.5, "c": True, "d": "word", "e": "x:y", "f": -3,
    }  # fmt: skip
    for pair in ("a", ":1", "a b:1", "a:[1]", "a:None", "a:{}"):
        with pytest.raises(BadOption):
            environment_arguments([pair])


def test_the_other_project_of_our_name_is_told_apart(pipeline, monkeypatch, tmp_path):
    session = importlib.import_module("agentscope.cli_session")
    monkeypatch.setattr(session.agentscope, "__path__", [str(tmp_path)])
    result = run("agents")
    assert result.exit_code == 2 and "agentscope-rl" in result.stderr and len(lines(result.stderr)) == 1


def test_another_distribution_over_ours_is_told_apart(pipeline, monkeypatch):
    session = importlib.import_module("agentscope.cli_session")
    folder = session.Path(session.__file__).parent
    other = types.SimpleNamespace(version="1.0", locate_file=lambda name: folder)
    monkeypatch.setattr(session.metadata, "distribution", lambda name: other)
    result = run("agents")
    assert result.exit_code == 2 and "pip uninstall agentscope" in result.stderr


def test_help_imports_none_of_the_heavy_packages():
    heavy = (
        "torch",
        "stable_baselines3",
        "numba",
        "sklearn",
        "plotly",
        "pandas",
        "gymnasium",
        "numpy",
        "pydantic",
        "rich",
    )
    program = (
        "import sys\nfrom agentscope.cli import main\n"
        "for words in (['--help'], ['inspect', '--help']):\n"
        "    try:\n        main(words)\n    except SystemExit as end:\n        assert end.code == 0\n"
        f"print('loaded:', [name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert lines(done.stdout)[-1] == "loaded: []"


def test_a_verb_says_why_the_report_s_episodes_stay_as_they_were(monkeypatch, capsys):
    for why, told in (
        ("of another run", "the episodes in report.html stay as they were: of another run\n"),
        (None, ""),
    ):
        monkeypatch.setattr("agentscope.pipeline.refresh_watch", lambda folder, opened, why=why: why, raising=False)
        refresh_episodes(Session(), None, None)
        assert tuple(capsys.readouterr()) == ("", told)
