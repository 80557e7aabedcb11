"""Pages in Debian's Chromium: a request that would leave the machine is stopped and fails the test, like any error.

Without Chromium the tests are skipped with the line that installs it, but fail where `CI` is true: a run that checks
nothing must not look like one that passed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Route, sync_playwright

INSTALL = "apt-get install -y --no-install-recommends chromium fonts-dejavu-core"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
LOCAL_SCHEMES = ("file", "data", "blob", "about")
LOCAL_HOSTS = ("127.0.0.1", "localhost")
PATIENCE = 20_000  # milliseconds that a page may take on a loaded machine: no test asserts a time


@dataclass
class Visit:
    """A page and what went wrong on it.

    Attributes:
        outside: addresses of requests that would have left the machine; each was stopped.
        errors: uncaught errors of scripts, and what the console calls errors (broken security policy, failed loads).
    """

    page: Page
    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def follow(self, route: Route, request: Request) -> None:
        """Let a request through if it stays on this machine."""
        if is_local(request.url):
            route.continue_()
        else:
            self.outside.append(request.url)
            route.abort()

    def hear(self, message: ConsoleMessage) -> None:
        """Keep what the console calls an error."""
        if message.type == "error":
            self.errors.append(message.text)


def chromium_path() -> str | None:
    """The browser of $AGENTSCOPE_CHROMIUM, else the system's."""
    named = os.environ.get("AGENTSCOPE_CHROMIUM")
    return named or next((found for name in NAMES if (found := shutil.which(name))), None)


def is_local(address: str) -> bool:
    """Whether a request stays on this machine."""
    parts = urlsplit(address)
    return parts.scheme in LOCAL_SCHEMES or (parts.scheme in ("http", "ws") and parts.hostname in LOCAL_HOSTS)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of a worker."""
    path = chromium_path()
    if path is None:
        told = f"there is no Chromium for the browser tests: {INSTALL} (or set AGENTSCOPE_CHROMIUM)"
        if os.environ.get("CI") == "true":
            pytest.fail(told)
        pytest.skip(told)
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield started
        started.close()


class Visits:
    """The pages that one test opens, each in a context of its own.

    `visits(address, width=1280, height=900, scheme="light")` gives the page; what went wrong is kept to the test's end.
    """

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.opened: list[Visit] = []

    def __call__(
        self, address: str, *, width: int = 1280, height: int = 900, scheme: Literal["light", "dark"] = "light"
    ) -> Page:
        context = self.browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
        )
        context.set_default_timeout(PATIENCE)
        visit = Visit(context.new_page())
        self.opened.append(visit)
        context.route("**/*", visit.follow)
        visit.page.on("pageerror", lambda problem: visit.errors.append(str(problem)))
        visit.page.on("console", visit.hear)
        visit.page.goto(address)
        return visit.page

    @property
    def outside(self) -> list[str]:
        """Requests of all pages that would have left the machine."""
        return [address for visit in self.opened for address in visit.outside]

    @property
    def errors(self) -> list[str]:
        """Errors of all pages."""
        return [error for visit in self.opened for error in visit.errors]

    def close(self) -> None:
        for visit in self.opened:
            visit.page.context.close()


@pytest.fixture
def bare_visits(browser: Browser) -> Iterator[Visits]:
    """Pages whose errors the test looks at itself."""
    visits = Visits(browser)
    yield visits
    visits.close()


@pytest.fixture
def visits(bare_visits: Visits) -> Iterator[Visits]:
    """Pages on which nothing may go wrong: no request leaves the machine, no script fails."""
    yield bare_visits
    assert bare_visits.outside == [], "requests that would have left the machine"
    assert bare_visits.errors == [], "errors on the page"
