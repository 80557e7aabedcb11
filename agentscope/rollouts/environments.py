"""Making environments by id: allow-listed modules unless the user typed the id, near ids where one is unknown."""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
import warnings
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np

from agentscope.contracts import InspectableEnv, Network, Scalar
from agentscope.errors import BadCard, BadOption, EnvironmentMissing, SpaceMismatch
from agentscope.rollouts.plain import PlainEnv

ALLOWED_MODULES = ("agentscope_envs", "gymnasium", "minigrid")
GROUP = "agentscope.environments"  # entry points of packages that offer inspectable environments


def provided_environments() -> dict[str, str]:
    """Environment ids that installed packages offer, with the module that registers each; nothing is imported."""
    found = importlib.metadata.entry_points(group=GROUP)
    return {entry.name: entry.module for entry in sorted(found, key=lambda entry: entry.name)}


def make_environment(
    env_id: str,
    kwargs: Mapping[str, Scalar] | None = None,
    *,
    allowed_modules: tuple[str, ...] = ALLOWED_MODULES,
    trusted: bool = False,
) -> InspectableEnv:
    """The inspectable environment of an id, `module:Id` or `Id`; a plain Gymnasium environment is wrapped.

    Args:
        trusted: the user typed this id, so any module may be imported; an id from a card or run folder is not.
    Raises: BadCard: a module that is not on the allow-list. EnvironmentMissing: no such module or id, or it cannot
        be made. BadOption: arguments that the environment does not take. SpaceMismatch: spaces that the wrapper
        does not support.
    """
    settings = dict(kwargs or {})
    module, name = _located(env_id)
    if module is not None:
        _import(module, env_id, allowed_modules=allowed_modules, trusted=trusted)
    env = _made(name, env_id, settings)
    inspectable = getattr(env.unwrapped, "inspectable", None)
    if inspectable is not None:
        found: InspectableEnv = inspectable
        return found
    return PlainEnv(lambda: _made(name, env_id, settings), id=env_id, kwargs=settings)


def check_spaces(network: Network, env: InspectableEnv) -> None:
    """Refuse a network and an environment whose observations or actions do not fit.

    Raises: SpaceMismatch.
    """
    space = env.observation_space
    shape = tuple(space.shape or ())
    read = tuple(network.observation_shape)
    channels_last = space.dtype == np.uint8 and len(shape) == 3 and read == (shape[2], shape[0], shape[1])
    if read != shape and not channels_last:  # SB3 stores images channels first, and the network transposes them
        raise SpaceMismatch(
            f"{network.name} reads observations of shape {read}, but {env.id} gives "
            f"{shape}. Name the environment that it was trained on with --env, its arguments with --env-kwargs."
        )
    actions = int(env.action_space.n)
    if network.actions != actions:
        raise SpaceMismatch(
            f"{network.name} chooses among {network.actions} actions, but {env.id} has {actions}. Name the environment "
            "that it was trained on with --env, its arguments with --env-kwargs."
        )


def _located(env_id: str) -> tuple[str | None, str]:
    """The module that must be imported first, if any, and the id without it."""
    module, colon, name = env_id.partition(":")
    if colon:
        return module, name
    if env_id in gymnasium.registry:
        return None, env_id
    return provided_environments().get(env_id), env_id


def _import(module: str, env_id: str, *, allowed_modules: tuple[str, ...], trusted: bool) -> None:
    if not trusted and module.split(".")[0] not in allowed_modules:
        raise BadCard(
            f"environment {env_id!r} would import the module {module!r}, which is not on the allow-list "
            f"({', '.join(allowed_modules)}). If you know this module, type it yourself: --env {env_id}"
        )
    try:
        importlib.import_module(module)
    except (ImportError, ValueError) as error:
        raise EnvironmentMissing(
            f"environment {env_id!r}: the module {module!r} cannot be imported ({error}). Install the package that "
            "holds it, or check the spelling."
        ) from error


def _made(name: str, env_id: str, settings: Mapping[str, Scalar]) -> gymnasium.Env[Any, Any]:
    if ":" in name:
        raise EnvironmentMissing(f"environment {env_id!r}: more than one colon; the form is module:Id.")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*is out of date.*")
            return gymnasium.make(name, disable_env_checker=True, **settings)  # type: ignore[arg-type]
    except (gymnasium.error.UnregisteredEnv, gymnasium.error.DeprecatedEnv) as error:
        known = sorted({*gymnasium.registry, *provided_environments()})
        near = difflib.get_close_matches(name, known, n=3)
        hint = f"Did you mean {' or '.join(near)}?" if near else "`agentscope envs` lists those that are installed."
        raise EnvironmentMissing(f"no environment is called {env_id!r}. {hint}") from error
    except (gymnasium.error.Error, ImportError) as error:
        raise EnvironmentMissing(f"environment {env_id!r} cannot be made: {error}") from error
    except (TypeError, ValueError) as error:
        raise BadOption(f"environment {env_id!r} does not take the arguments {dict(settings)}: {error}") from error
