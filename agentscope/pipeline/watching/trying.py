"""A text that someone edits in the page: read under the language's limits, then measured beside the printed one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from agentscope import language
from agentscope.contracts import ProgressCallback, no_progress
from agentscope.errors import AgentScopeError, BadOption, TextError
from agentscope.pipeline.comparing import compare_agent
from agentscope.pipeline.examining import parse_for
from agentscope.pipeline.watching.scene import Scene
from agentscope.records import Agreement, Comparison
from agentscope.reports import coloured_lines, plain_text, to_plain
from agentscope.verification.exam import SETS

MOST_EPISODES = 100
SHOWN = ("states", "episodes", "agreement", "low", "high", "without_near_ties", "near_tie_share", "equally_good",
         "regret")  # fmt: skip
NAME = "edited text"


class _Interrupted(Exception):
    """Whoever asked for a comparison wants it no more: raised from the progress it reports."""


@dataclass(frozen=True)
class Order:
    """One comparison as it is asked for.

    Attributes:
        episodes: of the exam, from its first on; at most MOST_EPISODES and what the run's budget has.
        cancelled: asked between steps of play; once it is true, the work is dropped.
    """

    text: str
    episodes: int = 20
    progress: ProgressCallback = no_progress
    cancelled: Callable[[], bool] = lambda: False


def check_text(scene: Scene, text: str) -> dict[str, Any]:
    """Whether a text is sound for this environment, and how large it is; nothing of it runs."""
    try:
        program = parse_for(scene.agent.env, text)
    except TextError as problem:
        return {"ok": False, "error": told_error(problem)}
    return {
        "ok": True,
        "lines": coloured_lines(language.print_program(program)),
        "size": asdict(language.measure_size(program)),
        "primitives": list(language.called_concepts(program)),
        "error": None,
    }


def told_error(problem: AgentScopeError) -> dict[str, Any]:
    """An error of a text with its place; 0 means the whole text."""
    line, column = (problem.line, problem.column) if isinstance(problem, TextError) else (0, 0)
    said = str(problem).removeprefix(f"line {line}, column {column}: ")
    return {"message": plain_text(said), "line": line, "column": column}


class Trials:
    """Compares texts with one run's network; what the printed text comes to is measured once for each length."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.printed: dict[int, Comparison] = {}

    def compare(self, order: Order) -> dict[str, Any]:
        """A text's figures on the exam's first episodes, beside the printed text's on the same states.

        Returns: name, a row a state set with its drop (printed minus this text), the line most often wrong, returns,
            the text's coloured lines, error (as of `check_text`; None if all went well), and whether it was cancelled.
        Raises: BadOption: no episodes, or too many.
        """
        most = min(MOST_EPISODES, self.scene.budget.exam)
        if not 1 <= order.episodes <= most:
            raise BadOption(f"a text is compared on 1 to {most} episodes, asked for {order.episodes}.")
        checked = check_text(self.scene, order.text)
        blank = {"name": NAME, "episodes": order.episodes, "sets": [], "worst_line": None, "return": None,
                 "lines": checked.get("lines", []), "cancelled": False, "error": checked["error"],
                 "why": {}}  # fmt: skip
        if not checked["ok"]:
            return blank
        try:
            tried = self._measure(order.text, order)
            printed, missing = self._beside(order)
        except _Interrupted:
            return {**blank, "cancelled": True}
        except AgentScopeError as problem:  # e.g. a division by zero in a state of the exam
            return {**blank, "error": told_error(problem)}
        return {**blank, **_figures(tried, printed), "why": {**_reasons(tried), **missing}}

    def _measure(self, text: str, order: Order) -> Comparison:
        def watched(stage: str, done: int, total: int) -> None:
            if order.cancelled():
                raise _Interrupted
            order.progress(stage, done, total)

        watched("reading the text", 0, 1)
        budget = replace(self.scene.budget, exam=order.episodes)
        return compare_agent(self.scene.agent, text, NAME, budget, seed=self.scene.seed, progress=watched)

    def _beside(self, order: Order) -> tuple[Comparison | None, dict[str, str]]:
        """The printed text on the same episodes; None with the reason where there is none, or it fails."""
        level = self.scene.level("strategy")
        if level.missing is not None:
            return None, {"sets.printed": level.missing}
        if order.episodes not in self.printed:
            try:
                self.printed[order.episodes] = self._measure(level.text, order)
            except AgentScopeError as problem:
                return None, {"sets.printed": plain_text(str(problem))}
        return self.printed[order.episodes], {}


def _figures(tried: Comparison, printed: Comparison | None) -> dict[str, Any]:
    why: dict[str, str] = {}
    sets = []
    for name in SETS:
        row: Agreement | None = getattr(tried.fidelity, name)
        if row is None:
            continue
        beside: Agreement | None = None if printed is None else getattr(printed.fidelity, name)
        drop = None if beside is None else beside.agreement - row.agreement
        sets.append({"set": name, **_shown(row), "printed": None if beside is None else _shown(beside), "drop": drop})
    worst, paired = tried.worst_line, tried.fidelity.episodes
    said = {"sets": sets, "worst_line": None if worst is None else dict(worst), "return": paired}
    figures: dict[str, Any] = to_plain(said, "", why)  # type: ignore[assignment]
    return figures


def _shown(row: Agreement) -> dict[str, Any]:
    return {key: getattr(row, key) for key in SHOWN}


def _reasons(tried: Comparison) -> dict[str, str]:
    return {f"sets.{name}": plain_text(reason) for name, reason in tried.fidelity.why.items()}
