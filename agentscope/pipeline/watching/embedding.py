"""What of a run the report carries with it, to be watched offline: a few episodes within a budget of bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool

from agentscope.pipeline.watching.bookmarking import bookmarks_of
from agentscope.pipeline.watching.changing import why_document
from agentscope.pipeline.watching.levels import Level
from agentscope.pipeline.watching.recording import OVER
from agentscope.pipeline.watching.running import Watch
from agentscope.pipeline.watching.stepping import final_document, step_documents

MOST_BYTES = 2_500_000
MOST_STEPS = 150  # of an episode: a longer one is embedded to there, and says so
MOST_TEXT = 60_000  # bytes of a program's text: decompilations may be longer than all else together
MOST_WHY = 40  # steps that explain themselves
A_KIND = 8  # bookmarks of each kind
FINDINGS = 3  # whose first witness is embedded
Document = dict[str, Any]


def embedded(watch: Watch, *, most_bytes: int = MOST_BYTES) -> Document:
    """The embedded document: run, steps, tracks and why, with the texts' lines plain, since the page colours them.

    Episodes come in a fixed order, and the last that would not fit are left out: the same run gives the same bytes.
    """
    budget = _Budget(most_bytes)
    document: Document = {"run": {}, "steps": {}, "tracks": {"text": {}}, "why": {}}
    budget.take(_run(watch, {}))
    for key in _episodes(watch):
        if key in document["steps"]:
            continue
        part = _steps(watch, key)
        if budget.take(part):
            document["steps"][key] = part
        if key == "0" and watch.scene.level("strategy").missing is None:
            beside = {"beside": watch.beside(key, "text"), "steps": _steps(watch, key, "text")}
            if budget.take(beside):
                document["tracks"]["text"][key] = _cut_beside(beside)
    document["run"] = _run(watch, document["steps"])
    for bookmark in document["run"]["bookmarks"]:
        place = f"{bookmark['episode']}/{bookmark['step']}"
        if place in document["why"]:
            continue
        state = watch.state(bookmark["episode"], bookmark["step"])
        where = {"episode": bookmark["episode"], "step": bookmark["step"], "track": "network"}
        said = where | why_document(watch.scene, state)
        if len(document["why"]) == MOST_WHY or not budget.take(said):
            break
        document["why"][place] = said
    return document


class _Budget:
    """Bytes that are left."""

    def __init__(self, most: int) -> None:
        self.left = most

    def take(self, part: Document) -> bool:
        """Whether a part still fits; if so its bytes are spent."""
        size = len(json.dumps(part, ensure_ascii=False, separators=(",", ":")).encode())
        fits = size <= self.left
        self.left -= size if fits else 0
        return fits


def _episodes(watch: Watch) -> Iterator[str]:
    """Keys of what one wants to see first: the first episode, the costliest disagreement, a death, a short one."""
    recording = watch.recording
    yield "0"
    within = _within(watch, {str(episode): MOST_STEPS for episode in range(recording.episodes)})
    rows = np.flatnonzero(~recording.same & within)
    if len(rows):
        yield str(int(recording.episode[rows[np.argmax(recording.regret[rows])]]))
    died = np.flatnonzero((recording.end == OVER) & (recording.success <= 0) & (recording.lengths <= MOST_STEPS))
    if len(died):
        yield str(int(died[np.argmin(recording.returns[died])]))
    for number in range(1, FINDINGS + 1):
        yield from (key for side in ("plain", "shown") if (key := f"finding-{number}.1-{side}") in watch.witnesses)
    parted = np.unique(recording.episode[~recording.same])
    if len(parted):
        yield str(int(parted[np.argmin(recording.lengths[parted])]))


def _steps(watch: Watch, key: str, track: str = "network") -> Document:
    """The steps of an episode, of a long one the first; what follows the last is there as for any other."""
    trail, eye = watch.trail(key, track).first(MOST_STEPS), watch.eye(key, track)
    steps = step_documents(eye, trail, 0, len(trail))
    return {"episode": key, "track": track, "from": 0, "steps": steps, "final": final_document(eye, trail)}


def _within(watch: Watch, embedded_steps: Mapping[str, int]) -> Bool[np.ndarray, "decisions"]:
    """Which decisions of the recording are embedded."""
    recording = watch.recording
    found = np.zeros(len(recording), dtype=bool)
    for key, steps in embedded_steps.items():
        if key.isdigit():
            rows = recording.rows(int(key))
            found[rows.start : min(rows.stop, rows.start + steps)] = True
    return found


def _run(watch: Watch, steps: Mapping[str, Document]) -> Document:
    """The run document of the embedded episodes alone."""
    lengths = {key: len(part["steps"]) for key, part in steps.items()}
    document = watch.document()
    whole = {row["episode"]: row for row in document["episodes"]}
    witnesses = {key: trail for key, trail in watch.witnesses.items() if key in steps}
    lines = watch.scene.level("strategy").text.splitlines()
    marks = bookmarks_of(watch.recording, watch.scene.agent.env, lines, witnesses, _within(watch, lengths))
    kept = [mark for mark in marks if mark.episode in steps and mark.step < lengths[mark.episode]]
    counts = {mark.kind: 0 for mark in kept}
    bookmarks = []
    for mark in kept:
        counts[mark.kind] += 1
        bookmarks += [mark.to_json()] if counts[mark.kind] <= A_KIND else []
    levels = [document["levels"][0], *(_plain(level) for level in watch.scene.levels)]
    why = {**document["why"], "episodes": "the report holds a few episodes: `agentscope view` shows all of the run's"}
    return {
        **document, "levels": levels, "bookmarks": bookmarks, "why": why,
        "episodes": [_cut(whole[key], lengths[key]) for key in steps],
    }  # fmt: skip


def _plain(level: Level) -> Document:
    """A level with its lines as they are, for whoever colours them; a long program without them."""
    said = level.to_json()
    if len(level.text.encode()) > MOST_TEXT:
        reason = f"the text has {len(said['lines']):,} lines: it lies beside the report, and `agentscope view` shows it"
        return {**said, "lines": [], "functions": [], "why": reason}
    return {**said, "lines": level.text.rstrip("\n").split("\n") if level.text else []}


def _cut(row: Document, steps: int) -> Document:
    """An episode's row, as far as it is embedded."""
    if steps == row["steps"]:
        return row
    return {**row, "title": f"{row['title']}, first {steps} of {row['steps']} steps", "steps": steps, "end": "cut"}


def _cut_beside(part: Document) -> Document:
    steps = len(part["steps"]["steps"])
    if steps == part["beside"]["steps"]:
        return part
    return {**part, "beside": {**part["beside"], "steps": steps, "end": "cut", "cut": True}}
