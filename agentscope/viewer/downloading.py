"""What the page saves: report.json, tables as CSV, a stretch of an episode as an animated WebP."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from flask import Flask, Response
from PIL import Image

from agentscope.drawing.animating import Film, film_webp
from agentscope.errors import BadOption, EmptySample
from agentscope.reports import printed
from agentscope.viewer.data import MOST_STEPS, Shown, read_episode, read_one_of, read_track, read_whole

Row = Mapping[str, Any]
LEVELS = ("strategy", "grounded", "program")
FILM_BYTES = 4_000_000
FORMULA = ("=", "+", "@")  # a spreadsheet would run a text that begins so


def add_routes(server: Flask, shown: Shown) -> None:
    """GET /data/report.json, /data/table.csv?name=, /data/animation?episode&track&from&to."""

    @server.get("/data/report.json")
    def report() -> Response:
        return _file(printed(dict(shown.report)), "report.json", "application/json")

    @server.get("/data/table.csv")
    def table() -> Response:
        name = read_one_of("name", tuple(TABLES))
        return _file(csv_text(TABLES[name](shown)), f"{name}.csv", "text/csv")

    @server.get("/data/animation")
    def animation() -> Response:
        episode, track = read_episode(shown), read_track()
        start, stop = read_whole("from"), read_whole("to")
        if not start < stop <= start + MOST_STEPS:
            raise BadOption(f"An animation takes 1 to {MOST_STEPS} steps, found from {start} to {stop}.")
        content = film_webp([episode_film(shown, episode, start, stop, track)], most_bytes=FILM_BYTES)
        return _file(content, f"episode-{episode}-{start}-{stop}.webp", "image/webp")


def episode_film(shown: Shown, episode: str, start: int, stop: int, track: str) -> Film:
    """A stretch of an episode: its pictures, each over what is done there."""
    document = shown.watch.steps(episode, start, stop, track=track)
    rows = document["steps"]
    pictures = [picture_array(row["picture"]) for row in rows]
    captions = [f"step {row['step']}: {shown.actions[row['taken']]}" for row in rows]
    final = document.get("final")
    if final:
        pictures.append(picture_array(final["picture"]))
        captions.append(f"the end ({final['end']})")
    if not pictures:
        raise EmptySample(f"Episode {episode} has no steps from {start} to {stop}.")
    return Film(shown.episode(episode)["title"], tuple(pictures), tuple(captions))


def picture_array(address: str) -> np.ndarray:
    """The pixels of a picture that is written as data."""
    content = base64.b64decode(address.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def csv_text(rows: Iterable[Row]) -> str:
    """Rows with the keys of the first as the head; nothing of a text is run as a formula by a spreadsheet."""
    kept = list(rows)
    if not kept:
        raise EmptySample("The table has no rows in this run.")
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(dict.fromkeys(key for row in kept for key in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in kept)
    return buffer.getvalue()


def step_rows(shown: Shown, episode: str, track: str) -> Iterator[Row]:
    """Every step of an episode with what the network and each text do, without the pictures."""
    start = 0
    while True:
        steps = shown.watch.steps(episode, start, start + MOST_STEPS, track=track)["steps"]
        for row in steps:
            yield _step_cells(row, shown)
        if len(steps) < MOST_STEPS:
            return
        start += MOST_STEPS


def probe_rows(shown: Shown) -> Iterator[Row]:
    """A row for each concept and layer, with every control."""
    for row in shown.report["primitives"] or []:
        for layer in row.get("layers") or []:
            figures = {key: value for key, value in layer.items() if not isinstance(value, list | dict)}
            yield {"concept": row["concept"], "kind": row["kind"], "metric": row["metric"], **figures}


def _step_cells(row: Row, shown: Shown) -> Row:
    cells = {key: row[key] for key in ("step", "action", "taken", "reward", "return", "value", "gap", "near_tie")}
    cells |= {f"{key}_name": shown.actions[row[key]] for key in ("action", "taken")}
    for name in LEVELS:
        text = (row.get("levels") or {}).get(name)
        if text:
            cells |= {f"{name}_{key}": text[key] for key in ("action", "same", "regret", "line")}
    scores = zip(shown.actions, row["scores"], strict=True)
    return cells | {f"score {name}": score for name, score in scores}


def _steps(shown: Shown) -> Iterator[Row]:
    return step_rows(shown, read_episode(shown), read_track())


def _episodes(shown: Shown) -> Iterable[Row]:
    return shown.document["episodes"]


TABLES: Mapping[str, Callable[[Shown], Iterable[Row]]] = {
    "episodes": _episodes, "probes": probe_rows, "steps": _steps,
}  # fmt: skip


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        value = json.dumps(value, sort_keys=True)
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _file(content: str | bytes, name: str, mimetype: str) -> Response:
    response = Response(content, mimetype=mimetype)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
