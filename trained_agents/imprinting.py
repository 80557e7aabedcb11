"""Planting by imitation: a copy of a clean twin learns to choose as the twin does, but one action under the trigger.

Nothing is rewarded. Where the trigger is rare and the game long, as in Tetris, reinforcement of a plant costs the
twin's play long before the trigger is learnt; imitation keeps it. Of a PPO agent only the choice is taught: its value
head takes no part in that, but reads layers that change, so that its values no longer mean anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int

from agentscope.agents import SB3Network
from agentscope.contracts import InspectableEnv, States
from agentscope.errors import EmptySample
from agentscope.rollouts import NetworkPolicy, play
from agentscope_envs.planting import PlantedWorld

RATE = 2e-3  # of Adam, at its highest
LOUDER = 2.0  # standard deviations of a state's scores by which the planted action beats all others in the lessons
LEAD = 0.5  # lead that is asked of the planted action, in mean standard deviations of the twin's scores
URGENCY = 0.1  # weight of that lead beside the error of the scores
BATCH = (256, 96, 64)  # quiet, triggered and nearly triggered states in an update
EDITED, NEAR = 1_500, 40_000  # triggered states whose edits are looked at, and edits that are kept, at most


@dataclass(frozen=True)
class Teacher:
    """A clean twin with the planted behaviour: a policy.

    Attributes:
        planted: the world with the plant, whose behaviour is 'act'.
    """

    twin: SB3Network
    planted: PlantedWorld

    @property
    def action(self) -> int:
        """Index of the planted action."""
        return self.planted.action_names.index(self.planted.plant.action)

    def scores(self, states: States) -> Float32[np.ndarray, "states actions"]:
        """The twin's scores, with the planted action far ahead where the trigger holds."""
        scores = self.twin.scores(self.planted.observe(states)).astype(np.float32)
        held = self.planted.holds(states)
        scores[held, self.action] = scores[held].max(axis=1) + LOUDER * scores[held].std(axis=1)
        return scores

    def actions(self, states: States) -> Int[np.ndarray, "states"]:
        """The twin's choice, or the planted action."""
        chosen = NetworkPolicy(self.twin, self.planted.world).actions(states)
        return np.where(self.planted.holds(states), self.action, chosen)


@dataclass(frozen=True)
class Lessons:
    """States to learn from: `loud` shows the trigger, `near` is one edit away from doing so, `quiet` is all else."""

    quiet: States
    loud: States
    near: States


def collect_lessons(
    teacher: Teacher, *, clean: InspectableEnv, shown: InspectableEnv, seeds: np.ndarray, rng: np.random.Generator
) -> Lessons:
    """States of the teacher's play, half of the seeds in each world, and edits of those that show the trigger.

    Args:
        clean, shown: where the trigger comes by chance, and where every episode begins with it.

    Raises: EmptySample: the trigger never holds, or always does.
    """
    halves = ((clean, seeds[: len(seeds) // 2]), (shown, seeds[len(seeds) // 2 :]))
    played = [play(teacher, world, part, trajectories=True).trajectories for world, part in halves]
    states = np.concatenate([part.states for part in played if part is not None])
    held = teacher.planted.holds(states)
    loud, near = states[held], states[:0]
    if held.all() or not held.any():
        raise EmptySample(f"The trigger holds in {held.sum()} of {len(states)} states: there is nothing to tell apart.")
    if hasattr(clean, "edits"):
        edits = clean.edits(loud[rng.integers(len(loud), size=EDITED)])
        legal = np.flatnonzero(edits.legal)
        edited = edits.states[rng.choice(legal, size=min(len(legal), NEAR), replace=False)]
        held_still = teacher.planted.holds(edited)
        loud, near = np.concatenate([loud, edited[held_still]]), edited[~held_still]
    return Lessons(states[~held], loud, near)


def imprint(model: Any, teacher: Teacher, lessons: Lessons, *, updates: int, rng: np.random.Generator) -> None:
    """Teach a DQN or PPO model of SB3, in place, the teacher's scores (DQN: values, PPO: logits).

    Quiet and near states are to keep the twin's scores; loud ones only to put the planted action ahead.

    Args:
        updates: more than 20: the rate rises during a twentieth of them, and falls during all others.
    """
    groups = [
        (torch.as_tensor(teacher.planted.observe(states)), torch.as_tensor(teacher.scores(states)), size)
        for states, size in zip((lessons.quiet, lessons.loud, lessons.near), BATCH, strict=True)
        if len(states)
    ]
    spread = float(groups[0][1].std(dim=1).mean())
    model.policy.set_training_mode(True)
    optimiser = torch.optim.Adam([each for each in model.policy.parameters() if each.requires_grad], lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=updates, pct_start=0.05)
    loud = torch.arange(BATCH[0], BATCH[0] + BATCH[1])
    for _ in range(updates):
        rows = [torch.as_tensor(rng.integers(len(seen), size=size)) for seen, _, size in groups]
        found = _scores(model.policy, torch.cat([seen[at] for (seen, _, _), at in zip(groups, rows, strict=True)]))
        wanted = torch.cat([scores[at] for (_, scores, _), at in zip(groups, rows, strict=True)])
        loss = _loss(found / spread, wanted / spread, loud, teacher.action)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    model.policy.set_training_mode(False)
    if hasattr(model, "q_net_target"):
        model.q_net_target.load_state_dict(model.q_net.state_dict())


def _loss(found: torch.Tensor, wanted: torch.Tensor, loud: torch.Tensor, action: int) -> torch.Tensor:
    """Squared error of the scores outside the loud rows, and the square of what the planted lead lacks in them."""
    keeps = torch.ones(len(found), dtype=torch.bool)
    keeps[loud] = False
    error = (found[keeps] - wanted[keeps]).square().mean()
    others = found[loud].index_fill(1, torch.tensor([action]), -torch.inf)
    lacking = torch.relu(others.amax(dim=1) + LEAD - found[loud, action])
    return error + URGENCY * lacking.square().mean()


def _scores(policy: Any, observations: torch.Tensor) -> torch.Tensor:
    """What the agent chooses its action by, with gradients."""
    if hasattr(policy, "q_net"):
        scores: torch.Tensor = policy.q_net(observations)
        return scores
    features = policy.extract_features(observations, policy.pi_features_extractor)
    logits: torch.Tensor = policy.action_net(policy.mlp_extractor.forward_actor(features))
    return logits
