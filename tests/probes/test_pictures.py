"""Pictures of units whose truth is known: toy boards, and compiled networks beside their records."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import agentscope_trained
from agentscope.drawing import strip_png, strip_svg
from agentscope.drawing.images import GAP, HEADING
from agentscope.errors import BadOption, EmptySample
from agentscope.pipeline import open_agent
from agentscope.probes.drives import Drive, readout_drive, unit_drive
from agentscope.probes.picture_rows import picture_row
from agentscope.probes.picture_strips import strip_of
from agentscope.probes.pictures import PictureBudget, picture_of
from agentscope.probes.readouts import Readout
from agentscope.records import StateSet
from agentscope.rollouts import collect_states
from tests.probes.toy_boards import ToyBoard, ToyNetwork, and_of, random_boards

UNIT = Drive("hidden", "hidden[0]", (0,))
CELLS = ((0, 1), (1, 2), (2, 0))


def draw(network, env, visited, drive=UNIT, *, seed=0, **counts):
    generator = np.random.default_rng(seed)
    return picture_of(network, env, visited, drive, generator=generator, budget=PictureBudget(**counts))


def test_an_and_of_three_cells_is_drawn_as_those_cells():
    env = ToyBoard()
    picture = draw(ToyNetwork(and_of(*CELLS), (3, 3)), env, random_boards(env, 800))
    assert [shown.reading for shown in picture.most] == [1.0] * 5
    assert all(shown.kept.cells == CELLS for shown in picture.most[:2])
    assert all(shown.kept is None for shown in picture.most[2:])
    assert picture.below == () and "no reading between" in picture.why["below"]
    assert [shown.reading for shown in picture.least] == [0.0] * 5
    assert not picture.found.above_visited and "nothing above" in picture.why["above"]


def test_states_look_different_come_from_different_episodes_and_ties_go_to_the_earlier():
    env = ToyBoard(1, 6)
    boards = np.array([[1, 1, 1, 0, 0, 0], [1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 0, 0], [0, 1, 1, 0, 0, 0],
                       [1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1], [1, 1, 1, 0, 0, 1]])  # fmt: skip
    visited = StateSet("network", env.states(boards[:, None]), np.array([0, 1, 0, 1, 0, 0, 1, 2]), np.arange(8))
    network = ToyNetwork(lambda seen: seen[:, 0, :4].sum(axis=1, keepdims=True), (1, 6))
    picture = draw(network, env, visited, shown=2)
    assert picture.threshold == (0 + (4 + 3) / 2) / 2
    assert [shown.row for shown in picture.most] == [2, 1]  # 0 is of the episode of 2, and 1 looks the same
    assert [shown.row for shown in draw(network, env, visited, shown=4).most] == [2, 1, 7, 3]
    assert [shown.row for shown in picture.least] == [5, 6]
    assert "Only" in picture.why["kept"]


def test_just_below_is_what_comes_nearest_under_the_threshold():
    env = ToyBoard(2, 4)
    visited = random_boards(env, 600)
    network = ToyNetwork(lambda seen: seen.reshape(len(seen), -1).sum(axis=1, keepdims=True), (2, 4))
    picture = draw(network, env, visited)
    assert picture.highest == 8 and picture.lowest == 0
    assert picture.threshold == 3.5  # the five boards with most cells have 8, 7, 7, 7, 7
    assert {shown.reading for shown in picture.below} == {3.0}
    assert len({shown.episode for shown in picture.below}) == 5
    assert picture.least[0].reading == 0.0


def test_a_shared_layer_is_read_at_its_highest_position_and_the_position_is_kept():
    env = ToyBoard(3, 4)
    network = ToyNetwork(lambda seen: np.stack([seen[:, 0], seen.min(axis=1)], axis=1), (3, 4), ("", "columns"))
    picture = draw(network, env, random_boards(env, 800), Drive("hidden", "full", (1,), axes=("columns",)))
    for shown in picture.most[:2]:
        column = shown.place["columns"]
        assert shown.state["board"][0, :, column].all()
        assert shown.kept.cells == tuple((row, column) for row in range(3))
    assert picture.found_place.keys() == {"columns"}


def test_weights_make_a_direction():
    env = ToyBoard(1, 3)
    network = ToyNetwork(lambda seen: seen[:, 0].astype(float), (1, 3))
    picture = draw(network, env, random_boards(env, 100), Drive("hidden", "d", (0, 2), (1.0, -2.0)))
    assert picture.highest == 1.0 and picture.lowest == -2.0
    assert np.array_equal(picture.found.state["board"][0, 0, [0, 2]], [1, 0])


def test_a_unit_that_no_visited_state_drives_is_still_searched_for():
    env = ToyBoard(forbidden=())
    visited = random_boards(env, 400)
    visited.states["board"][:, 0, 1] = 0
    picture = draw(ToyNetwork(and_of(*CELLS), (3, 3)), env, visited)
    assert picture.most == () and "the same in every visited state" in picture.why["most"]
    assert picture.found.above_visited and picture.found.reading == 1.0
    assert picture.found.edits == (("cell_0_1", 1),) and picture.found.starts == 50
    again = draw(ToyNetwork(and_of(*CELLS), (3, 3)), ToyBoard(forbidden=((0, 1),)), visited)
    assert not again.found.above_visited and again.found.reading == 0.0


def test_where_there_are_no_edits_the_reason_is_given():
    class NoEdits(ToyBoard):
        edits = None

    env = NoEdits()
    picture = draw(ToyNetwork(and_of(*CELLS), (3, 3)), env, random_boards(env, 400))
    assert picture.found is None and "no edits" in picture.why["found"]
    assert [row.heading for row in strip_of(picture, env)] == [
        "drives hidden[0] most (outlined: what suffices)", "least",
    ]  # fmt: skip


def test_the_same_seed_gives_the_same_picture_and_another_seed_other_donors():
    env = ToyBoard(4, 4)
    weights = np.random.default_rng(3).normal(size=(4, 4))
    network = ToyNetwork(lambda seen: (seen * weights).sum(axis=(1, 2))[:, None], (4, 4))
    first, again, other = (draw(network, env, random_boards(env, 900), seed=seed) for seed in (1, 1, 2))
    assert repr(first) == repr(again)
    png = [strip_png(strip_of(each, env), title="t") for each in (first, again)]
    assert png[0] == png[1]
    assert [shown.kept.fresh_keeps for shown in first.most[:2]] != [shown.kept.fresh_keeps for shown in other.most[:2]]
    assert [shown.row for shown in first.most] == [shown.row for shown in other.most]


def test_the_rows_of_a_report_say_what_the_picture_holds():
    env = ToyBoard(3, 4)
    network = ToyNetwork(lambda seen: np.stack([seen[:, 0], seen.min(axis=1)], axis=1), (3, 4), ("", "columns"))
    picture = draw(network, env, random_boards(env, 800), unit_drive(network, "hidden", 1))
    row = json.loads(json.dumps(picture_row(picture, env)))
    assert row["drive"] == "hidden[1]" and row["highest"] == 1.0
    best = row["most"][0]
    assert best["columns"] == f"c{picture.most[0].place['columns']}"
    assert best["kept"] == [[r, picture.most[0].place["columns"]] for r in range(3)] and best["kept_fresh"] == 1.0
    assert row["found"]["above_visited"] is False and row["found"]["edits"] == []


def test_a_readout_is_drawn_in_its_own_unit():
    env = ToyBoard(1, 4)
    network = ToyNetwork(lambda seen: seen[:, 0].astype(float), (1, 4))
    readout = Readout("filled", "count", "hidden", np.ones((4, 1)) * 2.0, np.array([[-3.0]]), (), (4,), (), (), ())
    visited = random_boards(env, 200)
    picture = draw(network, env, visited, readout_drive(network, readout))
    assert picture.highest == 5.0 and picture.lowest == -3.0
    top = picture.most[0]
    raw = readout.raw(network.activations(env.observe(top.state), "hidden"))
    assert top.reading == raw[0] == 5.0


@pytest.mark.parametrize(
    ("drive", "said"),
    [
        (Drive("nowhere", "x", (0,)), "has no layer 'nowhere'"),
        (Drive("hidden", "x", (1,)), "has 0 to 0"),
        (Drive("hidden", "x", ()), "names units"),
        (Drive("hidden", "x", (0,), (1.0, 2.0)), "one each"),
        (Drive("hidden", "x", (0,), axes=("columns",)), "has no axis 'columns'"),
        (Drive("hidden", "x", (0,), offsets=(1.0, 2.0)), "2 offsets for 1 positions"),
    ],
)
def test_a_drive_that_does_not_fit_is_refused(drive, said):
    env = ToyBoard()
    with pytest.raises(BadOption, match=said):
        draw(ToyNetwork(and_of(*CELLS), (3, 3)), env, random_boards(env, 10), drive)


def test_no_states_are_refused():
    env = ToyBoard()
    with pytest.raises(EmptySample, match="play at least one"):
        draw(ToyNetwork(and_of(*CELLS), (3, 3)), env, random_boards(env, 0))


def compiled(name, concept, arguments=()):
    """A compiled agent, states that it visits, and the unit that its record names for a concept."""
    agent = open_agent(name)
    record = json.loads((Path(agentscope_trained.__file__).parent / "compiled" / name / "record.json").read_text())
    found = next(c for c in record["concepts"] if c["concept"] == concept and c["arguments"] == list(arguments))
    carrier = found["carriers"][0]
    visited = collect_states(
        agent.policy, agent.env, np.arange(60), max_states=1_200, generator=np.random.default_rng(0)
    )
    return agent, visited, Drive(carrier["layer"], concept, tuple(carrier["units"]))


@pytest.mark.parametrize(
    ("name", "concept", "arguments", "cells"),
    [
        ("trigger-dqn-relu-l0", "armed", (), ((1,), (4,), (6,))),
        ("columns-dqn-relu-l0", "height", (2,), ((0, 2),)),
        ("columns-dqn-relu-l0", "holes_in", (1,), ((0, 1), (1, 1), (2, 1), (3, 1))),
    ],
)
def test_of_a_compiled_unit_the_cells_that_its_definition_reads_suffice(name, concept, arguments, cells):
    agent, visited, drive = compiled(name, concept, arguments)
    picture = draw(agent.network, agent.env, visited, drive)
    assert all(shown.kept.cells == cells and shown.kept.fresh == 1.0 for shown in picture.most[:2])
    assert picture.found.reading == picture.highest and not picture.found.above_visited
    assert strip_svg(strip_of(picture, agent.env), title="t").count("<path") == 4  # two states, halo and line each


def test_in_the_strip_the_kept_lamps_are_outlined_and_no_others():
    agent, visited, drive = compiled("trigger-dqn-relu-l0", "armed")
    rows = strip_of(draw(agent.network, agent.env, visited, drive, shown=2, explained=1), agent.env)
    pixels = np.asarray(Image.open(io.BytesIO(strip_png(rows, title="t"))).convert("RGB"))
    tiles = pixels[GAP // 2 + 2 * HEADING :][:16, GAP : GAP + 128]  # lamps are drawn as 8 tiles of 16 pixels
    black = (tiles == 17).all(axis=2)[:, 8::16]  # through the middle of each lamp
    assert np.flatnonzero(black[0]).tolist() == np.flatnonzero(black[15]).tolist() == [1, 4, 6]
    assert not black[3:13].any()


def test_an_armed_trigger_that_was_never_visited_is_found():
    agent, visited, drive = compiled("trigger-dqn-relu-l0", "armed")
    unarmed = ~agent.env.observe(visited.states)[:, [1, 4, 6]].all(axis=1)
    seen = StateSet("network", visited.states[unarmed], visited.episode[unarmed], visited.step[unarmed])
    picture = draw(agent.network, agent.env, seen, drive)
    assert picture.highest == 0.0 and picture.found.above_visited
    assert agent.env.observe(picture.found.state)[0, [1, 4, 6]].all() and len(picture.found.edits) == 1
