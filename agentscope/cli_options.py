"""Arguments and options that several verbs share, and what a report says of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from agentscope.cli_session import Session, environment_arguments

if TYPE_CHECKING:
    from agentscope.pipeline import OpenAgent
    from agentscope.records import Budget
    from agentscope.reports import RunFolder

Command = TypeVar("Command", bound=Callable[..., Any])
AGENT_HELP = "AGENT is a shipped name (see `agentscope agents`), a folder with card.toml, or an SB3 zip with --env."


def stacked(*decorators: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Several click decorators as one, in the order in which --help lists them."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


environment_options = stacked(
    click.option("--env", "env_id", metavar="MODULE:ID", help="Environment of an SB3 zip, e.g. gymnasium:CartPole-v1."),
    click.option("--env-kwargs", multiple=True, metavar="K:V", help="Argument of the environment; may be repeated."),
    click.option("--concepts", type=click.Path(dir_okay=False), metavar="FILE", help="Your own concepts, as TOML."),
    click.option("--vecnormalize", type=click.Path(dir_okay=False), metavar="FILE", help="Statistics of VecNormalize."),
    click.option("--trust", is_flag=True, help="Load the zip by SB3's own loader, which RUNS code from the file."),
)
agent_options = stacked(click.argument("agent"), environment_options)
agent_options_optional = stacked(click.argument("agent", required=False), environment_options)
run_options = stacked(
    click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Of all draws."),
    click.option("--budget", "budget_name", type=click.Choice(["quick", "full"]), default="quick", show_default=True,
                 help="How much work, in counts of episodes and updates."),
    click.option("--out", type=click.Path(file_okay=False), metavar="DIR",
                 help="Run folder  [default: runs/<name>-<first 8 of the agent's sha256>]"),
)  # fmt: skip
print_options = stacked(
    click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output."),
    click.option("--quiet", is_flag=True, help="No progress on standard error."),
)


def command_line(context: click.Context) -> str:
    """Verb and flags as typed, path values replaced by names; where and how to print is left out."""
    words = [str(context.info_name)]
    for parameter in context.command.params:
        source = context.get_parameter_source(str(parameter.name))
        typed = source is click.core.ParameterSource.COMMANDLINE
        if not typed or parameter.name in ("out", "as_json", "quiet", "jobs"):
            continue
        value = context.params[str(parameter.name)]
        for item in value if isinstance(value, tuple) else (value,):
            shown = str(item) if parameter.name in ("env_id", "env_kwargs") else Path(str(item)).name
            flag = [] if isinstance(parameter, click.Argument) else [parameter.opts[0]]
            words += flag if item is True else [*flag, shown]
    return " ".join(words)


def refresh_episodes(session: Session, folder: RunFolder, opened: OpenAgent) -> None:
    """What the report carries to be watched, made anew after a verb; where that fails, it stays, and why is said."""
    from agentscope import pipeline

    why = pipeline.refresh_watch(folder, opened)
    if why is not None:
        session.say(f"the episodes in report.html stay as they were: {why}")


def open_run(session: Session, options: dict[str, Any]) -> tuple[OpenAgent, RunFolder, Budget]:
    """The agent and its run folder; a folder of another agent is refused before any work is done."""
    from agentscope import pipeline, reports
    from agentscope.records import BUDGETS

    opened = pipeline.open_agent(
        options["agent"],
        env_id=options["env_id"],
        env_kwargs=environment_arguments(options["env_kwargs"]),
        vecnormalize=options["vecnormalize"],
        trust=options["trust"],
        concepts=options["concepts"],
        labels=options.get("labels"),
    )
    sha256 = opened.network.sha256
    folder = reports.RunFolder(options["out"] or reports.default_folder(opened.name, sha256), sha256=sha256)
    session.folder = folder.path
    return opened, folder, BUDGETS[options.get("budget_name", "quick")]
