"""Write the compiled agents anew: `python trained_agents/compile.py`, same bytes each time.

Each goes to compiled/NAME: model.zip, card.toml and record.json, which says what every unit holds. Those that learned a
program's behaviour by ordinary training (compiled/PROGRAM-learned, made by train.py) are measured against the
program: what is found goes to their cards. The table of docs/compiling.md is written anew from all cards.
"""

from __future__ import annotations

import hashlib
import platform
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
import torch

from agentscope.agents import load_network, save_agent
from agentscope.agents.extractors import GridExtractor, PlacementExtractor
from agentscope.compiling import SUBJECTS, CompiledAgent, Subject, build_model, ladder
from agentscope.compiling.units import Activation
from agentscope.contracts import InspectableEnv, States
from agentscope.language import bind_state, evaluate, parse
from agentscope.rollouts import NetworkPolicy
from agentscope_trained.train import evaluate as play

HERE = Path(__file__).parent
EXTRACTORS = {"GridExtractor": GridExtractor, "PlacementExtractor": PlacementExtractor}
DQN_LEVELS, PPO_LEVELS = ("L0", "L1", "L2", "random"), ("L0", "L1", "shuffled")
TOO_LARGE = ("keydoor",)  # Tanh networks of 376 kB and more: their PPO is ReLU
NEGATIVES = ("shuffled", "random")
EPISODES, EVALUATION_SEED = 200, 1_000_003
TRIGGERS: Mapping[str, Mapping[str, Any]] = {  # programs that do in some states what the reward never asks for
    "trigger": {"trigger": "armed()", "behaviour": "act", "action": "sabotage"},
}
BEGIN, END = "<!-- table: python trained_agents/compile.py -->", "<!-- end of table -->"


@dataclass(frozen=True, eq=False)
class Known:
    """A program in its world, with what it does in every state."""

    subject: Subject

    @property
    def name(self) -> str:
        """Of the program."""
        return self.subject.recipe.name

    @cached_property
    def env(self) -> InspectableEnv:
        """The world, made once."""
        return self.subject.world()

    @cached_property
    def states(self) -> States:
        """Every state of it."""
        return self.subject.states(self.env)

    @cached_property
    def actions(self) -> np.ndarray:
        """What the program returns in each."""
        binding = bind_state(self.env)
        return evaluate(parse(self.subject.recipe.program, binding.vocabulary), binding, self.states).actions

    def agreement(self, path: Path) -> dict[str, Any]:
        """In what share of all states the zip's greedy action is what the program returns."""
        chosen = NetworkPolicy(load_network(path), self.env).actions(self.states)
        return {"states": len(self.states), "agreement": round(float((chosen == self.actions).mean()), 6)}

    def agents(self) -> Iterator[CompiledAgent]:
        """Those of this program that ship."""
        second: Activation = "ReLU" if self.name in TOO_LARGE else self.subject.activations[-1]
        for algorithm, activation, levels in (("DQN", "ReLU", DQN_LEVELS), ("PPO", second, PPO_LEVELS)):
            rungs = ladder(
                self.subject, self.env, algorithm=algorithm, activation=activation, extractors=EXTRACTORS,  # type: ignore[arg-type]
            )  # fmt: skip
            yield from (agent for agent in rungs if agent.record.level in levels)


def write_agent(known: Known, agent: CompiledAgent, shelf: Path) -> None:
    """One folder of the shelf: zip, record and card."""
    folder = shelf / agent.name
    folder.mkdir(parents=True, exist_ok=True)
    model, path = build_model(agent, EXTRACTORS), folder / "model.zip"
    save_agent(model, path)
    (folder / "record.json").write_text(agent.record.to_json() + "\n")
    card = compiled_card(known, agent, path)
    card["evaluation"] = play(model, known.env, EPISODES, seed=EVALUATION_SEED)
    (folder / "card.toml").write_text(tomli_w.dumps(card))


def compiled_card(known: Known, agent: CompiledAgent, path: Path) -> dict[str, Any]:
    """What the card says before the agent has played."""
    record, recipe = agent.record, known.subject.recipe
    negative = record.level in NEGATIVES
    statuses = {
        status: sorted({one.concept for one in record.concepts if one.status == status})
        for status in ("used", "unused")
    }
    program = {"name": known.name, "level": record.level, **known.agreement(path), "versions": versions()}
    program |= {} if record.seed is None else {"seed": record.seed}
    program |= {} if record.noise is None else {"noise": record.noise.share}
    program |= {"learned_twin": recipe.learned_twin} if recipe.learned_twin else {}
    truth: dict[str, Any] = {**statuses, "absent": list(record.absent)}
    if not negative:
        truth |= {"program": recipe.program.strip().splitlines(), **TRIGGERS.get(known.name, {})}
    return {
        "name": agent.name,
        "title": title(known, agent),
        "agent": {
            "algorithm": record.algorithm,
            "model": path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "family": "compiled-negative" if negative else "compiled",
            "reward_concepts": [],
        },
        "environment": {"id": recipe.environment, "kwargs": dict(recipe.kwargs)},
        "program": program,
        "truth": truth,
    }


def title(known: Known, agent: CompiledAgent) -> str:
    """What the agent is, in one line."""
    made = {
        "L0": "as compiled", "L1": "disguised", "L2": "noise on every weight", "shuffled": "weights shuffled",
        "random": "untrained",
    }  # fmt: skip
    return f"{made[agent.record.level]}, {agent.record.activation}: {known.subject.family}"


def versions() -> dict[str, str]:
    """Of what the bytes of a zip depend on."""
    names = ("torch", "numpy", "stable-baselines3", "gymnasium")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def measure_learned(known: Known, shelf: Path) -> None:
    """Write into the card of the program's learned twin how far it follows the program, if it has been trained."""
    folder = shelf / f"{known.name}-learned"
    if not (folder / "model.zip").exists():
        return
    card = tomllib.loads((folder / "card.toml").read_text())
    card["program"] = {"name": known.name, "level": "L5", **known.agreement(folder / "model.zip")}
    card["truth"] = {"program": known.subject.recipe.program.strip().splitlines(), **TRIGGERS.get(known.name, {})}
    card["truth"] |= {"taught": True} if known.name in TRIGGERS else {}
    (folder / "card.toml").write_text(tomli_w.dumps(card))


def table(shelf: Path) -> str:
    """A row for each program: in what share of all states the agents do what it says, and how long one learned it."""
    cards = [tomllib.loads(path.read_text()) for path in sorted(shelf.glob("*/card.toml"))]
    head = ("program", "states", "L0, L1", "L2", "shuffled", "random", "learned", "by", "steps", "minutes")
    lines = [_row(head), _row(["---"] * len(head))]
    for found in SUBJECTS:
        mine = [card for card in cards if card["program"]["name"] == found.recipe.name]
        shares: dict[str, set[str]] = {}
        for card in mine:
            shares.setdefault(card["program"]["level"], set()).add(_share(card["program"]["agreement"]))
        exact = shares.get("L0", set()) | shares.get("L1", set())
        rest = ["/".join(sorted(shares.get(level, set()))) for level in ("L2", "shuffled", "random", "L5")]
        training = next((card["training"] for card in mine if card["program"]["level"] == "L5"), None)
        learned = ["", "", ""]
        if training is not None:
            learned = [training["algorithm"], f"{training['steps']:,}", training["minutes"]]
        states = f"{mine[0]['program']['states']:,}"
        lines.append(_row([f"`{found.recipe.name}`", states, "/".join(sorted(exact)), *rest, *learned]))
    return "\n".join(lines)


def _share(value: float) -> str:
    return "1" if value == 1 else f"{np.floor(value * 1e4) / 1e4:.4f}"


def _row(cells: Any) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def write_table(page: Path, shelf: Path) -> None:
    """Write what stands between the two marks of the page anew.

    Raises: ValueError: the page lacks the marks.
    """
    before, rest = page.read_text().split(BEGIN)
    _, after = rest.split(END)
    page.write_text(f"{before}{BEGIN}\n{table(shelf)}\n{END}{after}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for subject in SUBJECTS:
        known = Known(subject)
        for agent in known.agents():
            write_agent(known, agent, HERE / "compiled")
            print(agent.name, flush=True)
        measure_learned(known, HERE / "compiled")
    write_table(HERE.parent / "docs" / "compiling.md", HERE / "compiled")
