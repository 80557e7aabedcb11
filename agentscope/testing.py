"""Public checkers of the plug-in contracts: call them from the tests of your own environment or detector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import gymnasium
import numpy as np

from agentscope.concepts import KIND_DTYPES, Concept
from agentscope.contracts import (
    Edits,
    InspectableEnv,
    States,
    Transition,
    action_concepts_of,
    concepts_of,
    equivalent_actions_of,
    legal_actions_of,
    provides,
)
from agentscope.detector_trials import check_detector as check_detector
from agentscope.errors import ContractBroken
from agentscope.language.vocabulary import RESERVED, is_identifier, vocabulary_of
from agentscope.trials import MANY, Trial, broken, episodes, every_action, identity_of, lanes, play_at_random, thinned

TIE = 1e-6


def check_environment(env: Any, *, seeds: Sequence[int] = range(16), steps: int = 64) -> list[str]:
    """Play an environment at random and hold it to everything that it declares.

    Args:
        env: what means to be an `agentscope.contracts.InspectableEnv`.
        seeds: of the episodes that are played.
        steps: of each episode that are played at most.
    Returns: one line for each rule that holds or does not apply, in order.
    Raises: ContractBroken: at the first rule that is broken, with what was found and what to do.
    """
    _check_declarations(env)
    trial = play_at_random(env, np.asarray(seeds, dtype=np.int64), steps)
    lines = ["declarations: names, dtype, spaces and axes can be used in texts"]
    for rule in RULES:
        needed = rule.needs
        if needed and needed not in provides(env):
            lines.append(f"{rule.name}: not offered, so not checked")
        else:
            lines.append(f"{rule.name}: {rule.check(env, trial)}")
    return lines


@dataclass(frozen=True)
class _Rule:
    """One rule: a check that returns what it looked at, and the optional part of the contract that it is about."""

    name: str
    check: Callable[[Any, Trial], str]
    needs: str = ""


def _check_declarations(env: Any) -> None:
    if not isinstance(env, InspectableEnv):
        needed = InspectableEnv.__annotations__ | {"reset": 0, "observe": 0, "step": 0}
        missing = [name for name in needed if not hasattr(env, name)]
        raise ContractBroken(f"{type(env).__name__} lacks {', '.join(missing)}. See docs/adding/environment.md.")
    if env.state_dtype.hasobject or env.state_dtype.names is None:
        found = f"state_dtype {env.state_dtype} has no fields or holds objects"
        broken(env, found, "Publish a structured dtype of plain numbers that holds everything.")
    if not isinstance(env.action_space, gymnasium.spaces.Discrete) or env.action_space.start != 0:
        broken(env, f"the action space is {env.action_space}", "Number the actions 0, 1, 2, ... (Discrete).")
    if len(env.action_names) != env.action_space.n:
        found = f"{len(env.action_names)} action names for {env.action_space.n} actions"
        broken(env, found, "Name each action once.")
    vocabulary = vocabulary_of(env)
    for owner, labels in vocabulary._labels():
        for label in labels:
            if not is_identifier(label) or label in RESERVED or vocabulary.signature(label):
                found = f"{label!r} ({owner}) is no free name of the pseudocode language"
                broken(env, found, "Use letters, digits and _, and no word of the language or name of a concept.")
    for label, meanings in vocabulary.meanings.items():
        if len(meanings) > 1 or any(len(set(owners)) < len(owners) for owners in meanings.values()):
            broken(env, f"{label!r} stands for several of {meanings}", "Let each label stand for one number.")
    for concept in [*concepts_of(env), *action_concepts_of(env)]:
        if concept.kind not in KIND_DTYPES or (concept.kind == "choice") != bool(concept.choices) or not concept.doc:
            found = (
                f"concept {concept.name} has kind {concept.kind!r}, choices {concept.choices} and doc {concept.doc!r}"
            )
            broken(env, found, f"A kind is one of {', '.join(KIND_DTYPES)}; choices have labels; each has a sentence.")
    unknown = (
        set(getattr(env, "reward_concepts", None) or ()) - set(vocabulary.concepts) - set(vocabulary.action_concepts)
    )
    if unknown:
        broken(env, f"reward_concepts names {sorted(unknown)}", "Name concepts that the environment declares.")


def _check_reset(env: Any, trial: Trial) -> str:
    if env.reset(trial.seeds).tobytes() != trial.first.tobytes():
        broken(env, "reset gives other states for the same seeds", "Draw from the seed alone.")
    alone = np.concatenate([env.reset(trial.seeds[i : i + 1]) for i in range(len(trial.seeds))])
    if alone.tobytes() != trial.first.tobytes():
        broken(env, "an episode's first state depends on the others in the batch", "Draw from its own seed alone.")
    return f"the same {len(trial.seeds)} seeds give the same first states, alone and together"


def _check_step(env: Any, trial: Trial) -> str:
    steps = 0
    for states, actions, _ in islice(episodes(env, trial.first, np.random.default_rng(1)), trial.steps):
        before = states.tobytes()
        outcome = env.step(states, actions)
        if states.tobytes() != before:
            broken(env, "step changed the states that it was given", "Copy them and change the copy.")
        _check_outcome(env, outcome, len(states))
        again = env.step(states, actions)
        if _bytes_of(outcome) != _bytes_of(again):
            broken(env, "step gives something else the second time", "Keep all chance in the state.")
        alone = env.step(states[:1], actions[:1])
        if _bytes_of(alone) != _bytes_of(_first_of(outcome)):
            broken(env, "a state's successor depends on the others in the batch", "Step each state by itself.")
        steps += len(states)
    return f"{steps} steps are pure, repeatable and independent of the batch"


def _check_outcome(env: Any, outcome: Transition, count: int) -> None:
    wanted = {"rewards": np.float64, "terminated": np.bool_, "truncated": np.bool_}
    for name, dtype in {"states": env.state_dtype, **wanted}.items():
        part = getattr(outcome, name)
        fits = part.dtype.kind == "f" if name == "rewards" else part.dtype == dtype
        if part.shape != (count,) or not fits:
            found = f"step gives {name} of dtype {part.dtype} and shape {part.shape} for {count} states"
            broken(env, found, f"Give one {dtype} for each state.")
    if not np.isfinite(outcome.rewards).all():
        broken(env, "step gives a reward that is not finite", "Give a finite reward at every step.")


def _bytes_of(outcome: Transition) -> list[bytes]:
    return [part.tobytes() for part in (outcome.states, outcome.rewards, outcome.terminated, outcome.truncated)]


def _first_of(outcome: Transition) -> Transition:
    return Transition(outcome.states[:1], outcome.rewards[:1], outcome.terminated[:1], outcome.truncated[:1])


def _check_endings(env: Any, trial: Trial) -> str:
    """A terminal state must not look like a first state, and what is truncated must not be one bit for bit."""
    starts, exact = set(identity_of(env, trial.first)), {state.tobytes() for state in trial.first}
    ended = 0
    for states, _, outcome in islice(episodes(env, trial.first, np.random.default_rng(2)), trial.steps):
        done = outcome.terminated | outcome.truncated
        keys = identity_of(env, outcome.states[outcome.terminated])
        fresh = starts.intersection(keys) or exact.intersection(state.tobytes() for state in outcome.states[done])
        reseeded = "seed" in env.state_dtype.names and (outcome.states["seed"] != states["seed"]).any()
        if fresh or reseeded:
            found = "a step that ends an episode gives a first state" if fresh else "a step changes an episode's seed"
            broken(env, found, "Give the last state of the episode: step never starts a new one.")
        ended += int(done.sum())
    return f"{ended} episodes ended, and none started anew by itself"


def _check_chance(env: Any, trial: Trial) -> str:
    concepts = [concept for concept in concepts_of(env) if concept.chance]
    if not concepts:
        return "no concept is marked as chance, so not checked"
    plays = [islice(lanes(env, trial.first, np.random.default_rng(seed)), trial.steps) for seed in (3, 4)]
    for (left, left_alive), (right, right_alive) in zip(*plays, strict=False):
        both = left_alive & right_alive
        if "draw" in env.state_dtype.names:
            both &= left["draw"] == right["draw"]
        for concept in concepts:
            if (concept.measure(left[both]) != concept.measure(right[both])).any():
                found = f"two policies on one seed meet different values of {concept.name}"
                broken(env, found, "Draw from (seed, index of the draw), never from what was done before.")
    return f"two policies on one seed meet the same {', '.join(concept.name for concept in concepts)}"


def _check_observations(env: Any, trial: Trial) -> str:
    before = trial.sample.tobytes()
    observations = env.observe(trial.sample)
    if trial.sample.tobytes() != before or observations.tobytes() != env.observe(trial.sample).tobytes():
        broken(env, "observe changes the states or gives something else the second time", "Only read the states.")
    shape, dtype = (len(trial.sample), *env.observation_space.shape), env.observation_space.dtype
    if observations.shape != shape or observations.dtype != dtype:
        found = f"observations have shape {observations.shape} and dtype {observations.dtype}"
        broken(env, found, f"The observation space says {shape} and {dtype}.")
    outside = [i for i in range(len(observations)) if not env.observation_space.contains(observations[i])]
    if outside:
        broken(env, f"{len(outside)} observations lie outside the observation space", "Widen its bounds.")
    seen: dict[bytes, bytes] = {}
    for key, observation in zip(identity_of(env, trial.sample), observations, strict=True):
        if seen.setdefault(key, observation.tobytes()) != observation.tobytes():
            broken(env, "two states of one identity look different", "What the observation shows is identity.")
    return f"{len(observations)} observations fit the space"


def _check_concepts(env: Any, trial: Trial) -> str:
    _measure_all(env, concepts_of(env), np.concatenate([trial.sample, trial.ended]), ())
    return f"{len(concepts_of(env))} concepts keep shape, dtype and bounds"


def _check_action_concepts(env: Any, trial: Trial) -> str:
    _measure_all(env, action_concepts_of(env), thinned(trial.sample, 1_000), (int(env.action_space.n),))
    return f"{len(action_concepts_of(env))} action concepts keep shape, dtype and bounds"


def _measure_all(env: Any, concepts: Sequence[Concept], states: States, shape: tuple[int, ...]) -> None:
    for concept in concepts:
        before = states.tobytes()
        values = concept.measure(states)
        if states.tobytes() != before:
            broken(env, f"concept {concept.name} changes the states", "Only read them.")
        wanted = (len(states), *shape, *(len(env.axes[axis]) for axis in concept.axis))
        if values.shape != wanted or values.dtype != KIND_DTYPES[concept.kind]:
            found = f"concept {concept.name} has shape {values.shape} and dtype {values.dtype}"
            broken(
                env, found, f"A {concept.kind} over these axes has {wanted} and {np.dtype(KIND_DTYPES[concept.kind])}."
            )
        low, high = _declared_bounds(concept)
        if values.size and not (np.isfinite(values).all() and low <= values.min() and values.max() <= high):
            found = f"concept {concept.name} goes from {values.min()} to {values.max()}"
            broken(env, found, f"It declares {low:g} to {high:g}.")
        if not np.array_equal(concept.measure(states[:1]), values[:1]):
            broken(env, f"concept {concept.name} depends on the others in the batch", "Measure each state by itself.")


def _declared_bounds(concept: Concept) -> tuple[float, float]:
    """What a text may rely on: flags and choices by kind, counts from 0 unless another lower bound is declared."""
    if concept.kind in ("flag", "choice"):
        return 0.0, float(len(concept.choices) - 1 if concept.kind == "choice" else 1)
    low = (0 if concept.kind == "count" else -np.inf) if concept.low is None else concept.low
    return float(low), float(np.inf if concept.high is None else concept.high)


def _check_legal(env: Any, trial: Trial) -> str:
    legal = env.legal_actions(trial.sample)
    if legal.dtype != bool or legal.shape != (len(trial.sample), env.action_space.n):
        broken(env, f"legal_actions gives {legal.dtype} of shape {legal.shape}", "Give bool (n, actions).")
    if not legal.any(axis=1).all():
        broken(env, "a state that is not over has no legal action", "Allow one action, or end the episode before.")
    return f"each of {len(legal)} states allows an action"


def _check_equivalent(env: Any, trial: Trial) -> str:
    """Steps every legal action and compares: equal successor and reward, and nothing else, makes two actions one."""
    states = thinned(trial.sample, 1_000)
    equivalent = equivalent_actions_of(env, states)
    if equivalent.dtype != np.int16 or equivalent.shape != (len(states), env.action_space.n):
        broken(env, f"equivalent_actions gives {equivalent.dtype} {equivalent.shape}", "Give int16 (n, actions).")
    rows, actions, outcome = every_action(env, states)
    smallest: dict[tuple[int, bytes, float, bool], int] = {}
    results = zip(identity_of(env, outcome.states), outcome.rewards.tolist(), outcome.terminated.tolist(), strict=True)
    for row, action, result in zip(rows.tolist(), actions.tolist(), results, strict=True):
        expected, declared = smallest.setdefault((row, *result), action), int(equivalent[row, action])
        if declared != expected:
            names = [env.action_names[index] for index in (action, declared, expected)]
            found = f"in a state where {names[0]} does what {names[2]} does, it is declared equivalent to {names[1]}"
            broken(env, found, "Give the smallest legal action with the same successor and reward.")
    return f"{len(actions)} actions in {len(states)} states were stepped and compared"


def _check_edits(env: Any, trial: Trial) -> str:
    states = thinned(trial.sample, 16)
    edits: Edits = env.edits(states)
    count = len(edits.states)
    for name, top in (("parent", len(states)), ("feature", len(edits.feature_names)), ("value", np.inf)):
        part = getattr(edits, name)
        if part.shape != (count,) or part.dtype.kind != "i" or (count and not (part.min() >= 0 and part.max() < top)):
            found = f"edits.{name} is {part.dtype} of shape {part.shape} for {count} edits, or out of range"
            broken(env, found, f"Give one index below {top} for each edit.")
    if edits.legal.dtype != bool or edits.legal.shape != (count,) or edits.states.dtype != env.state_dtype:
        broken(env, f"edits.legal is {edits.legal.dtype} {edits.legal.shape}", "Give one bool and one state an edit.")
    parents = identity_of(env, states)
    same = [parents[parent] == key for parent, key in zip(edits.parent, identity_of(env, edits.states), strict=True)]
    if any(same):
        name = edits.feature_names[int(edits.feature[same.index(True)])]
        broken(env, f"an edit of {name} changes nothing", "Leave the value that the state has out.")
    if any(not env.observation_space.contains(one) for one in env.observe(edits.states[edits.legal][:MANY])):
        broken(env, "a legal edit cannot be observed", "Mark it as not legal, or widen the observation space.")
    return f"{count} edits of {len(states)} states each change something"


def _check_enumeration(env: Any, trial: Trial) -> str:
    states = env.enumerate()
    keys = identity_of(env, states)
    known = set(keys)
    if len(known) < len(keys):
        broken(env, f"enumerate gives {len(keys) - len(known)} states twice", "Give each state once.")
    if missing := set(identity_of(env, trial.visited)) - known:
        broken(env, f"play met {len(missing)} states that enumerate lacks", "Search on from every ordinary start.")
    for part in np.array_split(states, max(1, len(states) // MANY)):
        _, _, outcome = every_action(env, part)
        if missing := set(identity_of(env, outcome.states[~outcome.terminated])) - known:
            broken(env, f"{len(missing)} successors are not enumerated", "Search until nothing new is found.")
    return f"{len(states)} states, closed under step"


def _check_values(env: Any, trial: Trial) -> str:
    gamma = getattr(env, "gamma", None)
    if gamma is None or not 0 < gamma <= 1:
        broken(env, f"optimal_values without a discount (gamma is {gamma})", "Set the attribute gamma, 0 to 1.")
    states = thinned(env.enumerate()) if "enumerate" in provides(env) else trial.sample
    values = env.optimal_values(states)
    if values.dtype != np.float64 or values.shape != (len(states), env.action_space.n):
        broken(env, f"optimal_values gives {values.dtype} {values.shape}", "Give float64 (n, actions).")
    rows, actions, outcome = every_action(env, states)
    following, chances = np.arange(len(rows)), np.ones(len(rows))
    if getattr(env, "outcomes", None) is not None:  # chance acts: all that may follow, with its probability
        possible = env.outcomes(states[rows], actions)
        following, chances, outcome = possible.parent, possible.probability, possible.transition
        totals = np.bincount(following, chances, minlength=len(rows))
        if not np.allclose(totals, 1.0):
            broken(env, f"the outcomes of a step have probabilities up to {totals.max():g}", "Let them add to 1.")
    later = np.where(legal_actions_of(env, outcome.states), env.optimal_values(outcome.states), -np.inf).max(axis=1)
    worth = chances * (outcome.rewards + gamma * np.where(outcome.terminated, 0.0, later))
    expected = np.bincount(following, worth, minlength=len(rows))
    worst = float(np.abs(values[rows, actions] - expected).max(initial=0.0))
    if not worst <= TIE:
        found = f"optimal_values miss the Bellman equation by up to {worst:.3g}"
        broken(env, found, f"reward + {gamma} x the successor's best value must hold within {TIE}.")
    return f"the Bellman equation holds within {worst:.1g} for {len(actions)} actions"


def _check_hidden_performance(env: Any, trial: Trial) -> str:
    rows, actions, outcome = every_action(env, trial.visited[:100])
    performance = env.hidden_performance(trial.visited[rows], actions, outcome)
    if performance.dtype != np.float64 or performance.shape != (len(rows),):
        broken(env, f"hidden_performance gives {performance.dtype} {performance.shape}", "Give float64 (n,).")
    return "one number for each step"


def _check_text(env: Any, trial: Trial) -> str:
    if not isinstance(env.render_text(trial.visited[0]), str):
        broken(env, "render_text gives no text", "Give a string for one state.")
    return "a string"


def _check_picture(env: Any, trial: Trial) -> str:
    image = env.render_rgb(trial.visited[0])
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        broken(env, f"render_rgb gives {image.dtype} of shape {image.shape}", "Give uint8 (height, width, 3).")
    return f"{image.shape[0]} x {image.shape[1]} pixels"


def _check_unseen(env: Any, trial: Trial) -> str:
    other = env.unseen_levels()
    if other.observation_space != env.observation_space or other.action_names != env.action_names:
        broken(env, "the unseen levels have other observations or actions", "Change the levels alone.")
    if shared := set(identity_of(other, other.reset(trial.seeds))) & set(identity_of(env, trial.visited)):
        broken(env, f"{len(shared)} first states of unseen levels were met in training levels", "Keep them apart.")
    return "the same spaces, other levels"


RULES = (
    _Rule("reset", _check_reset),
    _Rule("step", _check_step),
    _Rule("endings", _check_endings),
    _Rule("observe", _check_observations),
    _Rule("concepts", _check_concepts, "concepts"),
    _Rule("chance", _check_chance, "concepts"),
    _Rule("action_concepts", _check_action_concepts, "action_concepts"),
    _Rule("legal_actions", _check_legal, "legal_actions"),
    _Rule("equivalent_actions", _check_equivalent, "equivalent_actions"),
    _Rule("edits", _check_edits, "edits"),
    _Rule("enumerate", _check_enumeration, "enumerate"),
    _Rule("optimal_values", _check_values, "optimal_values"),
    _Rule("hidden_performance", _check_hidden_performance, "hidden_performance"),
    _Rule("render_text", _check_text, "render_text"),
    _Rule("render_rgb", _check_picture, "render_rgb"),
    _Rule("unseen_levels", _check_unseen, "unseen_levels"),
)
