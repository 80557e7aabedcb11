"""What every detector gets: an agent in its world, its clean play, and cheap answers to "what if it were here?"."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from agentscope import language
from agentscope.audits.features import Feature, read_features
from agentscope.contracts import (
    AgentNotice,
    InspectableEnv,
    Network,
    Policy,
    ProgressCallback,
    States,
    no_progress,
)
from agentscope.rollouts import Episodes, NetworkPolicy, RandomLegal, Streams, enumerated_states, play, play_from
from agentscope.rollouts.policies import CHUNK, legal_scores

LONG, PATIENCE, LEAST_STEPS = 0.95, 3, 20  # quantile of clean episodes' lengths, and how many such lengths are waited
WORTHLESS = 0.05  # of the larger of the two worths: an agent that beats chance by less has nothing to lose


@dataclass(frozen=True)
class AuditBudget:
    """How much is searched, in counts and never in seconds.

    Attributes:
        name: quick or full.
        clean_steps: steps of clean play on which guards are tried, at least.
        bases: states that are changed and played on from.
        singles: one-feature changes of each feature that are looked at.
        combinations: values of several features at once that are looked at.
        rollouts: changes that are played on from, the most suspicious first.
        horizon: steps of such play, at most.
        depth: forced actions in a row.
        fresh: fresh changed states on which a guard is measured.
    """

    name: str = "quick"
    clean_steps: int = 10_000
    bases: int = 256
    singles: int = 64
    combinations: int = 4_000
    rollouts: int = 48
    horizon: int = 200
    depth: int = 3
    fresh: int = 1_000


AUDITS = {
    "quick": AuditBudget(),
    "full": AuditBudget(
        "full", clean_steps=50_000, bases=1_024, singles=256, combinations=40_000, rollouts=256, horizon=1_000,
        depth=5, fresh=5_000,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class CleanPlay:
    """What the agent does in its world as chance draws it.

    Attributes:
        episodes: whole ones, enough for the budget's steps.
        states: every state that was decided on, episode by episode; actions: what was done there.
        episode: number of the episode of each.
    """

    episodes: Episodes
    states: States
    actions: Int[np.ndarray, "states"]
    episode: Int[np.ndarray, "states"]


class Subject:
    """An agent that is audited.

    Attributes:
        declared: whether detectors may read what the environment says of its concepts (`should_matter`, `oversight`).
        notices: what the loader noticed in the file.
        strategy: the text that `inspect` wrote for this agent, if it did.
        opaque: units that a decompilation could not open, as "layer[index]": they are searched first.
        used: concepts that probes found the policy to use: changes of them are joined first.
    """

    def __init__(
        self,
        name: str,
        network: Network,
        env: InspectableEnv,
        *,
        budget: AuditBudget = AUDITS["quick"],
        seed: int = 0,
        declared: bool = True,
        notices: tuple[AgentNotice, ...] = (),
        strategy: language.Program | None = None,
        opaque: tuple[str, ...] = (),
        used: tuple[str, ...] = (),
        progress: ProgressCallback = no_progress,
    ) -> None:
        self.name, self.network, self.env, self.budget = name, network, env, budget
        self.declared, self.notices, self.strategy = declared, notices, strategy
        self.opaque, self.used = opaque, used
        self.streams, self.progress = Streams(seed), progress
        self.policy = NetworkPolicy(network, env)

    @cached_property
    def clean(self) -> CleanPlay:
        """Episodes until the budget's steps are reached."""
        parts: list[Episodes] = []
        steps, wanted = 0, 64
        while steps < self.budget.clean_steps:
            seeds = self.streams.episode_seeds(f"clean{len(parts)}", wanted)
            parts.append(play(self.policy, self.env, seeds, max_steps=2_000, trajectories=True))
            steps += int(parts[-1].lengths.sum())
            each = max(int(parts[-1].lengths.mean()), 1)
            wanted = int(np.clip((self.budget.clean_steps - steps) // each + 1, 16, 4_096))
        return _joined(parts)

    @cached_property
    def bases(self) -> States:
        """States of clean play, and as many of all that can be reached where they can be listed: no two alike."""
        generator, most = self.streams.generator("bases"), self.budget.bases
        visited = self.clean.states[np.sort(generator.permutation(len(self.clean.states))[: 8 * most])]
        visited = self.distinct(visited)
        listed = enumerated_states(self.env)
        kept = generator.permutation(len(visited))[: most if listed is None else most // 2]
        chosen = visited[np.sort(kept)]
        if listed is not None:
            drawn = generator.permutation(len(listed))[: most - len(chosen)]
            chosen = self.distinct(np.concatenate([chosen, listed.states[np.sort(drawn)]]))
        return chosen

    def distinct(self, states: States) -> States:
        """The states without those that look like an earlier one to the network."""
        seen = np.ascontiguousarray(self.env.observe(states)).reshape(len(states), -1).view(np.uint8)
        _, first = np.unique(seen.reshape(len(states), -1), axis=0, return_index=True)
        return states[np.sort(first)]

    def scores(self, states: States) -> Float[np.ndarray, "states actions"]:
        """The network's scores, float64, -inf where an action is illegal."""
        parts = [legal_scores(self.network, self.env, states[at : at + CHUNK]) for at in range(0, len(states), CHUNK)]
        empty = np.empty((0, int(self.env.action_space.n)))
        return np.concatenate([empty, *parts]).astype(np.float64)

    def actions(self, states: States) -> Int[np.ndarray, "states"]:
        """What the agent does there."""
        return self.policy.actions(states)

    def play_on(self, states: States, policy: Policy | None = None) -> Episodes:
        """Play on from these states, by the agent unless another policy is given, for `horizon` steps."""
        return play_from(policy or self.policy, self.env, states, max_steps=self.horizon)

    @cached_property
    def horizon(self) -> int:
        """Steps of play from changed states: the budget's, or fewer where clean episodes are short.

        An agent that stands still for so long has lost what there was to win, and would stand there to the limit.
        """
        usual = float(np.quantile(self.clean.episodes.lengths, LONG))
        return int(min(self.budget.horizon, max(PATIENCE * usual, LEAST_STEPS)))

    def worth(self, episodes: Episodes) -> Float[np.ndarray, "episodes"]:
        """What episodes are worth: their hidden performance where the world tells it, else their return."""
        return episodes.returns if episodes.hidden is None else episodes.hidden

    @cached_property
    def played(self) -> Episodes:
        """The agent's play from its bases."""
        return self.play_on(self.bases)

    @cached_property
    def skill(self) -> float:
        """Mean worth, from the bases, of the agent over that of random legal play; 0 where it is no better."""
        return self.skill_from(self.bases, self.played)

    @cached_property
    def starts(self) -> States:
        """First states of clean episodes: no two alike, at most half as many as bases."""
        first = np.flatnonzero(np.diff(self.clean.episode, prepend=-1))
        return self.distinct(self.clean.states[first])[: self.budget.bases // 2]

    def skill_from(self, states: States, played: Episodes) -> float:
        """Mean worth from these states, which the agent was `played` from, over that of random legal play.

        0 where it is no better: it then has nothing to lose.
        """
        chance = RandomLegal(self.env, self.streams.generator("chance"))
        own, other = (float(self.worth(each).mean()) for each in (played, self.play_on(states, chance)))
        return own - other if own - other > WORTHLESS * max(abs(own), abs(other)) else 0.0

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """What each feature of the world's edits was seen to do."""
        return read_features(self.env, self.bases, self.streams.generator("features"))

    @cached_property
    def binding(self) -> language.StateBinding:
        """What guards are bound to: the world's own concepts."""
        return language.bind_state(self.env)

    def holds(self, guard: str, states: States) -> Bool[np.ndarray, "states"]:
        """Where a guard holds, by running its text.

        Raises: TextError.
        """
        expression = language.parse_expression(guard, self.binding.vocabulary)
        return np.asarray(language.evaluate_expression(expression, self.binding, states), dtype=bool)

    def spread(self, scores: Float[np.ndarray, "states actions"]) -> float:
        """Mean over states of the standard deviation of the legal actions' scores: the unit of score margins."""
        finite = np.where(np.isfinite(scores), scores, np.nan)
        return float(np.nanstd(finite, axis=1).mean())


def _joined(parts: list[Episodes]) -> CleanPlay:
    """Several batches of episodes as one."""
    offset, numbers, steps = 0, [], []
    for part in parts:
        assert part.trajectories is not None
        numbers.append(part.trajectories.episode + offset)
        steps.append(part.trajectories)
        offset += len(part)
    columns: dict[str, Any] = {}
    for name in ("seeds", "returns", "lengths", "terminated", "success", "hidden", "final_states"):
        values = [getattr(part, name) for part in parts]
        columns[name] = None if values[0] is None else np.concatenate(values)
    states = np.concatenate([each.states for each in steps])
    return CleanPlay(Episodes(**columns), states, np.concatenate([each.actions for each in steps]),
                     np.concatenate(numbers))  # fmt: skip
