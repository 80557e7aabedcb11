"""Where agents are found: by shipped name, by folder, by zip."""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import tomllib
from dataclasses import dataclass
from pathlib import Path

from agentscope.agents.archive import MAX_FILE
from agentscope.agents.cards import MAX_CARD, AgentCard, read_card
from agentscope.agents.plain import plain_text
from agentscope.agents.zips import read_bytes
from agentscope.errors import RefusedFile, UnknownAgent

SHELVES = (".", "compiled", "zoo", "zoo/made")  # folders of agents inside the shipped folder, searched in this order
FAMILIES = "families.toml"
SHOWN = 10  # names that a refusal lists


@dataclass(frozen=True)
class AgentSource:
    """Where an agent was found: its zip, and its card if it has one."""

    name: str
    zip_path: Path
    card: AgentCard | None


def shipped_folder() -> Path | None:
    """The folder of the shipped agents: the installed package `agentscope_trained`, else the checkout's own."""
    spec = importlib.util.find_spec("agentscope_trained")
    places = [Path(place) for place in spec.submodule_search_locations or ()] if spec is not None else []
    places.append(Path(__file__).resolve().parents[2] / "trained_agents")
    return next((place for place in places if place.is_dir()), None)


def carded_folders(folder: Path) -> dict[str, Path]:
    """Folders with a card on every shelf of a folder, by name and in its order; trained or not.

    Where two have one name, that of the earlier shelf is meant.
    """
    found: dict[str, Path] = {}
    for shelf in SHELVES:
        for card in folder.glob(f"{shelf}/*/card.toml"):
            found.setdefault(card.parent.name, card.parent)
    return dict(sorted(found.items()))


def shipped_folders() -> dict[str, Path]:
    """Folders of the shipped agents that have been trained, by name and in its order."""
    folder = shipped_folder()
    found = {} if folder is None else carded_folders(folder)
    return {name: place for name, place in found.items() if any(place.glob("*.zip"))}


def shipped_agents() -> tuple[str, ...]:
    """Names of the shipped agents that have been trained, in order."""
    return tuple(shipped_folders())


def family_titles() -> dict[str, str]:
    """What each family of the shipped agents is, in a few words, in the order in which they are listed."""
    folder = shipped_folder()
    if folder is None or not (folder / FAMILIES).is_file():
        return {}
    table = tomllib.loads(read_bytes(folder / FAMILIES, MAX_CARD, FAMILIES).decode("utf-8"))
    return {plain_text(name, 60): plain_text(title, 200) for name, title in table.items()}


def find_agent(text: str) -> AgentSource:
    """The agent that a user means: a shipped name, a folder with a card.toml, or an SB3 zip.

    Raises: UnknownAgent: none of them, with names that are near. BadCard, RefusedFile: its card or file is not sound.
    """
    shipped = shipped_folders()
    if text in shipped:
        return _from_folder(shipped[text])
    path = Path(text)
    if (path / "card.toml").is_file():
        return _from_folder(path)
    if path.suffix == ".zip" and path.is_file():
        return AgentSource(plain_text(path.stem, 60), path, None)
    near = difflib.get_close_matches(text, shipped, n=3, cutoff=0.4)
    names = ", ".join([*list(shipped)[:SHOWN], *(["..."] if len(shipped) > SHOWN else [])])
    hint = f"Did you mean {' or '.join(near)}?" if near else f"Shipped agents: {names or 'none'}."
    raise UnknownAgent(
        f"No shipped agent, folder with card.toml or zip is called {plain_text(text, 80)!r}. {hint} "
        "`agentscope agents` lists them."
    )


def _from_folder(folder: Path) -> AgentSource:
    card = read_card(folder / "card.toml")
    model = folder / card.agent.model
    if not card.agent.sha256:
        raise UnknownAgent(f"{card.name} has a card but was not trained yet: `make train AGENT={card.name}` trains it.")
    if model.is_symlink():
        raise RefusedFile(f"{card.agent.model} of {card.name} is refused: it is a link to another place.")
    found = hashlib.sha256(read_bytes(model, MAX_FILE, card.agent.model)).hexdigest()
    if found != card.agent.sha256:
        raise RefusedFile(
            f"{card.agent.model} of {card.name} is refused: its sha256 is {found[:12]}..., "
            f"the card says {card.agent.sha256[:12]}...: it is another file, or was changed."
        )
    return AgentSource(card.name, model, card)
