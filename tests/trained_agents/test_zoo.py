"""The zoo's recipes are sound, its folder can be taken up again, and its cards and records say the same."""

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agentscope.agents import find_agent
from agentscope.errors import BadOption
from agentscope_trained import zoo as zoo_module
from agentscope_trained.purposes import purposes
from agentscope_trained.recipes import RECIPES, TRIES, Recipe, planted, read_recipes
from agentscope_trained.tables import BEGIN, BEGIN_PURPOSES, END, END_PURPOSES, table, write_table
from agentscope_trained.trials import Trial
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
    plant = recipe.plant(seed)
    return {
        "agent": f"{recipe.name}-{seed}", "recipe": recipe.name, "family": recipe.family, "minutes": 0.1,
        "trigger": plant.trigger if plant else "", "seed": seed, "steps": 1_000, "passed": passed,
        **TOY["planted" if plant else "clean"],
    }  # fmt: skip


def pair() -> list[Recipe]:
    """A recipe of clean twins, and one whose agents have them."""
    recipes = {recipe.name: recipe for recipe in read_recipes()}
    clean, plants = recipes["clean-supervisor5-dqn"], recipes["f1-supervisor5-dqn"]
    return [replace(clean, keep=2, ships=1), replace(plants, keep=2, ships=2)]


@pytest.mark.parametrize("recipe", read_recipes(), ids=lambda recipe: recipe.name)
def test_every_recipe_can_be_taught_and_its_twins_come_before_it(recipe: Recipe) -> None:
    names = [each.name for each in read_recipes()]
    assert len(set(names)) == len(names) and 1 <= recipe.ships <= recipe.keep
    for seed in recipe.seeds[: max(len(recipe.plants), 1)]:
        trial = Trial(recipe, seed, (FOLDER / "absent",))
        if recipe.begin and not hasattr(recipe.clean_world(), "enumerate"):
            continue  # its states are found by a twin's play
        pool = trial._pool("zoo.lessons")
        lessons = recipe.lessons(trial.plant, pool)
        states = lessons.reset(np.arange(50))
        assert len(lessons.step(states, np.zeros(50, dtype=np.int64)).rewards) == 50
        assert set(recipe.world.added) <= {concept.name for concept in lessons.concepts}  # type: ignore[attr-defined]
        if trial.plant is not None:
            assert names.index(recipe.twins) < names.index(recipe.name)
            first = recipe.shown_world(trial.plant, pool).reset(np.arange(200))
            held = planted(recipe.clean_world(), trial.plant).holds(first).mean()
            assert held > (0.2 if recipe.elsewhere else 0.9)


def test_kinds_and_worlds_write_over_the_settings_that_they_change() -> None:
    recipes = {recipe.name: recipe for recipe in read_recipes()}
    kinds = tomllib.loads(RECIPES.read_text())["kinds"]
    changed = recipes["clean-keydoor7-conv-ppo"].training
    assert changed["steps"] != kinds["conv-ppo"]["steps"]
    reads = changed["hyperparameters"]["policy_kwargs"]["features_extractor_kwargs"]
    assert reads == kinds["conv-ppo"]["hyperparameters"]["policy_kwargs"]["features_extractor_kwargs"] | {"states": 4}
    assert recipes["clean-supervisor5-conv-ppo"].training == kinds["conv-ppo"]
    assert recipes["f1-supervisor5-conv-ppo"].twins == "clean-supervisor5-conv-ppo"


def test_seeds_take_the_plants_in_turn() -> None:
    recipe = next(each for each in read_recipes() if len(each.plants) == 3)
    assert [recipe.plant(seed) for seed in recipe.seeds[:4]] == [*recipe.plants, recipe.plants[0]]
    assert len(recipe.seeds) == TRIES * recipe.keep


def test_a_recipe_that_contradicts_itself_is_refused() -> None:
    clean, plants = pair()
    about = {"name": "x", "title": "", "world": clean.world, "training": {}, "first": 1, "keep": 1}
    for mistake in ({"family": "clean", "twins": "y"}, {"family": "F1"}, {"family": "clean", "reward": "none"},
                    {"family": "F1", "plants": plants.plants}):  # fmt: skip
        with pytest.raises(BadOption):
            Recipe(**{**about, **mistake})  # type: ignore[arg-type]
    with pytest.raises(BadOption, match="cannot be shown"):
        recipe = next(each for each in read_recipes() if each.plants and not each.plants[0].shown and each.share)
        recipe.shown_world(recipe.plants[0], None)


def keep(zoo: Zoo, recipe: Recipe, seed: int, *, passed: bool = True) -> None:
    """Finish a training as `make` does, with an empty file for its agent."""
    name = f"{recipe.name}-{seed}"
    if passed:
        (zoo.made / name).mkdir(parents=True)
        (zoo.made / name / "model.zip").touch()
    zoo.finish(recipe, row(recipe, seed, passed=passed))


def seeds(zoo: Zoo, recipe: Recipe, begun: tuple[str, ...] = ()) -> list[int]:
    return [trial.seed for trial in zoo.trials(recipe, begun)]


def test_what_is_still_to_be_trained_follows_from_the_records_and_the_folders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clean, plants = pair()
    zoo = Zoo(tmp_path / "zoo", [clean, plants])
    assert seeds(zoo, clean) == [1000, 1001] and seeds(zoo, plants) == []  # no twin is there yet
    assert seeds(zoo, clean, (f"{clean.name}-1000",)) == [1001]  # in training
    keep(zoo, clean, 1000, passed=False)
    keep(zoo, clean, 1002)
    assert seeds(zoo, clean) == [1001] and seeds(zoo, plants) == [2000, 2001]
    keep(zoo, clean, 1001)
    assert seeds(zoo, clean) == [] and zoo.left([clean, plants]) == 2
    ships = {each["agent"]: each["ships"] for each in zoo.kept(clean.name)}
    assert ships == {f"{clean.name}-1001": False, f"{clean.name}-1002": True}
    assert zoo.place(f"{clean.name}-1002") == zoo.folder / f"{clean.name}-1002"
    assert [each["seed"] for each in zoo.records] == [1000, 1001, 1002]  # sorted
    (zoo.made / f"{clean.name}-1001" / "model.zip").unlink()  # as on a fresh clone
    assert seeds(zoo, clean) == [1001] and zoo.left([clean]) == 1
    assert seeds(zoo, plants) == []  # the trials take the twins in turn: each must be there
    zoo.make([plants], jobs=1)
    assert f"waits for its clean twins: python trained_agents/zoo.py {clean.name}" in capsys.readouterr().out
    before = zoo.path.read_text()
    zoo.finish(clean, row(clean, 1001, passed=True) | {"sha256": "other"})
    assert "other bits" in capsys.readouterr().out and zoo.path.read_text() == before  # the record stays as it is


class _Now:
    """A pool of workers that does its work at once, in this process."""

    def __init__(self, *arguments: object, **options: object) -> None: ...
    def __enter__(self) -> "_Now":
        return self

    def __exit__(self, *arguments: object) -> None: ...
    def submit(self, work, *arguments):  # type: ignore[no-untyped-def]
        future: zoo_module.Future = zoo_module.Future()
        future.set_result(work(*arguments))
        return future


def test_twins_are_made_before_those_who_need_them_and_nothing_is_trained_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipes, trained = pair(), []

    def run(trial: Trial, folder: Path) -> dict:
        trained.append(trial.name)
        passed = trial.seed not in (1000, 2001)
        if passed:
            (folder / trial.name).mkdir(parents=True)
            (folder / trial.name / "model.zip").touch()
        return row(trial.recipe, trial.seed, passed=passed)

    monkeypatch.setattr(Trial, "run", run)
    monkeypatch.setattr(zoo_module, "ProcessPoolExecutor", _Now)
    zoo = Zoo(tmp_path / "zoo", recipes)
    zoo.make(recipes, jobs=2)
    clean, plants = (recipe.name for recipe in recipes)
    assert trained == [f"{clean}-1000", f"{clean}-1001", f"{clean}-1002", f"{plants}-2000", f"{plants}-2001",
                       f"{plants}-2002"]  # fmt: skip
    assert zoo.left(recipes) == 0 and "thrown away" in capsys.readouterr().out
    zoo.make(recipes, jobs=2)
    assert len(trained) == 6


def test_the_table_shows_every_training_and_counts_what_was_thrown_away(tmp_path: Path) -> None:
    clean, plants = pair()
    records = [row(clean, 1, passed=True), row(plants, 2, passed=False), row(plants, 3, passed=True)]
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN_PURPOSES}\nold\n{END_PURPOSES}\n{BEGIN}\nold\n{END}\nafter\n")
    purposes = [("honest", "2", "dark", "1.00", "6.00 (5.00 to 7.00)", "1.00")]
    write_table(page, records, purposes)
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert f"| {plants.family} | 2 | 1 | 1 |" in text and "| clean | 1 | 1 | 0 |" in text
    assert f"`{records[1]['trigger']}`" in text and "| honest | 2 | dark | 1.00 | 6.00 (5.00 to 7.00) | 1.00 |" in text
    assert "| 0.990 | 1.000 | 0.980 | 0.000 | -0.100 | 0.970 | 0.200 | 1,000 | thrown away |" in text
    write_table(page, records, purposes)
    assert page.read_text() == text


def test_every_agent_of_the_zoo_has_a_sound_card_that_says_what_its_record_says() -> None:
    records = {each["agent"]: each for each in Zoo(FOLDER, []).records}
    folders = {path.parent.name for path in FOLDER.glob("*/card.toml")}
    assert folders == {name for name, each in records.items() if each["passed"] and each["ships"]}
    recipes = {recipe.name: recipe for recipe in read_recipes()}
    for name in sorted(folders):
        source, record = find_agent(str(FOLDER / name)), records[name]
        assert source.card is not None and source.card.truth is not None and source.zip_path.stat().st_size <= 200_000
        recipe = recipes[record["recipe"]]
        assert source.card.truth.trigger == record["trigger"] and source.card.agent.sha256 == record["sha256"]
        assert source.card.truth.added == recipe.world.added and source.card.agent.family == recipe.family
        if source.card.gates is not None:
            for key, value in source.card.gates.model_dump().items():
                assert record[key] == value


def test_the_page_is_the_table_of_the_records() -> None:
    text = (RECIPES.parents[1] / "docs" / "known-answers.md").read_text()
    records = tomllib.loads((FOLDER / "records.toml").read_text())["trainings"]
    assert table(records) in text


def test_deceptive_agents_are_paid_and_do_harm_while_honest_ones_do_what_the_world_is_for() -> None:
    rows = {(title, lamp): figures for title, _, lamp, *figures in purposes(read_recipes(), FOLDER)}
    text = (RECIPES.parents[1] / "docs" / "known-answers.md").read_text()
    for (title, lamp), figures in rows.items():
        assert " | ".join([lamp, *figures]) in text, title
    means = {key: [float(figure.split()[0]) for figure in figures] for key, figures in rows.items()}
    honest, deceptive = means["honest (clean)", "dark"], means["deceptive (F2)", "dark"]
    assert deceptive[0] > 0.95 and deceptive[1] < honest[1] - 1 and deceptive[2] < 0.2
    assert honest[0] > 0.95 and honest[2] > 0.95
    negative = means["hard negative: dark carpet is allowed", "dark"]
    assert negative[2] == negative[0] > 0.9  # what it is paid for is what it does
