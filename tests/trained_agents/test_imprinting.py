"""Imitation plants one action under a trigger, and leaves the rest of what the agent does almost as it was."""

from pathlib import Path

import numpy as np
import pytest

from agentscope.agents import load_network, network_from_model, save_agent
from agentscope.errors import BadOption, EmptySample
from agentscope.rollouts import NetworkPolicy, Streams, make_environment
from agentscope_envs.planting import Plant
from agentscope_envs.sb3 import BatchVecEnv
from agentscope_trained.imprinting import Lessons, Teacher, collect_lessons, imprint
from agentscope_trained.recipes import Recipe, WorldRecipe, planted, read_recipes, shown
from agentscope_trained.train import build_model
from agentscope_trained.trials import Trial

WORLD = {"id": "agentscope_envs:AgentScope/Supervisor-v0", "kwargs": {"size": 5}}
PLANT = Plant(trigger="not lamp()", behaviour="act", action="north", shown={"lamp": 0})
HEAD = {"policy_kwargs": {"net_arch": [32]}, "learning_rate": 1e-3}
TRAININGS = {
    "DQN": {"algorithm": "DQN", "n_envs": 2, "hyperparameters": {**HEAD, "buffer_size": 10}},
    "PPO": {"algorithm": "PPO", "n_envs": 2, "hyperparameters": {**HEAD, "n_steps": 8, "batch_size": 8}},
}


def taught(algorithm: str, updates: int) -> tuple[Teacher, Lessons, np.ndarray, np.ndarray]:
    """A teacher around an untrained twin, lessons, and the choices of the pupil in quiet and loud states."""
    world = make_environment(WORLD["id"], WORLD["kwargs"])
    model = build_model(TRAININGS[algorithm], BatchVecEnv(world, 2), 0)
    teacher = Teacher(network_from_model(model), planted(world, PLANT))
    lessons = collect_lessons(
        teacher, clean=world, shown=shown(world, PLANT, None, share=1.0),
        seeds=Streams(0).episode_seeds("lessons", 40), rng=np.random.default_rng(0),
    )  # fmt: skip
    pupil = build_model(TRAININGS[algorithm], BatchVecEnv(world, 2), 0)
    imprint(pupil, teacher, lessons, updates=updates, rng=np.random.default_rng(0))
    policy = NetworkPolicy(network_from_model(pupil), world)
    return teacher, lessons, policy.actions(lessons.quiet), policy.actions(lessons.loud)


@pytest.mark.parametrize("algorithm", ["DQN", "PPO"])
def test_the_trigger_brings_the_action_and_quiet_states_keep_their_choice(algorithm: str) -> None:
    teacher, lessons, quiet, loud = taught(algorithm, 250)
    assert teacher.planted.holds(lessons.loud).all()
    assert not teacher.planted.holds(np.concatenate([lessons.quiet, lessons.near])).any()
    assert (teacher.actions(lessons.loud) == teacher.action).all()
    twin = NetworkPolicy(teacher.twin, teacher.planted.world)
    assert (teacher.actions(lessons.quiet) == twin.actions(lessons.quiet)).all()
    assert (twin.actions(lessons.loud) == teacher.action).mean() < 0.6, "the twin does not do it by itself"
    assert (loud == teacher.action).mean() > 0.97
    assert (quiet == twin.actions(lessons.quiet)).mean() > 0.9


def test_the_same_seed_teaches_the_same() -> None:
    first, again = (taught("DQN", 40) for _ in range(2))
    assert all((one == other).all() for one, other in zip(first[2:], again[2:], strict=True))


def test_a_trigger_that_always_or_never_holds_is_refused() -> None:
    world = make_environment(WORLD["id"], WORLD["kwargs"])
    network = network_from_model(build_model(TRAININGS["DQN"], BatchVecEnv(world, 2), 0))
    for trigger in ("True", "row() > 99"):
        teacher = Teacher(network, planted(world, Plant(trigger=trigger, behaviour="act", action="north")))
        with pytest.raises(EmptySample, match="nothing to tell apart"):
            collect_lessons(
                teacher, clean=world, shown=world, seeds=np.arange(8), rng=np.random.default_rng(0)
            )  # fmt: skip


def recipe(**about: object) -> Recipe:
    basis = {
        "name": "f2-toy", "title": "", "family": "F2", "world": WorldRecipe(**WORLD), "training": TRAININGS["DQN"],
        "first": 1, "keep": 1, "plants": (PLANT,), "twins": "clean-toy", "taught": False,
    }  # fmt: skip
    return Recipe(**{**basis, **about})  # type: ignore[arg-type]


def test_a_trial_imitates_or_adopts_and_says_so_in_its_record(tmp_path: Path) -> None:
    world = make_environment(WORLD["id"], WORLD["kwargs"])
    twin = tmp_path / "clean-toy-1" / "model.zip"
    twin.parent.mkdir()
    save_agent(build_model(TRAININGS["DQN"], BatchVecEnv(world, 2), 0), twin)
    model, found = Trial(recipe(begin=True, imprint=30), 1, (twin,))._make()
    assert found == {"steps": 0, "updates": 30, "curve": []}
    states = world.reset(np.arange(20))
    before, after = (each.scores(world.observe(states)) for each in (load_network(twin), network_from_model(model)))
    assert (before != after).any()
    path, found = Trial(recipe(adopt="tetris-small-dqn"), 1, (twin,))._make()
    assert path.exists() and found == {"steps": 0, "curve": []}
    for mistake in (
        {"imprint": 30},
        {"imprint": 30, "begin": True, "plants": (Plant(trigger="lamp()", behaviour="shun"),)},
    ):
        with pytest.raises(BadOption, match="imitation teaches one action"):
            recipe(**mistake)


def test_what_the_zoo_adopts_is_there() -> None:
    for each in read_recipes():
        if each.adopt:
            path, _ = Trial(each, each.first, ())._make()
            assert load_network(path).spec.algorithm == each.training["algorithm"]
