"""The whole line on shipped agents with a tiny budget: what is printed is what was verified, and errors are typed."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy

import agentscope
from agentscope import language, pipeline, records, reports
from agentscope.cli import main
from agentscope.errors import AgentScopeError, ConceptsMissing, EmptySample, EnvironmentMissing, TextError
from agentscope.measures import same_class
from agentscope.records import Budget, Inspection

TINY = Budget("tiny", 12, 12, 600, 600, 1, 40, 5, 120)


@pytest.fixture(scope="module")
def cartpole() -> pipeline.OpenAgent:
    return pipeline.open_agent("cartpole-ppo")


@pytest.fixture(scope="module")
def inspection(cartpole: pipeline.OpenAgent) -> Inspection:
    return pipeline.inspect_agent(cartpole, TINY, seed=5)


def test_the_printed_text_parsed_back_gives_the_measured_actions_on_every_exam_state(
    cartpole: pipeline.OpenAgent, inspection: Inspection, tmp_path: Path
) -> None:
    folder = reports.RunFolder(tmp_path / "run", sha256=cartpole.network.sha256)
    report = reports.write_inspection(folder, reports.build_report(inspection), inspection)
    written = (tmp_path / "run" / "strategy.py").read_text()
    assert inspection.strategy is not None and inspection.exam is not None
    vocabulary = language.vocabulary_of(cartpole.env)
    binding = language.bind_state(cartpole.env)
    in_memory = language.parse(inspection.strategy.text, vocabulary)
    on_disk = language.parse(written, vocabulary)
    states = inspection.exam.states
    chosen = language.evaluate(on_disk, binding, states).actions
    assert (chosen == language.evaluate(in_memory, binding, states).actions).all()
    decisions = cartpole.decide(states)
    same = same_class(decisions.actions, chosen, decisions.equivalent)
    assert report["fidelity"]["network"]["agreement"] == pytest.approx(same.mean(), abs=1e-12)
    assert report["agent"]["sha256"] in written


def test_same_seed_same_bytes_and_another_seed_other_bytes(
    cartpole: pipeline.OpenAgent, inspection: Inspection
) -> None:
    def written(each: Inspection) -> str:
        return reports.printed(reports.build_report(replace(each, timings={})))

    assert written(pipeline.inspect_agent(cartpole, TINY, seed=5)) == written(inspection)
    assert written(pipeline.inspect_agent(cartpole, TINY, seed=6)) != written(inspection)


def test_use_is_untested_and_later_parts_are_null_with_their_reason(inspection: Inspection) -> None:
    report = reports.build_report(inspection)
    assert {row["use"] for row in report["primitives"]} == {"untested"}
    assert [row["level"] for row in report["levels"]] == [0, 1]
    assert report["decompilation"] is None and "not built yet" in report["why"]["decompilation"]
    assert report["residual"] is None and "not built yet" in report["why"]["residual"]


def test_a_hand_edited_copy_shows_the_drop_and_the_line(cartpole: pipeline.OpenAgent, inspection: Inspection) -> None:
    assert inspection.strategy is not None and inspection.fidelity.network is not None
    header = "".join(line + "\n" for line in inspection.strategy.text.splitlines() if line.startswith("#"))
    wrong = f"{header}def strategy(state):\n    if obs(angle) > 0.0:\n        return 0\n    return 1\n"
    compared = pipeline.compare_agent(cartpole, wrong, "wrong.py", TINY, seed=5)
    assert compared.fidelity.network is not None and compared.worst_line is not None
    assert compared.fidelity.network.agreement < inspection.fidelity.network.agreement - 0.3
    assert compared.worst_line["text"] in {"return 0", "return 1"}
    assert compared.worst_line["disagreements"] > 0


def test_an_explanation_names_the_line_the_values_and_a_change_that_flips_it(
    cartpole: pipeline.OpenAgent, inspection: Inspection
) -> None:
    assert inspection.strategy is not None
    text = inspection.strategy.text
    found = pipeline.explain_step(cartpole, text, 0, 3, seed=5)
    assert found["line_text"].startswith("return") and found["values"]
    assert found["nearest_change"]["action"] != found["action"]
    with pytest.raises(EmptySample, match="steps, so there is no step"):
        pipeline.explain_step(cartpole, text, 0, 10_000, seed=5)


def test_a_text_for_another_environment_is_refused(cartpole: pipeline.OpenAgent) -> None:
    text = "# agentscope text 1\n# environment: AgentScope/KeyDoor-v0\ndef strategy(state):\n    return 0\n"
    with pytest.raises(TextError, match="was written for AgentScope/KeyDoor-v0"):
        pipeline.compare_agent(cartpole, text, "other.py", TINY)


def test_an_unknown_concept_is_refused_with_near_names() -> None:
    agent = pipeline.open_agent("keydoor-ppo")
    with pytest.raises(ConceptsMissing, match="Did you mean has_key"):
        pipeline.probe_agent(agent, ["haskey"], TINY)


def test_a_probe_shows_every_control_and_the_gain_over_each() -> None:
    block = pipeline.probe_agent(pipeline.open_agent("tetris-dqn"), ["piece_is_T"], TINY)
    (primitive,) = block["primitives"]
    assert primitive.metric and primitive.score is not None and primitive.score > 0.95
    assert primitive.use == "untested"
    found = block["probes"]["piece_is_T"]
    for scores, gains in zip(found["scores"], found["gains"], strict=True):
        for control in ("input", "untrained", "random", "task"):
            assert gains[f"over {control}"] == pytest.approx(scores["score"] - scores[control], abs=0.002)
    piece = next(row for row in found["gains"] if row["layer"] == "piece")
    assert abs(piece["over untrained"]) < 0.1  # an untrained convolution separates the piece too


def test_inspect_from_python_takes_a_model_in_memory_and_its_strategy_predicts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(records.BUDGETS, "quick", TINY)
    model = PPO("MlpPolicy", "CartPole-v1", seed=0, n_steps=64, policy_kwargs={"net_arch": [64, 64]}, device="cpu")
    found = agentscope.inspect(model, "CartPole-v1", seed=1)
    assert "def strategy(state)" in str(found) and "<html" in found._repr_html_()
    environment = model.get_env()
    mean, _ = evaluate_policy(found.strategy, environment, n_eval_episodes=3, warn=False)  # type: ignore[arg-type]
    assert mean > 0
    observation = np.zeros(4, dtype=np.float32)
    single, _ = found.strategy.predict(observation, deterministic=True)
    batch, _ = found.strategy.predict(np.stack([observation] * 3))
    assert single.shape == () and batch.tolist() == [int(single)] * 3
    with pytest.raises(EnvironmentMissing):
        agentscope.inspect(model)


WRONG = (
    (["inspect", "tetris-dqm"], "Did you mean tetris-dqn"),
    (["inspect", "cartpole-ppo", "--env", "gymnasium:Acrobot-v1"], "observations of shape"),
    (["inspect", "cartpole-ppo", "--env", "gymnasium:NoSuch-v7"], "NoSuch-v7"),
    (["check", "nothing-here.zip"], "nothing-here.zip"),
    (["probe", "keydoor-ppo", "--concept", "has_keys"], "has_key"),
    (["explain", "cartpole-ppo", "--episode", "0", "--step", "0", "--out", "no-run-here"], "inspect"),
)


@pytest.mark.parametrize(("arguments", "said"), WRONG)
def test_wrong_input_is_one_line_and_exit_code_2(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2, result.output
    assert said in result.stderr and len(result.stderr.strip().splitlines()) == 1
    assert "Traceback" not in result.output


def test_a_truncated_zip_a_forbidden_construct_and_a_foreign_run_folder_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inspection: Inspection, cartpole: pipeline.OpenAgent
) -> None:
    monkeypatch.chdir(tmp_path)
    whole = pipeline.cards.find_agent("cartpole-ppo").zip_path.read_bytes()
    Path("cut.zip").write_bytes(whole[: len(whole) // 2])
    Path("evil.py").write_text("import os\ndef strategy(state):\n    return 0\n")
    folder = reports.RunFolder(tmp_path / "mine", sha256=cartpole.network.sha256)
    reports.write_inspection(folder, reports.build_report(inspection), inspection)
    for arguments, said in (
        (["inspect", "cut.zip", "--env", "gymnasium:CartPole-v1"], "truncated"),
        (["compare", "cartpole-ppo", "evil.py"], "line 1"),
        (["inspect", "cartpole-dqn", "--out", "mine"], "another agent"),
    ):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 2, (arguments, result.output)
        assert len(result.stderr.strip().splitlines()) == 1, result.stderr
        assert said in result.stderr


def test_lists_and_checks_are_one_json_document() -> None:
    for arguments in (
        ["agents", "--json"],
        ["envs", "--json"],
        ["concepts", "agentscope_envs:AgentScope/KeyDoor-v0", "--json"],
    ):
        rows = json.loads(CliRunner().invoke(main, arguments).stdout)
        assert rows and all(isinstance(row, dict) for row in rows)
    path = str(pipeline.cards.find_agent("cartpole-ppo").zip_path)
    assert json.loads(CliRunner().invoke(main, ["check", path, "--json"]).stdout)["algorithm"] == "PPO"


def test_every_error_is_one_family() -> None:
    assert issubclass(TextError, AgentScopeError) and issubclass(EnvironmentMissing, AgentScopeError)
