"""What is asked of an open run about one state, one text or one part of the network: the documents behind the page."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from agentscope.contracts import ProgressCallback, States, no_progress
from agentscope.errors import BadOption
from agentscope.pipeline.running import in_one_thread
from agentscope.pipeline.watching.cards import Cards
from agentscope.pipeline.watching.changing import why_document
from agentscope.pipeline.watching.placing import place_document, place_edits
from agentscope.pipeline.watching.recording import Recording
from agentscope.pipeline.watching.scene import Scene
from agentscope.pipeline.watching.stepping import Eye, step_documents
from agentscope.pipeline.watching.trails import Trail
from agentscope.pipeline.watching.trying import Order, Trials, check_text


class Answers(ABC):
    """The half of `Watch` that answers about what a reader points at; each answer is a plain document."""

    scene: Scene
    recording: Recording
    _lock: threading.RLock

    @abstractmethod
    def state(self, episode: str, step: int, track: str = "network") -> States:
        """One state, as an array of length 1."""

    @abstractmethod
    def trail(self, episode: str, track: str = "network") -> Trail:
        """The states of an episode and what was done in them."""

    @abstractmethod
    def eye(self, episode: str, track: str) -> Eye:
        """Who looks at the states of a track."""

    @in_one_thread
    def why(self, episode: str, step: int, *, track: str = "network") -> dict[str, Any]:
        """Why the agent acts so in one step: the nearest changes that flip it, and what the best actions lead to.

        Raises: BadOption: there is no such episode, track or step.
        """
        with self._lock:
            state = self.state(episode, step, track)
            return {"episode": episode, "step": step, "track": track, **why_document(self._seen_by(track), state)}

    @in_one_thread
    def place(
        self, episode: str, step: int, *, track: str = "network", edits: Sequence[tuple[int, int]] = ()
    ) -> dict[str, Any]:
        """A state with edits (feature, value) made one after the other, and what network and text do there.

        Raises: BadOption: no such episode, track or step, the step after the last, or an edit that cannot be made.
        """
        with self._lock:
            base, trail = self.state(episode, step, track), self.trail(episode, track)
            if step == len(trail):
                raise BadOption(f"after step {step - 1} episode {episode} goes no further, so nothing is placed there.")
            placed = place_edits(self.scene.agent.env, base, edits)
            states = trail.states.copy()
            states[step : step + 1] = placed.state
            told = step_documents(self.eye(episode, track), replace(trail, states=states), step, step + 1)[0]
            if placed.edits:  # nobody has acted in this state
                told |= {"taken": told["action"], "reward": None}
            where = {"episode": episode, "step_index": step, "track": track}
            return {**where, **place_document(self._seen_by(track), base, placed, told)}

    def check_text(self, text: str) -> dict[str, Any]:
        """Whether a text is sound for this environment; it is parsed, never run."""
        return check_text(self.scene, text)

    def compare_text(
        self,
        text: str,
        *,
        episodes: int = 20,
        progress: ProgressCallback = no_progress,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> dict[str, Any]:
        """A text's figures on the exam's first episodes beside the printed text's; see `Trials.compare`.

        Raises: BadOption: no episodes, or too many.
        """
        return self._trials.compare(Order(text, episodes, progress, cancelled))

    @in_one_thread
    def concept(self, name: str) -> dict[str, Any]:
        """The card of a concept; see `Cards.concept`."""
        with self._lock:
            return self._cards.concept(name)

    @in_one_thread
    def unit(self, name: str) -> dict[str, Any]:
        """The card of a unit; see `Cards.unit`."""
        with self._lock:
            return self._cards.unit(name)

    @in_one_thread
    def function(self, point: str, name: str) -> dict[str, Any]:
        """The card of a function of a decompiled text; see `Cards.function`."""
        with self._lock:
            return self._cards.function(point, name)

    @cached_property
    def _cards(self) -> Cards:
        return Cards(self.scene, self.recording)

    @cached_property
    def _trials(self) -> Trials:
        return Trials(self.scene)

    def _seen_by(self, track: str) -> Scene:
        """The scene with the agent whose scores the track shows."""
        other = self.scene.other
        return self.scene if track != "other" or other is None else replace(self.scene, agent=other, other=None)
