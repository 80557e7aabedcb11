"""Batched play, state sets, edits, environments by id, and storing."""

from agentscope.rollouts.editing import EditPool, edit_pool, edited_states, states_to_edit
from agentscope.rollouts.environments import check_spaces, make_environment, provided_environments
from agentscope.rollouts.plain import PlainEnv
from agentscope.rollouts.playing import Episodes, Moment, Trajectories, moments, play, play_from
from agentscope.rollouts.policies import NetworkPolicy, RandomLegal, decide, probabilities
from agentscope.rollouts.sampling import StateSampler, collect_states, enumerated_states, levels_of
from agentscope.rollouts.storing import load_states, save_states, write_rollouts
from agentscope.rollouts.streams import Streams

__all__ = [
    "EditPool",
    "Episodes",
    "Moment",
    "NetworkPolicy",
    "PlainEnv",
    "RandomLegal",
    "StateSampler",
    "Streams",
    "Trajectories",
    "check_spaces",
    "collect_states",
    "decide",
    "edit_pool",
    "edited_states",
    "enumerated_states",
    "levels_of",
    "load_states",
    "make_environment",
    "moments",
    "play",
    "play_from",
    "probabilities",
    "provided_environments",
    "save_states",
    "states_to_edit",
    "write_rollouts",
]
