"""Witnesses of a finding: states with and without what makes the difference, and what the agent does from each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8

from agentscope import rollouts
from agentscope.audits import Subject, Suspicion
from agentscope.contracts import InspectableEnv, Network, States, concepts_of
from agentscope.drawing import state_pictures
from agentscope.drawing.animating import MOST_FRAMES, Film, film_webp
from agentscope.errors import RefusedFile
from agentscope.pipeline.opening import OpenAgent
from agentscope.reports import plain_text

PAIRS = 3  # witnesses of a finding
TRIED = 64  # pairs that are played to choose them
STEPS = 200  # of a witness at most
CLOSE = 1e-9  # returns are sums of rewards: another machine may add their last bits otherwise
SIDES = ("plain", "shown")
Witness = dict[str, Any]


@dataclass(frozen=True)
class Played:
    """What the agent does from one state, for STEPS steps or until it is over."""

    first: States
    states: States
    final: States
    actions: Int[np.ndarray, "steps"]
    returned: float
    hidden: float | None
    ended: str

    def to_json(self, env: InspectableEnv) -> dict[str, Any]:
        """The state by its fields, the actions by their numbers, and what came of them."""
        return {
            "fields": state_fields(self.first[0]), "actions": self.actions.tolist(), "steps": len(self.actions),
            "first_actions": [env.action_names[action] for action in self.actions[:8]],
            "return": self.returned, "hidden": self.hidden, "ended": self.ended,
        }  # fmt: skip


def make_witnesses(subject: Subject, suspicion: Suspicion) -> tuple[tuple[Witness, ...], bytes | None]:
    """Up to PAIRS witnesses, those that lose most first, and the first of them as an animation.

    States that JSON cannot hold (a field that is not finite) are left out.
    """
    if suspicion.shown is None or not len(suspicion.shown):
        return (), None
    shown = play_states(subject.network, subject.env, suspicion.shown[:TRIED])
    plain = (
        play_states(subject.network, subject.env, suspicion.plain[:TRIED])
        if suspicion.plain is not None and len(suspicion.plain)
        else []
    )
    pairs = [(plain[at] if at < len(plain) else None, each) for at, each in enumerate(shown)]
    pairs = [pair for pair in pairs if all(side is None or _finite(side.first[0]) for side in pair)]
    if suspicion.paired:
        pairs.sort(key=_gain)
    chosen = pairs[:PAIRS]
    if not chosen:
        return (), None
    rows = tuple(
        {"paired": suspicion.paired}
        | {name: None if side is None else side.to_json(subject.env) for name, side in zip(SIDES, pair, strict=True)}
        for pair in chosen
    )
    return rows, _animation(subject, chosen[0])


def play_states(network: Network, env: InspectableEnv, states: States, *, steps: int = STEPS) -> list[Played]:
    """What the agent does from each state."""
    policy = rollouts.NetworkPolicy(network, env)
    episodes = rollouts.play_from(policy, env, states, max_steps=steps, trajectories=True)
    taken = episodes.trajectories
    assert taken is not None
    found = []
    for row in range(len(states)):
        own = taken.episode == row
        ended = "over" if episodes.terminated[row] else "time" if episodes.lengths[row] < steps else "cut"
        hidden = None if episodes.hidden is None else float(episodes.hidden[row])
        found.append(
            Played(
                states[row : row + 1], taken.states[own], episodes.final_states[row : row + 1], taken.actions[own],
                float(episodes.returns[row]), hidden, ended,
            )
        )  # fmt: skip
    return found


def replay_witness(agent: OpenAgent, witness: Mapping[str, Any]) -> dict[str, Any]:
    """Play a recorded witness again, a stranger's or ours.

    Returns: `same`, and for each side what was recorded and what came of it now.
    Raises: RefusedFile: it does not hold states of this environment and actions of this agent.
    """
    recorded = {name: witness.get(name) for name in SIDES if witness.get(name) is not None}
    if not recorded:
        raise RefusedFile("the witness holds neither a plain nor a shown state, so there is nothing to replay.")
    rows = {name: _replayed(agent, name, side) for name, side in recorded.items()}
    return {"same": all(row["same"] for row in rows.values()), **rows}


def _replayed(agent: OpenAgent, name: str, side: Any) -> dict[str, Any]:
    if not isinstance(side, Mapping):
        raise RefusedFile(f"the {name} side of a witness is no object of fields, actions and return.")
    wanted = [_whole(action, f"{name}.actions") for action in _listed(side.get("actions"), f"{name}.actions")]
    if any(not 0 <= action < agent.network.actions for action in wanted):
        raise RefusedFile(f"{name}.actions names an action that the agent lacks: it has {agent.network.actions}.")
    returned = _number(side.get("return"), f"{name}.return")
    hidden = side.get("hidden")
    hidden = None if hidden is None else _number(hidden, f"{name}.hidden")
    state = state_of(side.get("fields"), agent.env)
    try:
        strange = strange_state(agent.env, state)  # before a step: compiled rules may trust what a state holds
        played = None if strange else play_states(agent.network, agent.env, state)[0]
    except (IndexError, ValueError, KeyError, OverflowError, ArithmeticError) as problem:
        told = plain_text(str(problem))[:120]
        raise RefusedFile(
            f"the {name} state of a witness is none that {agent.env.id} can play on from ({told})."
        ) from problem
    if played is None:
        raise RefusedFile(f"the {name} state of a witness is none of {agent.env.id}: {strange}.")
    actions = played.actions.tolist()
    parting = next((at for at, pair in enumerate(zip(actions, wanted, strict=False)) if pair[0] != pair[1]), None)
    same = actions == wanted and abs(returned - played.returned) <= CLOSE * max(1.0, abs(returned))
    if hidden is not None and played.hidden is not None:
        same = same and abs(hidden - played.hidden) <= CLOSE * max(1.0, abs(hidden))
    return {
        "same": same, "steps": len(actions), "recorded_steps": len(wanted), "return": played.returned,
        "recorded_return": returned, "hidden": played.hidden, "recorded_hidden": hidden, "parts_at": parting,
        "ended": played.ended,
    }  # fmt: skip


def strange_state(env: InspectableEnv, state: States) -> str:
    """What the environment itself declares and this state breaks: its observation space, bounds of its concepts."""
    if not env.observation_space.contains(env.observe(state)[0]):
        return "what it shows lies outside the observation space"
    for concept in concepts_of(env):
        values = np.asarray(concept.measure(state), dtype=np.float64)
        low = 0.0 if concept.kind == "choice" else concept.low
        high = len(concept.choices) - 1.0 if concept.kind == "choice" else concept.high
        if (low is not None and (values < low).any()) or (high is not None and (values > high).any()):
            return f"{concept.name} is out of its bounds"
    return ""


def state_fields(state: np.void) -> dict[str, Any]:
    """A state as plain numbers, field by field."""
    assert state.dtype.names is not None
    return {name: np.asarray(state[name]).tolist() for name in state.dtype.names}


def state_of(fields: Any, env: InspectableEnv) -> States:
    """The one state with these fields: exactly those of the environment, of its shapes and within its types.

    Raises: RefusedFile.
    """
    names = env.state_dtype.names or ()
    if not isinstance(fields, Mapping) or set(fields) != set(names):
        found = (
            ", ".join(plain_text(str(name))[:40] for name in list(fields)[:12])
            if isinstance(fields, Mapping)
            else "none"
        )
        raise RefusedFile(f"a witness's state has the fields {found}; {env.id} has {', '.join(names)}.")
    state = np.zeros(1, dtype=env.state_dtype)
    for name in names:
        dtype, shape = env.state_dtype[name].base, env.state_dtype[name].shape
        values = _flat(fields[name], shape, name)
        state[name][0] = np.array([_fitting(value, dtype, name) for value in values], dtype=dtype).reshape(shape)
    return state


def _flat(value: Any, shape: Sequence[int], name: str) -> list[Any]:
    """A nested list of exactly this shape as a flat one; looked at level by level, so that no size surprises."""
    if not shape:
        return [value]
    if not isinstance(value, list) or len(value) != shape[0]:
        found = f"{len(value)} entries" if isinstance(value, list) else type(value).__name__
        raise RefusedFile(f"the field {name} of a witness has {found} where {shape[0]} are wanted.")
    return [item for part in value for item in _flat(part, shape[1:], name)]


def _fitting(value: Any, dtype: np.dtype[Any], name: str) -> Any:
    """A number that the field's type can hold as it is."""
    if dtype.kind == "b":
        if isinstance(value, bool):
            return value
    elif dtype.kind in "iu":
        limits = np.iinfo(dtype)
        if isinstance(value, int) and not isinstance(value, bool) and limits.min <= value <= limits.max:
            return value
    elif dtype.kind == "f" and isinstance(value, int | float) and not isinstance(value, bool):
        largest = float(np.finfo(dtype).max)
        if -largest <= value <= largest:  # false of NaN
            return value
    raise RefusedFile(f"the field {name} of a witness holds {plain_text(repr(value))[:40]}, which is no {dtype} value.")


def _listed(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list) or len(value) > STEPS:
        found = f"a list of {len(value):,}" if isinstance(value, list) else type(value).__name__
        raise RefusedFile(f"{name} of a witness is {found}; a list of at most {STEPS} is read.")
    return value


def _whole(value: Any, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise RefusedFile(f"{name} of a witness holds {plain_text(repr(value))[:40]}, which is no whole number.")
    return value


def _number(value: Any, name: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or abs(value) > 1e300:
        raise RefusedFile(f"{name} of a witness is {plain_text(repr(value))[:40]}, which is no number.")
    return float(value)


def _finite(state: np.void) -> bool:
    names = state.dtype.names or ()
    return all(np.isfinite(state[name]).all() for name in names if state.dtype[name].base.kind == "f")


def _gain(pair: tuple[Played | None, Played]) -> float:
    """What the shown side earns over the plain one, by hidden performance where there is one: the least comes first."""
    plain, shown = pair
    if plain is None:
        return 0.0
    if plain.hidden is not None and shown.hidden is not None:
        return shown.hidden - plain.hidden
    return shown.returned - plain.returned


def _animation(subject: Subject, pair: tuple[Played | None, Played]) -> bytes:
    """Both sides step by step, until they are over."""
    sides = [(name, side) for name, side in zip(SIDES, pair, strict=True) if side is not None]
    pictures = _pictures(
        subject.network,
        subject.env,
        [np.concatenate([side.states, side.final])[: MOST_FRAMES + 1] for _, side in sides],
    )
    films = []
    for (name, side), drawn in zip(sides, pictures, strict=True):
        done = [f"step {at}: {subject.env.action_names[action]}" for at, action in enumerate(side.actions)]
        end = {"over": "over", "time": "out of time", "cut": "goes on"}[side.ended]
        captions = (*done, f"step {len(done)}: {end}, return {side.returned:.4g}")[: len(drawn)]
        hidden = "" if side.hidden is None else f", hidden {side.hidden:.4g}"
        films.append(Film(f"{name}: return {side.returned:.4g}{hidden}", drawn, captions))
    return film_webp(films)


def _pictures(
    network: Network, env: InspectableEnv, sides: Sequence[States]
) -> list[tuple[UInt8[np.ndarray, "height width 3"], ...]]:
    """Pictures of each side's states: drawn by the environment where it can, else from what the agent sees."""
    together = np.concatenate(list(sides))
    draw = getattr(env, "render_rgb", None)
    if draw is not None:
        drawn = tuple(np.asarray(draw(state), dtype=np.uint8) for state in together)
    else:
        seen = np.asarray(env.observe(together))
        names = [labels for labels in env.axes.values() if len(labels) == seen[0].size]
        channels_last = seen.ndim == 4 and seen.shape[1:] != tuple(network.observation_shape)
        drawn = state_pictures(seen, channels_last=channels_last, names=names[0] if names else ()).pictures
    ends = np.cumsum([0, *map(len, sides)])
    return [drawn[start:end] for start, end in pairwise(ends)]
