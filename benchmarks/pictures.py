"""The pictures of the page in docs/: every tab in both themes, the phone, the report, and a replay as an animation.

`python -m benchmarks.pictures [NAME...]` writes docs/pictures/view-*.png and view-replay.webp, from runs that it
makes in benchmarks/runs/view where they are missing (about ten minutes).
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.viewing import VERBS, make_run, viewed
from tests.browser import ARGUMENTS, chromium_path

FOLDER = Path("docs/pictures")
RUNS = {
    "tetris-dqn": VERBS,
    "keydoor-ppo": (("inspect",), ("decompile",), ("audit",), ("probe", "--concept", "has_key")),
    "f2-supervisor5-dqn-2100": (("inspect",), ("audit",)),
}
REST = 2_500  # milliseconds until plots and reasons are there
FRAMES, A_FRAME, WIDE = 28, 420, 860  # of the replay: frames, milliseconds, pixels
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


@dataclass(frozen=True)
class Picture:
    """One view of the page of one agent's run."""

    name: str
    agent: str
    query: str
    width: int = 1280
    height: int = 1000


PICTURES = (
    Picture("watch", "tetris-dqn", "?tab=watch&episode=0&step=120"),
    Picture("beside", "keydoor-ppo", "?tab=watch&episode=1&step=7&beside=text"),
    Picture("primitives", "keydoor-ppo", "?tab=primitives&concept=cell_ahead&unit=hidden_1%5B39%5D"),
    Picture("program", "keydoor-ppo", "?tab=program"),
    Picture("function", "tetris-dqn", "?tab=program&point=small&function=score_turn3"),
    Picture("findings", "f2-supervisor5-dqn-2100", "?tab=findings"),
    Picture("frontier", "tetris-dqn", "?tab=frontier"),
    Picture("fidelity", "keydoor-ppo", "?tab=fidelity"),
    Picture("try", "tetris-dqn", "?tab=try&episode=0&step=120"),
    Picture("phone", "keydoor-ppo", "?tab=watch&episode=1&step=7", 390, 844),
)


def rest(page: Page) -> None:
    """Until nothing is fetched or drawn any more."""
    page.wait_for_selector("#watch .as-frame img[src]", state="attached")
    page.wait_for_load_state("networkidle")
    while page.evaluate("document.querySelector('#watch[aria-busy], #watch [aria-busy]') !== null"):
        page.wait_for_timeout(50)
    page.wait_for_timeout(REST)


def shoot(page: Page, address: str) -> bytes:
    """The page at rest, as PNG of few colours: half the bytes, and no eye sees it."""
    page.goto(address)
    rest(page)
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    buffer = io.BytesIO()
    image.quantize(192, dither=Image.Dither.NONE).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def draw(browser: Browser, picture: Picture, address: str) -> None:
    """One picture in both themes."""
    for theme in THEMES:
        context = browser.new_context(
            viewport={"width": picture.width, "height": picture.height}, color_scheme=theme, reduced_motion="reduce"
        )
        content = shoot(context.new_page(), address + picture.query)
        (FOLDER / f"view-{picture.name}-{theme}.png").write_bytes(content)
        context.close()


def replay(browser: Browser, address: str) -> None:
    """A replay as the page shows it: the arrow pressed again and again, a frame each."""
    page = browser.new_page(viewport={"width": 1280, "height": 860}, reduced_motion="reduce")
    page.goto(f"{address}?tab=watch&episode=0&step=150")
    rest(page)
    frames = []
    for _ in range(FRAMES):
        shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        frames.append(shot.resize((WIDE, round(shot.height * WIDE / shot.width)), Image.Resampling.LANCZOS))
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(A_FRAME)
    frames[0].save(FOLDER / "view-replay.webp", format="WEBP", save_all=True, append_images=frames[1:],
                   duration=A_FRAME, loop=0, quality=60, method=5)  # fmt: skip
    page.close()


def main(names: Sequence[str]) -> None:
    """The named pictures, all when none is named."""
    wanted = [picture for picture in PICTURES if not names or picture.name in names]
    for agent, verbs in RUNS.items():
        own = [picture for picture in wanted if picture.agent == agent]
        filmed = agent == "tetris-dqn" and (not names or "replay" in names)
        if not own and not filmed:
            continue
        with viewed(make_run(agent, verbs)) as (address, _), sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=chromium_path(), args=list(ARGUMENTS))
            for picture in own:
                draw(browser, picture, address)
                print(picture.name, flush=True)
            if filmed:
                replay(browser, address)
                print("replay", flush=True)
            browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
