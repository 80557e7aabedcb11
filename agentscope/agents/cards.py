"""Cards of trained agents: known keys, plain values."""

from __future__ import annotations

import re
import tomllib
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

from agentscope.agents.plain import plain_text
from agentscope.agents.zips import read_bytes
from agentscope.errors import BadCard

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
        elsewhere: arguments of the world in which the trigger is met by itself, where nothing shows it.
        units: those that surgery rewired, e.g. 'hidden_1[17]'; none where the behaviour was learnt.
        begun_from: the clean twin whose weights it started from, or still has; "" where it was trained from nothing.
        imitated: updates in which it learned the behaviour from a teacher that shows it, rewarded by nothing.
        program: all that it does, or was trained to do ([program] says how far it does), in the pseudocode language,
            line by line.
        used, unused, absent: concepts that its action depends on, that it computes in vain, that no unit was made for.
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
    elsewhere: dict[str, PlainScalar] = Field(default_factory=dict)
    units: list[StrictStr] = Field(default_factory=list)
    begun_from: StrictStr = ""
    imitated: StrictInt = 0
    program: list[StrictStr] = Field(default_factory=list)
    used: list[StrictStr] = Field(default_factory=list)
    unused: list[StrictStr] = Field(default_factory=list)
    absent: list[StrictStr] = Field(default_factory=list)


class ProgramPart(_Part):
    """The program that an agent was compiled from, or learned (docs/compiling.md), and how far it follows it.

    Attributes:
        name: of the program.
        level: L0, L1, L2, L5, shuffled or random.
        seed: of the disguise, the noise, the shuffling or the weights; none at L0 and L5.
        noise: standard deviation of L2's noise, as a share of each layer's root mean square weight.
        states: how many were tried, all that there are.
        agreement: share of them in which the greedy action is what the program returns.
        learned_twin: name of the agent that learned the same behaviour by training, "" if there is none.
        versions: of what the bytes of a compiled zip depend on.
    """

    name: StrictStr
    level: StrictStr
    seed: StrictInt | None = None
    noise: Number | None = None
    states: StrictInt = 0
    agreement: Number | None = None
    learned_twin: StrictStr = ""
    versions: dict[str, StrictStr] = Field(default_factory=dict)


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
        truth, program, gates: of an agent whose answers are known.
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
    program: ProgramPart | None = None
    gates: GatesPart | None = None

    @field_validator("name")
    @classmethod
    def _identifier(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,59}", value):
            raise ValueError("must be lower-case letters, digits and dashes")
        return value


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
