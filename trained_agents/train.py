"""Train an agent from its card: `python trained_agents/train.py NAME`. The card is both the recipe and the record.

The recipe is read from the tables [environment] and [training]; the curve, the evaluation, the versions and the
file's sha256 are written back when the training ends. Checkpoints go to training-logs/NAME; the last one is taken
up again by --resume, so that an interruption costs at most one evaluation interval.
"""

from __future__ import annotations

import argparse
import hashlib
import platform
import time
import tomllib
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import sb3_contrib
import stable_baselines3
import tomli_w
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecEnv

from agentscope.agents.building import EXTRACTOR_CLASSES
from agentscope.agents.finding import carded_folders
from agentscope.agents.saving import save_agent
from agentscope.contracts import InspectableEnv
from agentscope.rollouts.environments import make_environment
from agentscope_envs.sb3 import BatchVecEnv

HERE = Path(__file__).parent
ALGORITHMS = {
    "DQN": stable_baselines3.DQN,
    "PPO": stable_baselines3.PPO,
    "A2C": stable_baselines3.A2C,
    "QRDQN": sb3_contrib.QRDQN,
    "MaskablePPO": sb3_contrib.MaskablePPO,
}


def falling(start: float, end: float) -> Any:
    """A learning rate that falls from start to end in a straight line."""
    return lambda remaining: end + (start - end) * remaining


def training_environment(env_id: str, lessons: InspectableEnv, n_envs: int, seed: int) -> VecEnv:
    """One kernel for our own environments; SB3's own vectorisation for plain Gymnasium ones."""
    if env_id.startswith("gymnasium:"):
        return make_vec_env(env_id.removeprefix("gymnasium:"), n_envs, seed=seed)
    return BatchVecEnv(lessons, n_envs, seed)


def build_model(training: dict[str, Any], environment: Any, seed: int) -> Any:
    """The SB3 model that the card's hyperparameters describe, untrained."""
    settings = dict(training["hyperparameters"])
    policy_kwargs = dict(settings.pop("policy_kwargs", {}))
    if "features_extractor" in policy_kwargs:
        policy_kwargs["features_extractor_class"] = EXTRACTOR_CLASSES[policy_kwargs.pop("features_extractor")]
    if "activation" in policy_kwargs:
        policy_kwargs["activation_fn"] = getattr(torch.nn, policy_kwargs.pop("activation"))
    end = settings.pop("learning_rate_end", None)
    rate = settings.pop("learning_rate")
    identity_head = settings.pop("identity_head", False)
    settings.pop("restart_at", None)
    settings.pop("ent_coef_end", None)
    settings.pop("keep_best", None)
    model = ALGORITHMS[training["algorithm"]](
        settings.pop("policy", "MlpPolicy"), environment, seed=seed, device="cpu", policy_kwargs=policy_kwargs,
        learning_rate=rate if end is None else falling(rate, end), **settings,
    )  # fmt: skip
    if identity_head:
        keep_head_identity(model)
    return model


def keep_head_identity(model: Any) -> None:
    """Fix the DQN's last Linear as the identity: the extractor's tied convolutions already give one score an action."""
    for network in (model.policy.q_net, model.policy.q_net_target):
        head = network.q_net[-1]
        with torch.no_grad():
            head.weight.copy_(torch.eye(head.out_features))
            head.bias.zero_()
        head.requires_grad_(False)


def evaluate(model: Any, env: InspectableEnv, episodes: int, *, seed: int) -> dict[str, Any]:
    """Greedy episodes on fresh seeds: mean return with its 95 % interval, and the environment's own statistics."""
    seeds = np.random.default_rng([seed, 1]).integers(2**62, size=episodes)
    states = env.reset(seeds)
    returns, lengths = np.zeros(episodes), np.zeros(episodes, dtype=np.int64)
    running = np.arange(episodes)
    last = states.copy()
    while len(running):
        actions, _ = model.predict(env.observe(states), deterministic=True)
        transition = env.step(states, actions)
        returns[running] += transition.rewards
        lengths[running] += 1
        last[running] = transition.states
        going = ~(transition.terminated | transition.truncated)
        states, running = transition.states[going], running[going]
    half = 1.96 * returns.std(ddof=1) / np.sqrt(episodes)
    row = {
        "episodes": episodes,
        "return_mean": round(float(returns.mean()), 4),
        "return_low": round(float(returns.mean() - half), 4),
        "return_high": round(float(returns.mean() + half), 4),
        "length_mean": round(float(lengths.mean()), 2),
    }
    if hasattr(env, "episode_statistics"):
        for name, values in env.episode_statistics(last).items():
            row[f"{name}_mean"] = round(float(values.mean()), 3)
    return row


class FallingEntropy(BaseCallback):
    """Lets PPO's entropy coefficient fall in a straight line, to its end after a quarter of the steps.

    With a small one from the start the policy became certain of the first way to the goal that it found
    (docs/known-answers.md); with a large one to the end it never becomes certain.
    """

    def __init__(self, start: float, end: float, steps: int) -> None:
        super().__init__()
        self.coefficient = falling(start, end)
        self.steps = steps / 4

    def _on_rollout_start(self) -> None:
        self.model.ent_coef = self.coefficient(max(1.0 - self.num_timesteps / self.steps, 0.0))  # type: ignore[attr-defined]

    def _on_step(self) -> bool:
        return True


class Curve(BaseCallback):
    """Evaluates and saves a checkpoint at regular steps, and keeps the learning curve."""

    def __init__(self, env: InspectableEnv, every: int, folder: Path, seed: int) -> None:
        super().__init__()
        self.env, self.every, self.folder, self.seed = env, every, folder, seed
        self.rows: list[dict[str, Any]] = []
        self.begun = 0  # steps of earlier parts
        self.started = time.time()

    def _on_step(self) -> bool:
        if self.num_timesteps // self.every > (self.num_timesteps - self.training_env.num_envs) // self.every:
            row = evaluate(self.model, self.env, 50, seed=self.seed)
            statistics = {name: row[name] for name in row if name.endswith("_mean") and name != "return_mean"}
            self.rows.append({"step": self.begun + self.num_timesteps, "return": row["return_mean"], **statistics})
            self.model.save(self.folder / "checkpoint.zip")
            if self.rows[-1]["return"] >= max(each["return"] for each in self.rows):
                self.model.save(self.folder / "best.zip")
            minutes = (time.time() - self.started) / 60
            left = minutes * (self.locals["total_timesteps"] / self.num_timesteps - 1)
            print(f"{minutes:6.1f} min, {left:6.1f} left: {self.rows[-1]}", flush=True)
        return True


def train(place: Path, *, resume: bool) -> None:
    """Train the agent of this folder and write model.zip and card.toml beside each other."""
    torch.set_num_threads(1)
    card_path = place / "card.toml"
    card = tomllib.loads(card_path.read_text())
    training, seed = card["training"], card["training"]["seed"]
    kwargs = card["environment"].get("kwargs", {})
    env = make_environment(card["environment"]["id"], kwargs)
    lessons = make_environment(card["environment"]["id"], kwargs | training.get("training_environment", {}))
    folder = HERE.parent / "training-logs" / place.name
    folder.mkdir(parents=True, exist_ok=True)
    environment = training_environment(card["environment"]["id"], lessons, training["n_envs"], seed)
    checkpoint = folder / "checkpoint.zip"
    model = build_model(training, environment, seed)
    if resume and checkpoint.exists():
        model.set_parameters(str(checkpoint))
        print("taken up again from the checkpoint (optimiser and weights; the replay buffer starts empty)")
    curve = Curve(env, training.get("evaluate_every", training["steps"] // 20), folder, seed)
    restart = training["hyperparameters"].get("restart_at", training["steps"])
    for part in (restart, training["steps"] - restart):
        if part:  # each part lets the learning rate fall anew (a warm restart, Loshchilov and Hutter 2017)
            model.learn(part, callback=curve, log_interval=None)
            curve.begun += part
    if training["hyperparameters"].get("keep_best", False):
        model.set_parameters(str(folder / "best.zip"))  # chosen on the curve's seeds; the evaluation has others
    model.save(folder / "final.zip")
    finish(place, model, env, curve.rows, minutes=(time.time() - curve.started) / 60)


def finish(place: Path, model: Any, env: InspectableEnv, curve: list[dict[str, Any]], *, minutes: float) -> None:
    """Write the zip and the card's measured half."""
    card_path = place / "card.toml"
    card = tomllib.loads(card_path.read_text())
    path = place / "model.zip"
    save_agent(model, path)
    card["agent"]["algorithm"] = card["training"]["algorithm"]
    card["agent"]["model"] = path.name
    card["agent"]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    card["agent"]["reward_concepts"] = list(getattr(env, "reward_concepts", ()))
    card["training"]["minutes"] = round(minutes, 1)
    card["training"]["versions"] = {
        "python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__,
        "stable-baselines3": stable_baselines3.__version__, "sb3-contrib": sb3_contrib.__version__,
        "gymnasium": gymnasium.__version__,
    }  # fmt: skip
    card["evaluation"] = final_evaluation(model, env, card["training"])
    card["curve"] = curve
    card_path.write_text(tomli_w.dumps(card))
    print(f"{place.name}: {card['evaluation']}")


def final_evaluation(model: Any, env: InspectableEnv, training: dict[str, Any]) -> dict[str, Any]:
    """The evaluation of the card: episodes that neither a checkpoint nor a training seed was chosen on."""
    episodes, seed = training.get("evaluation_episodes", 200), training.get("evaluation_seed", 1_000_003)
    row = evaluate(model, env, episodes, seed=seed)
    unseen = getattr(env, "unseen_levels", None)
    if unseen is not None:
        levels = evaluate(model, unseen(), episodes, seed=seed)
        row |= {f"unseen_{name}": value for name, value in levels.items()}
    return row


def evaluate_again(place: Path) -> None:
    """Measure the shipped zip as `train` does, and write the card's evaluation anew."""
    torch.set_num_threads(1)
    card_path = place / "card.toml"
    card = tomllib.loads(card_path.read_text())
    env = make_environment(card["environment"]["id"], card["environment"].get("kwargs", {}))
    model = ALGORITHMS[card["training"]["algorithm"]].load(place / card["agent"]["model"], device="cpu")
    card["evaluation"] = final_evaluation(model, env, card["training"])
    card_path.write_text(tomli_w.dumps(card))
    print(f"{place.name}: {card['evaluation']}")


def trainable() -> dict[str, Path]:
    """Folders whose card is a recipe of this script: zoo.py makes the agents of the zoo, compile.py compiled ones."""
    return {
        name: place for name, place in carded_folders(HERE).items()
        if "zoo" not in place.relative_to(HERE).parts
        and "hyperparameters" in tomllib.loads((place / "card.toml").read_text()).get("training", {})
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    known = trainable()
    parser.add_argument("name", choices=known, metavar="NAME", help=f"one of {', '.join(known)}")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument("--evaluate", action="store_true", help="train nothing: measure the zip that is there")
    arguments = parser.parse_args()
    if arguments.evaluate:
        evaluate_again(known[arguments.name])
    else:
        train(known[arguments.name], resume=arguments.resume)
