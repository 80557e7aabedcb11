"""Simplified networks that lie beside an agent: zips with the frontier on which they are points."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError, field_validator

from agentscope.agents.archive import MAX_FILE
from agentscope.agents.cards import MAX_CARD, Number
from agentscope.agents.loading import load_network
from agentscope.agents.networks import SB3Network
from agentscope.agents.plain import plain_text
from agentscope.agents.zips import read_bytes
from agentscope.errors import BadCard, RefusedFile

FILE = "simplified.toml"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PointPart(_Part):
    """One simplified network: a plain file name in the same folder, and what the file must hash to."""

    file: StrictStr
    sha256: StrictStr

    @field_validator("file")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,59}\.zip", value):
            raise ValueError("must be a plain file name that ends with .zip")
        return value


class FrontierPart(_Part):
    """A simplified network that was tried, measured on fresh episodes.

    Attributes:
        name: the point that it is, or a name of its own; shape: its stages in a few words.
        weights, activations: bits of one number; numbers: weights, biases and table entries that are not zero; bits: of
            all.
        agreement, clear: share of the network's states with the same class of action, and of those without near-ties;
            regret: of disagreements, in mean spreads.
        return_ratio: (its return - that of random play) / (the network's - that of random play), with its interval.
        states, episodes: that it was measured on.
    """

    name: StrictStr
    shape: StrictStr
    weights: StrictInt
    activations: StrictInt
    numbers: StrictInt
    bits: StrictInt
    agreement: Number
    clear: Number
    regret: Number
    return_ratio: Number
    return_ratio_low: Number
    return_ratio_high: Number
    return_mean: Number
    network_return: Number
    random_return: Number
    states: StrictInt
    episodes: StrictInt


class SimplifiedCard(_Part):
    """What simplified.toml says.

    Attributes:
        original: sha256 of the agent that they were made from.
        points: by name, close and small.
    """

    original: StrictStr
    points: dict[StrictStr, PointPart] = Field(default_factory=dict)
    frontier: list[FrontierPart] = Field(default_factory=list)


def read_simplified(folder: Path, sha256: str) -> SimplifiedCard | None:
    """The simplified networks beside an agent; None where there are none, or where they are another agent's.

    Args:
        sha256: of the agent.
    Raises: BadCard: the file holds an unknown key or a value of the wrong type.
    """
    if not (folder / FILE).is_file():
        return None
    data = read_bytes(folder / FILE, MAX_CARD, FILE)
    try:
        card = SimplifiedCard.model_validate(tomllib.loads(data.decode("utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(plain_text(part, 40) for part in first["loc"])
        raise BadCard(f"{FILE}: {key!r} {plain_text(first['msg'], 300)} (docs/decompiling.md).") from None
    except (ValueError, RecursionError) as error:
        raise BadCard(f"{FILE} is not TOML ({plain_text(error, 100)}).") from None
    return card if card.original == sha256 else None


def load_point(folder: Path, point: PointPart, *, name: str) -> SB3Network:
    """One of the simplified networks.

    Raises: RefusedFile: the file is another than the one that was measured, or is damaged.
    """
    path = folder / point.file
    if path.is_symlink():
        raise RefusedFile(f"{point.file} is refused: it is a link to another place.")
    found = hashlib.sha256(read_bytes(path, MAX_FILE, point.file)).hexdigest()
    if found != point.sha256:
        raise RefusedFile(
            f"{point.file} is refused: its sha256 is {found[:12]}..., {FILE} says {point.sha256[:12]}...: it is "
            "another file, or was changed."
        )
    return load_network(path, name=name)
