"""Cards of a compiled network: its units are known to hold heights and holes of four columns, and nothing else."""

import json
from dataclasses import replace

import numpy as np
import pytest

from agentscope import pipeline, rollouts
from agentscope.agents import load_network
from agentscope.errors import BadOption, ConceptsMissing
from agentscope.pipeline.watching.cards import Cards
from agentscope.pipeline.watching.recording import record_exam
from agentscope.pipeline.watching.shots import MOST, ranked_rows, visited_states
from agentscope.pipeline.watching.unit_cards import unit_places
from agentscope.probes import Readouts
from agentscope.probes.readouts import Readout
from tests.pipeline.watching.scenes import COMPILED, compiled, scene_of

SHIPPED = COMPILED.parent
HEIGHTS, HOLES, ROWS = (0, 2, 4, 6), (1, 3, 5, 7), 8  # units of hidden_2, as the record of the network says
BIAS = 3.0  # that the readout of the tests errs by, in the third column
PRIMITIVES = [
    {"concept": "height", "units": ["hidden_2[0]", "hidden_2[2]"], "circuit": None},
    {"concept": "holes_in", "units": [], "circuit": {"units": ["hidden_2[1]", "hidden_2[0]"]}},
    {"concept": "full_rows", "units": [], "circuit": None},
]
PAIR = {"group": 0, "units": [0, 5], "concepts": [{"concept": "height=3"}]}
GROUPS = {
    "layers": [
        {"layer": "hidden_2", "of": "activations", "groups": [PAIR, {"group": 1, "units": [1]}]},
        {"layer": "hidden_1", "of": "activations", "groups": [{"group": 0, "units": [0]}]},
    ],
    "candidates": [{"layer": "hidden_2", "unit": 0, "told": "height(column0)"}],
}
FINDINGS = [{"where": {"units": ["hidden_2[8]"]}}, {"where": {"units": ["hidden_2[0]"]}}, {"where": None}]
SIMPLIFIED = "ab" * 32  # sha256 of the simplified network
PROGRAM = f"""# agentscope text 1
# network: {SIMPLIFIED}
# level: 3
def tall(c):
    return height(c) - 1

def last():
    return holes_in(column3)

def strategy(state) -> action:
    return 0 if tall(0) + tall(3) > last() else 1
"""
FUNCTIONS = [
    {"name": "tall", "stage": "hidden_2", "units": [0, 2, 4, 6]}, {"name": "last", "stage": "hidden_2", "units": [7]},
    {"name": "strategy", "stage": "", "units": []}, {"name": "gone", "stage": "hidden_1", "units": [1]},
]  # fmt: skip


def heights_readout():
    """Reads the heights from the units that hold them, the third one BIAS too high."""
    weights = np.zeros((9, 4))
    weights[list(HEIGHTS), range(4)] = 1.0
    bias = np.array([[0.0, 0.0, BIAS, 0.0]])
    return Readouts(
        {"height": Readout("height", "count", "hidden_2", weights, bias, (), (9,), (), (4,), (), 0, ())}
    ).to_arrays()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("run")
    np.savez(path / "readouts.npz", **heights_readout())
    (path / "decompiled.py").write_text(PROGRAM)
    return path


@pytest.fixture(scope="module")
def cards(folder):
    agent, text = compiled("columns-dqn-relu-l0")
    decompilation = {"close": {"sha256": SIMPLIFIED, "program": {"functions": FUNCTIONS}}}
    scene = scene_of(
        agent, text, folder=folder,
        primitives=PRIMITIVES, groups=GROUPS, findings=FINDINGS, decompilation=decompilation,
    )  # fmt: skip
    return Cards(scene, record_exam(scene))


def measured(cards, name):
    concept = next(each for each in cards.scene.agent.env.concepts if each.name == name)
    return np.asarray(concept.measure(cards.visited.states))


def row_of(cards, shot):
    """The row of the state that a picture shows."""
    found = np.flatnonzero((cards.visited.episode == int(shot["episode"])) & (cards.visited.step == shot["step"]))
    assert len(found) == 1
    return int(found[0])


@pytest.mark.parametrize("most", [10_000, 40])
def test_states_are_those_that_the_network_visits_under_their_episode_and_step(cards, most):
    agent, scene = cards.scene.agent, cards.scene
    seeds = scene.streams.episode_seeds("exam", scene.budget.exam)
    played = rollouts.play(agent.policy, agent.env, seeds, trajectories=True).trajectories
    places = zip(played.episode.tolist(), played.step.tolist(), strict=True)
    by_place = dict(zip(places, played.states, strict=True))
    visited = visited_states(agent, cards.recording, most)
    assert len(visited) == min(most, len(played.states))
    for row in range(len(visited)):
        assert visited.states[row] == by_place[int(visited.episode[row]), int(visited.step[row])]


def test_a_units_ends_are_the_states_with_most_and_least_of_what_it_holds(cards):
    card, heights = cards.unit("hidden_2[0]"), measured(cards, "height")
    assert len(card["highest"]) == len(card["lowest"]) == MOST
    for shot in (*card["highest"], *card["lowest"]):
        assert shot["reading"] == heights[row_of(cards, shot), 0]
    assert card["highest"][0]["reading"] == heights[:, 0].max()
    assert card["lowest"][0]["reading"] == heights[:, 0].min()
    json.dumps(card, allow_nan=False)


def test_resampling_a_unit_changes_what_the_formula_says(cards):
    agent = cards.scene.agent
    heights, holes = measured(cards, "height"), measured(cards, "holes_in")
    count = min(len(heights), 1_000)
    rows = np.linspace(0, len(heights) - 1, count).astype(np.int64)
    legal = agent.env.legal_actions(cards.visited.states[rows])
    donors = cards.scene.streams.generator("cards.resample").permutation(count)

    def choices(heights):
        return np.where(legal, -heights - 2.0 * holes[rows], -np.inf).argmax(axis=1)

    other = heights[rows].copy()
    other[:, 0] = other[donors, 0]
    expected = float((choices(heights[rows]) != choices(other)).mean())
    card = cards.unit("hidden_2[0]")
    assert expected > 0.05 and card["changes"] == pytest.approx(expected) and card["states"] == count
    assert cards.unit(f"hidden_2[{ROWS}]")["changes"] == 0.0


def test_a_unit_is_named_by_concepts_groups_functions_and_findings(cards):
    card = cards.unit("hidden_2[0]")
    assert card["concepts"] == ["height", "holes_in"] and card["findings"] == [2]
    assert [(each["of"], each.get("group"), each["name"]) for each in card["groups"]] == [
        ("activations", 0, "height=3"), ("alone", None, "height(column0)"),
    ]  # fmt: skip
    other = cards.unit("hidden_2[3]")
    assert other["concepts"] == other["groups"] == other["findings"] == []
    assert card["functions"] == [] and "another network" in card["why"]["functions"]


def test_a_unit_of_a_simplified_network_is_another_networks_unit(tmp_path):
    agent = pipeline.open_agent("keydoor-ppo")
    (tmp_path / "simplified.zip").write_bytes((SHIPPED / "keydoor-ppo" / "close.zip").read_bytes())
    simplified = load_network(tmp_path / "simplified.zip")
    functions = [{"name": "hidden_2_3", "stage": "hidden_2", "units": [3]},
                 {"name": "cells", "stage": "cells", "units": [0, 1]}]  # fmt: skip
    block = {"sha256": simplified.sha256, "program": {"functions": functions}}
    scene = scene_of(agent, "", folder=tmp_path, decompilation={"close": block}, run={"seed": 0, "budget": "quick"})
    cards = Cards(scene, record_exam(scene))
    assert cards.function("close", "hidden_2_3")["units"] == ["close:hidden_2[3]"]
    assert cards.function("close", "cells")["units"] == []  # the input in another code: no unit to look at
    card = cards.unit("close:hidden_2[3]")
    assert card["unit"] == "close:hidden_2[3]" and card["functions"] == [{"point": "close", "name": "hidden_2_3"}]
    outputs = simplified.activations(agent.env.observe(cards.visited.states), "hidden_2")[:, 3]
    assert card["highest"][0]["reading"] == float(outputs.max())
    assert cards.unit("close:hidden_2[4]")["functions"] == [] and cards.unit("hidden_2[3]")["functions"] == []
    with pytest.raises(BadOption, match="no small simplified network"):
        cards.unit("small:hidden_2[3]")
    other = scene_of(agent, "", folder=tmp_path, decompilation={"close": {"sha256": "0" * 64}})
    with pytest.raises(BadOption, match="is not the network that the report speaks of"):
        Cards(other, cards.recording).unit("close:hidden_2[3]")


def test_a_silent_unit_has_no_states_to_show(cards):
    agent = cards.scene.agent
    silent = agent.network.with_patch("hidden_2", lambda values: np.where(np.arange(9) == 3, 0.5, values))
    scene = replace(cards.scene, agent=replace(agent, network=silent))
    card = Cards(scene, cards.recording).unit("hidden_2[3]")
    assert card["highest"] == card["lowest"] == [] and card["changes"] == 0.0
    assert card["why"]["highest"].startswith("it puts out 0.5 in all")


def test_units_that_are_not_there_are_refused():
    network = compiled("convolution-dqn-relu-l0")[0].network
    assert unit_places(network, "surface[5]")[1].tolist() == [5]
    assert unit_places(network, "surface[channel 2]")[1].tolist() == [8, 9, 10, 11]
    for name in ("surface[28]", "surface[channel 7]", "surfaces[1]", "surface", "surface[-1]", "surface[1]; drop", ""):
        with pytest.raises(BadOption, match="the network has no unit"):
            unit_places(network, name)


def test_a_concepts_states_are_its_highest_readings_and_its_worst_errors(cards):
    card, heights = cards.concept("height"), measured(cards, "height")
    assert card["primitive"] == PRIMITIVES[0]
    assert card["units"] == [{"unit": "hidden_2[0]", "also": ["holes_in"]}, {"unit": "hidden_2[2]", "also": []}]
    readings = heights + np.array([0, 0, BIAS, 0])
    assert [shot["reading"] for shot in card["top"]] == sorted(
        (shot["reading"] for shot in card["top"]), reverse=True
    )  # fmt: skip
    assert card["top"][0]["reading"] == readings.max()
    assert len(card["top"]) == len(card["near"]) == MOST
    for shot in card["near"]:  # only the third column errs
        true = heights[row_of(cards, shot), 2]
        assert shot["label"] == f"height(column2): {true}" and shot["reading"] == true + BIAS
    json.dumps(card, allow_nan=False)


def test_a_concept_without_a_readout_says_so_and_an_unknown_one_is_refused(cards, tmp_path):
    card = cards.concept("full_rows")
    assert card["top"] == card["near"] == [] and "no readout" in card["why"]["top"]
    with pytest.raises(ConceptsMissing, match="declares no concept"):
        cards.concept("tallness")
    agent, text = compiled("columns-dqn-relu-l0")
    unread = Cards(scene_of(agent, text, folder=tmp_path), cards.recording)
    card = unread.concept("height")
    assert card["primitive"] is None and card["why"]["primitive"] == "the run did not probe it"
    assert card["why"]["top"].startswith("its readout cannot be used")


def test_a_damaged_readout_is_told_and_harms_nothing(cards, tmp_path):
    arrays = heights_readout()
    arrays["height.weights"] = np.zeros((3, 3))
    np.savez(tmp_path / "readouts.npz", **arrays)
    agent, text = compiled("columns-dqn-relu-l0")
    card = Cards(scene_of(agent, text, folder=tmp_path), cards.recording).concept("height")
    assert card["top"] == [] and card["why"]["near"].startswith("its readout cannot be used")


def test_a_functions_states_are_those_where_it_gives_most(cards):
    card, heights = cards.function("close", "tall"), measured(cards, "height")
    assert card["row"] == FUNCTIONS[0] and card["start"] == 4 and len(card["lines"]) == 2
    assert "tall" in card["lines"][0]
    assert card["units"] == [] and list(card["why"]) == ["units"]  # the folder of this test holds no simplified network
    for shot in card["highest"]:
        column = int(shot["label"][len("tall(")])
        assert shot["reading"] == heights[row_of(cards, shot), column] - 1 == heights[row_of(cards, shot)].max() - 1
    assert card["highest"][0]["reading"] == heights.max() - 1
    holes = measured(cards, "holes_in")
    for shot in cards.function("close", "last")["highest"]:
        assert shot["label"] == f"last() = {holes[row_of(cards, shot), 3]}"
    json.dumps(card, allow_nan=False)


def test_functions_that_have_no_table_or_are_not_there(cards):
    assert "has no table of its values" in cards.function("close", "strategy")["why"]["highest"]
    gone = cards.function("close", "gone")
    assert gone["lines"] == [] and gone["why"]["lines"] == "the text has no such function"
    for point, name in (("close", "unknown"), ("small", "tall"), ("network", "tall")):
        with pytest.raises(BadOption, match="the report has no function"):
            cards.function(point, name)


def test_cases_come_one_of_each_episode_first():
    order = np.array([[9.0, 1.0], [8.0, 2.0], [7.0, 3.0], [1.0, 6.0], [-np.inf, -np.inf]])
    episode = np.array([0, 0, 0, 1, 2])
    assert ranked_rows(order, episode) == [(0, 0), (1, 0), (2, 0), (3, 1)]
    many = np.arange(20, 0, -1, dtype=np.float64)[:, None]
    assert [row for row, _ in ranked_rows(many, np.repeat(np.arange(10), 2))] == [0, 2, 4, 6, 8, 10]
    assert [row for row, _ in ranked_rows(many, np.repeat(np.arange(10), 2), spread=False)] == [0, 1, 2, 3, 4, 5]


def test_concepts_of_actions_are_told_by_the_action(tmp_path):
    agent = pipeline.open_agent("tetris-small-dqn")
    layer = agent.network.layers[-2]
    count = int(np.prod(layer.shape))
    readout = Readout(
        "lines", "count", layer.name, np.zeros((count, 2)), np.array([[0.0, 1.0]]), (), layer.shape, (), (2,), (), 1,
        (5, 7),
    )  # fmt: skip
    np.savez(tmp_path / "readouts.npz", **Readouts({"lines": readout}).to_arrays())
    scene = scene_of(agent, "", folder=tmp_path, run={"seed": 1, "budget": "quick"})
    card = Cards(scene, record_exam(scene)).concept("lines")
    assert {shot["reading"] for shot in card["top"]} == {1.0}
    assert all(shot["label"].startswith(f"lines({agent.env.action_names[7]}): ") for shot in card["top"])
