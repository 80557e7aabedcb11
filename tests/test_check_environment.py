"""`check_environment` is silent on sound environments and rings on each broken rule, naming what it found."""

from dataclasses import replace
from pathlib import Path

import gymnasium
import numpy as np
import pytest

from agentscope.concepts import ActionConcept, Concept
from agentscope.contracts import Edits, Transition
from agentscope.errors import ContractBroken
from agentscope.testing import check_environment
from agentscope_envs.gridworlds import KeyDoor
from agentscope_envs.tetris.env import Tetris, TetrisSmall

GOAL, ACTIONS = 4, ("back", "onward", "wait", "wave")


def coin(seeds, draws):
    return ((seeds * 7 + draws.astype(np.uint64) * 13) // 3 % 2).astype(np.int8)


class Corridor:
    """Five places in a row; the last ends the episode with reward 1. A coin is tossed before every step.

    `wave` does what `wait` does, and is forbidden in place 0.
    """

    id = "Corridor"
    gamma = 0.9
    state_dtype = np.dtype(
        [("seed", "u8"), ("draw", "i4"), ("steps", "i4"), ("level", "i1"), ("place", "i1"), ("coin", "i1")]
    )
    observation_space = gymnasium.spaces.Box(0, GOAL, (3,), np.uint8)
    action_space = gymnasium.spaces.Discrete(4)
    action_names = ACTIONS
    reward_concepts = ("place",)

    def __init__(self, level=0):
        self.level = level
        self.kwargs = {}
        self.axes = {"places": tuple(f"place{i}" for i in range(5))}
        self.concepts = (
            Concept(name="place", kind="count", doc="Place.", high=GOAL, absolute=True,
                    measure=lambda s: s["place"].astype(int)),
            Concept(name="coin", kind="choice", doc="Coin.", choices=("heads", "tails"), chance=True,
                    measure=lambda s: s["coin"].astype(int)),
            Concept(name="here", kind="flag", doc="Is here.", axis=("places",),
                    measure=lambda s: s["place"][:, None] == np.arange(5)),
        )  # fmt: skip
        self.action_concepts = (
            ActionConcept(name="arrives", kind="flag", doc="Next is the goal.",
                          measure=lambda s: (s["place"] == GOAL - 1)[:, None] & (np.arange(4) == 1)),
        )  # fmt: skip

    def reset(self, seeds):
        states = np.zeros(len(seeds), dtype=self.state_dtype)
        states["seed"], states["level"] = seeds, self.level
        states["coin"] = coin(states["seed"], states["draw"])
        return states

    def observe(self, states):
        return np.stack([states["place"], states["coin"], states["level"]], axis=1).astype(np.uint8)

    def step(self, states, actions):
        after = states.copy()
        after["place"] = np.clip(states["place"] + (actions == 1) - (actions == 0), 0, GOAL)
        after["steps"] += 1
        after["draw"] += 1
        after["coin"] = coin(after["seed"], after["draw"])
        over = after["place"] == GOAL
        return Transition(after, over.astype(float), over, ~over & (after["steps"] >= 9))

    def legal_actions(self, states):
        legal = np.ones((len(states), 4), dtype=bool)
        legal[:, 3] = states["place"] > 0
        return legal

    def equivalent_actions(self, states):
        equivalent = np.tile(np.array([0, 1, 2, 2], dtype=np.int16), (len(states), 1))
        equivalent[states["place"] == 0, 2] = 0  # back from the first place leads nowhere
        return equivalent

    def edits(self, states):
        parent = np.arange(len(states), dtype=np.int32)
        edited = states.copy()
        edited["coin"] = 1 - edited["coin"]
        zero = np.zeros(len(states), dtype=np.int32)
        return Edits(parent, edited, zero, zero, np.ones(len(states), dtype=bool), ("coin",))

    def enumerate(self):
        states = np.zeros(8, dtype=self.state_dtype)
        states["place"], states["coin"], states["level"] = np.arange(8) // 2, np.arange(8) % 2, self.level
        return states

    def optimal_values(self, states):
        place = states["place"].astype(int)[:, None] + [-1, 1, 0, 0]
        value = self.gamma ** (GOAL - 1 - np.clip(place, 0, GOAL))
        return np.where(place == GOAL, 1.0, self.gamma * value)

    def hidden_performance(self, states, actions, transition):
        return transition.rewards

    def render_text(self, state):
        return f"place {state['place']}"

    def render_rgb(self, state):
        return np.zeros((4, 4, 3), dtype=np.uint8)

    def unseen_levels(self):
        return Corridor(level=1)


def test_silent_on_a_sound_environment_and_says_what_it_looked_at():
    lines = check_environment(Corridor())
    assert len(lines) == 17 and not any("not offered" in line for line in lines)
    assert any(line.startswith("chance: two policies on one seed meet the same coin") for line in lines)


@pytest.mark.parametrize(
    "env",
    [KeyDoor(), KeyDoor(start="anywhere"), KeyDoor("unseen"), KeyDoor(size=7, max_steps=20), TetrisSmall(), Tetris()],
    ids=lambda env: f"{env.id}-{'-'.join(map(str, env.kwargs.values()))}",
)
def test_silent_on_the_shipped_environments(env):
    assert len(check_environment(env)) == 17


def test_what_is_not_offered_is_said_and_not_asked_for():
    env = Corridor()
    env.concepts = env.action_concepts = env.reward_concepts = ()
    env.edits = env.enumerate = env.optimal_values = env.unseen_levels = None
    lines = check_environment(env)
    assert sum("not offered" in line for line in lines) == 4


def test_seeds_and_steps_change_what_is_played():
    few, many = (check_environment(Corridor(), seeds=range(n), steps=n) for n in (2, 12))
    assert few != many
    assert check_environment(Corridor()) == check_environment(Corridor())


def rename(env, index, **changes):
    env.concepts = tuple(replace(c, **changes) if i == index else c for i, c in enumerate(env.concepts))


def wrap(env, method, change):
    """Let one method of the environment pass its result through `change(result, *arguments)`."""
    sound = getattr(env, method)
    setattr(env, method, lambda *arguments: change(sound(*arguments), *arguments))


def in_place(env):
    sound = env.step

    def step(states, actions):
        outcome = sound(states, actions)
        states["steps"] += 1
        return outcome

    env.step = step


def auto_reset(env, same_seed):
    def change(outcome, states, actions):
        done = outcome.terminated | outcome.truncated
        outcome.states[done] = env.reset(outcome.states["seed"][done] + np.uint64(0 if same_seed else 1_000))
        return outcome

    wrap(env, "step", change)


def chance_by_action(env):
    def change(outcome, states, actions):
        outcome.states["coin"] = actions % 2
        return outcome

    wrap(env, "step", change)
    env.equivalent_actions = None


def global_chance(env):
    generator = np.random.default_rng(0)

    def change(outcome, states, actions):
        outcome.states["coin"] = generator.integers(0, 2, len(states))
        return outcome

    wrap(env, "step", change)


def by_batch(env):
    def change(outcome, states, actions):
        outcome.states["place"] = np.minimum(outcome.states["place"], len(states) - 1)
        return outcome

    wrap(env, "step", change)


def unstable_reset(env):
    count = iter(range(10**6))

    def change(states, seeds):
        states["place"] = next(count) % 3
        return states

    wrap(env, "reset", change)


def hides(env, name):
    wrap(
        env,
        "observe",
        lambda obs, states: np.where(np.arange(3) == 0, (states[name] % 5)[:, None], obs).astype(np.uint8),
    )


BROKEN = {
    "objects in the state": (lambda env: setattr(env, "state_dtype", np.dtype([("a", "O")])), "holds objects"),
    "a plain dtype": (lambda env: setattr(env, "state_dtype", np.dtype("i8")), "has no fields"),
    "another action space": (
        lambda env: setattr(env, "action_space", gymnasium.spaces.Discrete(4, start=1)), "action space is",
    ),
    "an action without a name": (lambda env: setattr(env, "action_names", ACTIONS[:3]), "3 action names for 4"),
    "a label with a space": (lambda env: setattr(env, "axes", {"places": ("a b", *"cdef")}), "'a b'"),
    "a label that is a keyword": (lambda env: setattr(env, "axes", {"places": ("if", *"cdef")}), "'if'"),
    "a label of the language": (lambda env: setattr(env, "axes", {"places": ("sum", *"cdef")}), "'sum'"),
    "a label that is a concept": (lambda env: setattr(env, "axes", {"places": ("coin", *"cdef")}), "'coin'"),
    "an ambiguous label": (lambda env: rename(env, 1, choices=("tails", "back")), "'back' stands for several"),
    "a concept's name": (lambda env: rename(env, 0, name="my place"), "my place"),
    "an axis that is not there": (lambda env: rename(env, 2, axis=("rooms",)), "rooms"),
    "a choice without labels": (lambda env: rename(env, 1, choices=()), "concept coin has kind 'choice', choices ()"),
    "a concept without a sentence": (lambda env: rename(env, 0, doc=""), "doc ''"),
    "a reward of unknown concepts": (lambda env: setattr(env, "reward_concepts", ("luck",)), "luck"),
    "reset of another shape": (lambda env: wrap(env, "reset", lambda s, _: s[:-1]), r"shape \(15,\) for 16 seeds"),
    "reset that changes": (unstable_reset, "other states for the same seeds"),
    "reset that depends on the batch": (
        lambda env: wrap(env, "reset", lambda s, _: np.where(len(s) > 1, env.step(s, np.full(len(s), 1)).states, s)),
        "depends on the others in the batch",
    ),
    "step in place": (in_place, "step changed the states"),
    "chance outside the state": (global_chance, "something else the second time"),
    "a successor that depends on the batch": (by_batch, "successor depends on the others"),
    "rewards as integers": (
        lambda env: wrap(env, "step", lambda o, *_: replace(o, rewards=o.rewards.astype(int))),
        "rewards of dtype int64",
    ),
    "a reward that is no number": (
        lambda env: wrap(env, "step", lambda o, *_: replace(o, rewards=o.rewards + np.nan)), "not finite",
    ),
    "ends as integers": (
        lambda env: wrap(env, "step", lambda o, *_: replace(o, truncated=o.truncated.astype(int))),
        "truncated of dtype",
    ),
    "auto-reset to the same seed": (lambda env: auto_reset(env, True), "gives a first state"),
    "auto-reset to a new seed": (lambda env: auto_reset(env, False), "first state|changes an episode's seed"),
    "chance that depends on actions": (chance_by_action, "two policies on one seed meet different values of coin"),
    "observations of another dtype": (
        lambda env: wrap(env, "observe", lambda o, _: o.astype(np.float32)), "dtype float32",
    ),
    "observations out of bounds": (lambda env: wrap(env, "observe", lambda o, _: o + np.uint8(3)), "outside"),
    "an observation that shows the counter": (lambda env: hides(env, "steps"), "two states of one identity"),
    "a concept of another dtype": (
        lambda env: rename(env, 0, measure=lambda s: s["place"].astype(float)), "concept place has shape",
    ),
    "a concept of another shape": (
        lambda env: rename(env, 2, measure=lambda s: s["place"] == 1), "concept here has shape",
    ),
    "a concept out of bounds": (lambda env: rename(env, 0, high=2), "concept place goes from 0 to 4"),
    "a count below zero": (
        lambda env: rename(env, 0, measure=lambda s: s["place"].astype(int) - 1), "concept place goes from -1",
    ),
    "a choice out of range": (
        lambda env: rename(env, 1, measure=lambda s: s["coin"].astype(int) + 1), "concept coin goes from 1 to 2",
    ),
    "a number that is none": (
        lambda env: rename(env, 0, kind="number", measure=lambda s: s["place"] + np.nan), "concept place goes from nan",
    ),
    "a concept that depends on the batch": (
        lambda env: rename(env, 0, measure=lambda s: np.full(len(s), min(len(s), 2))), "concept place depends",
    ),
    "an action concept of another shape": (
        lambda e: setattr(e, "action_concepts", (replace(e.action_concepts[0], measure=lambda s: s["coin"] > 0),)),
        "concept arrives has shape",
    ),
    "a mask of integers": (
        lambda env: setattr(env, "legal_actions", lambda s: np.ones((len(s), 4), dtype=int)),
        "legal_actions gives int64",
    ),
    "a state without actions": (
        lambda env: wrap(env, "legal_actions", lambda m, s: m & (s["place"] != 2)[:, None]), "has no legal action",
    ),
    "a missed equivalence": (
        lambda env: wrap(env, "equivalent_actions", lambda e, _: np.tile(np.arange(4, dtype=np.int16), (len(e), 1))),
        "does what (wait|back) does",
    ),
    "a wrong equivalence": (
        lambda env: wrap(env, "equivalent_actions", lambda e, _: np.zeros_like(e)), "declared equivalent to back",
    ),
    "equivalences of another dtype": (
        lambda env: wrap(env, "equivalent_actions", lambda e, _: e.astype(int)), "equivalent_actions gives int64",
    ),
    "an edit of nobody": (
        lambda env: wrap(env, "edits", lambda e, s: replace(e, parent=e.parent + len(s))), "edits.parent",
    ),
    "an edit of a nameless feature": (
        lambda env: wrap(env, "edits", lambda e, _: replace(e, feature=e.feature + 1)), "edits.feature",
    ),
    "an edit that changes nothing": (
        lambda env: wrap(env, "edits", lambda e, s: replace(e, states=s.copy())), "an edit of coin changes nothing",
    ),
    "legality as integers": (
        lambda env: wrap(env, "edits", lambda e, _: replace(e, legal=e.legal.astype(int))), "edits.legal is int64",
    ),
    "a legal edit that cannot be seen": (
        lambda env: wrap(env, "edits", lambda e, _: (e.states["coin"].fill(9), e)[1]), "cannot be observed",
    ),
    "a state enumerated twice": (
        lambda env: wrap(env, "enumerate", lambda s: np.concatenate([s, s[:1]])), "1 states twice",
    ),
    "a state not enumerated": (lambda env: wrap(env, "enumerate", lambda s: s[:-1]), "enumerate lacks"),
    "values that are not optimal": (
        lambda env: wrap(env, "optimal_values", lambda v, _: v * 0.5), "Bellman equation by up to 0.5",
    ),
    "values without a discount": (lambda env: setattr(env, "gamma", None), "without a discount"),
    "values as single precision": (
        lambda env: wrap(env, "optimal_values", lambda v, _: v.astype(np.float32)), "optimal_values gives float32",
    ),
    "hidden performance for each action": (
        lambda env: setattr(env, "hidden_performance", lambda s, a, t: np.zeros((len(s), 4))),
        "hidden_performance gives",
    ),
    "a picture instead of text": (lambda env: setattr(env, "render_text", env.render_rgb), "render_text gives no text"),
    "a grey picture": (
        lambda env: setattr(env, "render_rgb", lambda _: np.zeros((4, 4), dtype=np.uint8)), "render_rgb gives uint8",
    ),
    "unseen levels that were seen": (lambda env: setattr(env, "unseen_levels", Corridor), "first states of unseen"),
    "unseen levels of another game": (lambda env: setattr(env, "unseen_levels", KeyDoor), "other observations or"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_rings_when_broken(name):
    env = Corridor()
    damage, found = BROKEN[name]
    damage(env)
    with pytest.raises(ContractBroken, match=found):
        check_environment(env)


def test_what_lacks_the_required_half_is_named():
    with pytest.raises(ContractBroken, match=r"lacks .*observe.*environment\.md"):
        check_environment(object())


def test_an_enumeration_that_play_never_leaves_must_still_be_closed():
    env = Corridor()
    wrap(env, "enumerate", lambda states: states[states["place"] < 2])
    with pytest.raises(ContractBroken, match="successors are not enumerated"):
        check_environment(env, seeds=range(4), steps=2)


def test_the_example_of_the_guide_is_a_sound_environment(capsys):
    guide = Path(__file__).parents[1] / "docs" / "adding" / "environment.md"
    example = guide.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    exec(compile(example, str(guide), "exec"), {"__name__": "guide"})
    assert "concepts: 1 concepts keep shape, dtype and bounds" in capsys.readouterr().out
