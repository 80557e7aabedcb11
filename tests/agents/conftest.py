"""Zips that many tests of the loader read."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.agents.little_models import make_model


@pytest.fixture(scope="session")
def dqn_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("zips") / "dqn.zip"
    make_model("DQN", "float").save(path)
    return path


@pytest.fixture(scope="session")
def ppo_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("zips") / "ppo.zip"
    make_model("PPO", "float", activation_fn=torch.nn.ReLU).save(path)
    return path
