"""The page in a browser, over real runs: what it shows is what the network and the text do, computed here once more."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from agentscope import language, pipeline, rollouts
from agentscope.measures import same_class
from tests.browser import Visits
from tests.drawing.viewing import until
from tests.viewer.conftest import HAND_WRITTEN

EPISODES = 100  # of the exam under the quick budget
TABS = ("watch", "primitives", "program", "findings", "frontier", "fidelity", "try")


@dataclass(frozen=True)
class Truth:
    """One exam episode, played and decided without anything of the viewer's."""

    states: np.ndarray
    actions: np.ndarray
    text_actions: np.ndarray
    lines: np.ndarray
    same: np.ndarray


@pytest.fixture(scope="module")
def agent() -> pipeline.OpenAgent:
    return pipeline.open_agent("keydoor-ppo")


@pytest.fixture(scope="module")
def program(agent):
    return language.parse(HAND_WRITTEN, language.vocabulary_of(agent.env))


@pytest.fixture(scope="module")
def truth(agent, program):
    """`truth(episode)`."""
    seeds = rollouts.Streams(0).episode_seeds("exam", EPISODES)

    def of(episode: int) -> Truth:
        played = rollouts.play(agent.policy, agent.env, seeds[episode : episode + 1], trajectories=True)
        states, actions = played.trajectories.states, played.trajectories.actions
        found = language.evaluate(program, language.bind_state(agent.env), states)
        same = same_class(actions, found.actions, agent.decide(states).equivalent)
        return Truth(states, actions, found.actions, found.lines, same)

    return of


def opened(visits: Visits, address: str, query: str = "", **size) -> Page:
    page = visits(address + query, **size)
    expect(page.locator("#watch .as-counter")).not_to_be_empty()
    return page


def lit(page: Page) -> Locator:
    return page.locator("#watch .as-text:not([hidden]) .as-lit")


def shows(page: Page, truth: Truth, step: int) -> None:
    """Counter, deciding line and verdict are those of this step."""
    expect(page.locator("#watch .as-counter")).to_have_text(f"step {step} of {len(truth.actions)}")
    expect(lit(page)).to_have_attribute("data-line", str(truth.lines[step]))
    badge = page.locator("#watch .as-badge").first
    expect(badge).to_have_text(re.compile("= agree" if truth.same[step] else "text would"))


def test_stepping_by_keys_and_slider_the_deciding_line_follows(visits, keydoor_page, truth):
    page, known = opened(visits, keydoor_page), truth(0)
    shows(page, known, 0)
    for step in range(1, 8):
        page.keyboard.press("ArrowRight")
        shows(page, known, step)
    page.keyboard.press("ArrowLeft")
    shows(page, known, 6)
    page.keyboard.press("Shift+ArrowRight")
    shows(page, known, 16)
    page.locator("#watch .as-slider").fill("11")
    shows(page, known, 11)
    page.keyboard.press("Home")
    shows(page, known, 0)
    assert len({int(line) for line in known.lines[:17]}) > 2, "the line that decides must have changed on the way"


def test_the_scores_and_the_values_are_those_of_the_network_and_of_the_text(visits, keydoor_page, truth, agent):
    page, known = opened(visits, keydoor_page, "?episode=0&step=3"), truth(0)
    shows(page, known, 3)
    scores = agent.decide(known.states[3:4]).scores[0]
    best = page.locator("#watch .as-scores li").first
    expect(best).to_contain_text(agent.env.action_names[int(scores.argmax())])
    expect(best).to_contain_text(f"{scores.max():.4g}")
    ahead = next(concept for concept in agent.env.concepts if concept.name == "cell_ahead")
    label = ahead.choices[int(ahead.measure(known.states[3:4])[0])]
    row = page.locator("#watch .as-values div", has_text="cell_ahead()").first
    expect(row.locator("dd")).to_contain_text(str(label))


def test_a_bookmark_jumps_to_the_dearest_disagreement(visits, keydoor_page, truth):
    page = opened(visits, keydoor_page)
    mark = page.locator(".as-kind[data-kind=disagreement] button").first
    place = re.fullmatch(r"episode (\d+), step (\d+)", mark.get_attribute("title") or "")
    assert place is not None
    mark.click()
    known = truth(int(place[1]))
    assert not known.same[int(place[2])]
    shows(page, known, int(place[2]))
    expect(page.locator("select.as-episodes")).to_have_value(place[1])


def test_next_disagreement_is_the_next_one(visits, keydoor_page, truth):
    known = truth(0)
    wrong = np.flatnonzero(~known.same)
    assert len(wrong) > 1
    page = opened(visits, keydoor_page)
    for step in wrong[wrong > 0][:2]:
        page.keyboard.press("n")
        shows(page, known, int(step))


def test_a_deep_link_opens_its_step_and_moving_writes_one(visits, keydoor_page, truth):
    page, known = opened(visits, keydoor_page, "?tab=watch&episode=7&step=2&level=strategy"), truth(7)
    shows(page, known, 2)
    page.keyboard.press("ArrowRight")
    shows(page, known, 3)
    page.wait_for_timeout(200)
    assert "episode=7" in page.url and "step=3" in page.url
    page.reload()
    shows(page, known, 3)
    expect(opened(visits, keydoor_page, "?tab=try").locator("#panel-try")).to_be_visible()


def test_why_not_another_action_names_a_change_that_flips_the_network(visits, keydoor_page, truth, agent):
    page, known = opened(visits, keydoor_page, "?episode=0&step=5"), truth(0)
    flip = page.locator("#watch .as-why").get_by_text(re.compile(" → ")).first
    change, action = (flip.text_content() or "").split(" → ")
    name = change.split(" = ")[0]
    edits = agent.env.edits(known.states[5:6])
    of_it = [row for row in range(len(edits.parent)) if edits.feature_names[edits.feature[row]] == name]
    chosen = {agent.env.action_names[action] for action in agent.policy.actions(edits.states[of_it])}
    assert action.strip() in chosen and action.strip() != agent.env.action_names[known.actions[5]]


def test_the_text_beside_the_network_parts_where_they_first_differ(visits, keydoor_page, truth):
    known = truth(0)
    page = opened(visits, keydoor_page)
    page.get_by_label("beside").select_option("text")
    parting = int(np.flatnonzero(~known.same)[0])
    page.get_by_role("button", name=f"go to first divergence (step {parting})").click()
    shows(page, known, parting)
    expect(page.locator("#watch .as-frame img:visible")).to_have_count(2)


def test_an_edited_board_is_decided_anew(visits, keydoor_page, truth, agent, program):
    known = truth(0)
    edits = agent.env.edits(known.states[:1])
    networks, texts = agent.policy.actions(edits.states), language.evaluate(
        program, language.bind_state(agent.env), edits.states
    ).actions  # fmt: skip
    page = opened(visits, keydoor_page, "?tab=try&episode=0&step=0")
    heading = edits.feature_names.index("heading")
    rows = [row for row in range(len(edits.parent)) if edits.feature[row] == heading]
    row = next(row for row in rows if networks[row] != known.actions[0])
    page.locator("#editor").get_by_role("combobox", name="heading").select_option(str(edits.value[row]))
    decided = page.locator("#editor .as-decisions")
    expect(decided).to_contain_text(agent.env.action_names[networks[row]])
    expect(decided).to_contain_text(agent.env.action_names[texts[row]])
    expect(page.locator("#editor .as-made")).to_contain_text("heading")
    cell = page.locator("#editor .as-grid button[aria-disabled=false]").first
    cell.click()
    menu = page.locator("#editor .as-menu")
    if menu.is_visible():
        menu.locator("button").first.click()
    expect(page.locator("#editor .as-made")).to_contain_text(re.compile("heading.*cell", re.DOTALL))
    page.locator("#editor").get_by_role("button", name="Undo").click()
    expect(page.locator("#editor .as-made")).not_to_contain_text("cell")


def test_an_edited_text_is_checked_compared_and_its_drop_is_told(visits, keydoor_page, agent):
    page = opened(visits, keydoor_page, "?tab=try")
    text = page.locator("#try-text")
    expect(text).to_have_value(re.compile("def strategy"))
    text.fill(HAND_WRITTEN.replace("return pick_up", "return __import__('os')"))
    page.locator("#try-check").click()
    expect(page.locator("#try-error")).to_contain_text("line 3")
    worse = HAND_WRITTEN.replace("return pick_up", "return turn_left")
    text.fill(worse)
    page.locator("#try-check").click()
    expect(page.locator("#try-result")).to_contain_text("sound")
    page.locator("#try-episodes").fill("6")
    page.locator("#try-compare").click()
    shown = page.locator("#try-result tr", has_text="network").first
    expect(shown).to_be_visible()
    figures = [float(each) for each in re.findall(r"(?<![\d.])[01]\.\d{3}", shown.text_content() or "")]
    agreements = [agreement_on_exam(agent, each, episodes=6) for each in (HAND_WRITTEN, worse)]
    assert agreements[1] < agreements[0]
    assert figures[:2] == pytest.approx(agreements, abs=0.0006)


def agreement_on_exam(agent: pipeline.OpenAgent, text: str, *, episodes: int) -> float:
    """The same agreement by another way: the network's play, state by state."""
    seeds = rollouts.Streams(0).episode_seeds("exam", episodes)
    states = rollouts.play(agent.policy, agent.env, seeds, trajectories=True).trajectories.states
    decided = agent.decide(states)
    parsed = language.parse(text, language.vocabulary_of(agent.env))
    chosen = language.evaluate(parsed, language.bind_state(agent.env), states).actions
    return float(same_class(decided.actions, chosen, decided.equivalent).mean())


def brightness(page: Page, told: str) -> float:
    colour = page.evaluate(told)
    return sum(float(part) for part in re.findall(r"[\d.]+", colour)[:3]) / 3


def test_dark_mode_darkens_the_page_and_its_plots(visits, keydoor_page):
    page = opened(visits, keydoor_page)
    paper = "getComputedStyle(document.body).backgroundColor"
    words = "getComputedStyle(document.querySelector('#gaps .js-plotly-plot .xtick text')).fill"
    expect(page.locator("#gaps .js-plotly-plot .xtick text").first).to_be_visible()
    assert brightness(page, paper) > 200 and brightness(page, words) < 120
    page.locator("#theme").get_by_role("button", name="dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("#gaps .js-plotly-plot .xtick text").first).to_have_css("fill", re.compile(r"rgb\(2\d\d"))
    assert brightness(page, paper) < 60 and brightness(page, words) > 130
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


@pytest.mark.parametrize("width", [1280, 390])
def test_every_tab_fits_its_width(visits, known_page, width):
    page = opened(visits, known_page, width=width)
    for tab in TABS:
        page.locator(f"#tab-{tab}").click()
        expect(page.locator(f"#panel-{tab}")).to_be_visible()
        page.wait_for_load_state("networkidle")
        until(page, f"document.documentElement.scrollWidth <= {width}")  # plots take their width after they are drawn
        until(page, f"document.getElementById('panel-{tab}').textContent.trim().length > 40")


def test_a_concept_leads_to_its_units_and_a_function_to_its_text(visits, known_page):
    page = opened(visits, known_page, "?tab=primitives")
    page.locator("#section-primitives a[data-concept=armed]").click()
    expect(page.locator("#concept-card")).to_contain_text(re.compile("computed|input|absent"))
    expect(page.locator("#concept-card img").first).to_be_visible()
    page.locator("#tab-program").click()
    expect(page.locator("#call-tree .js-plotly-plot")).to_be_visible()
    name = page.locator("#section-program [data-function]").first.get_attribute("data-function")
    page.locator("#section-program [data-function]").first.click()
    expect(page.locator("#function-card")).to_contain_text(f"def {name}")


def test_a_finding_is_replayed_in_watch(visits, known_page):
    page = opened(visits, known_page, "?tab=findings")
    expect(page.locator("#section-findings")).to_contain_text("armed()")
    page.locator("#section-findings a[data-episode$=shown]").first.click()
    expect(page.locator("#panel-watch")).to_be_visible()
    expect(page.locator("#watch select.as-episodes")).to_have_value("finding-1.1-shown")


def test_the_report_steps_offline_from_disk(visits, known_folder):
    page = visits((known_folder / "report.html").as_uri())
    counter = page.locator(".as-counter")
    expect(counter).to_have_text(re.compile(r"step 0 of \d+"))
    page.keyboard.press("ArrowRight")
    expect(counter).to_have_text(re.compile(r"step 1 of \d+"))
    expect(page.locator(".as-text:not([hidden]) .as-lit")).to_have_count(1)


def test_the_report_holds_what_audit_and_decompile_added_after_the_inspection(visits, known_folder):
    page = visits((known_folder / "report.html").as_uri())
    page.locator("select.as-episodes").select_option("finding-1.1-shown")
    expect(page.locator(".as-counter")).to_have_text(re.compile(r"step 0 of \d+"))
    page.get_by_role("radio", name="decompilation").check()
    program = page.locator(".as-text[data-level=program]")
    expect(program).to_contain_text("def strategy(state) -> action:")
    expect(program.locator(".as-lit")).to_have_count(1)
