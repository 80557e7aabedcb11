"""The gist: failures first, at most ten sentences, no number that the report does not hold."""

import dataclasses
import re

from agentscope.records import NoiseFloor
from agentscope.reports import build_report
from agentscope.reports.gist import percent


def numbers_of(value):
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return []
    if isinstance(value, int | float):
        return [float(value)]
    items = value.values() if isinstance(value, dict) else value
    return [number for item in items for number in numbers_of(item)]


def test_the_first_sentence_says_what_the_agent_fails_to_do_and_the_second_what_is_not_explained(inspection):
    gist = build_report(inspection)["gist"]
    assert gist[0] == "The agent fails in 5% of 40 episodes."
    assert gist[1].startswith("The text does not explain 12.5% of the network's choices (2,000 states of 40 episodes")


def test_an_agent_that_never_fails_leaves_the_first_sentence_to_what_is_not_explained(inspection):
    episodes = dataclasses.replace(inspection.fidelity.episodes, network_success=1.0)
    fidelity = dataclasses.replace(inspection.fidelity, episodes=episodes)
    gist = build_report(dataclasses.replace(inspection, fidelity=fidelity))["gist"]
    assert gist[0].startswith("The text does not explain 12.5%")


def test_at_most_ten_plain_sentences(inspection):
    gist = build_report(inspection)["gist"]
    assert 5 <= len(gist) <= 10
    assert all(sentence.endswith(".") and "\n" not in sentence for sentence in gist)


def test_every_number_of_the_gist_comes_from_the_report(inspection):
    report = build_report(inspection)
    held = numbers_of({key: report[key] for key in report if key != "gist"})
    counts = [len(report["primitives"]), len(report["vocabulary"]["concepts"]), len(report["findings"]), 95, 0, 1]
    known = held + counts + [100 * n for n in held] + [100 * (1 - n) for n in held]
    for sentence in report["gist"]:
        for printed in re.findall(r"(?<![\w.])-?\d[\d,]*\.?\d*", sentence):
            value = float(printed.replace(",", ""))
            assert any(abs(value - number) <= 0.051 for number in known), (printed, sentence)


def test_what_reading_from_the_network_costs_and_what_the_residual_is(inspection):
    gist = " ".join(build_report(inspection)["gist"])
    assert (
        "the network's own activations the text agrees in 82.8%" in gist and "alone, holes costs most (84.4%)" in gist
    )
    assert "lamp could not be read and came from the state" in gist
    assert "(31.2% of their variance) is structure" in gist and "correlation 0.656" in gist
    assert "without it the return is 27.75, without its unpredicted part 29.5, with all of it 30.25." in gist
    none = {**inspection.residual, "verdict": "nothing left"}
    told = " ".join(build_report(dataclasses.replace(inspection, residual=none, levels=()))["gist"])
    assert "next to nothing left in the network's scores" in told and "own activations" not in told


def test_beyond_ten_sentences_what_says_least_of_the_network_goes(inspection):
    network = dataclasses.replace(inspection.fidelity.network, equally_good=0.9375)
    full = dataclasses.replace(inspection, fidelity=dataclasses.replace(inspection.fidelity, network=network))
    gist = build_report(full)["gist"]
    assert len(gist) == 10
    assert gist[-1].startswith("To look at twice") and not any("by hand" in sentence for sentence in gist)


def test_what_the_reward_contained_is_said_in_each_of_three_cases(inspection):
    for contained, words in (
        (["holes"], "by hand: holes"), ([], "none of the named concepts"), (None, "does not say which concepts"),
    ):  # fmt: skip
        environment = {**inspection.environment, "reward_concepts": contained}
        shorter = dataclasses.replace(inspection, environment=environment, levels=(), findings=())
        gist = " ".join(build_report(shorter)["gist"])
        assert words in gist


def test_without_a_strategy_the_gist_says_so_first(inspection):
    empty = {name: None for name in ("network", "strategy", "edited", "reachable", "unseen_levels", "episodes")}
    fidelity = dataclasses.replace(inspection.fidelity, **empty)
    bare = dataclasses.replace(
        inspection, strategy=None, fidelity=fidelity, ceiling=None, noise_floor=NoiseFloor(None, None), primitives=()
    )
    assert build_report(bare)["gist"][0].startswith("No strategy was found")


def test_almost_all_is_never_printed_as_all():
    assert percent(0.99999) == "99.9%"
    assert percent(0.00001) == "0.1%"
    assert percent(1.0) == "100%"


def test_a_student_whose_training_was_cut_short_is_no_bar(inspection):
    def said(**facts):
        student = {"parameters": 9, "agreement": 0.4, "without_near_ties": 0.5, **facts}
        return " ".join(build_report(dataclasses.replace(inspection, noise_floor=NoiseFloor(student, None)))["gist"])

    assert "(no bar: stopped after 1,000 updates, before its plateau)" in said(plateau=False, updates=1_000)
    assert "no bar" not in said(plateau=True, updates=1_000)
