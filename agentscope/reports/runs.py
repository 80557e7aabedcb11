"""Run folders: what a run leaves on disk, written block by block and never half."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from pydantic import ValidationError

from agentscope.errors import BadOption, RefusedFile, RunFolderMismatch
from agentscope.reports.building import Report, finished
from agentscope.reports.points import check_decompilation
from agentscope.reports.sanitising import Json, plain_text, to_plain
from agentscope.reports.schema import SCHEMA

REPORT_CAP = 64 * 2**20
# a point's simplified network and its text
POINT_FILES = {"close": ("simplified.zip", "decompiled.py"), "small": ("simplified-small.zip", "decompiled-small.py")}
TEXT_CAP = 8 * 2**20  # the language's limit for its longest texts


def printed(document: Json) -> str:
    """The one way in which documents are written: two spaces, floats that read back as themselves, no NaN."""
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def compact(document: Mapping[str, Any]) -> str:
    """A document that only programs read, in one line."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


def default_folder(name: str, sha256: str) -> Path:
    """`runs/<name>-<first 8 of the agent's sha256>`, the name reduced to letters, digits, dot, dash, underscore."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", plain_text(name)).strip(".-") or "agent"
    return Path("runs") / f"{plain[:80]}-{sha256[:8]}"


def read_report(folder: Path | str) -> Report:
    """report.json of a run folder, checked against the schema; a stranger's folder is as safe as ours.

    Raises:
        RunFolderMismatch: there is no report in the folder.
        RefusedFile: the file is too large, is not JSON, or does not keep the schema.
    """
    path = Path(folder) / "report.json"
    if not path.is_file():
        name = plain_text(str(folder))
        raise RunFolderMismatch(f"{name} holds no report.json. Make one with `agentscope inspect AGENT`.")
    try:
        document = read_json(path, REPORT_CAP)
        if not isinstance(document.get("why"), dict):
            raise ValueError("the document is not a report")
        report = finished(document)
        check_decompilation(report["decompilation"])
        return report
    except ValidationError as problem:
        first = problem.errors()[0]
        place = ".".join(str(step) for step in first["loc"]).replace("schema_", "schema")
        said = plain_text(f"{place}: {first['msg']}")
    except (ValueError, TypeError, RecursionError) as problem:
        said = plain_text(str(problem))
    name = plain_text(str(path))
    raise RefusedFile(f"{name} is no {SCHEMA} document ({said[:200]}). Make it again with `agentscope inspect`.")


def read_json(path: Path, cap: int) -> dict[str, Any]:
    """The JSON object in a file of at most `cap` bytes; numbers that JSON does not know are refused.

    Raises: RefusedFile: it is too large, or not UTF-8. ValueError, RecursionError: it holds something else.
    """
    document = json.loads(_read(path, cap), parse_constant=_no_constant)
    if not isinstance(document, dict):
        raise ValueError("the document is not an object of keys and values")
    return document


class RunFolder:
    """One agent's run folder; a verb replaces its own files and blocks and leaves all others as they are.

    Raises: RunFolderMismatch: the folder holds the run of another agent.
    """

    def __init__(self, path: Path | str, *, sha256: str) -> None:
        self.path = Path(path)
        self.sha256 = sha256
        self.report: Report | None = None
        if (self.path / "report.json").exists():
            self.report = read_report(self.path)
            found = self.report["agent"]["sha256"]
            if found != sha256:
                raise RunFolderMismatch(
                    f"{plain_text(str(self.path))} holds the run of another agent (sha256 {found[:8]}, this one has "
                    f"{sha256[:8]}). Choose another folder with --out, or delete this one."
                )

    def write_report(self, report: Report) -> None:
        """report.json, checked once more as it will be read."""
        self.report = finished(report)
        self.write_text("report.json", printed(self.report))

    def write_text(self, name: str, text: str) -> None:
        """A text file, whole or not at all."""
        self.write_bytes(name, text.encode("utf-8"))

    def write_arrays(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """An npz file without objects, readable with allow_pickle=False; equal arrays give equal bytes."""
        objects = [key for key in arrays if arrays[key].dtype.hasobject]
        if objects:
            raise TypeError(f"{name}: {objects[0]} holds Python objects, which a run folder never does")
        buffer = io.BytesIO()
        savez: Any = np.savez  # its stubs take an array's name for the keyword allow_pickle
        savez(buffer, **{key: arrays[key] for key in sorted(arrays)})
        self.write_bytes(name, buffer.getvalue())

    def write_rows(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """A CSV file with the keys of the first row as its head; nothing is written for no rows."""
        if not rows:
            return
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, fieldnames=list(rows[0]), extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({key: _cell(value) for key, value in to_plain(row, name, {}).items()})
        self.write_text(name, buffer.getvalue())

    def write_bytes(self, name: str, content: bytes) -> None:
        """A file of bytes, whole or not at all."""
        self.write_file(name, lambda path: path.write_bytes(content))

    def write_file(self, name: str, write: Callable[[Path], object]) -> None:
        """A file of the folder by way of a temporary one, so that a crash leaves the old or the new, never a half.

        Args:
            write: writes the file at the path that it is given, which has the same ending as `name`.
        """
        temporary = self.path / f".{secrets.token_hex(4)}.{name}"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            try:
                write(temporary)
                os.replace(temporary, self.path / name)
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as problem:
            where = plain_text(str(self.path))
            raise BadOption(f"Cannot write {name} in {where}: {problem.strerror}. Choose another --out.") from problem

    def remove(self, *patterns: str) -> None:
        """Files of the folder whose names fit: those of an earlier run of the same verb."""
        for pattern in patterns:
            for path in self.path.glob(pattern):
                path.unlink()

    def append_log(self, lines: Sequence[str]) -> None:
        """Lines at the end of log.txt, earlier runs kept."""
        path = self.path / "log.txt"
        earlier = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        self.write_text("log.txt", earlier + "".join(plain_text(line) + "\n" for line in lines))

    def read_strategy(self) -> str:
        """strategy.py of this run.

        Raises: RunFolderMismatch: there is none yet.
        """
        path = self.path / "strategy.py"
        if self.report is None or not path.is_file():
            raise RunFolderMismatch(
                f"{plain_text(str(self.path))} holds no strategy.py. Run `agentscope inspect` on this agent first, "
                "or point --out to the folder of an earlier run."
            )
        return _read(path, TEXT_CAP)

    def run_seed(self) -> int:
        """Seed of the run that is in the folder; 0 where there is none."""
        return 0 if self.report is None else int(self.report["run"]["seed"])


def _read(path: Path, cap: int) -> str:
    """A text file of at most `cap` bytes."""
    size = path.stat().st_size
    if size > cap:
        raise RefusedFile(f"{plain_text(str(path))} has {size:,} bytes; at most {cap:,} are read.")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as problem:
        raise RefusedFile(f"{plain_text(str(path))} is not UTF-8 text ({problem.reason}).") from problem


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _cell(value: Json) -> Json:
    """A value for one CSV cell; a text that a spreadsheet would run as a formula gets an apostrophe before it."""
    if isinstance(value, dict | list):
        value = json.dumps(value, sort_keys=True)
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "@") else value
