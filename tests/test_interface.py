"""AgentScope from Python: a model in memory, and a strategy that SB3's own tools can play."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy

import agentscope
from agentscope import records
from agentscope.errors import EnvironmentMissing
from agentscope.records import Budget

TINY = Budget("tiny", 12, 12, 600, 600, 1, 40, 5, 120)


def test_inspect_from_python_takes_a_model_in_memory_and_its_strategy_predicts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(records.BUDGETS, "quick", TINY)
    model = PPO("MlpPolicy", "CartPole-v1", seed=0, n_steps=64, policy_kwargs={"net_arch": [64, 64]}, device="cpu")
    found = agentscope.inspect(model, "CartPole-v1", seed=1)
    shown = found._repr_html_()
    assert "def strategy(state)" in str(found)
    assert shown.startswith("<iframe srcdoc=") and "&lt;html" in shown and "<script" not in shown
    environment = model.get_env()
    mean, _ = evaluate_policy(found.strategy, environment, n_eval_episodes=3, warn=False)  # type: ignore[arg-type]
    assert mean > 0
    observation = np.zeros(4, dtype=np.float32)
    single, _ = found.strategy.predict(observation, deterministic=True)
    batch, _ = found.strategy.predict(np.stack([observation] * 3))
    assert single.shape == () and batch.tolist() == [int(single)] * 3
    with pytest.raises(EnvironmentMissing):
        agentscope.inspect(model)


def test_inspect_from_python_takes_own_concepts_and_the_report_names_their_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(records.BUDGETS, "quick", TINY)
    file = tmp_path / "own.toml"
    file.write_text('[concepts.right_half]\nexpression = "obs(0) > 0"\n')
    model = PPO("MlpPolicy", "CartPole-v1", seed=0, n_steps=64, policy_kwargs={"net_arch": [8]}, device="cpu")
    found = agentscope.inspect(model, "CartPole-v1", concepts=file)
    assert "right_half" in found.report["vocabulary"]["concepts"]
    named = {"name": "own.toml", "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    assert found.report["environment"]["concepts_file"] == named
    plain = agentscope.inspect(model, "CartPole-v1")
    assert plain.report["environment"]["concepts_file"] is None
    assert "environment.concepts_file" in plain.report["why"]
