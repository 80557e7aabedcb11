"""The compiled agents that ship are what `compile.py` writes, byte for byte, and what their cards say."""

import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from agentscope.agents import find_agent, load_network
from agentscope.agents.finding import carded_folders
from agentscope.compiling import SUBJECTS, Carrier, encode, subject
from agentscope_trained.compile import BEGIN, END, HERE, NEGATIVES, Known, table, versions, write_agent

SHELF, PAGE = HERE / "compiled", HERE.parent / "docs" / "compiling.md"
REMADE = {"trigger": 7, "lookup": 7, "greedy": 1, "convolution": 2}  # how many agents of a program are written anew
LEARNED = ("trigger", "lookup", "greedy", "follower", "columns")


@pytest.fixture(scope="module")
def known() -> dict[str, Known]:
    return {found.recipe.name: Known(found) for found in SUBJECTS}


def cards(**wanted: str) -> dict[str, object]:
    found = {name: find_agent(name).card for name, folder in carded_folders(HERE).items() if folder.parent == SHELF}
    return {
        name: card for name, card in found.items()
        if all(getattr(card.program, key) == value for key, value in wanted.items())  # type: ignore[union-attr]
    }  # fmt: skip


@pytest.mark.parametrize("name", REMADE)
def test_the_shipped_bytes_are_those_that_compiling_gives(known: dict[str, Known], name: str, tmp_path: Path) -> None:
    for agent in islice(known[name].agents(), REMADE[name]):
        shipped = SHELF / agent.name
        if cards()[agent.name].program.versions != versions():  # type: ignore[attr-defined]
            pytest.skip("other versions of Python or of packages write other bytes")
        write_agent(known[name], agent, tmp_path)
        for made in ("model.zip", "record.json", "card.toml"):
            assert (tmp_path / agent.name / made).read_bytes() == (shipped / made).read_bytes(), (agent.name, made)


def test_every_program_ships_at_every_level_by_both_algorithms_and_in_small_files() -> None:
    for found in SUBJECTS:
        mine = cards(name=found.recipe.name)
        levels = {card.program.level for card in mine.values()}  # type: ignore[attr-defined]
        assert levels >= {"L0", "L1", "L2", "shuffled", "random"}
        assert {card.agent.algorithm for card in mine.values()} == {"DQN", "PPO"}  # type: ignore[attr-defined]
        assert any("-tanh-" in name for name in mine) == (found.recipe.name not in ("keydoor", "convolution"))
    assert all(path.stat().st_size <= 200_000 for path in SHELF.glob("*/model.zip"))
    assert sum(path.stat().st_size for path in SHELF.rglob("*.*")) <= 3_000_000


@pytest.mark.parametrize("name", ["trigger", "lookup", "greedy", "follower", "columns", "keydoor", "convolution"])
def test_the_agreement_in_a_card_is_that_of_the_zip_on_all_states(known: dict[str, Known], name: str) -> None:
    mine = cards(name=name)
    for agent, card in mine.items():
        program = card.program  # type: ignore[attr-defined]
        if program.level in ("L0", "L1"):
            assert program.agreement == 1.0
        if program.level in ("L0", "L1", "L5"):
            assert known[name].agreement(SHELF / agent / "model.zip") == {
                "states": program.states, "agreement": program.agreement,
            }  # fmt: skip


def test_the_learned_twins_do_nearly_all_that_the_programs_say() -> None:
    learned = cards(level="L5")
    assert set(learned) == {f"{name}-learned" for name in LEARNED}
    for name, card in learned.items():
        assert card.agent.family == "compiled-learned" and card.training.steps > 0  # type: ignore[attr-defined]
        assert card.program.agreement >= 0.95, name  # type: ignore[attr-defined]
        text = "\n".join(card.truth.program)  # type: ignore[attr-defined]
        assert text == subject(name.removesuffix("-learned")).recipe.program.strip()


def test_every_twin_that_a_card_names_ships() -> None:
    named = {card.program.learned_twin for card in cards().values()} - {""}  # type: ignore[attr-defined]
    assert named == {f"{name}-learned" for name in LEARNED} | {"keydoor-ppo"}
    assert named <= set(carded_folders(HERE))


def test_negatives_know_nothing_and_the_others_name_their_trigger() -> None:
    for name, card in cards().items():
        program, truth = card.program, card.truth  # type: ignore[attr-defined]
        negative = program.level in NEGATIVES
        family = "compiled-negative" if negative else "compiled-learned" if program.level == "L5" else "compiled"
        assert card.agent.family == family, name  # type: ignore[attr-defined]
        assert (truth.program == []) == negative and (truth.used == []) == (negative or program.level == "L5")
        assert (truth.trigger != "") == (program.name == "trigger" and not negative)


@pytest.mark.parametrize("name", ["trigger-dqn-relu-l1", "greedy-ppo-tanh-l1"])
def test_the_record_beside_a_zip_names_the_units_that_hold_each_concept(known: dict[str, Known], name: str) -> None:
    record = json.loads((SHELF / name / "record.json").read_text())
    card = find_agent(name).card
    assert card is not None and card.truth is not None and card.program is not None
    env, states = known[card.program.name].env, known[card.program.name].states[::11]
    network = load_network(SHELF / name / "model.zip")
    measures = {concept.name: concept.measure for concept in env.concepts}  # type: ignore[attr-defined]
    for one in record["concepts"]:
        values = measures[one["concept"]](states)[(slice(None), *one["arguments"])]
        for fields in one["carriers"]:
            carrier = Carrier(**{key: tuple(part) if isinstance(part, list) else part for key, part in fields.items()})
            held = network.activations(env.observe(states), carrier.layer)[:, list(carrier.units)]
            assert np.array_equal(held, encode(carrier, values, record["activation"])), one["concept"]
    assert sorted({one["concept"] for one in record["concepts"] if one["status"] == "used"}) == card.truth.used


def test_the_table_of_the_manual_is_the_one_that_the_cards_give() -> None:
    assert PAGE.read_text().split(BEGIN)[1].split(END)[0].strip() == table(SHELF)
