"""A page with the viewer on it, and what tests look at there."""

from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.browser import PATIENCE, Visits
from tests.drawing.watch_document import LENGTHS, picture, write_page


def opened(visits: Visits, folder: Path, link: str = "", *, served: bool = False, width: int = 1280) -> Page:
    page = visits(write_page(folder, served=served) + link, width=width)
    expect(badge(page)).not_to_be_empty()
    return page


def badge(page: Page) -> Locator:
    return page.locator(".as-badge").first


def counter(page: Page) -> Locator:
    return page.locator(".as-counter")


def until(page: Page, told: str) -> None:
    """Wait until an expression is true; Playwright's own way to wait needs `eval`, which the policy forbids."""
    for _ in range(PATIENCE // 20):
        if page.evaluate(told):
            return
        page.wait_for_timeout(20)
    raise AssertionError(f"never true: {told}")


def at(page: Page, step: int, length: int = LENGTHS["0"]) -> None:
    """The counter, the slider and the picture are at this step."""
    expect(counter(page)).to_have_text(f"step {step} of {length}")
    expect(page.locator(".as-slider")).to_have_value(str(step))
    expect(page.locator(".as-frame img").first).to_have_attribute("src", picture(step))
