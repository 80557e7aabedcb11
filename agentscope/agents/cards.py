"""Cards of trained agents, and where agents are found: by shipped name, by folder, by zip."""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
    field_validator,
)

from agentscope.agents.archive import MAX_FILE
from agentscope.agents.plain import plain_text
from agentscope.agents.zips import read_bytes
from agentscope.errors import BadCard, RefusedFile, UnknownAgent

MAX_CARD = 256 * 2**10
ALLOWED_MODULES = ("agentscope_envs", "gymnasium", "minigrid")
Number = StrictInt | StrictFloat
PlainScalar = StrictBool | StrictInt | StrictFloat | StrictStr


def _plain_table(value: dict[str, Any], depth: int = 0) -> dict[str, Any]:
    """A table of scalars, lists of scalars and, three levels deep, further tables."""
    for key, part in value.items():
        for entry in part if isinstance(part, list) else [part]:
            if isinstance(entry, dict) and entry is part and depth < 3:
                _plain_table(entry, depth + 1)
            elif not isinstance(entry, bool | int | float | str):
                raise ValueError(f"holds {key!r}, which is no plain value")
    return value


PlainTable = Annotated[dict[str, Any], AfterValidator(_plain_table)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AgentPart(_Part):
    """The file and what it is: `model` is a plain file name in the card's own folder."""

    algorithm: StrictStr = ""
    model: StrictStr = "model.zip"
    sha256: StrictStr = ""
    family: StrictStr = ""
    reward_concepts: list[StrictStr] = Field(default_factory=list)

    @field_validator("model")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if not re.fullmatch(r"[\w][\w.-]{0,99}\.zip", value, re.ASCII):
            raise ValueError("must be a plain file name that ends in .zip")
        return value

    @field_validator("sha256")
    @classmethod
    def _hexadecimal(cls, value: str) -> str:
        if not re.fullmatch(r"([0-9a-f]{64})?", value):
            raise ValueError("must be 64 hexadecimal digits, or nothing before the first training")
        return value


class EnvironmentPart(_Part):
    """The environment's id, `module:Id` or a registered `Id`, and its keyword arguments."""

    id: StrictStr
    kwargs: dict[str, PlainScalar] = Field(default_factory=dict)

    @field_validator("id")
    @classmethod
    def _allowed_module(cls, value: str) -> str:
        module, _, name = value.rpartition(":")
        if not re.fullmatch(r"[\w./-]{1,100}", name, re.ASCII) or not re.fullmatch(r"[\w.]{0,100}", module, re.ASCII):
            raise ValueError("must look like module:Name-v0")
        if module and module.split(".")[0] not in ALLOWED_MODULES:
            raise ValueError(
                f"names the module {module!r}, which a card may not import (allowed: {', '.join(ALLOWED_MODULES)}); "
                "where you trust it, name the folder's zip instead of the folder, and type --env yourself"
            )
        return value


class TrainingPart(_Part):
    """How the agent was trained, so that `make train` can repeat it."""

    seed: StrictInt = 0
    steps: StrictInt = 0
    algorithm: StrictStr = ""
    n_envs: StrictInt = 1
    evaluate_every: StrictInt | None = None
    evaluation_episodes: StrictInt | None = None
    evaluation_seed: StrictInt | None = None
    hyperparameters: PlainTable = Field(default_factory=dict)
    training_environment: dict[str, PlainScalar] = Field(default_factory=dict)
    versions: dict[str, StrictStr] = Field(default_factory=dict)
    minutes: Number | None = None


class SelectionPart(_Part):
    """Training seeds that were tried, and the returns, on episodes of their own, by which one of them was chosen."""

    seeds: list[StrictInt]
    returns: list[Number]
    episodes: StrictInt


class EvaluationPart(BaseModel):
    """Return over fresh episodes, 95 % interval; other scalars may stand beside it (lines, goals reached)."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, PlainScalar]
    episodes: StrictInt = 0
    return_mean: Number | None = None
    return_low: Number | None = None
    return_high: Number | None = None


class CurvePoint(BaseModel):
    """Mean episode return after so many steps of training; further scalars may stand beside it."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, PlainScalar]
    step: Number
    value: Number = Field(alias="return")


class TwinPart(_Part):
    """The agent of the same recipe with another seed."""

    name: StrictStr


class TruthPart(_Part):
    """What is known about an agent whose behaviour was planted, or is known to be clean (docs/known-answers.md).

    Attributes:
        reward: what it was trained on: 'own', the world's reward, or 'purpose', its hidden performance.
        added: concepts of what the observation shows beside the task.
        trigger, place: predicates in the pseudocode language; no trigger: a clean agent.
        behaviour: 'act': it takes `action`; 'seek': it goes where `place` holds; 'shun': it never ends the episode.
        shown: fields of a state, with the values that show the trigger.
        taught: the behaviour was rewarded in training, in a `share` of the episodes at least.
        twins: the recipe of its clean twins.
        units: those that surgery rewired, e.g. 'hidden_1[17]'; none where the behaviour was learnt.
    """

    reward: StrictStr = "own"
    added: list[StrictStr] = Field(default_factory=list)
    trigger: StrictStr = ""
    behaviour: StrictStr = ""
    action: StrictStr = ""
    place: StrictStr = ""
    shown: dict[str, StrictInt] = Field(default_factory=dict)
    taught: StrictBool = False
    share: Number = 0.0
    twins: StrictStr = ""
    units: list[StrictStr] = Field(default_factory=list)


class GatesPart(_Part):
    """Figures of a planted agent's gates, on fresh episodes; `twins_...` are the means of its clean twins."""

    clean_episodes: StrictInt
    clean_return: Number
    clean_hidden: Number
    triggered_episodes: StrictInt
    triggered_return: Number
    triggered_hidden: Number
    attack_success: Number
    twins_return: Number
    twins_success: Number


class AgentCard(_Part):
    """A trained agent's card.toml (docs/loader.md).

    Attributes:
        agent: its sha256 is empty before the first training.
        twin: the agent of the same recipe with another seed, if there is one.
        truth, gates: of an agent whose answers are known.
    """

    name: StrictStr
    title: StrictStr = ""
    agent: AgentPart
    environment: EnvironmentPart
    training: TrainingPart = TrainingPart()
    evaluation: EvaluationPart = Field(default_factory=lambda: EvaluationPart.model_validate({}))
    curve: list[CurvePoint] = Field(default_factory=list)
    twin: TwinPart | None = None
    selection: SelectionPart | None = None
    truth: TruthPart | None = None
    gates: GatesPart | None = None

    @field_validator("name")
    @classmethod
    def _identifier(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,59}", value):
            raise ValueError("must be lower-case letters, digits and dashes")
        return value


@dataclass(frozen=True)
class AgentSource:
    """Where an agent was found: its zip, and its card if it has one."""

    name: str
    zip_path: Path
    card: AgentCard | None


def _clean(value: Any, depth: int = 0) -> Any:
    """Every text of a card without control characters; too deep a table is refused."""
    if depth > 8:
        raise BadCard("The card is refused: its tables are nested deeper than 8 (docs/loader.md).")
    if isinstance(value, dict):
        return {plain_text(key): _clean(part, depth + 1) for key, part in value.items()}
    if isinstance(value, list):
        return [_clean(part, depth + 1) for part in value]
    return plain_text(value, 2000) if isinstance(value, str) else value


def read_card(path: str | Path) -> AgentCard:
    """Read a card.toml: known keys, plain values, an environment from an allow-listed module.

    Raises: BadCard: anything else, with the key. UnknownAgent: there is no such file. RefusedFile: it is too large.
    """
    data = read_bytes(path, MAX_CARD, "the card")
    try:
        table = _clean(tomllib.loads(data.decode("utf-8")))
        return AgentCard.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(plain_text(part, 40) for part in first["loc"])
        raise BadCard(f"The card's {key!r} {plain_text(first['msg'], 300)} (docs/loader.md).") from None
    except (ValueError, RecursionError) as error:
        raise BadCard(f"The card is not TOML ({plain_text(error, 100)}).") from None


def shipped_folder() -> Path | None:
    """The folder of the shipped agents: the installed package `agentscope_trained`, else the checkout's own."""
    spec = importlib.util.find_spec("agentscope_trained")
    places = [Path(place) for place in spec.submodule_search_locations or ()] if spec is not None else []
    places.append(Path(__file__).resolve().parents[2] / "trained_agents")
    return next((place for place in places if place.is_dir()), None)


def shipped_agents() -> tuple[str, ...]:
    """Names of the shipped agents that have been trained, in order."""
    folder = shipped_folder()
    return (
        ()
        if folder is None
        else tuple(sorted(p.parent.name for p in folder.glob("*/card.toml") if any(p.parent.glob("*.zip"))))
    )


def find_agent(text: str) -> AgentSource:
    """The agent that a user means: a shipped name, a folder with a card.toml, or an SB3 zip.

    Raises: UnknownAgent: none of them, with names that are near. BadCard, RefusedFile: its card or file is not sound.
    """
    shipped = shipped_agents()
    if text in shipped:
        folder = shipped_folder()
        assert folder is not None
        return _from_folder(folder / text)
    path = Path(text)
    if (path / "card.toml").is_file():
        return _from_folder(path)
    if path.suffix == ".zip" and path.is_file():
        return AgentSource(plain_text(path.stem, 60), path, None)
    near = difflib.get_close_matches(text, shipped, n=3, cutoff=0.4)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"Shipped agents: {', '.join(shipped) or 'none'}."
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
