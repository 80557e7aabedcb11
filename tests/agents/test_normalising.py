"""VecNormalize statistics: read inertly from three forms, applied as SB3 applies them."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from agentscope.agents import load_network, network_from_model
from agentscope.agents.normalising import read_normaliser
from agentscope.errors import RefusedFile
from tests.agents.little_models import SPACES, Toy, make_model, some_observations


def statistics() -> VecNormalize:
    env = VecNormalize(DummyVecEnv([lambda: Toy(SPACES["float"])]), clip_obs=1.5)
    env.obs_rms.update(np.random.default_rng(2).normal(size=(50, 5)).astype(np.float32))
    return env


def written(kind: str, folder: Path) -> Path:
    env = statistics()
    path = folder / f"vecnormalize.{kind}"
    values: dict[str, Any] = {"mean": env.obs_rms.mean, "var": env.obs_rms.var, "epsilon": 1e-8, "clip_obs": 1.5}
    if kind == "pkl":
        env.save(str(path))
    elif kind == "npz":
        np.savez(path, **values)
    else:
        path.write_text(json.dumps({key: np.asarray(value).tolist() for key, value in values.items()}))
    return path


@pytest.mark.parametrize("kind", ["pkl", "npz", "json"])
def test_observations_are_scaled_as_sb3_scales_them(kind: str, tmp_path: Path) -> None:
    normaliser = read_normaliser(written(kind, tmp_path), (5,))
    observations = some_observations(SPACES["float"], 100)
    assert normaliser is not None and normaliser.clip == 1.5
    assert np.array_equal(normaliser(observations), statistics().normalize_obs(observations))


def test_a_network_with_statistics_is_another_policy(dqn_zip: Path, tmp_path: Path) -> None:
    observations = some_observations(SPACES["float"], 30)
    plain, scaled = load_network(dqn_zip), load_network(dqn_zip, vecnormalize=written("pkl", tmp_path))
    assert np.array_equal(scaled.scores(observations), plain.scores(statistics().normalize_obs(observations)))
    assert scaled.architecture["normalisation"] == {"kind": "VecNormalize", "epsilon": 1e-8, "clip": 1.5}


def test_a_models_own_statistics_are_taken_along() -> None:
    model = make_model("PPO", "float")
    model.set_env(statistics())
    model._vec_normalize_env = model.env
    assert network_from_model(model).normaliser is not None


def test_statistics_without_observations_change_nothing(tmp_path: Path) -> None:
    env = VecNormalize(DummyVecEnv([lambda: Toy(SPACES["float"])]), norm_obs=False)
    env.save(str(tmp_path / "v.pkl"))
    assert read_normaliser(tmp_path / "v.pkl", (5,)) is None


class Payload:
    def __reduce__(self) -> tuple[Any, ...]:
        return (eval, ("1 / 0",))


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("v.pkl", pickle.dumps(Payload()), r"builtins\.eval"),
        ("v.pkl", pickle.dumps({"mean": 1}), "not a VecNormalize"),
        ("v.pkl", b"", "damaged"),
        ("v.json", b"[1]", "not a table"),
        ("v.json", b'{"mean": [0, 0, 0, 0, 0]}', "var"),
        ("v.json", b'{"mean": [0], "var": [1]}', r"shape \(1,\)"),
        ("v.json", b'{"mean": [0, 0, 0, 0, 0], "var": [1, 1, 1, 1, -1]}', "negative"),
        ("v.npz", b"PK", "damaged"),
    ],
)
def test_odd_statistics_are_refused_with_the_reason(name: str, data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(RefusedFile, match=message):
        read_normaliser(tmp_path / name, (5,))
