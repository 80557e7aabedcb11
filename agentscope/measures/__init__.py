"""What agreement means: equivalent actions, near-ties, regret, equal goodness, intervals over episodes."""

from agentscope.measures.agreement import (
    NearTies,
    action_mass,
    agreement,
    mean_regret,
    near_ties,
    regrets,
    same_class,
    spreads,
)
from agentscope.measures.intervals import episode_interval, mean_interval, paired_difference, zero_disagreements
from agentscope.measures.optimality import Goodness, compare_values, equally_good, good_where_optimal

__all__ = [
    "Goodness",
    "NearTies",
    "action_mass",
    "agreement",
    "compare_values",
    "episode_interval",
    "equally_good",
    "good_where_optimal",
    "mean_interval",
    "mean_regret",
    "near_ties",
    "paired_difference",
    "regrets",
    "same_class",
    "spreads",
    "zero_disagreements",
]
