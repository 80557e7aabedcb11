"""The slowest hostile file and text of the test suite, in seconds: each is refused or read within its caps."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from agentscope.agents import describe_zip, load_network
from agentscope.errors import AgentScopeError
from agentscope.language import parse, vocabulary_of
from agentscope_envs import Tetris
from tests.agents.little_models import make_model
from tests.agents.test_hostile_zips import members_of, mutations, raw_blob, with_data
from tests.language.test_hostile import TEXTS

BAR = 1.0  # seconds that the slowest may take


def slowest(work: Callable[[Any], Any], items: Sequence[Any]) -> tuple[float, int]:
    """Seconds of the slowest item and its place; each must end in an error of ours or in a result."""
    seconds = []
    for item in items:
        started = time.perf_counter()
        with suppress(AgentScopeError):  # a refusal is the expected end; anything else would stop the benchmark
            work(item)
        seconds.append(time.perf_counter() - started)
    return max(seconds), seconds.index(max(seconds))


def crowded(path: Path) -> list[bytes]:
    """Files that ask for as much work as the caps allow: opcodes, tables and names in sixty blobs each."""
    programs = (
        b"\x80\x02" + b"N0" * 19_000 + b"N.",
        b"\x80\x02(" + b"}" * 39_990 + b"t.",
        b"\x80\x02(" + b"".join(b"cos\ns%d\n" % number for number in range(6_000)) + b"t.",
    )
    return [
        with_data(path, lambda data, program=program: data.update({f"k{i}": raw_blob(program) for i in range(60)}))
        for program in programs
    ]


def rows() -> Iterator[str]:
    """The slowest of each kind beside the bar."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dqn.zip"
        make_model("DQN", "float").save(path)
        load_network(path)  # imports torch before the clock runs
        zips = [*mutations(path.read_bytes(), members_of(path), 200), *crowded(path)]
        for name, work in (("load", load_network), ("check", describe_zip)):
            seconds, place = slowest(work, zips)
            yield f"slowest of {len(zips)} hostile zips under {name:6s} {seconds:8.3f} s (number {place}; bar {BAR} s)"
    vocabulary = vocabulary_of(Tetris())
    seconds, place = slowest(lambda text: parse(text, vocabulary), TEXTS)
    yield f"slowest of {len(TEXTS)} hostile texts              {seconds:8.3f} s (number {place}; bar {BAR} s)"
