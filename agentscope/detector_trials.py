"""`check_detector`: does a detector keep the contract of audits? Run by the tests of your own detector."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, NoReturn

import numpy as np

from agentscope import language
from agentscope.audits import KINDS, SEVERITIES, Detection, Detector, Subject, Suspicion
from agentscope.contracts import States, legal_actions_of
from agentscope.errors import ContractBroken, TextError
from agentscope.reports import to_plain

MOSTLY = 0.5  # share of the shown states that a guard has to hold in
LOOKED_AT = 256  # states of each suspicion that are held against the observation space


def check_detector(detector: Any, subject: Subject) -> list[str]:
    """Run a detector twice over an agent and hold it to everything that the contract asks.

    Args:
        detector: what means to be an `agentscope.audits.Detector`.
        subject: an agent on which it should find something; on one that gives it nothing, little is checked.
    Returns: one line for each rule that holds, in order.
    Raises: ContractBroken: at the first rule that is broken, with what was found and what to do.
    """
    _check_declarations(detector)
    before = _traces(subject)
    first = detector.detect(subject)
    _check_detection(detector, first)
    if _traces(subject) != before:
        _broken(detector, "detect changes the agent or its states", "Copy what you change (states, weights).")
    if _told(detector.detect(subject)) != _told(first):
        _broken(detector, "detect gives something else the second time", "Draw from subject.streams alone.")
    lines = [
        f"declarations: {detector.name} looks for {', '.join(detector.kinds)}",
        "detection: the same twice, the agent as it was, and says what was searched",
    ]
    for number, suspicion in enumerate(first.suspicions, start=1):
        told = f"suspicion {number} ({suspicion.kind})"
        _check_suspicion(detector, suspicion, first, told)
        _check_states(detector, suspicion, subject, told)
        held = _check_guard(detector, suspicion, subject, told)
        lines.append(f"{told}: severity {suspicion.severity}, score {suspicion.score:.3f}; {held}")
    return lines if first.suspicions else [*lines, "suspicions: none on this agent, so none was checked"]


def _check_declarations(detector: Any) -> None:
    if not isinstance(detector, Detector):
        missing = [name for name in ("name", "kinds", "detect") if not hasattr(detector, name)]
        raise ContractBroken(f"{type(detector).__name__} lacks {', '.join(missing)}. See docs/adding/detector.md.")
    if not isinstance(detector.name, str) or not detector.name.strip():
        _broken(detector, f"the name is {detector.name!r}", "Give it a short name: reports print it.")
    unknown = [kind for kind in detector.kinds if kind not in KINDS]
    if unknown or not detector.kinds:
        found = f"the kinds {unknown} are unknown" if unknown else "it looks for no kind"
        _broken(detector, found, f"Kinds are {', '.join(KINDS)}.")


def _check_detection(detector: Any, found: Any) -> None:
    if not isinstance(found, Detection):
        _broken(detector, f"detect gives a {type(found).__name__}", "Give a Detection.")
    if not found.searched.strip():
        _broken(detector, "`searched` is empty", "Say what was searched and left out, findings or not.")
    if set(found.scores) != set(detector.kinds):
        wrong = f"scores are of {sorted(found.scores)}, the kinds are {sorted(detector.kinds)}"
        _broken(detector, wrong, "Give the highest score of each kind, 0 where there was nothing.")
    for kind, score in found.scores.items():
        if not _is_share(score):
            _broken(detector, f"the score of {kind} is {score!r}", "A score is a number from 0 to 1.")


def _check_suspicion(detector: Any, suspicion: Suspicion, found: Detection, told: str) -> None:
    if suspicion.kind not in detector.kinds:
        _broken(detector, f"{told} is of a kind that it does not declare", "Add the kind to `kinds`.")
    if suspicion.severity not in SEVERITIES:
        _broken(detector, f"{told} has severity {suspicion.severity!r}", f"One of {', '.join(SEVERITIES)}.")
    if not suspicion.summary.strip() or "\n" in suspicion.summary:
        _broken(detector, f"{told} has the summary {suspicion.summary[:60]!r}", "Say it in one sentence, on one line.")
    if not _is_share(suspicion.score) or suspicion.score > found.scores[suspicion.kind] + 1e-9:
        wrong = f"{told} has score {suspicion.score!r}, the highest of its kind is {found.scores[suspicion.kind]!r}"
        _broken(detector, wrong, "A score is from 0 to 1, and `scores` holds the highest.")
    if suspicion.loss is not None and not np.isfinite(suspicion.loss):
        _broken(detector, f"{told} has the loss {suspicion.loss!r}", "Give a share, or None where nothing tells.")
    try:
        to_plain(suspicion.evidence, "evidence", {})
    except TypeError as problem:
        _broken(detector, f"{told}: {problem}", "Evidence is numbers, texts, and mappings of them.")


def _check_states(detector: Any, suspicion: Suspicion, subject: Subject, told: str) -> None:
    env = subject.env
    for name in ("shown", "plain"):
        states: States | None = getattr(suspicion, name)
        if states is None:
            continue
        if states.ndim != 1 or states.dtype != env.state_dtype:
            wrong = f"{told}: `{name}` is {states.dtype} of shape {states.shape}"
            _broken(detector, wrong, f"Give states of {env.id}, one a row.")
        some = states[:LOOKED_AT]
        if len(some) and not all(env.observation_space.contains(each) for each in env.observe(some)):
            _broken(detector, f"{told}: `{name}` holds what {env.id} cannot show", "Keep to legal changes of states.")
        if len(some) and not legal_actions_of(env, some).any(axis=1).all():
            _broken(detector, f"{told}: `{name}` holds states that are over", "Give states that are decided on.")
    if suspicion.paired and (
        suspicion.shown is None or suspicion.plain is None or len(suspicion.shown) != len(suspicion.plain)
    ):
        _broken(detector, f"{told} is paired without as many plain as shown states", "Pair each row, or say False.")


def _check_guard(detector: Any, suspicion: Suspicion, subject: Subject, told: str) -> str:
    """Runs the guard, and reads the statement that stands under it."""
    try:
        if suspicion.otherwise:
            text = f"def strategy(state) -> action:\n    {suspicion.otherwise}\n"
            language.parse(text, language.vocabulary_of(subject.env))
        if suspicion.guard is None:
            return "no guard"
        shares = {
            name: float(subject.holds(suspicion.guard, states).mean())
            for name, states in (("shown", suspicion.shown), ("plain", suspicion.plain))
            if states is not None and len(states)
        }
    except TextError as problem:
        _broken(detector, f"{told}: {suspicion.guard!r}, {suspicion.otherwise!r}: {problem}", "Give texts that run.")
    if shares.get("shown", 1.0) < MOSTLY:
        wrong = f"{told}: the guard {suspicion.guard!r} holds on {shares['shown']:.2f} of the shown states"
        _broken(detector, wrong, "A guard says when the agent behaves so; give None where none was found.")
    if "plain" in shares and "shown" in shares and shares["plain"] >= shares["shown"]:
        wrong = f"{told}: the guard {suspicion.guard!r} holds on no fewer of the plain states ({shares['plain']:.2f})"
        _broken(detector, wrong, "A guard tells shown from plain; give None where none was found.")
    return "the guard holds on " + (", ".join(f"{value:.2f} of {name}" for name, value in shares.items()) or "no state")


def _is_share(value: Any) -> bool:
    number = isinstance(value, int | float | np.floating) and not isinstance(value, bool)
    return number and bool(0 <= value <= 1)


def _traces(subject: Subject) -> list[bytes]:
    """What a detector must leave as it is."""
    weights = subject.network.weights()
    parts = [np.ascontiguousarray(weights[name]).tobytes() for name in sorted(weights)]
    return [*parts, subject.clean.states.tobytes(), subject.clean.actions.tobytes(), subject.bases.tobytes()]


def _told(found: Detection) -> list[str | bytes]:
    """Everything that a detection says, as what can be compared."""
    parts: list[str | bytes] = [found.searched, repr(sorted(found.scores.items()))]
    for suspicion in found.suspicions:
        for each in fields(suspicion):
            value = getattr(suspicion, each.name)
            parts.append(value.tobytes() if isinstance(value, np.ndarray) else repr(value))
    return parts


def _broken(detector: Any, found: str, remedy: str) -> NoReturn:
    raise ContractBroken(f"{detector.name}: {found}. {remedy} (docs/adding/detector.md)")
