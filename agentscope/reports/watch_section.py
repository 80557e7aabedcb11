"""Watch in the report: episodes to step through offline, embedded as inert JSON beside the viewer's own script.

The pipeline leaves them in `watch.json`. A stranger's folder is as safe as ours: the file is held against its schema,
its texts are coloured here from plain lines, and of its pictures only PNG data stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ValidationError

from agentscope.drawing.assets import viewer_script, viewer_style
from agentscope.errors import RefusedFile
from agentscope.reports.figures import Row
from agentscope.reports.markup import coloured, escaped
from agentscope.reports.runs import RunFolder, read_json
from agentscope.reports.sanitising import Json, plain_text
from agentscope.reports.schema import Part

WATCH_FILE = "watch.json"
WATCH_CAP = 8 * 2**20
PICTURE = re.compile(r"data:image/png;base64,[A-Za-z0-9+/]+={0,2}")
MOST_COLOURED = 600  # lines of a text; a longer one, as decompilations are, stays plain, or the page would swell
MOUNT = """\
(function () {
  var held = JSON.parse(document.getElementById("watch-data").textContent);
  AgentScope.mount(document.getElementById("viewer"), AgentScope.embeddedSource(held), {embedded: true});
  document.addEventListener("click", function (event) {
    var link = event.target.closest ? event.target.closest("a.watch-link") : null;
    if (!link) return;
    event.preventDefault();
    AgentScope.goTo({episode: link.getAttribute("data-episode"), step: 0});
    document.getElementById("watch").scrollIntoView();
  });
})();
"""


class LevelText(Part):
    """One level of zoom: its text line by line, or why there is none."""

    key: str
    title: str
    lines: list[str] | None = None


class EpisodePart(Part):
    """One episode in the list."""

    episode: str
    title: str
    steps: int


class BookmarkPart(Part):
    """One step that is worth a look."""

    kind: str
    episode: str
    step: int
    label: str


class WatchedAgent(Part):
    """Whose decisions they are."""

    name: str
    sha256: str


class WatchRun(Part):
    """The run document, with the episodes that are embedded."""

    schema_: Literal["agentscope/watch/1"]
    agent: WatchedAgent
    environment: Row
    actions: list[str]
    levels: list[LevelText]
    episodes: list[EpisodePart]
    bookmarks: list[BookmarkPart]


class StepPart(Part):
    """One decision."""

    step: int
    picture: str | None
    action: int
    scores: list[float | None]


class StepsPart(Part):
    """The steps of one episode on one track."""

    episode: str
    track: str
    steps: list[StepPart]


class WatchFile(Part):
    """The whole of watch.json."""

    run: WatchRun
    steps: dict[str, StepsPart]
    tracks: dict[str, dict[str, dict[str, Any]]] | None = None
    why: dict[str, dict[str, Any]] | None = None


@dataclass(frozen=True)
class Watched:
    """What a report has to step through.

    Attributes:
        document: the sound content of watch.json; None where there is none.
        why: reason by part of the report, where there is none.
    """

    document: Json | None = None
    why: Mapping[str, str] = field(default_factory=dict)

    @property
    def episodes(self) -> frozenset[str]:
        """Keys of the episodes that are embedded."""
        return frozenset() if self.document is None else frozenset(self.document["steps"])


@dataclass(frozen=True)
class WatchParts:
    """What Watch adds to a page; all of it empty where there is nothing to step through."""

    html: str = ""
    script: str = ""
    style: str = ""


NO_WATCH = Watched(None, {"watch": "no episode was kept to step through: run `agentscope inspect`"})


def read_watch(folder: RunFolder, report: Row) -> Watched:
    """The embedded episodes of a run folder, made fit for a page; what is not sound is left out, with the reason."""
    path = folder.path / WATCH_FILE
    if not path.is_file():
        return NO_WATCH
    try:
        document = read_json(path, WATCH_CAP)
        run = document.get("run")
        if not isinstance(run, dict) or "schema" not in run:
            raise ValueError("it holds no run document")
        renamed = {("schema_" if key == "schema" else key): value for key, value in run.items()}
        WatchFile.model_validate({**document, "run": renamed})
        sound = _sound({key: document[key] for key in ("run", "steps", "tracks", "why") if key in document})
    except ValidationError as problem:
        first = problem.errors()[0]
        return _refused(f"{'.'.join(str(step) for step in first['loc'])}: {first['msg']}")
    except (RefusedFile, ValueError, TypeError, RecursionError) as problem:
        return _refused(str(problem))
    if run["agent"]["sha256"] != report["agent"]["sha256"]:
        return _refused("it belongs to another agent")
    return Watched(_of_this_audit(sound, report))


def watch_parts(watched: Watched) -> WatchParts:
    """Section, script and style of the viewer; the document itself lies in the page as inert JSON, id `watch-data`."""
    if watched.document is None:
        return WatchParts()
    script = f"{viewer_script()}\n{MOUNT}"
    assert "</script" not in script.lower() and "<!--" not in script, "our own script would end its element"
    count = len(watched.document["steps"])
    note = f"{count} episodes are in this file; `agentscope view` with the run folder shows all."
    html = (
        f"<section id=watch class=watch><h2>Watch</h2><p class=note>{escaped(note)}</p><div id=viewer></div>"
        "<noscript><p>Stepping through episodes takes JavaScript, which is off here.</p></noscript></section>"
    )
    return WatchParts(html, script, viewer_style())


def _of_this_audit(document: Json, report: Row) -> Json:
    """The document without witnesses of an earlier audit: those that the report's findings do not play so."""
    stale = {key for key, part in document["steps"].items() if key.startswith("finding-")} - set(
        _played(document, report)
    )
    if not stale:
        return document
    run = document["run"]
    kept = {name: [row for row in run[name] if row["episode"] not in stale] for name in ("episodes", "bookmarks")}
    why = {place: part for place, part in (document.get("why") or {}).items() if place.rpartition("/")[0] not in stale}
    steps = {key: part for key, part in document["steps"].items() if key not in stale}
    return {**document, "run": {**run, **kept}, "steps": steps, "why": why}


def _played(document: Json, report: Row) -> Iterator[str]:
    """Keys of the embedded witnesses whose actions are those that the report recorded."""
    for number, finding in enumerate(report["findings"] or [], start=1):
        for index, witness in enumerate(finding["witnesses"], start=1):
            for side in ("plain", "shown"):
                key = f"finding-{number}.{index}-{side}"
                recorded = witness[side].get("actions") if isinstance(witness.get(side), Mapping) else None
                if key in document["steps"] and isinstance(recorded, list):
                    actions = [step["action"] for step in document["steps"][key]["steps"]]
                    if actions == recorded[: len(actions)]:  # a long one is embedded in part
                        yield key


def _refused(said: str) -> Watched:
    return Watched(None, {"watch": f"{WATCH_FILE} is not sound: {plain_text(said)[:200]}"})


def _sound(value: Json, key: str = "") -> Json:
    """The document with plain strings only: texts coloured here, pictures PNG data or none."""
    if isinstance(value, str):
        if key == "picture" or value[:5].lower() == "data:":
            return value if PICTURE.fullmatch(value) else None
        return plain_text(value)
    if isinstance(value, list):
        if key == "lines" and all(isinstance(line, str) for line in value):
            return _shown_lines(value)
        return [_sound(item, key) for item in value]
    if isinstance(value, dict):
        return {plain_text(name): _sound(item, name) for name, item in value.items()}
    return value


def _shown_lines(lines: list[str]) -> list[str]:
    """Each line as HTML of its own."""
    plain = [plain_text(line) for line in lines]
    return coloured(plain) if len(plain) <= MOST_COLOURED else [escaped(line) for line in plain]
