"""VecNormalize statistics: without them a policy trained with them is another policy. Read inertly."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from agentscope.agents.pickles import Call, Name, read_pickle
from agentscope.agents.plain import plain_text
from agentscope.agents.suspicion import check_names
from agentscope.agents.values import MAX_ARRAY, read_array, read_number, read_state, refused
from agentscope.agents.zips import read_bytes
from agentscope.errors import RefusedFile, UnsupportedAgent

MAX_STATISTICS = 8 * 2**20
_CLASS = Name("stable_baselines3.common.vec_env.vec_normalize", "VecNormalize")
_WHAT = "the VecNormalize file"


@dataclass(frozen=True)
class Normaliser:
    """Running mean and variance of the observations in training, as VecNormalize applies them.

    Attributes:
        clip: largest absolute value after scaling.
    """

    mean: Float[np.ndarray, "..."]
    variance: Float[np.ndarray, "..."]
    epsilon: float = 1e-8
    clip: float = 10.0

    def __call__(self, observations: Shaped[np.ndarray, "states ..."]) -> Float[np.ndarray, "states ..."]:
        """Observations as the policy network expects them, float32."""
        scaled = (observations - self.mean) / np.sqrt(self.variance + self.epsilon)
        clipped: np.ndarray = np.clip(scaled, -self.clip, self.clip).astype(np.float32)
        return clipped


def read_normaliser(path: str | Path, shape: tuple[int, ...]) -> Normaliser | None:
    """Statistics from SB3's pickle, or from an .npz or .json with mean, var, and optionally epsilon and clip_obs.

    Args:
        shape: of the observations they must fit.

    Returns: None where the file says that observations are not normalised.
    Raises: RefusedFile: damaged, or of another shape. UnsupportedAgent: statistics of a dictionary observation.
    """
    data = read_bytes(path, MAX_STATISTICS, _WHAT)
    suffix = Path(path).suffix.lower()
    if suffix == ".npz":
        values: Mapping[str, Any] = _from_npz(data)
    elif suffix == ".json":
        values = _from_json(data)
    else:
        values = _from_pickle(data)
    if not values.get("norm_obs", True):
        return None
    try:
        mean, variance = (np.asarray(values[key], dtype=np.float64) for key in ("mean", "var"))
        numbers = [float(values.get(key, default)) for key, default in (("epsilon", 1e-8), ("clip_obs", 10.0))]
    except (KeyError, TypeError, ValueError) as error:
        raise refused(
            _WHAT, f"mean, var, epsilon or clip_obs is missing or no number ({plain_text(error, 60)})"
        ) from None
    if mean.shape != shape or variance.shape != shape:
        raise refused(_WHAT, f"its mean has shape {mean.shape}, the policy's observations {shape}")
    if not np.isfinite(mean).all() or not np.isfinite(variance).all() or (variance < 0).any() or not min(numbers) > 0:
        raise refused(_WHAT, "its statistics are not finite, or a variance is negative")
    return Normaliser(mean, variance, numbers[0], numbers[1])


def _from_pickle(data: bytes) -> Mapping[str, Any]:
    parsed = read_pickle(data, _WHAT)
    check_names(parsed, _WHAT)
    if not isinstance(parsed.value, Call) or parsed.value.function != _CLASS:
        raise refused(_WHAT, "it is not a VecNormalize")
    state = read_state(parsed.value, _WHAT)
    if state.get("norm_obs") is False:
        return {"norm_obs": False}
    statistics = state.get("obs_rms")
    if isinstance(statistics, dict):
        raise UnsupportedAgent(
            "The VecNormalize file is for a dictionary observation; AgentScope reads Box and Discrete."
        )
    moments = read_state(statistics, _WHAT)
    return {
        "mean": read_array(moments.get("mean"), _WHAT),
        "var": read_array(moments.get("var"), _WHAT),
        "epsilon": read_number(state.get("epsilon", 1e-8), _WHAT),
        "clip_obs": read_number(state.get("clip_obs", 10.0), _WHAT),
    }


def _from_npz(data: bytes) -> Mapping[str, Any]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if len(archive.infolist()) > 16 or sum(member.file_size for member in archive.infolist()) > 8 * MAX_ARRAY:
                raise RefusedFile(f"{_WHAT} is refused: it is larger than any such file (docs/loader.md).")
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return {key: arrays[key] for key in ("mean", "var", "epsilon", "clip_obs", "norm_obs") if key in arrays}
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise refused(_WHAT, f"its npz is damaged ({plain_text(error, 60)})") from None


def _from_json(data: bytes) -> Mapping[str, Any]:
    try:
        values = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise refused(_WHAT, f"its JSON is damaged ({plain_text(error, 60)})") from None
    if not isinstance(values, dict):
        raise refused(_WHAT, "its JSON is not a table")
    return values
