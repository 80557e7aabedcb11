"""The viewer in a browser, on a hand-made run of which every step is known; no request, no error (`visits`)."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import Visits
from tests.drawing.viewing import at, badge, counter, opened, until
from tests.drawing.watch_document import DIFFERING, LENGTHS, PART, picture


@pytest.fixture
def page(visits: Visits, tmp_path: Path) -> Page:
    """The viewer as a report holds it, at its first step."""
    return opened(visits, tmp_path)


def test_keys_step_through_the_episode(page: Page) -> None:
    for key, step in (("ArrowRight", 1), ("Shift+ArrowRight", 11), ("ArrowLeft", 10), ("Shift+ArrowLeft", 0)):
        page.keyboard.press(key)
        at(page, step)
    page.keyboard.press("ArrowLeft")
    at(page, 0)


def test_home_and_end_reach_the_first_step_and_the_state_after_the_last(page: Page) -> None:
    page.keyboard.press("End")
    expect(counter(page)).to_have_text("the end, after 100 steps")
    expect(badge(page)).to_have_text("■ the episode is over")
    page.keyboard.press("ArrowLeft")
    at(page, 99)
    page.keyboard.press("Home")
    at(page, 0)


def test_the_slider_and_the_buttons_move_too(page: Page) -> None:
    page.locator(".as-slider").fill("57")
    at(page, 57)
    page.get_by_role("button", name="next step", exact=True).click()
    at(page, 58)
    page.get_by_role("button", name="first step").click()
    at(page, 0)
    page.get_by_role("button", name="previous step").click()
    at(page, 0)


def test_a_click_on_the_strip_goes_to_the_disagreement_that_it_is_near(page: Page) -> None:
    box = page.locator(".as-strip").bounding_box()
    assert box is not None
    page.locator(".as-strip").click(position={"x": 8 + 0.9 * (box["width"] - 16), "y": 10})
    at(page, 90)


def test_the_badge_says_agree_near_tie_and_disagree(page: Page) -> None:
    expect(badge(page)).to_have_text("= agree")
    page.locator(".as-slider").fill("3")
    expect(badge(page)).to_have_text("≠ disagree: text would north, regret 1.25")
    page.locator(".as-slider").fill("4")
    expect(badge(page)).to_have_text("≈ near-tie: text would east, regret 1.25")
    expect(badge(page)).to_have_attribute("aria-live", "polite")


def test_n_and_p_go_to_every_disagreement_and_say_when_there_is_none(page: Page) -> None:
    for step in DIFFERING:
        page.keyboard.press("n")
        at(page, step)
    page.keyboard.press("n")
    expect(page.locator(".as-viewer > .as-alert")).to_have_text("No later disagreement in this episode.")
    for step in reversed(DIFFERING[:-1]):
        page.keyboard.press("p")
        at(page, step)


def test_the_deciding_line_and_the_values_follow(page: Page) -> None:
    lit = page.locator("[data-level=strategy] .as-lit")
    for step, line in ((0, "3"), (1, "4"), (2, "3")):
        page.locator(".as-slider").fill(str(step))
        expect(lit).to_have_attribute("data-line", line)
        expect(page.locator("[data-level=strategy] .as-through")).to_have_count(step % 2)  # where a helper returned
        expect(page.locator("[data-level=strategy] [data-line='2'] .as-chip")).to_have_text(str(step))
        expect(page.locator("[data-level=strategy] .as-values dd").first).to_have_text(str(step))
    expect(page.locator("[data-level=strategy] [data-line='4'] .as-chip")).to_have_text("▲ text 1 · ● network 2")


def test_keys_1_to_4_switch_levels_and_a_missing_one_says_why(page: Page) -> None:
    page.keyboard.press("1")
    expect(page.locator(".as-gist li").first).to_have_text("It walks <i>on</i>.")
    page.keyboard.press("3")
    expect(page.locator("[data-level=grounded]")).to_have_text("no layer was read")
    expect(badge(page)).to_have_text("= agree")  # of the strategy
    page.keyboard.press("4")
    expect(page.get_by_label("decompilation", exact=True)).to_be_checked()
    opaque = page.locator(".as-opaque-fold")
    expect(opaque).to_contain_text("OPAQUE")
    expect(opaque).not_to_have_attribute("open", "")
    expect(page.locator("[data-level=program] .as-lit")).to_have_attribute("data-line", "9")
    page.get_by_label("strategy", exact=True).check()
    expect(page.locator("[data-level=strategy]")).to_be_visible()


def test_scores_are_sorted_equivalent_ones_share_a_row_and_illegal_ones_have_none(page: Page) -> None:
    page.locator(".as-slider").fill("3")
    rows = page.locator(".as-bars li:visible")
    expect(rows.locator(".as-name")).to_have_text(["<b>west</b>", "south", "east", "north"])
    expect(rows.nth(0).locator(".as-signs")).to_have_text("● network")
    expect(rows.nth(3).locator(".as-signs")).to_have_text("▲ text")
    page.locator(".as-slider").fill("8")
    expect(rows.locator(".as-name")).to_have_text(["north", "east"])
    expect(rows.nth(1).locator(".as-also")).to_have_text("also <b>west</b>")
    expect(rows.nth(0).locator(".as-signs")).to_have_text("● network  ▲ text")


def test_bookmarks_are_buttons_and_keys(page: Page) -> None:
    page.get_by_role("button", name="death <u>4</u>").click()
    at(page, 4, LENGTHS["1"])
    expect(page.locator(".as-bookmark[aria-current]")).to_have_text("death <u>4</u>")
    page.keyboard.press("ArrowUp")
    at(page, 0, LENGTHS["finding-1.1-shown"])
    page.keyboard.press("ArrowUp")
    at(page, 3)


def test_the_picker_has_witnesses_in_a_group_of_their_own(page: Page) -> None:
    picker = page.get_by_label("episode")
    expect(picker.locator("optgroup option")).to_have_text(
        ["episode finding-1.1-shown: 3 steps, return 1.5, 0 disagreements"]
    )
    picker.select_option("1")
    at(page, 0, LENGTHS["1"])


def test_the_address_holds_the_place_and_leads_back_to_it(page: Page, visits: Visits, tmp_path: Path) -> None:
    page.locator(".as-slider").fill("17")
    page.keyboard.press("4")
    until(page, "location.hash.includes('level=program')")
    again = opened(visits, tmp_path, page.evaluate("location.hash"))
    at(again, 17)
    expect(again.get_by_label("decompilation", exact=True)).to_be_checked()


def test_a_link_in_the_query_is_read_and_nonsense_becomes_the_nearest_place(visits: Visits, tmp_path: Path) -> None:
    at(opened(visits, tmp_path, "?tab=watch&episode=1&step=2"), 2, LENGTHS["1"])
    page = opened(visits, tmp_path, "?episode=none&step=1e9&track=nobody&level=none")
    expect(page.get_by_label("episode")).to_have_value("0")
    expect(page.get_by_label("strategy", exact=True)).to_be_checked()


def test_the_address_is_left_alone_until_the_reader_moves(visits: Visits, tmp_path: Path) -> None:
    page = opened(visits, tmp_path, "#findings")
    assert page.evaluate("location.hash") == "#findings"


def test_question_mark_lists_the_keys_and_escape_closes_the_list(page: Page) -> None:
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("next or previous disagreement")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    at(page, 0)


def test_keys_are_left_to_fields_and_to_the_browser(page: Page) -> None:
    page.get_by_label("episode").focus()
    page.keyboard.press("n")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Control+ArrowRight")
    page.keyboard.press("Alt+n")
    at(page, 0)


def test_space_plays_to_the_end_and_pauses(page: Page) -> None:
    page.get_by_label("speed").select_option("20")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press(" ")
    expect(page.locator(".as-play")).to_have_text("‖ pause")
    until(page, "Number(document.querySelector('.as-slider').value) > 2")
    page.keyboard.press(" ")
    expect(page.locator(".as-play")).to_have_text("▶ play")
    page.locator(".as-slider").fill("98")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press(" ")
    expect(counter(page)).to_have_text("the end, after 100 steps")
    expect(page.locator(".as-play")).to_have_text("▶ play")


def test_reasons_come_with_the_step_they_were_kept_for(page: Page) -> None:
    page.locator(".as-slider").fill("3")
    flips = page.locator(".as-flip")
    expect(flips).to_have_count(3)
    expect(flips.nth(0)).to_contain_text("cell(1,2) = wall → south")
    expect(flips.nth(1)).to_contain_text("the text never changes here")
    expect(page.locator(".as-successor").first.locator("tr").last).to_have_text("text's score-9")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".as-flip")).to_have_count(0)
    expect(page.locator(".as-why .as-note").first).to_contain_text("does not hold that part")


def test_side_by_side_shows_the_text_and_leads_to_the_first_divergence(page: Page) -> None:
    page.get_by_label("beside").select_option("text")
    second = page.locator(".as-board").nth(1)
    page.get_by_role("button", name=f"go to first divergence (step {PART})").click()
    at(page, PART)
    expect(second.locator("img")).to_have_attribute("src", picture(PART + 1))
    page.keyboard.press("ArrowLeft")
    expect(second.locator("img")).to_have_attribute("src", picture(PART - 1))
    page.get_by_label("played by").select_option("text")
    expect(page.locator(".as-title").first).to_have_text("the text")
    page.get_by_label("episode").select_option("1")
    expect(page.locator(".as-viewer > .as-alert")).to_contain_text("does not hold that part")


def test_nothing_of_the_document_becomes_markup(page: Page) -> None:
    assert page.locator(".as-viewer b, .as-viewer u, .as-viewer i").count() == 0


def test_others_move_the_viewer_and_hear_of_it(page: Page) -> None:
    page.evaluate("""() => {
      window.heard = [];
      window.addEventListener("agentscope:moved", (event) => heard.push(event.detail));
      AgentScope.goTo({episode: "1", step: "2"});
    }""")
    at(page, 2, LENGTHS["1"])
    assert page.evaluate("heard[0]") == {"episode": "1", "step": 2, "track": "network", "level": "strategy"}
    assert page.evaluate("AgentScope.place().step") == 2


def test_the_episode_is_saved_as_a_table(page: Page) -> None:
    page.get_by_text("Save this episode").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="episode.csv").click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert len(lines) == 101
    assert lines[0].startswith("step,action,reward,return")
    assert lines[4] == "3,<b>west</b>,0.5,1.5,1.5,1,false,north,false,1.25,4"


def test_themes_are_chosen_told_and_remembered(page: Page, visits: Visits) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.evaluate(
        "window.told = []; window.addEventListener('agentscope:theme', (event) => told.push(event.detail.theme))"
    )
    page.get_by_role("button", name="dark").click()
    assert page.evaluate(ground) != light
    assert page.evaluate("told") == ["dark"]
    page.reload()
    expect(page.get_by_role("button", name="dark")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="auto").click()
    assert page.evaluate(ground) == light


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_never_scrolls_sideways(visits: Visits, tmp_path: Path, width: int) -> None:
    page = opened(visits, tmp_path, "?step=3&beside=text", served=True, width=width)
    expect(page.locator(".as-flip")).to_have_count(3)
    for key in ("1", "2", "3", "4"):
        page.keyboard.press(key)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
