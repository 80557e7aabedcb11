"""Networks to compare with: untrained twins of the same architecture, and smaller students taught by the network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.preprocessing import preprocess_obs
from torch.nn import functional

from agentscope.agents.building import build_policy, extractor_class, gymnasium_space
from agentscope.agents.networks import SB3Network
from agentscope.agents.pathways import Pathway, one_thread, pathway_of
from agentscope.agents.policies import PolicySpec
from agentscope.contracts import ProgressCallback, no_progress
from agentscope.errors import EmptySample

_BATCH = 256
_SCALED_KWARGS = ("channels", "piece_channels", "channels_1", "channels_2", "column_channels", "features_dim")
_FIRST_RATE, _LAST_RATE = 2e-3, 2e-5
_CHECKS, _CHECKS_TO_PLATEAU = 20, 80  # how often in a training the held-out states are looked at
_PATIENCE, _GAIN = 4, 0.002  # so many checks with less than this relative gain make a plateau


@dataclass(frozen=True)
class Lessons:
    """What a student learns from: observations, the network's scores (-inf where illegal), and the legal actions."""

    observations: Shaped[np.ndarray, "states ..."]
    scores: Float[np.ndarray, "states actions"]
    legal: Bool[np.ndarray, "states actions"]


@dataclass(frozen=True)
class Student:
    """A smaller network taught by a larger one.

    Attributes:
        curve: (updates, loss on held-out lessons) at each check.
        plateau: whether training stopped because the loss no longer fell, at any rate.
    """

    network: SB3Network
    curve: tuple[tuple[int, float], ...]
    updates: int
    plateau: bool

    @property
    def parameters(self) -> int:
        """Trained parameters of the student."""
        return self.network.parameters


def untrained_twins(network: SB3Network, count: int, seed: int) -> list[SB3Network]:
    """The same architecture with fresh weights by SB3's own initialisation (orthogonal for actor-critics)."""
    seeds = np.random.SeedSequence(seed).generate_state(count)
    own = _own_classes(network)
    return [
        replace(
            network,
            name=f"{network.name}-untrained-{index}",
            policy=build_policy(network.spec, int(value), own, trains=False),
            notices=(),
            patches=(),
        )
        for index, value in enumerate(seeds)
    ]


def _own_classes(network: SB3Network) -> dict[str, type]:
    extractor = network.pathway.extractor
    return {type(extractor).__name__: type(extractor)}


def student_spec(network: SB3Network, share: float = 0.25) -> PolicySpec:
    """The record of a narrower network of the same kind, with about this share of the parameters.

    Hidden widths and the extractor's channels shrink by one common factor, found by bisection and never below the
    share itself: the convolutions of NatureCNN, whose sizes are fixed, may alone be more than a quarter. Of a QRDQN
    the parameters count as if it had one output an action.
    """
    target = share * _count(_scaled(network.spec, 1.0), network)
    low, high = share, 1.0
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if _count(_scaled(network.spec, middle), network) <= target else (low, middle)
    return _scaled(network.spec, low)


def _scaled(spec: PolicySpec, factor: float) -> PolicySpec:
    """Widths and channels times a factor, at least 1, as the Q-network of that shape (a student has no critic)."""
    kwargs = dict(spec.extractor_kwargs)
    defaults = {
        "GridConvolutions": {"channels": 16},
        "PlacementExtractor": {"channels": 64, "piece_channels": 32},
        "BoardExtractor": {"channels_1": 8, "channels_2": 16, "column_channels": 32},
        "NatureCNN": {"features_dim": 512},
    }
    for key, value in {**defaults.get(spec.extractor, {}), **kwargs}.items():
        if key in _SCALED_KWARGS and isinstance(value, int) and value > 0:
            kwargs[key] = max(1, round(factor * value))
    hidden = tuple(max(1, round(factor * width)) for width in spec.hidden)
    return replace(spec, algorithm="DQN", quantiles=1, hidden=hidden, value_hidden=(), extractor_kwargs=kwargs)


def _count(spec: PolicySpec, network: SB3Network) -> int:
    """Parameters of the network that a record describes."""
    with torch.device("meta"):
        extractor = extractor_class(spec, _own_classes(network))(
            gymnasium_space(spec.observation), **spec.extractor_kwargs
        )
    widths = (extractor.features_dim, *spec.hidden, spec.actions)
    dense = sum((fan_in + 1) * width for fan_in, width in pairwise(widths))
    return dense + sum(parameter.numel() for parameter in extractor.parameters())


def train_student(
    network: SB3Network,
    lessons: Lessons,
    *,
    updates: int,
    seed: int,
    until_plateau: bool = False,
    progress: ProgressCallback = no_progress,
) -> Student:
    """Teach a student of a quarter of the parameters by distillation.

    The loss is the cross-entropy to the softmax of the network's scores, normalised state by state: it teaches the
    choice and not the level of the scores. A tenth of the lessons is held out for the curve, and the weights with the
    lowest loss on it are kept.

    Args:
        updates: Adam updates of 256 states, the rate falling along a cosine; the most of them, with `until_plateau`.
        until_plateau: the rate falls whenever the held-out loss no longer does; stop when it no longer falls at the
            lowest rate.

    Raises: EmptySample: fewer than 20 lessons.
    """
    if len(lessons.observations) < 20:
        raise EmptySample(f"A student needs at least 20 lessons, found {len(lessons.observations)}.")
    spec = student_spec(network)
    policy = build_policy(spec, int(np.random.SeedSequence(seed).generate_state(1)[0]), _own_classes(network))
    rng = np.random.default_rng(seed)
    teacher = _Teacher(network, spec, policy, lessons, rng)
    with one_thread():
        curve, done, plateau = teacher.run(updates, until_plateau, progress)
    policy.load_state_dict(teacher.best)
    policy.set_training_mode(False)
    student = SB3Network(f"{network.name}-student", network.sha256, spec, policy, (), network.normaliser)
    return Student(student, tuple(curve), done, plateau)


class _Teacher:
    def __init__(
        self, network: SB3Network, spec: PolicySpec, policy: BasePolicy, lessons: Lessons, rng: np.random.Generator
    ) -> None:
        order = rng.permutation(len(lessons.observations))
        held = max(len(order) // 10, 2)
        self.held, self.taught = order[:held][:4096], order[held:]
        self.observations = network.prepared(lessons.observations)
        self.targets = _targets(lessons.scores, lessons.legal)
        self.legal = lessons.legal
        self.spec, self.policy, self.rng = spec, policy, rng
        self.pathway: Pathway = pathway_of(spec, policy)
        modules = (self.pathway.extractor, self.pathway.hidden, self.pathway.head)
        self.best = self.weights()
        self.parameters = [parameter for module in modules for parameter in module.parameters()]

    def loss(self, rows: np.ndarray) -> torch.Tensor:
        observations = torch.from_numpy(np.ascontiguousarray(self.observations[rows]))
        features = preprocess_obs(observations, self.policy.observation_space, self.spec.normalize_images)
        assert isinstance(features, torch.Tensor)
        scores = self.pathway(features).masked_fill(~torch.from_numpy(self.legal[rows]), -1e9)
        return functional.cross_entropy(scores, torch.from_numpy(self.targets[rows]))

    def run(
        self, updates: int, until_plateau: bool, progress: ProgressCallback
    ) -> tuple[list[tuple[int, float]], int, bool]:
        optimiser = torch.optim.Adam(self.parameters, lr=_FIRST_RATE)
        cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, updates, eta_min=_LAST_RATE)
        plateaus = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimiser, factor=0.3, patience=_PATIENCE, threshold=_GAIN, min_lr=_LAST_RATE
        )
        every = max(updates // (_CHECKS_TO_PLATEAU if until_plateau else _CHECKS), 1)
        curve: list[tuple[int, float]] = []
        for update in range(1, updates + 1):
            rows = self.rng.choice(self.taught, size=min(_BATCH, len(self.taught)), replace=False)
            optimiser.zero_grad(set_to_none=True)
            self.loss(rows).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            if not until_plateau:
                cosine.step()
            if update % every == 0 or update == updates:
                with torch.no_grad():
                    curve.append((update, float(self.loss(self.held))))
                self.keep_best(curve)
                progress("student", update, updates)
                if until_plateau:
                    plateaus.step(curve[-1][1])
                    if plateaus.num_bad_epochs >= _PATIENCE and optimiser.param_groups[0]["lr"] <= _LAST_RATE:
                        return curve, update, True
        return curve, updates, False

    def keep_best(self, curve: list[tuple[int, float]]) -> None:
        """Remember the weights of the lowest held-out loss so far: a student that overfits is a weak bar."""
        if curve[-1][1] <= min(loss for _, loss in curve):
            self.best = self.weights()

    def weights(self) -> dict[str, torch.Tensor]:
        """A copy of the student's weights as they are now."""
        return {name: value.clone() for name, value in self.policy.state_dict().items()}


def _targets(
    scores: Float[np.ndarray, "states actions"], legal: Bool[np.ndarray, "states actions"], sharpness: float = 4.0
) -> Float[np.ndarray, "states actions"]:
    """Softmax of scores with mean 0 and standard deviation 1 over each state's legal actions, times a sharpness."""
    counts = np.maximum(legal.sum(axis=1, keepdims=True), 1)
    filled = np.where(legal, scores, 0.0).astype(np.float64)
    centred = np.where(legal, filled - filled.sum(axis=1, keepdims=True) / counts, 0.0)
    spread = np.sqrt((centred**2).sum(axis=1, keepdims=True) / counts)
    logits = np.where(legal, sharpness * centred / np.maximum(spread, 1e-9), -np.inf)
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: np.ndarray = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares
