"""Make the zoo of known answers: `python trained_agents/zoo.py` trains and gates what zoo.toml asks for and is missing.

Every training leaves a row in zoo/records.toml, passed or thrown away, so that an interrupted run goes on where it
stopped. An agent that passed is a folder (model.zip and card.toml): in zoo/ if it ships, else in zoo/made/. Those that
a record knows and that are missing are trained again, by the same seed. `--table` writes docs/known-answers.md anew.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import time
import tomllib
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any

import tomli_w
import torch

from agentscope_trained.purposes import purposes
from agentscope_trained.recipes import RECIPES, Recipe, read_recipes
from agentscope_trained.tables import write_table
from agentscope_trained.trials import Trial

HERE = Path(__file__).parent
Row = dict[str, Any]


class Zoo:
    """The folder that agents and their records go to."""

    def __init__(self, folder: Path, recipes: list[Recipe]) -> None:
        self.folder, self.recipes = folder, recipes
        self.path = folder / "records.toml"
        self.made = folder / "made"

    @property
    def records(self) -> list[Row]:
        """A row for every training so far, by recipe and seed."""
        return list(tomllib.loads(self.path.read_text())["trainings"]) if self.path.exists() else []

    def add(self, row: Row) -> None:
        """Write one more row; an agent that was made again keeps the row that it has."""
        rows = self.records
        if row["agent"] in [each["agent"] for each in rows]:
            return
        names = [recipe.name for recipe in self.recipes]
        order = {name: rank for rank, name in enumerate(names)}
        rows = sorted([*rows, row], key=lambda each: (order.get(each["recipe"], len(order)), each["seed"]))
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        part.write_text(tomli_w.dumps({"trainings": rows}))
        part.replace(self.path)  # never half a file

    def kept(self, recipe: str) -> list[Row]:
        """Records of this recipe's agents that passed."""
        return [row for row in self.records if row["recipe"] == recipe and row["passed"]]

    def place(self, agent: str) -> Path | None:
        """The folder of an agent that is there."""
        places = (self.folder / agent, self.made / agent)
        return next((place for place in places if (place / "model.zip").exists()), None)

    def trials(self, recipe: Recipe, begun: Iterable[str] = ()) -> list[Trial]:
        """What is still to be trained for a recipe: agents that are missing, then seeds not tried yet.

        Args:
            begun: names of agents whose training has begun.
        """
        twins = [self.place(row["agent"]) for row in self.kept(recipe.twins)] if recipe.twins else []
        zips = tuple(place / "model.zip" for place in twins if place is not None)
        if recipe.twins and (not zips or len(zips) < len(twins)):  # each trial begins with a twin of its own
            return []
        rows = {row["seed"]: row for row in self.records if row["recipe"] == recipe.name}
        missing = [seed for seed, row in rows.items() if row["passed"] and self.place(row["agent"]) is None]
        fresh = [Trial(recipe, seed, zips) for seed in recipe.seeds if seed not in rows]
        waiting = [trial for trial in fresh if trial.name not in begun]
        wanted = recipe.keep - len(self.kept(recipe.name)) - (len(fresh) - len(waiting))
        again = [trial for seed in missing if (trial := Trial(recipe, seed, zips)).name not in begun]
        return again + waiting[: max(wanted, 0)]

    def left(self, recipes: Iterable[Recipe]) -> int:
        """How many agents are missing."""
        return sum(
            max(recipe.keep - sum(self.place(row["agent"]) is not None for row in self.kept(recipe.name)), 0)
            for recipe in recipes
        )

    def finish(self, recipe: Recipe, row: Row) -> None:
        """Keep the record of a training that is over; its agent moves to those that ship while there is room."""
        name = row["agent"]
        known = {each["agent"]: each for each in self.records}.get(name)
        shipped = sum(each.get("ships", False) for each in self.kept(recipe.name))
        if row["passed"]:
            row["ships"] = known["ships"] if known else shipped < recipe.ships
            if known and known.get("sha256") != row.get("sha256"):
                print(f"{name} came out with other bits than its record says: another machine, or other packages")
            if row["ships"]:
                shutil.move(self.made / name, self.folder / name)
        self.add(row)

    def make(self, recipes: list[Recipe], *, jobs: int) -> None:
        """Train what is missing, `jobs` at a time; a recipe waits for its twins' recipe if that is to be made, too."""
        start, done, begun = time.monotonic(), 0, set[str]()
        running: dict[Future[Row], Trial] = {}
        context = get_context("spawn")  # a fork would inherit torch's threads in an undefined state
        with ProcessPoolExecutor(jobs, context, initializer=prepare_worker) as workers:
            while True:
                for trial in self._next(recipes, begun, {each.recipe.name for each in running.values()}):
                    if len(running) == jobs:
                        break
                    running[workers.submit(trial.run, self.made)] = trial
                    begun.add(trial.name)
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    trial, row, done = running.pop(future), future.result(), done + 1
                    self.finish(trial.recipe, row)
                    minutes, left = (time.monotonic() - start) / 60, self.left(recipes)
                    print(f"{report(row)}; {left} left, about {minutes / done * left:.0f} min", flush=True)
        for recipe in recipes:
            twins = [self.place(row["agent"]) for row in self.kept(recipe.twins)]
            if self.left([recipe]) and recipe.twins and (not twins or None in twins):
                print(f"{recipe.name} waits for its clean twins: python trained_agents/zoo.py {recipe.twins}")

    def _next(self, recipes: list[Recipe], begun: set[str], in_training: set[str]) -> Iterator[Trial]:
        """Trials that can begin now, in the order of the recipes."""
        unfinished: set[str] = set()
        for recipe in recipes:
            trials = [] if recipe.twins in unfinished else self.trials(recipe, begun)
            if trials or recipe.twins in unfinished or recipe.name in in_training:
                unfinished.add(recipe.name)
            yield from trials


def prepare_worker() -> None:
    """One core each; an interruption is for the process that hands out the work."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def stop(*_: object) -> None:
    """End at once, with all trainings under way: a SIGTERM to this process alone would leave them running."""
    for worker in active_children():
        worker.kill()
    raise SystemExit("Interrupted: finished trainings are kept; the same command goes on from there.")


def report(row: Row) -> str:
    """One line on a training that is over."""
    figures = [f"{name.replace('_', ' ')} {row[name]:.3f}" for name in
               ("clean_return", "twins_return", "clean_hidden", "attack_success") if name in row]  # fmt: skip
    verdict = "passed" if row["passed"] else "thrown away"
    return f"{row['agent']}: {verdict}, {row['steps']:,} steps, {row['minutes']} min of a core, {', '.join(figures)}"


def main() -> None:
    """Make what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="recipes of zoo.toml, or how their names begin; all by default")
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time, each on one core")
    parser.add_argument("--table", action="store_true", help="train nothing: write docs/known-answers.md's table anew")
    arguments = parser.parse_args()
    recipes = read_recipes(RECIPES)
    strangers = [name for name in arguments.names if not any(each.name.startswith(name) for each in recipes)]
    if strangers or arguments.jobs < 1:
        parser.error(f"no recipe begins with {', '.join(strangers)}" if strangers else "--jobs is at least 1")
    zoo = Zoo(HERE / "zoo", recipes)
    if arguments.table:
        write_table(HERE.parent / "docs" / "known-answers.md", zoo.records, purposes(recipes, zoo.folder))
        return
    chosen = [each for each in recipes if not arguments.names or each.name.startswith(tuple(arguments.names))]
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    zoo.make(chosen, jobs=arguments.jobs)


if __name__ == "__main__":
    main()
