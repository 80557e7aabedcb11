"""The exam's decisions, once: what network and text choose in every state that the network visits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float64, Int, Int64

from agentscope import language, rollouts
from agentscope.contracts import ProgressCallback, States, no_progress
from agentscope.errors import RefusedFile, TextError
from agentscope.measures import regrets, same_class, spreads
from agentscope.measures.agreement import NEAR
from agentscope.pipeline.watching.scene import Scene
from agentscope.records import Decisions

LAYOUT = 1  # version of trails.npz
FILE = "trails.npz"
MOST = 20_000  # decisions: whole episodes are left out beyond it
TOGETHER = 100  # episodes that are played side by side: a network takes as long for one state as for 256
OVER, TIME, CUT = 0, 1, 2  # how an episode ended: by the rules, by the environment's clock, by the run's limit
ENDS = ("over", "time", "cut")
NO_TEXT = -1


@dataclass(frozen=True, eq=False)
class Recording:
    """Decisions of the exam's episodes, sorted by episode and step.

    Attributes:
        key: what it was made with (`recording_key`): another agent, seed, budget or text makes another.
        planned: episodes of the exam; those beyond MOST decisions are left out.
        unit: mean standard deviation of a state's legal scores: what gaps and regrets are counted in.
        seeds, lengths, returns, end, success: of each episode; success is -1 where the environment does not say.
        episode: index into them of each decision.
        actions, text: what network and text choose; text is -1 throughout where there is no text.
        line: of the text, that decided.
        rewards: of the network's action; best: its highest score.
        gap: best score minus the best one of an action that is not equivalent, in units; inf where there is none.
        regret: of the text's choice, in units; same: it is equivalent to the network's.
        near_tie: the gap is below a quarter of a unit.
    """

    key: str
    planned: int
    unit: float
    seeds: Int64[np.ndarray, "episodes"]
    lengths: Int64[np.ndarray, "episodes"]
    returns: Float64[np.ndarray, "episodes"]
    end: Int[np.ndarray, "episodes"]
    success: Int[np.ndarray, "episodes"]
    episode: Int[np.ndarray, "decisions"]
    actions: Int[np.ndarray, "decisions"]
    text: Int[np.ndarray, "decisions"]
    line: Int[np.ndarray, "decisions"]
    rewards: Float64[np.ndarray, "decisions"]
    best: Float64[np.ndarray, "decisions"]
    gap: Float64[np.ndarray, "decisions"]
    regret: Float64[np.ndarray, "decisions"]
    same: Bool[np.ndarray, "decisions"]
    near_tie: Bool[np.ndarray, "decisions"]

    def __len__(self) -> int:
        return len(self.actions)

    @property
    def episodes(self) -> int:
        """How many were kept."""
        return len(self.seeds)

    @property
    def has_text(self) -> bool:
        """Whether there was a text to record beside the network."""
        return bool(len(self)) and int(self.text[0]) != NO_TEXT

    @property
    def starts(self) -> Int64[np.ndarray, "episodes"]:
        """Row of each episode's first decision."""
        return np.concatenate([[0], np.cumsum(self.lengths)[:-1]]).astype(np.int64)

    def rows(self, episode: int) -> slice:
        """The decisions of one episode."""
        start = int(self.starts[episode])
        return slice(start, start + int(self.lengths[episode]))

    def step(self, row: int) -> int:
        """Which step of its episode a decision is."""
        return row - int(self.starts[self.episode[row]])

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Plain arrays for trails.npz."""
        return {"layout": np.array(LAYOUT)} | {each.name: np.asarray(getattr(self, each.name)) for each in fields(self)}

    @staticmethod
    def from_arrays(arrays: Mapping[str, np.ndarray], *, actions: int) -> Recording:
        """What `to_arrays` wrote, checked: a stranger may have written the file.

        Args:
            actions: how many the agent has.
        Raises: RefusedFile: a part is missing, or does not fit the others.
        """
        names = [each.name for each in fields(Recording)]
        missing = [name for name in ("layout", *names) if name not in arrays]
        if missing or int(arrays["layout"]) != LAYOUT:
            what = f"lacks {missing[0]}" if missing else f"has layout {arrays['layout']}, this version reads {LAYOUT}"
            raise RefusedFile(f"{FILE} {what}: `agentscope inspect` writes it anew.")
        problem = _unfit(arrays, actions)  # before a record is made of what may be anything
        if problem:
            raise RefusedFile(f"{FILE} is damaged ({problem}): `agentscope inspect` writes it anew.")
        plain = {"key": str(arrays["key"]), "planned": int(arrays["planned"]), "unit": float(arrays["unit"])}
        return Recording(**plain, **{name: arrays[name] for name in names if name not in plain})  # type: ignore[arg-type]


def _unfit(arrays: Mapping[str, np.ndarray], actions: int) -> str:
    """What does not fit in a recording; nothing is taken on trust."""
    kinds = {"i": "seeds lengths end success episode actions text line", "f": "returns rewards best gap regret",
             "b": "same near_tie"}  # fmt: skip
    of_episodes = {"seeds", "lengths", "returns", "end", "success"}
    decisions, episodes = len(np.atleast_1d(arrays["actions"])), len(np.atleast_1d(arrays["seeds"]))
    for kind, names in kinds.items():
        for name in names.split():
            values = np.asarray(arrays[name])
            if values.dtype.kind != kind or values.shape != (episodes if name in of_episodes else decisions,):
                return f"{name} is {values.dtype} of shape {values.shape}"
    plain = [(arrays[name].dtype.kind, arrays[name].shape) for name in ("key", "planned", "unit")]
    if plain != [("U", ()), ("i", ()), ("f", ())]:
        return "key, number of episodes or unit is of another type"
    lengths, chosen, text, end = (arrays[name] for name in ("lengths", "actions", "text", "end"))
    if not episodes or lengths.min() < 1 or lengths.max() > MOST or int(lengths.sum()) != decisions:
        return "lengths are not those of its episodes"
    if not np.array_equal(arrays["episode"], np.repeat(np.arange(episodes), lengths)):
        return "decisions are not sorted by episode"
    if chosen.min() < 0 or max(chosen.max(), text.max()) >= actions or text.min() < NO_TEXT:
        return "an action that the agent lacks"
    if end.min() < 0 or end.max() >= len(ENDS) or not float(arrays["unit"]) >= 0 or np.isinf(arrays["unit"]):
        return "an end or a unit that means nothing"
    return ""


def recording_key(scene: Scene) -> str:
    """sha256 of all that decides a recording: agent, environment, seed, budget, text."""
    agent, budget = scene.agent, scene.budget
    said = [
        LAYOUT, agent.network.sha256, agent.env.id, dict(agent.env.kwargs), scene.seed, budget.exam, budget.steps,
        scene.level("strategy").text,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()


def record_exam(scene: Scene, *, progress: ProgressCallback = no_progress) -> Recording:
    """Play the exam's episodes and keep every decision of them, of the first MOST decisions' whole episodes."""
    planned = scene.budget.exam
    seeds = scene.streams.episode_seeds("exam", planned)
    played: list[_Played] = []
    for start in range(0, planned, TOGETHER):
        played.append(_play(scene, seeds[start : start + TOGETHER]))
        done = sum(len(each.actions) for each in played)
        full = done >= MOST
        progress("recording the exam", planned if full else min(start + TOGETHER, planned), planned)
        if full:
            break
    return _recorded(scene, _Played.joined(played).kept(MOST), seeds, planned)


@dataclass(frozen=True, eq=False)
class _Played:
    """Episodes as they were played, decisions sorted by episode and step."""

    lengths: np.ndarray
    returns: np.ndarray
    end: np.ndarray
    success: np.ndarray
    states: States
    actions: np.ndarray
    rewards: np.ndarray
    decisions: Decisions

    def kept(self, most: int) -> _Played:
        """The first whole episodes that have at most so many decisions; the very first whatever its length."""
        episodes = max(int((np.cumsum(self.lengths) <= most).sum()), 1)
        rows = min(int(self.lengths[:episodes].sum()), most)
        lengths = self.lengths[:episodes].copy()
        end = self.end[:episodes].copy()
        if episodes == 1 and lengths[0] > rows:
            lengths[0], end[0] = rows, CUT
        each = self.decisions
        return _Played(
            lengths, self.returns[:episodes], end, self.success[:episodes], self.states[:rows], self.actions[:rows],
            self.rewards[:rows],
            Decisions(each.scores[:rows], each.actions[:rows], each.equivalent[:rows], each.legal[:rows]),
        )  # fmt: skip

    @staticmethod
    def joined(parts: Sequence[_Played]) -> _Played:
        """One after the other; what is success in one only is unknown in all."""
        arrays = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in ("lengths", "returns", "end", "success", "states", "actions", "rewards")
        }
        if (arrays["success"] < 0).any():
            arrays["success"] = np.full(len(arrays["success"]), -1, dtype=np.int8)
        names = ("scores", "actions", "equivalent", "legal")
        decisions = (np.concatenate([getattr(part.decisions, name) for part in parts]) for name in names)
        return _Played(**arrays, decisions=Decisions(*decisions))


class _Recorder:
    """The network as a policy that keeps what it thought, so that nothing is asked of it twice."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.thought: list[Decisions] = []

    def actions(self, states: States) -> np.ndarray:
        self.thought.append(self.scene.agent.decide(states))
        return self.thought[-1].actions


def _play(scene: Scene, seeds: np.ndarray) -> _Played:
    """These episodes, the network's decisions kept as it took them."""
    recorder, met = _Recorder(scene), list[rollouts.Moment]()
    found = rollouts.play(recorder, scene.agent.env, seeds, max_steps=scene.budget.steps, watch=met.append)
    episode = np.concatenate([moment.episode for moment in met])
    step = np.concatenate([np.full(len(moment.episode), moment.step) for moment in met])
    order = np.lexsort((step, episode))
    end = np.full(len(seeds), CUT, dtype=np.int8)
    for moment in met:
        end[moment.episode[moment.transition.truncated]] = TIME
        end[moment.episode[moment.transition.terminated]] = OVER
    names = ("scores", "actions", "equivalent", "legal")
    thought = (np.concatenate([getattr(each, name) for each in recorder.thought])[order] for name in names)
    success = np.full(len(seeds), -1, np.int8) if found.success is None else found.success.astype(np.int8)
    return _Played(
        found.lengths, found.returns, end, success,
        np.concatenate([moment.states for moment in met])[order],
        np.concatenate([moment.actions for moment in met])[order],
        np.concatenate([moment.transition.rewards for moment in met])[order].astype(np.float64),
        Decisions(*thought),
    )  # fmt: skip


def _recorded(scene: Scene, played: _Played, seeds: np.ndarray, planned: int) -> Recording:
    """What the text says of the same states, and how clearly the network preferred its choice."""
    made = played.decisions
    text, line = text_choices(scene, played.states)
    unit = float(spreads(made.scores, made.legal).mean())
    gap = gaps(made, unit)
    known = text[0] != NO_TEXT
    regret = regrets(made.scores, text, made.equivalent, made.legal) if known else np.zeros(len(text))
    same = same_class(made.actions, text, made.equivalent) if known else np.ones(len(text), dtype=bool)
    return Recording(
        recording_key(scene), planned, unit, seeds[: len(played.lengths)], played.lengths, played.returns,
        played.end, played.success, np.repeat(np.arange(len(played.lengths)), played.lengths).astype(np.int32),
        played.actions.astype(np.int16), text.astype(np.int16), line.astype(np.int32), played.rewards,
        made.scores.max(axis=1), gap, regret, same, gap < NEAR,
    )  # fmt: skip


def text_choices(scene: Scene, states: States) -> tuple[Int64[np.ndarray, "states"], Int[np.ndarray, "states"]]:
    """Action and deciding line of the strategy in these states; NO_TEXT and 0 where there is none that runs."""
    try:
        found: language.Evaluation | None = scene.level("strategy").evaluate(states)
    except TextError:
        found = None
    if found is None:
        return np.full(len(states), NO_TEXT, dtype=np.int64), np.zeros(len(states), dtype=np.int32)
    return found.actions, found.lines


def gaps(made: Decisions, unit: float) -> Float[np.ndarray, "states"]:
    """Best score minus the best of an action that is not equivalent to it, in units; inf where there is no other."""
    rows = np.arange(len(made.scores))
    own = made.equivalent[rows, made.actions][:, None]
    rivals = np.where((made.equivalent != own) & made.legal, made.scores, -np.inf).max(axis=1, initial=-np.inf)
    found: np.ndarray = (made.scores.max(axis=1, initial=-np.inf) - rivals) / (unit if unit > 0 else 1.0)
    return found


def describe_left_out(recording: Recording) -> dict[str, Any]:
    """Why part of the exam is not shown, where that is so."""
    left_out = recording.planned - recording.episodes
    if not left_out:
        return {}
    return {
        "episodes": f"{left_out} of {recording.planned} exam episodes are left out: at most {MOST:,} decisions are kept"
    }
