"""The viewer over a source that answers late and takes edits: what it asks for, what it drops, and the editor."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import Visits
from tests.drawing.viewing import at, badge, counter, opened, until


@pytest.fixture
def served(visits: Visits, tmp_path: Path) -> Page:
    """The viewer beside the editor, at its first step."""
    return opened(visits, tmp_path, served=True)


def test_steps_are_asked_for_once_in_chunks_and_ahead(served: Page) -> None:
    for _ in range(15):
        served.keyboard.press("ArrowRight")
    at(served, 15)
    until(served, "asked.filter((each) => each[0] === 'steps').length === 2")
    assert served.evaluate("asked.filter((each) => each[0] === 'steps')") == [
        ["steps", "0", 0, 32, "network"], ["steps", "0", 32, 64, "network"],
    ]  # fmt: skip


def test_a_cached_step_is_drawn_before_the_key_press_returns(served: Page) -> None:
    told = served.evaluate("""() => {
      document.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight", bubbles: true}));
      return [document.querySelector(".as-counter").textContent, document.querySelector(".as-frame img").alt];
    }""")
    assert told == ["step 1 of 100", "step 1"]


def test_reasons_of_a_step_that_was_left_are_not_shown(served: Page) -> None:
    for _ in range(5):
        served.keyboard.press("ArrowRight")
    expect(served.locator(".as-why .as-note").first).to_have_text("5 single changes searched.")
    assert served.evaluate("asked.filter((each) => each[0] === 'why' && each[2] === 4).length") == 0


def test_every_control_has_a_name(served: Page) -> None:
    nameless = served.evaluate("""() => [...document.querySelectorAll("button, select, input")].filter((control) =>
      !control.textContent.trim() && !control.getAttribute("aria-label") && !control.labels?.length).length""")
    assert nameless == 0


def test_a_cell_is_edited_undone_and_reset(served: Page) -> None:
    editor = served.locator("#editor")
    decisions = editor.locator(".as-decisions dd")
    expect(decisions.first).to_have_text("north (as before)")
    editor.locator("[data-cell='1,2']").click()
    expect(decisions.first).to_have_text("north → east")
    expect(editor.locator(".as-changed li")).to_have_text(["distance(): 0 → 100"])
    editor.locator("[data-cell='0,0']").click()
    editor.get_by_role("button", name="cell(0,0) = 2", exact=True).click()
    expect(editor.locator(".as-made")).to_have_text("Changed: cell 6 = 1; cell 0 = 2.")
    editor.get_by_label("piece").select_option("3")
    assert served.evaluate("asked.filter((each) => each[0] === 'place').pop()[3]") == "[[6,1],[0,2],[12,3]]"
    editor.get_by_role("button", name="Undo").click()
    expect(editor.locator(".as-changed li")).to_have_text(["distance(): 0 → 200"])
    editor.get_by_role("button", name="Reset").click()
    expect(editor.locator(".as-changed li")).to_have_text(["none"])


def test_cells_lie_over_their_place_in_the_picture_and_arrows_walk_them(served: Page) -> None:
    expect(served.locator("#editor .as-made")).not_to_be_empty()
    off = served.evaluate("""() => {
      const whole = document.querySelector("#editor .as-stage img").getBoundingClientRect();
      const cell = document.querySelector("[data-cell='1,2']").getBoundingClientRect();
      return [cell.x - whole.x - whole.width * 2 / 4, cell.y - whole.y - whole.height * 2 / 4];
    }""")  # in one look: the page above may still grow
    assert max(map(abs, off)) < 1
    served.locator("[data-cell='0,0']").focus()
    served.keyboard.press("ArrowRight")
    served.keyboard.press("ArrowDown")
    expect(served.locator("[data-cell='1,1']")).to_be_focused()
    expect(counter(served)).to_have_text("step 0 of 100")


def test_the_editor_takes_the_step_that_watch_shows(served: Page) -> None:
    served.locator(".as-slider").fill("5")
    at(served, 5)
    served.get_by_role("button", name="Take the step shown in Watch").click()
    expect(served.locator("#editor .as-note").first).to_have_text("Episode 0, step 5, states of the network.")
    assert served.evaluate("asked.filter((each) => each[0] === 'place').pop()") == ["place", "0", 5, "[]"]


def test_at_the_end_the_last_decision_is_told_and_edited(served: Page) -> None:
    served.keyboard.press("End")
    expect(badge(served)).to_have_text("■ the episode is over")
    assert served.evaluate("AgentScope.place().step") == 99
    served.get_by_role("button", name="Take the step shown in Watch").click()
    expect(served.locator("#editor .as-note").first).to_have_text("Episode 0, step 99, states of the network.")


def test_values_of_the_program_come_after_their_step_and_never_stand_beside_another(served: Page) -> None:
    values = served.locator(".as-text[data-level=program] .as-values div")
    served.get_by_label("decompilation", exact=True).check()
    expect(values).to_have_text(["unit_2(0..1)0, 1"])
    stale = served.evaluate("""() => {
      document.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight", bubbles: true}));
      return document.querySelectorAll(".as-text[data-level=program] .as-values div").length;
    }""")
    assert stale == 0
    expect(values).to_have_text(["unit_2(0..1)1, 2"])
    served.get_by_label("strategy", exact=True).check()
    served.get_by_label("decompilation", exact=True).check()
    expect(values).to_have_text(["unit_2(0..1)1, 2"])
