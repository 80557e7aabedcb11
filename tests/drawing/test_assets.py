"""The viewer's files are all in it, once, in a form that fits into a page."""

import re
from importlib import resources

from agentscope.drawing.assets import SCRIPTS, STYLES, viewer_script, viewer_style
from agentscope.drawing.theme import DARK, LIGHT

FOLDER = resources.files("agentscope.drawing") / "page"


def test_every_file_of_the_folder_is_in_the_script_or_the_style() -> None:
    names = {entry.name for entry in FOLDER.iterdir() if entry.name.endswith((".js", ".css"))}
    assert names == {*SCRIPTS, *STYLES}
    assert len(SCRIPTS) == len(set(SCRIPTS))
    for name in SCRIPTS:
        assert (FOLDER / name).read_text(encoding="utf-8") in viewer_script()


def test_the_script_is_strict_and_fits_into_a_script_element() -> None:
    script = viewer_script()
    assert script.startswith('(function () {\n"use strict";\n')
    assert "</script" not in script.lower()
    assert "<!--" not in script


def test_the_script_makes_no_markup_but_of_the_coloured_lines_and_runs_no_text() -> None:
    script = viewer_script()
    assert re.findall(r".*(?:innerHTML|outerHTML|insertAdjacentHTML|document\.write).*", script) == [
        "    code.innerHTML = html; // coloured and escaped by the server"
    ]
    assert not re.search(r"\beval\(|new Function|setAttribute\(\"(?:style|on)", script)


def test_the_style_asks_for_nothing_and_names_only_colours_that_there_are() -> None:
    style = viewer_style()
    assert "url(" not in style
    assert "@import" not in style
    used = set(re.findall(r"var\(--([a-z]+)\)", style))
    assert used <= set(LIGHT)
    assert set(LIGHT) == set(DARK)


def test_files_are_short_enough_to_be_read() -> None:
    lengths = {name: len((FOLDER / name).read_text(encoding="utf-8").splitlines()) for name in (*SCRIPTS, *STYLES)}
    assert max(lengths.values()) <= 300
