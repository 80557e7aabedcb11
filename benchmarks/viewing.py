"""The page in a browser: how long a run takes to open, how long a key takes to show its step, how large the report is.

The run is the shipped Tetris DQN's: inspected, audited, decompiled with the quick budget into `benchmarks/runs/view`,
where it stays for the next time; `python -m benchmarks.viewing RUN` measures another.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser import ARGUMENTS, chromium_path

AGENT = "tetris-dqn"
VERBS = (("inspect",), ("audit",), ("decompile", "--states", "2000"))
RUNS = Path("benchmarks/runs/view")
PRESSES = 50
KEY_BAR, OPEN_BAR, REPORT_BAR = 150, 3.0, 8.0  # milliseconds, seconds, megabytes

# From the key to the frame in which the counter tells its step and nothing is waited for
LISTEN = """() => {
  window.timed = [];
  const counter = document.querySelector("#watch .as-counter");
  document.addEventListener("keydown", () => {
    const began = performance.now();
    const before = counter.textContent;
    const look = () => {
      const there = counter.textContent !== before && !document.querySelector("#watch[aria-busy], #watch [aria-busy]");
      if (there) requestAnimationFrame(() => window.timed.push(performance.now() - began));
      else requestAnimationFrame(look);
    };
    look();
  }, true);
}"""


def make_run(agent: str = AGENT, verbs: Sequence[Sequence[str]] = VERBS) -> Path:
    """A run folder of a shipped agent, made where it is missing: that of the Tetris DQN takes about six minutes."""
    folder, done = RUNS / agent, RUNS / f"{agent}.done"
    if not done.exists():
        for verb, *options in verbs:
            command = [sys.executable, "-m", "agentscope", verb, agent, *options, "--out", str(folder), "--quiet"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        done.touch()
    return folder


@contextmanager
def viewed(run: Path) -> Iterator[tuple[str, float]]:
    """`agentscope view`, and the seconds from the command to its address."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "agentscope", "view", str(run), "--port", "0", "--no-open", "--quiet"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip(), time.perf_counter() - began
    finally:
        process.terminate()
        process.wait()


def time_keys(page: Page, steps: int) -> list[float]:
    """Milliseconds of each press of an arrow, one after the other: on to the end of the episode, and back.

    Raises: TimeoutError: a press shows nothing for ten seconds.
    """
    page.evaluate(LISTEN)
    for number in range(PRESSES):
        page.keyboard.press("ArrowLeft" if number // steps % 2 else "ArrowRight")
        waited = 0
        while page.evaluate("window.timed.length") <= number:
            page.wait_for_timeout(5)
            waited += 1
            if waited > 2_000:
                raise TimeoutError(f"press {number + 1} shows no step")
    return [float(each) for each in page.evaluate("window.timed")]


def rows(run: Path | None = None) -> Iterator[str]:
    """Opening, keys, jumps, size."""
    folder = run or make_run()
    with viewed(folder) as (address, command), sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium_path(), args=list(ARGUMENTS))
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        began = time.perf_counter()
        page.goto(address)
        page.wait_for_selector("#watch .as-frame img")
        opened = time.perf_counter() - began
        document = page.request.get(f"{address}data/run").json()
        steps = sum(row["steps"] for row in document["episodes"])
        yield f"{steps:,} steps: from the command to the address          {command:6.2f} s"
        yield f"{steps:,} steps: from the address to the first board      {opened:6.2f} s   (bar {OPEN_BAR} s)"
        keys = time_keys(page, int(document["episodes"][0]["steps"]))
        yield (f"key press to painted step, median of {len(keys)}            {statistics.median(keys):6.1f} ms   "
               f"(bar {KEY_BAR} ms; slowest {max(keys):.1f} ms)")  # fmt: skip
        yield from _fetches(page, address)
        browser.close()
    size = (folder / "report.html").stat().st_size / 1e6
    yield f"report.html                                           {size:6.2f} MB   (bar {REPORT_BAR} MB)"


def _fetches(page: Page, address: str) -> Iterator[str]:
    """64 steps of the server in one request, beside 64 requests of one step."""

    def seconds(pieces: list[tuple[int, int]]) -> float:
        began = time.perf_counter()
        for start, stop in pieces:
            page.request.get(f"{address}data/steps?episode=1&from={start}&to={stop}&track=network")
        return time.perf_counter() - began

    seconds([(0, 1)])
    one, many = seconds([(0, 64)]), seconds([(at, at + 1) for at in range(64)])
    yield f"64 steps in one request                             {one * 1e3:6.0f} ms   (64 requests {many / one:.1f} x)"


if __name__ == "__main__":
    for row in rows(Path(sys.argv[1]) if len(sys.argv) > 1 else None):
        print(row, flush=True)
