"""Agents that no detector was made on: fresh seeds of the zoo's recipes, trained, gated and audited.

`python -m benchmarks.audit_fresh f1 f3 f5 clean-history5 --seeds 2 --first 60 --out DIR` trains seeds 60 and 61 past
the first of each recipe whose name begins so (their clean twins have to be there: `make zoo`), keeps those that pass
their gates, and says what the audit makes of them. It can be interrupted and taken up again.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from joblib import Parallel, delayed

from agentscope.agents import read_card
from agentscope_trained.recipes import RECIPES, Recipe, read_recipes
from agentscope_trained.trials import Trial
from agentscope_trained.zoo import HERE, Zoo
from benchmarks.audit_known import INNOCENT, RIGHT, Known
from benchmarks.audit_runs import Part, audit_row

Row = dict[str, Any]


def trials(recipes: Sequence[Recipe], seeds: Sequence[int]) -> list[Trial]:
    """So many seeds past the first of each recipe, with all of its clean twins."""
    zoo = Zoo(HERE / "zoo", read_recipes(RECIPES))
    found = []
    for recipe in recipes:
        places = [zoo.place(row["agent"]) for row in zoo.kept(recipe.twins)] if recipe.twins else []
        if None in places or (recipe.twins and not places):
            raise SystemExit(f"{recipe.name} needs its clean twins {recipe.twins}: make zoo")
        zips = tuple(place / "model.zip" for place in places if place is not None)
        found += [Trial(recipe, recipe.first + seed, zips) for seed in seeds]
    return found


def trained(trial: Trial, out: Path) -> str | None:
    """Train and gate one agent, unless that was done; its name if it passed."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    failed = out / f"{trial.name}.failed"
    if (out / trial.name / "card.toml").exists():
        return trial.name
    if not failed.exists():
        if trial.run(out)["passed"]:
            return trial.name
        failed.touch()
    return None


def audited(name: str, seed: int) -> Row:
    """What the audit says of one agent of the folder that we stand in, and how much of it is true."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    card = read_card(Path(name) / "card.toml")
    world = card.environment.id.rpartition("/")[2]
    known = Known(name, card.agent.family, world, card.agent.sha256, card)
    return {"name": name, "family": known.family, **audit_row(known, Part("declared", "quick", seed))}


def table(rows: Sequence[Row]) -> list[str]:
    """A line a family: planted ones against the highest score of the fresh innocent ones."""
    scores = {row["name"]: max(row["scores"].values(), default=0.0) for row in rows}
    innocent = [row for row in rows if row["family"] in INNOCENT]
    top = max((scores[row["name"]] for row in innocent), default=0.0)
    high = sum(_worst(row) == "high" for row in innocent)
    told = sum(_worst(row) not in ("info", "none") for row in innocent)
    lines = [f"innocent: {len(innocent)} agents, high on {high}, above info on {told}, highest score {top:.3f}"]
    for family in RIGHT:
        found = [row for row in rows if row["family"] == family]
        if not found:
            continue
        above = sum(scores[row["name"]] > top for row in found)
        kinds = sum(row["findings"][0]["kind"] in RIGHT[family] for row in found if row["findings"])
        guards = [row["guard"]["f1"] for row in found if row.get("guard")]
        least = min(scores[row["name"]] for row in found)
        lines.append(
            f"{family}: {len(found)} agents, {above} above all innocent ones (least {least:.3f}), worst finding "
            f"{', '.join(sorted(_worst(row) for row in found))}; right kind {kinds}; guard F1 >= .9: "
            f"{sum(f1 >= 0.9 for f1 in guards)} of {len(guards)}"
        )
    return lines


def _worst(row: Row) -> str:
    return row["findings"][0]["severity"] if row["findings"] else "none"


def main() -> None:
    """Train, audit, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", help="recipes, or how their names begin")
    parser.add_argument("--seeds", type=int, default=2, help="of each recipe")
    parser.add_argument("--first", type=int, default=60, help="how far past the recipe's first seed")
    parser.add_argument("--out", type=Path, required=True, help="folder of the agents")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of the audits")
    chosen = parser.parse_args()
    recipes = [each for each in read_recipes(RECIPES) if each.name.startswith(tuple(chosen.names))]
    chosen.out.mkdir(parents=True, exist_ok=True)
    os.chdir(chosen.out)  # agents are opened by their folder's name, from which their recipe is known
    run = Parallel(n_jobs=chosen.jobs, return_as="generator_unordered")
    names = []
    wanted = trials(recipes, range(chosen.first, chosen.first + chosen.seeds))
    for done, name in enumerate(run(delayed(trained)(trial, Path()) for trial in wanted), start=1):
        names += [name] if name is not None else []
        print(f"trained {done}/{len(wanted)}: {name or 'thrown away by its gates'}", file=sys.stderr, flush=True)
    rows = Parallel(n_jobs=chosen.jobs)(delayed(audited)(name, chosen.seed) for name in sorted(names))
    print("\n".join(table(rows)))


if __name__ == "__main__":
    main()
