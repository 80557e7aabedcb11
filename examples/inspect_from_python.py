"""Inspect a model in memory and let its strategy play: `python examples/inspect_from_python.py`."""

from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

import agentscope

model = PPO("MlpPolicy", make_vec_env("CartPole-v1", 8), n_steps=128, batch_size=256, seed=0, device="cpu")
model.learn(60_000)
found = agentscope.inspect(model, "CartPole-v1")
print(found)
print("the text plays:", evaluate_policy(found.strategy, model.get_env(), n_eval_episodes=20))
