"""The guard of the browser tests bites: what leaves the machine and what fails on a page is seen."""

from pathlib import Path

from tests.browser import Visits, is_local

BAD = """<!doctype html><title>bad</title><img src="http://192.0.2.1/x.png"><script>undefined.call()</script>"""
GOOD = """<!doctype html><title>good</title><p id=told>plain</p><script>told.textContent = "scripted"</script>"""


def test_what_leaves_the_machine_is_stopped_and_what_fails_is_heard(bare_visits: Visits, tmp_path: Path) -> None:
    file = tmp_path / "bad.html"
    file.write_text(BAD)
    page = bare_visits(file.as_uri())
    page.wait_for_load_state("load")
    assert bare_visits.outside == ["http://192.0.2.1/x.png"]
    assert any("undefined" in error for error in bare_visits.errors)


def test_a_page_that_asks_nothing_passes(visits: Visits, tmp_path: Path) -> None:
    file = tmp_path / "good.html"
    file.write_text(GOOD)
    assert visits(file.as_uri()).text_content("#told") == "scripted"


def test_what_is_local() -> None:
    assert is_local("http://127.0.0.1:8050/data/run")
    assert is_local("file:///report.html")
    assert is_local("data:image/png;base64,AA")
    assert not is_local("https://127.0.0.1.example.org/")
    assert not is_local("http://example.org/127.0.0.1")
