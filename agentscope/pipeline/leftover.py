"""The residual: what of the network's scores the text leaves, whether it is structure, and what it does to play."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from agentscope import language, rollouts
from agentscope.contracts import (
    InspectableEnv,
    Network,
    Policy,
    States,
    equivalent_actions_of,
    legal_actions_of,
)  # fmt: skip
from agentscope.errors import TextError
from agentscope.measures import mean_interval, paired_difference
from agentscope.pipeline.opening import OpenAgent
from agentscope.pipeline.running import Run
from agentscope.records import Decisions, Interval, StateSet
from agentscope.verification import residual as parts

LESSONS, EXAM = 4_000, 2_000  # states to fit and to measure on
LESSONS_RANKED, EXAM_RANKED = 1_000, 500  # the same where each state is a row for every move
EPISODES = {"quick": 20, "full": 100}  # played with parts of the scores
STEPS_RANKED = 100  # longest such episode of a quick run where moves are many
FEWEST_LEVELS = 8  # that recur in lessons and exam: then whole levels are held out


@dataclass(frozen=True)
class Leftover:
    """The `residual` block of a report; why: dotted path -> reason for what is null in it."""

    block: Mapping[str, Any] | None
    why: Mapping[str, str]


def measure_residual(
    agent: OpenAgent, text: str, lessons: StateSet, exam: StateSet, run: Run, *, twin: Network | None
) -> Leftover:
    """Split the scores into strategy and residual on lessons, and say on the exam what the residual is.

    Args:
        twin: the same agent, trained from another seed.
    """
    try:
        work = _Work(agent, text, run)
        return work.leftover(lessons, exam, twin)
    except TextError as error:
        return Leftover(None, {"residual": f"the text cannot be evaluated: {error}"})


class _Work:
    """One text of one agent, and the random streams of the run."""

    def __init__(self, agent: OpenAgent, text: str, run: Run) -> None:
        self.agent, self.run = agent, run
        self.program = language.parse(text, language.vocabulary_of(agent.env))
        self.binding = language.bind_state(agent.env)
        self.many = agent.network.actions > parts.FEW_ACTIONS

    def ranking(self, states: States) -> parts.Ranking:
        """What the text says of these states."""
        keys = language.rank_actions(self.program, self.binding, states)
        if keys is not None:
            return parts.Ranking(keys, keys.argmax(axis=1))
        return parts.Ranking(None, language.evaluate(self.program, self.binding, states).actions)

    def leftover(self, lessons: StateSet, exam: StateSet, twin: Network | None) -> Leftover:
        """All of the block."""
        taught = self.sheet(_thinned(lessons, LESSONS_RANKED if self.many else LESSONS))
        asked = self.sheet(_thinned(exam, EXAM_RANKED if self.many else EXAM))
        split = parts.split_scores(taught.said, taught.decisions)
        left, over = (split.residual(of.said, of.decisions) for of in (taught, asked))
        share = float((over**2).sum() / max((split.scores(asked.decisions) ** 2).sum(), parts.TINY))
        train, test, held = _held_out(taught.states, asked.states, self.run.streams.generator("residual.levels"))
        predictor = self.fit(taught, left, train)
        structure, shared, why = None, None, {}
        if share >= parts.NOTHING:
            structure = self.structure(predictor, (taught, left, train), (asked, over, test)) | {"held_out": held}
            shared = None if twin is None else self.shared(twin, taught, asked, over)
        if share < parts.NOTHING:
            why["residual.shared"] = "there is next to no residual to compare"
        block = {
            "share": share, "map": "keys" if taught.said.keys is not None else "choice",
            "verdict": parts.verdict(structure, share), "structure": structure, "shared": shared,
            "ablated_return": self.play(_Parts(self.agent.env, self.ranking, split, predictor)),
            "thresholds": {"structure": parts.STRUCTURE, "shared": parts.SHARED, "nothing": parts.NOTHING},
        }  # fmt: skip
        return Leftover(block, why)

    def sheet(self, states: StateSet) -> _Sheet:
        """A state set with what network and text say of it."""
        env = self.agent.env
        features = parts.features_of(env, states.states)
        return _Sheet(states, self.agent.decide(states.states), self.ranking(states.states), features)

    def fit(self, sheet: _Sheet, residual: np.ndarray, rows: np.ndarray) -> parts.Predictor:
        """A predictor of the residual; always the same random features."""
        generator = self.run.streams.generator("residual.features")
        legal = sheet.decisions.legal[rows]
        return parts.Predictor(sheet.features.only(rows), residual[rows], legal, generator=generator)

    def structure(
        self,
        predictor: parts.Predictor,
        taught: tuple[_Sheet, np.ndarray, np.ndarray],
        asked: tuple[_Sheet, np.ndarray, np.ndarray],
    ) -> dict[str, Any]:
        """How much of the held-out residual is predicted, and of residuals that are shuffled within each episode."""
        mixing = self.run.streams.generator("residual.shuffle")
        mixed = [parts.shuffled(each, sheet.decisions.legal, sheet.states.episode, generator=mixing)
                 for sheet, each, _ in (taught, asked)]  # fmt: skip
        control = self.fit(taught[0], mixed[0], taught[2])
        sheet, residual, rows = asked
        episode, legal = sheet.states.episode[rows], sheet.decisions.legal[rows]
        features = sheet.features.only(rows)

        def explained(real: np.ndarray, by: parts.Predictor) -> dict[str, Any]:
            generator = self.run.streams.generator("bootstrap.residual")
            return parts.explained(real[rows], by(features, legal), episode, generator=generator)

        return explained(residual, predictor) | {"control": explained(mixed[1], control)["r2"]}

    def shared(self, twin: Network, taught: _Sheet, asked: _Sheet, residual: np.ndarray) -> dict[str, Any]:
        """Whether another seed's network has the same residual beside the same text."""
        seen = [rollouts.decide(twin, self.agent.env, sheet.states.states) for sheet in (taught, asked)]
        theirs = parts.split_scores(taught.said, seen[0]).residual(asked.said, seen[1])
        generator = self.run.streams.generator("bootstrap.shared")
        found = parts.correlation(residual, theirs, asked.states.episode, generator=generator)
        return found | {"twin": twin.name, "verdict": "shared" if found["low"] >= parts.SHARED else "not shared"}

    def play(self, kept: Policy) -> dict[str, Any]:
        """Returns of the network, of the text alone, and of the text with the predicted part of the residual."""
        budget, streams = self.run.budget, self.run.streams
        count = min(budget.exam, EPISODES.get(budget.name, EPISODES["quick"]))
        steps = min(budget.steps, STEPS_RANKED) if self.many and budget.name != "full" else budget.steps
        seeds = streams.episode_seeds("residual", count)
        text = language.TextPolicy(self.program, self.binding)
        played = {
            name: rollouts.play(policy, self.agent.env, seeds, max_steps=steps).returns
            for name, policy in (("network", self.agent.policy), ("strategy", text), ("strategy_and_predicted", kept))
        }
        found: dict[str, Any] = {name: float(returns.mean()) for name, returns in played.items()}
        for name, key in (("strategy", "difference"), ("strategy_and_predicted", "difference_predicted")):
            generator = streams.generator(f"bootstrap.residual.{name}")
            found[key] = paired_difference(played[name], played["network"], generator=generator)
        interval: Interval = mean_interval(
            played["strategy_and_predicted"], generator=streams.generator("bootstrap.kept")
        )
        return found | {"low": interval.low, "high": interval.high, "n": count, "steps": steps}


@dataclass(frozen=True)
class _Sheet:
    """A state set with the network's decisions, what the text says, and what a residual is predicted from."""

    states: StateSet
    decisions: Decisions
    said: parts.Ranking
    features: parts.Features


@dataclass(frozen=True)
class _Parts:
    """The policy of the strategy's part of the scores plus the predicted residual: what no one predicts is ablated."""

    env: InspectableEnv
    ranking: Callable[[States], parts.Ranking]
    split: parts.Split
    predictor: parts.Predictor

    def actions(self, states: States) -> np.ndarray:
        """The best legal action by both parts together, the first among equals."""
        legal = legal_actions_of(self.env, states)
        blank = Decisions(
            np.zeros(legal.shape), np.zeros(len(states), np.int64), equivalent_actions_of(self.env, states), legal
        )
        strategy = self.split.strategy(self.ranking(states), blank)
        predicted = self.predictor(parts.features_of(self.env, states), legal)
        chosen: np.ndarray = np.where(legal, strategy + predicted, -np.inf).argmax(axis=1)
        return chosen


def _thinned(states: StateSet, most: int) -> StateSet:
    rows = np.linspace(0, len(states) - 1, min(len(states), most)).astype(np.int64)
    return StateSet(states.name, states.states[rows], states.episode[rows], states.step[rows])


def _held_out(lessons: StateSet, exam: StateSet, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, str]:
    """Which lessons fit and which exam states are held out: by level where levels recur, else all of both."""
    levels, asked = rollouts.levels_of(lessons.states), rollouts.levels_of(exam.states)
    known = np.unique(np.concatenate([levels, asked]))
    if len(known) < FEWEST_LEVELS or not np.isin(asked, levels).any():
        return np.ones(len(lessons), dtype=bool), np.ones(len(exam), dtype=bool), "episodes"
    held = generator.permutation(known)[: len(known) // 4]
    return ~np.isin(levels, held), np.isin(asked, held), "levels"
