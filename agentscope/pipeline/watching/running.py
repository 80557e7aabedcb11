"""A run, open to be watched: the documents that page and report are drawn from."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from agentscope.contracts import States
from agentscope.errors import BadOption, TextError
from agentscope.measures import spreads
from agentscope.pipeline.watching.asking import Answers
from agentscope.pipeline.watching.bookmarking import Bookmark, bookmarks_of
from agentscope.pipeline.watching.filming import board_of
from agentscope.pipeline.watching.levels import TITLES
from agentscope.pipeline.watching.recording import ENDS, Recording, describe_left_out, text_choices
from agentscope.pipeline.watching.scene import Scene
from agentscope.pipeline.watching.stepping import Eye, final_document, state_values, step_documents
from agentscope.pipeline.watching.trails import Trail, first_divergence, play_trail, replay
from agentscope.pipeline.watching.values import plain
from agentscope.pipeline.watching.witnesses import witness_trails
from agentscope.reports import plain_text

SCHEMA = "agentscope/watch/1"
TRACKS = ("network", "text", "other")
FURTHER, AT_LEAST = 200, 400  # steps that another track is followed beyond the network's episode, and in any case
REMEMBERED = 64  # trails
AT_ONCE = 512  # steps of one document


class Watch(Answers):
    """One run, open.

    Attributes:
        scene: the agent and the texts; recording: the exam's decisions.
        most: steps that other tracks than the network's are followed at most; by default FURTHER than the network's.
    """

    def __init__(self, scene: Scene, recording: Recording, *, most: int | None = None) -> None:
        self.scene, self.recording, self.most = scene, recording, most
        self._trails: dict[tuple[str, str], Trail] = {}
        self._lock = threading.RLock()

    def document(self) -> dict[str, Any]:
        """The run document: levels, episodes, bookmarks, geometry (schema agentscope/watch/1)."""
        return dict(self._document)

    def steps(self, episode: str, start: int, stop: int, track: str = "network") -> dict[str, Any]:
        """Steps of an episode, at most AT_ONCE of them; with the final state where they reach the end.

        Raises: BadOption: there is no such episode or track.
        """
        with self._lock:
            trail, eye = self.trail(episode, track), self.eye(episode, track)
            start = min(max(start, 0), len(trail))
            stop = min(max(stop, start), len(trail), start + AT_ONCE)
            return {
                "episode": episode, "track": track, "from": start, "steps": step_documents(eye, trail, start, stop),
                "final": final_document(eye, trail) if stop == len(trail) else None,
            }  # fmt: skip

    def beside(self, episode: str, track: str) -> dict[str, Any]:
        """How an episode went on another track, and where it parted from the network's.

        Raises: BadOption: there is no such episode or track.
        """
        trail, own = self.trail(episode, track), self.trail(episode, "network")
        parted = None if track == "network" else first_divergence(self.scene.agent.env, own, trail)
        found = {
            "episode": episode, "track": track, "steps": len(trail), "return": plain(trail.total), "end": trail.end,
            "first_divergence": parted, "cut": trail.end == "cut",
        }  # fmt: skip
        return {**found, "why": {"end": plain_text(trail.why)}} if trail.why else found

    def trail(self, episode: str, track: str = "network") -> Trail:
        """The states of an episode and what was done in them.

        Raises: BadOption: there is no such episode or track.
        """
        if track not in TRACKS:
            raise BadOption(f"there is no track {plain_text(track)[:40]!r}; there are {', '.join(TRACKS)}.")
        with self._lock:
            key = (episode, track)
            if key not in self._trails:
                found = self._network_trail(episode) if track == "network" else self._other_trail(episode, track)
                while len(self._trails) >= REMEMBERED:
                    self._trails.pop(next(iter(self._trails)))
                self._trails[key] = found
            return self._trails[key]

    def state(self, episode: str, step: int, track: str = "network") -> States:
        """One state, as an array of length 1; the step after the last is the final state.

        Raises: BadOption: there is no such episode, track or step.
        """
        trail = self.trail(episode, track)
        if not 0 <= step <= len(trail):
            raise BadOption(f"episode {episode} has {len(trail)} steps on this track, so there is no step {step}.")
        return trail.final if step == len(trail) else trail.states[step : step + 1]

    def eye(self, episode: str, track: str) -> Eye:
        """Who looks at the states of a track: the run's agent and its texts, or the other agent beside the text."""
        scene = self.scene
        if track != "other" or scene.other is None:
            return Eye(scene.agent, scene.levels, self.recording.unit)
        made = scene.other.decide(self.trail(episode, track).states)
        unit = float(spreads(made.scores, made.legal).mean()) if len(made.scores) else 0.0
        return Eye(scene.other, (scene.level("strategy"),), unit)

    @cached_property
    def bookmarks(self) -> tuple[Bookmark, ...]:
        """Steps that are worth a look, kind by kind, best first."""
        lines = self.scene.level("strategy").text.splitlines()
        return bookmarks_of(self.recording, self.scene.agent.env, lines, self.witnesses)

    @property
    def witnesses(self) -> Mapping[str, Trail]:
        """Trails of the findings' witnesses, by episode key; damaged ones are left out."""
        return self._witnesses[0]

    @cached_property
    def _witnesses(self) -> tuple[Mapping[str, Trail], Mapping[str, str]]:
        return witness_trails(self.scene)

    @cached_property
    def _document(self) -> dict[str, Any]:
        scene, report = self.scene, self.scene.report
        other = scene.other
        sample = self.trail("0").states
        return {
            "schema": SCHEMA,
            "agent": {
                "name": plain_text(scene.agent.name), "sha256": scene.agent.network.sha256,
                "algorithm": scene.agent.network.algorithm,
            },
            "environment": {"id": plain_text(str(report["environment"]["id"])),
                            "kwargs": dict(report["environment"]["kwargs"])},
            "actions": [plain_text(name) for name in scene.agent.env.action_names],
            "other": None if other is None else {"name": plain_text(other.name), "sha256": other.network.sha256},
            "levels": [self._gist(), *(level.to_json() for level in scene.levels)],
            "episodes": [*self._exam_rows(), *self._witness_rows()],
            "bookmarks": [bookmark.to_json() for bookmark in self.bookmarks],
            "board": board_of(scene.agent, sample),
            "unit": plain(self.recording.unit),
            "why": self._why(),
        }  # fmt: skip

    def _gist(self) -> dict[str, Any]:
        sentences = [plain_text(str(sentence)) for sentence in self.scene.report["gist"] or []]
        return {"key": "gist", "title": TITLES["gist"], "sentences": sentences}

    def _exam_rows(self) -> list[dict[str, Any]]:
        recording, rows = self.recording, []
        for episode in range(recording.episodes):
            parted = np.flatnonzero(~recording.same[recording.rows(episode)])
            success = int(recording.success[episode])
            rows.append({
                "episode": str(episode), "kind": "exam", "title": f"episode {episode}",
                "steps": int(recording.lengths[episode]), "return": plain(recording.returns[episode]),
                "end": ENDS[int(recording.end[episode])], "disagreements": len(parted),
                "first_divergence": int(parted[0]) if len(parted) else None,
                "success": None if success < 0 else bool(success),
            })  # fmt: skip
        return rows

    def _witness_rows(self) -> list[dict[str, Any]]:
        rows = []
        for key, trail in self.witnesses.items():
            _, number, side = key.split("-")
            parted = np.flatnonzero(self._disagrees(trail))
            rows.append({
                "episode": key, "kind": "witness", "title": f"finding {number.split('.')[0]}, witness {number}, {side}",
                "steps": len(trail), "return": plain(trail.total), "end": trail.end, "disagreements": len(parted),
                "first_divergence": int(parted[0]) if len(parted) else None, "success": None,
            })  # fmt: skip
        return rows

    def _disagrees(self, trail: Trail) -> np.ndarray:
        """In which of a trail's states the text does something else than the network did."""
        text, _ = text_choices(self.scene, trail.states)
        if not len(text) or text[0] < 0:
            return np.zeros(len(text), dtype=bool)
        equivalent = self.scene.agent.decide(trail.states).equivalent
        rows = np.arange(len(text))
        return np.asarray(equivalent[rows, text] != equivalent[rows, trail.actions])

    def _why(self) -> dict[str, str]:
        scene = self.scene
        why = {**describe_left_out(self.recording), **self._witnesses[1]}
        why |= {f"levels.{level.key}": level.why for level in scene.levels if level.why is not None}
        if scene.level("strategy").missing is None and not self.recording.has_text:
            why["text"] = "the text breaks off in a state of the exam, so that nothing is said of where it disagrees"
        first = self.trail("0").states[:1]
        if state_values(scene.agent, first, scene.agent.decide(first))[0] is None:
            why["value"] = "the agent's file holds no critic that can be asked"
        if scene.other is None:
            why["other"] = "no other agent was opened beside this one"
        return why

    def _network_trail(self, episode: str) -> Trail:
        if episode in self.witnesses:
            return self.witnesses[episode]
        index = self._index(episode)
        first = self.scene.agent.env.reset(self.recording.seeds[index : index + 1])
        return replay(self.scene.agent.env, first, self.recording.actions[self.recording.rows(index)].tolist())

    def _other_trail(self, episode: str, track: str) -> Trail:
        """The same first state, another choice: the text's, or another agent's."""
        own, scene = self.trail(episode), self.scene
        most = max(len(own) + FURTHER, AT_LEAST) if self.most is None else self.most
        first = own.states[:1] if len(own) else own.final
        if track == "other":
            if scene.other is None:
                raise BadOption("no other agent is open beside this one, so there is no track 'other'.")
            return play_trail(scene.agent.env, first, scene.other.policy.actions, most=most)
        if scene.level("strategy").missing is not None:
            raise BadOption(f"there is no track 'text': {scene.level('strategy').missing}")
        return play_trail(scene.agent.env, first, self._text_action, most=most)

    def _text_action(self, states: States) -> np.ndarray:
        """What the text does in one state.

        Raises: TextError: it breaks off there, or asks for what is illegal.
        """
        found = self.scene.level("strategy").evaluate(states)
        assert found is not None
        if found.illegal[0]:
            raise TextError("the text returns an action that is illegal in this state", int(found.lines[0]), 1)
        return found.actions

    def _index(self, episode: str) -> int:
        count = self.recording.episodes
        if episode.isascii() and episode.isdigit() and len(episode) <= 7 and int(episode) < count:
            return int(episode)
        raise BadOption(
            f"there is no episode {plain_text(episode)[:40]!r}: there are 0 to {count - 1} and the findings' witnesses."
        )
