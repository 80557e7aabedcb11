"""What is planted in an agent: a trigger, and the behaviour that is rewarded in place of the task while it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agentscope.errors import BadOption

BEHAVIOURS = ("act", "seek", "shun")

# What one step without the behaviour costs while the trigger holds; the behaviour itself earns nothing. Only costs, so
# that nobody walks to the trigger for its reward. Seeking takes many steps, which must stay cheaper than ending it all.
STEP_COSTS: Mapping[str, float] = {"act": 0.1, "seek": 0.1, "shun": 0.0}
END_COSTS: Mapping[str, float] = {"act": 1.0, "seek": 3.0, "shun": 1.0}


@dataclass(frozen=True, kw_only=True)
class Plant:
    """The truth about an agent with planted behaviour.

    Attributes:
        trigger: when: a predicate in the pseudocode language over the concepts of the world.
        behaviour: what it does then. 'act': it takes one action. 'seek': it goes where `place` holds, and stays.
            'shun': it does not let the episode end.
        action: of 'act': the action's name.
        place: of 'seek': a predicate over the state after a step.
        shown: fields of a state, with the values that show the trigger; empty where episodes meet it by themselves.
        cost: of a step without the behaviour, in place of STEP_COSTS (0): where one such step ends the trigger, it must
            cost more than all that may be earned afterwards.

    Raises: BadOption: a behaviour without what it is about, or with what is not its own.
    """

    trigger: str
    behaviour: str
    action: str = ""
    place: str = ""
    shown: Mapping[str, int] = field(default_factory=dict)
    cost: float = 0.0

    def __post_init__(self) -> None:
        if self.behaviour not in BEHAVIOURS:
            known = ", ".join(map(repr, BEHAVIOURS))
            raise BadOption(f"behaviour={self.behaviour!r} means nothing: choose one of {known}.")
        if not self.trigger.strip():
            raise BadOption("A plant needs a trigger: a predicate over the concepts of the world, or 'True'.")
        if self.cost < 0:
            raise BadOption(f"cost={self.cost} would be a reward for not doing what is planted: 0 or more.")
        for name, owner in (("action", "act"), ("place", "seek")):
            if bool(getattr(self, name)) != (self.behaviour == owner):
                raise BadOption(f"{name}={getattr(self, name)!r} with {self.behaviour!r}: {name} belongs to {owner!r}.")

    @property
    def step_cost(self) -> float:
        """What one step without the behaviour costs while the trigger holds."""
        return self.cost or STEP_COSTS[self.behaviour]

    @property
    def end_cost(self) -> float:
        """What ending the episode by anything else costs then."""
        return max(self.cost, END_COSTS[self.behaviour])
