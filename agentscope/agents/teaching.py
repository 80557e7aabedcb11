"""Teaching an integer network to choose as the original does: long distillation behind the rounding, while pruning."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch.nn import functional

from agentscope.agents.drafts import Draft
from agentscope.agents.equalising import equalised
from agentscope.agents.pathways import one_thread
from agentscope.agents.quantising import Precision, TrainedStages, calibrated
from agentscope.contracts import ProgressCallback, no_progress
from agentscope.integers import IntegerNetwork

_CALIBRATION, _CHECKS, _PRUNING_ENDS, _MASK_EVERY = 4_096, 20, 0.6, 25
_SHARPNESS = 4.0  # standard deviations of the network's scores count so many nats


@dataclass(frozen=True)
class Schooling:
    """What the student learns from: the network's scores on states of its own, of the student and of chance.

    Attributes:
        scores: of the network; -inf where illegal.
        equivalent: the smallest action with the same outcome as each; any of a class counts as right.
        episode: which episode each state is of: a tenth of them is held out to choose the best moment.
    """

    observations: Shaped[np.ndarray, "states ..."]
    scores: Float[np.ndarray, "states actions"]
    legal: Bool[np.ndarray, "states actions"]
    equivalent: Int[np.ndarray, "states actions"]
    episode: Int[np.ndarray, "states"]


@dataclass(frozen=True)
class Lesson:
    """How the student is taught.

    Attributes:
        updates: steps of Adam, `batch` states each, at a rate that falls from `rate` to a hundredth by a cosine.
        hard: weight of "choose the same", against "rank alike" (soft targets).
        fan_in: most weights of a unit that may stay; 0 leaves all. sparsity: share of all weights of hidden stages
            that go, the smallest first.
        all_states: hold nothing out: the states are all there are, so that there is nothing to overfit.
        ramp: prune little by little; else at once.
        equalise: put the units on one scale first (`equalising`).
        exact: weight of "score the same": squared error, in standard deviations of the network's scores.
    """

    updates: int = 2_000
    batch: int = 256
    rate: float = 1e-3
    hard: float = 0.5
    fan_in: int = 0
    sparsity: float = 0.0
    all_states: bool = False
    ramp: bool = True
    equalise: bool = False
    exact: float = 0.0


@dataclass(frozen=True)
class Taught:
    """A finished student.

    Attributes:
        curve: (updates, agreement on held-out states) at each check.
        draft: its real weights, to be taught on or rounded anew.
    """

    network: IntegerNetwork
    curve: tuple[tuple[int, float], ...]
    draft: Draft


def teach(
    draft: Draft,
    school: Schooling,
    precision: Precision,
    lesson: Lesson,
    *,
    seed: int,
    progress: ProgressCallback = no_progress,
) -> Taught:
    """Round a draft, and train the whole numbers until they choose as the network does."""
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(school.observations), size=min(_CALIBRATION, len(school.observations)), replace=False)
    with one_thread():
        draft, scales = calibrated(equalised(draft) if lesson.equalise else draft, school.observations[rows], precision)
        return _Teacher(TrainedStages(draft, scales), draft, school, lesson, rng).run(progress)


class _Teacher:
    def __init__(
        self, model: TrainedStages, draft: Draft, school: Schooling, lesson: Lesson, rng: np.random.Generator
    ) -> None:
        self.model, self.draft, self.school, self.lesson, self.rng = model, draft, school, lesson, rng
        self.taught, self.held = _split(school.episode, rng, hold=not lesson.all_states)
        finite = np.where(school.legal, school.scores, 0.0)
        counts = np.maximum(school.legal.sum(axis=1, keepdims=True), 1)
        centred = np.where(school.legal, finite - finite.sum(axis=1, keepdims=True) / counts, 0.0)
        self.spread = float(np.sqrt((centred**2).sum(axis=1) / counts[:, 0]).mean())
        self.targets = (centred / max(self.spread, 1e-9)).astype(np.float32)
        self.choice = np.where(school.legal, school.scores, -np.inf).argmax(axis=1)
        same = np.take_along_axis(school.equivalent, self.choice[:, None], axis=1)
        self.right = (school.equivalent == same) & school.legal
        self.gain = torch.nn.Parameter(torch.tensor(self._first_gain()).log())

    def _first_gain(self) -> float:
        """Nats for one unit of the student's whole-number scores."""
        with torch.no_grad():
            rows = self.taught[:512]
            scores = self.model(self._observed(rows)).numpy()
        spread = np.where(self.school.legal[rows], scores, np.nan)
        return _SHARPNESS / max(float(np.nanmean(np.nanstd(spread, axis=1))), 1e-3)

    def _observed(self, rows: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(self.school.observations[rows]))

    def loss(self, rows: np.ndarray) -> torch.Tensor:
        """Soft and hard cross-entropy on these states."""
        legal = torch.from_numpy(self.school.legal[rows])
        logits = (self.model(self._observed(rows)) * self.gain.exp()).masked_fill(~legal, -1e9)
        soft = torch.from_numpy(self.targets[rows] * _SHARPNESS).masked_fill(~legal, -1e9).softmax(dim=1)
        ranked = functional.cross_entropy(logits, soft)
        right = torch.from_numpy(self.right[rows])
        chosen = (logits.logsumexp(dim=1) - logits.masked_fill(~right, -1e9).logsumexp(dim=1)).mean()
        loss = self.lesson.hard * chosen + (1 - self.lesson.hard) * ranked
        if not self.lesson.exact:
            return loss
        error = (logits / _SHARPNESS - torch.from_numpy(self.targets[rows])).masked_fill(~legal, 0.0)
        centred = (error - (error.sum(1) / legal.sum(1))[:, None]).masked_fill(~legal, 0.0)
        return loss + self.lesson.exact * centred.square().sum(dim=1).div(legal.sum(dim=1)).mean()

    def agreement(self, rows: np.ndarray) -> float:
        """Share of these states in which the student chooses an action of the network's class."""
        found = []
        with torch.no_grad():
            for start in range(0, len(rows), 1_024):
                part = rows[start : start + 1_024]
                scores = np.where(self.school.legal[part], self.model(self._observed(part)).numpy(), -np.inf)
                found.append(self.right[part, scores.argmax(axis=1)])
        return float(np.concatenate(found).mean())

    def run(self, progress: ProgressCallback) -> Taught:
        lesson = self.lesson
        optimiser = torch.optim.Adam([*self.model.parameters(), self.gain], lr=lesson.rate)
        falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(lesson.updates, 1), lesson.rate / 100)
        pruned = int(_PRUNING_ENDS * lesson.updates) if lesson.ramp and (lesson.fan_in or lesson.sparsity) else 0
        self.prune(0.0 if pruned else 1.0)
        best = (self.agreement(self.held), self._copy()) if not pruned else (-1.0, self._copy())
        curve = [(0, self.agreement(self.held))]
        every = max(lesson.updates // _CHECKS, 1)
        for update in range(1, lesson.updates + 1):
            optimiser.zero_grad(set_to_none=True)
            rows = self.rng.choice(self.taught, size=min(lesson.batch, len(self.taught)), replace=False)
            self.loss(rows).backward()
            optimiser.step()
            falling.step()
            if update <= pruned and update % _MASK_EVERY == 0:
                self.prune(1 - (1 - update / pruned) ** 3)  # fast at first (Zhu & Gupta 2017, arXiv:1710.01878)
            if update % every == 0 or update == lesson.updates:
                curve.append((update, self.agreement(self.held)))
                progress("teaching", update, lesson.updates)
                if update > pruned and curve[-1][1] > best[0]:  # of equals the first: least is changed
                    best = (curve[-1][1], self._copy())
        self._restore(best[1])
        draft = replace(self.draft, arrays={**self.draft.arrays, **self.model.reals()})
        return Taught(self.model.finished(), tuple(curve), draft)

    def prune(self, share: float) -> None:
        """Take this share of the way from all weights to as few as the lesson allows."""
        hidden = [stage for stage in self.model.stages if stage.weighs]
        for stage in hidden:
            names = [f"{stage.name}.{part}" for part in ("weight", "everywhere")]
            names = [name for name in names if name in self.model.scales.exponents]
            flat = torch.cat([self.model.real[n.replace(".", "__")].detach().flatten(1).abs() for n in names], dim=1)
            units, inputs = flat.shape
            keep = inputs
            if self.lesson.fan_in:
                keep = min(keep, self.lesson.fan_in)
            if self.lesson.sparsity and stage is not hidden[-1]:
                keep = min(keep, max(1, round(inputs * (1 - self.lesson.sparsity))))
            now = round(inputs - (inputs - keep) * share)
            if now >= inputs:
                continue
            if self.lesson.fan_in:
                lowest = flat.topk(now, dim=1).values[:, -1:]
            else:
                lowest = flat.flatten().topk(now * units).values[-1]
            mask = (flat >= lowest).float()
            for name, part in zip(names, mask.split([m.shape[1] for m in self._widths(names)], dim=1), strict=True):
                self.model.masks[name] = part.view_as(self.model.real[name.replace(".", "__")])

    def _widths(self, names: list[str]) -> list[torch.Tensor]:
        return [self.model.real[name.replace(".", "__")].detach().flatten(1) for name in names]

    def _copy(self) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        state = {name: value.clone() for name, value in self.model.state_dict().items()}
        return state, {name: mask.clone() for name, mask in self.model.masks.items()}

    def _restore(self, kept: tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]) -> None:
        self.model.load_state_dict(kept[0])
        self.model.masks = kept[1]


def _split(episode: np.ndarray, rng: np.random.Generator, *, hold: bool) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from, and rows of a tenth of the episodes (at most 4,096) to choose the best moment by."""
    rows = np.arange(len(episode))
    if not hold:
        return rows, rng.choice(rows, size=min(4_096, len(rows)), replace=False)
    known = rng.permutation(np.unique(episode))
    held = np.isin(episode, known[: max(len(known) // 10, 1)])
    chosen = rows[held]
    return rows[~held], rng.choice(chosen, size=min(4_096, len(chosen)), replace=False)
