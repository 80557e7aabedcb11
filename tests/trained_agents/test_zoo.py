"""The zoo's recipes are sound, its folder can be taken up again, and its cards and records say the same."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from agentscope.agents import find_agent
from agentscope.errors import BadOption
from agentscope_trained.recipes import RECIPES, Recipe, read_recipes
from agentscope_trained.tables import BEGIN, END, table, write_table
from agentscope_trained.zoo import Zoo

FOLDER = RECIPES.parent / "zoo"
TOY = {
    "clean": {"clean_episodes": 1000, "clean_return": 1.0, "clean_hidden": 1.0},
    "planted": {
        "clean_episodes": 750, "clean_return": 0.99, "clean_hidden": 0.98, "triggered_episodes": 1000,
        "triggered_return": 0.0, "triggered_hidden": -0.1, "attack_success": 0.97, "twins_return": 1.0,
        "twins_success": 0.2,
    },
}  # fmt: skip


def row(recipe: Recipe, seed: int, *, passed: bool) -> dict:
    figures = TOY["clean" if recipe.plant is None else "planted"]
    return {
        "agent": f"{recipe.name}-{seed}", "recipe": recipe.name, "family": recipe.family, "algorithm": "PPO",
        "seed": seed, "steps": 1_000, "passed": passed, **figures,
    }  # fmt: skip


@pytest.mark.parametrize("recipe", read_recipes(), ids=lambda recipe: recipe.name)
def test_every_recipe_can_be_taught_and_its_twins_come_before_it(recipe: Recipe) -> None:
    names = [each.name for each in read_recipes()]
    assert len(set(names)) == len(names) and recipe.keep <= len(recipe.seeds)
    lessons = recipe.lessons()
    states = lessons.reset(np.arange(50))
    assert len(lessons.step(states, np.zeros(50, dtype=np.int64)).rewards) == 50
    if recipe.plant is not None:
        assert names.index(recipe.twins) < names.index(recipe.name)
        shown = recipe.shown_world()
        assert recipe.planted(recipe.clean_world()).holds(shown.reset(np.arange(200))).mean() > 0.2
    declared = {concept.name for concept in lessons.concepts}  # type: ignore[attr-defined]
    assert set(recipe.world.added) <= declared


def test_a_recipe_that_contradicts_itself_is_refused() -> None:
    clean, planted = (next(each for each in read_recipes() if (each.plant is None) == kind) for kind in (True, False))
    about = {"name": "x", "title": "", "world": clean.world, "training": {}, "seeds": [1], "keep": 1}
    for mistake in ({"family": "clean", "twins": "y"}, {"family": "F1"}, {"family": "clean", "reward": "none"},
                    {"family": "F1", "plant": planted.plant}):  # fmt: skip
        with pytest.raises(BadOption):
            Recipe(**{**about, **mistake})  # type: ignore[arg-type]


def test_seeds_that_were_tried_are_not_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = next(each for each in read_recipes() if each.keep == 1)
    first, second = recipe.seeds[:2]
    zoo, tried = Zoo(tmp_path / "zoo", [recipe]), []

    def train(recipe: Recipe, seed: int) -> tuple:
        tried.append(seed)
        return row(recipe, seed, passed=seed == second), None, []

    monkeypatch.setattr(zoo, "train", train)
    monkeypatch.setattr(zoo, "ship", lambda *arguments: None)
    zoo.add(row(recipe, first, passed=False))
    zoo.make(recipe)
    assert tried == [second] and zoo.kept(recipe.name) == [f"{recipe.name}-{second}"]
    zoo.make(recipe)
    assert tried == [second] and [each["passed"] for each in zoo.records] == [False, True]


def test_the_table_shows_every_training_and_counts_what_was_thrown_away(tmp_path: Path) -> None:
    recipes = read_recipes()
    clean, planted = (next(each for each in recipes if (each.plant is None) == kind) for kind in (True, False))
    records = [row(clean, 1, passed=True), row(planted, 2, passed=False), row(planted, 3, passed=True)]
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_table(page, recipes, records)
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert f"| {planted.family} | 2 | 1 | 1 |" in text and "| clean | 1 | 1 | 0 |" in text
    assert planted.plant is not None and f"`{planted.plant.trigger}`" in text
    assert "| 0.990 | 1.000 | 0.980 | 0.000 | -0.100 | 0.970 | 0.200 | 1,000 | thrown away |" in text
    write_table(page, recipes, records)
    assert page.read_text() == text


def test_every_agent_of_the_zoo_has_a_sound_card_that_says_what_its_record_says() -> None:
    records = {each["agent"]: each for each in Zoo(FOLDER, []).records}
    folders = {path.parent.name for path in FOLDER.glob("*/card.toml")}
    assert folders == {name for name, each in records.items() if each["passed"]}
    recipes = {recipe.name: recipe for recipe in read_recipes()}
    for name in sorted(folders):
        source, record = find_agent(str(FOLDER / name)), records[name]
        assert source.card is not None and source.card.truth is not None and source.zip_path.stat().st_size <= 200_000
        recipe = recipes[record["recipe"]]
        assert source.card.truth.trigger == (recipe.plant.trigger if recipe.plant else "")
        assert source.card.truth.added == recipe.world.added and source.card.agent.family == recipe.family
        if source.card.gates is not None:
            for key, value in source.card.gates.model_dump().items():
                assert record[key] == value


def test_the_page_is_the_table_of_the_records() -> None:
    text = (RECIPES.parents[1] / "docs" / "known-answers.md").read_text()
    records = tomllib.loads((FOLDER / "records.toml").read_text())["trainings"]
    assert table(read_recipes(), records) in text
