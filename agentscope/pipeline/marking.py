"""What a strategy's text says of the primitives that it calls, where the network is not found to use them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agentscope import language
from agentscope.pipeline.opening import OpenAgent
from agentscope.records import Primitive, Strategy

PARTLY = 0.05  # gain over every control from which something of a concept that no layer holds is there after all


def marked_strategy(strategy: Strategy, agent: OpenAgent, primitives: Sequence[Primitive]) -> Strategy:
    """The strategy with its canonical text: header, and a mark beside the first call of what is not found used."""
    marks = {each.concept: mark for each in primitives if (mark := mark_of(each))}
    return replace(strategy, text=signed(strategy.text, agent, marks))


def signed(text: str, agent: OpenAgent, marks: dict[str, str] | None = None) -> str:
    """The canonical print of a text under a header that names environment, arguments and network."""
    program = language.parse(text, language.vocabulary_of(agent.env), language.STRATEGY_LIMITS)
    header = language.header_for(agent.env.id, agent.env.kwargs, network=agent.network.sha256, level=1)
    return language.print_program(replace(program, header=header), marks)


def mark_of(primitive: Primitive) -> str:
    """What is said of a primitive beside its call; empty where the network is found to use it."""
    if primitive.use == "used":
        return ""
    if primitive.score is None:
        return "not scored"
    if primitive.where == "computed":
        return "computed, not found used" if primitive.use == "unused" else "computed, use untested"
    gain = "" if primitive.gain is None else f", gain {_short(primitive.gain)}"
    if primitive.where == "input":
        return "input only" + gain
    return ("partly readable" if (primitive.gain or 0.0) > PARTLY else "not found") + gain


def _short(gain: float) -> str:
    """Two decimals without the zero before them: .02, -.01."""
    return f"{gain:.2f}".replace("-0.00", "0.00").replace("0.", ".", 1) if abs(gain) < 0.995 else f"{gain:.2f}"
