"""The command line: verbs over agents, environments and run folders. Heavy packages load inside the verbs only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from agentscope.cli_audit import audit
from agentscope.cli_decompile import decompile
from agentscope.cli_options import (
    AGENT_HELP,
    agent_options,
    command_line,
    open_run,
    print_options,
    refresh_episodes,
    run_options,
)
from agentscope.cli_session import ErrorsInOneLine, Session, environment_arguments, read_program
from agentscope.cli_view import view


@click.group(cls=ErrorsInOneLine, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="agentscope-rl", prog_name="agentscope")
@click.pass_context
def main(context: click.Context) -> None:
    """Turn a trained policy into a program that people can read, measured against its network.

    Start with `agentscope inspect tetris-dqn`. Exit codes: 0 done, 1 a stated bar was missed, 2 bad use or a
    refused file.
    """
    context.obj = Session()


main.add_command(audit)
main.add_command(decompile)
main.add_command(view)


@main.command()
@click.option("--family", metavar="NAME", help="Only the agents of this family, e.g. compiled.")
@print_options
@click.pass_obj
def agents(session: Session, *, family: str | None, as_json: bool, quiet: bool) -> None:
    """List the trained agents that ship with AgentScope, family by family."""
    from agentscope import pipeline

    rows = pipeline.list_agents(family)
    if session.use(as_json=as_json, quiet=quiet).as_json or not rows:
        _print_rows(session, "agents", rows)
    else:
        from agentscope.reports.listing import agents_view

        session.show(agents_view(rows, pipeline.family_titles()))


@main.command()
@print_options
@click.pass_obj
def envs(session: Session, *, as_json: bool, quiet: bool) -> None:
    """List the environments that installed packages offer; none is imported for this."""
    from agentscope import pipeline

    session.use(as_json=as_json, quiet=quiet)
    _print_rows(session, "environments", pipeline.list_environments())


@main.command()
@click.argument("env")
@click.option("--env-kwargs", multiple=True, metavar="K:V", help="Argument of the environment; may be repeated.")
@print_options
@click.pass_obj
def concepts(session: Session, env: str, *, env_kwargs: tuple[str, ...], as_json: bool, quiet: bool) -> None:
    """List the concepts that ENV declares: name, kind, axis, unit, meaning."""
    from agentscope import pipeline

    session.use(as_json=as_json, quiet=quiet)
    _print_rows(session, f"concepts of {env}", pipeline.describe_concepts(env, environment_arguments(env_kwargs)))


@main.command()
@click.argument("file", type=click.Path(dir_okay=False))
@print_options
@click.pass_obj
def check(session: Session, file: str, *, as_json: bool, quiet: bool) -> None:
    """Say what is in an SB3 zip, and what would run if one trusted it, without running any of it."""
    from agentscope import pipeline

    session.use(as_json=as_json, quiet=quiet)
    session.show_document(pipeline.check_file(file), title=Path(file).name)


@main.command(help=f"Run the whole pipeline: gist, strategy, fidelity; write the run folder.\n\n{AGENT_HELP}")
@agent_options
@run_options
@print_options
@click.pass_context
def inspect(context: click.Context, /, *, seed: int, as_json: bool, quiet: bool, **options: Any) -> None:
    from agentscope import pipeline, reports

    session: Session = context.obj.use(as_json=as_json, quiet=quiet)
    opened, folder, budget = open_run(session, options)
    earlier = folder.report
    with session.watch() as progress:
        inspection = pipeline.inspect_agent(opened, budget, seed=seed, progress=progress)
    report = reports.build_report(inspection, command=command_line(context))
    report = reports.write_inspection(folder, report, inspection)
    if earlier is not None and (earlier["audit"] or earlier["decompilation"]):
        refresh_episodes(session, folder, opened)
    folder.append_log([command_line(context), *session.log])
    if as_json:
        session.print_json(report)
    else:
        from agentscope.reports.terminal import report_view

        session.show(report_view(report))
        session.say(f"written: {folder.path} (report.html, report.json, strategy.py and more)")
        session.say(f"step through it: agentscope view {folder.path}")


@main.command(
    help=f"Look for concepts in the network: where, by which units, used or not, beside every control.\n\n{AGENT_HELP}"
)
@agent_options
@click.option("--concept", "concept_names", multiple=True, required=True, metavar="NAME", help="May be repeated.")
@click.option("--labels", type=click.Path(dir_okay=False), metavar="FILE",
              help="States that you have labelled, as npz or csv, in place of those that it visits.")  # fmt: skip
@run_options
@print_options
@click.pass_context
def probe(
    context: click.Context, /, *, concept_names: tuple[str, ...], seed: int, as_json: bool, quiet: bool, **options: Any
) -> None:
    from agentscope import pipeline, reports

    session: Session = context.obj.use(as_json=as_json, quiet=quiet)
    opened, folder, budget = open_run(session, options)
    with session.watch() as progress:
        block = pipeline.probe_agent(opened, concept_names, budget, seed=seed, progress=progress)
    start = pipeline.start_report(opened, command=command_line(context), seed=seed, budget=budget.name)
    pictures, files = block.get("pictures", ()), block.get("files", {})
    report = reports.write_primitives(folder, start, block["primitives"], pictures=pictures, files=files)
    folder.append_log([command_line(context), *session.log])
    document = reports.probe_document(report, block["primitives"], block.get("probes", {}))
    if as_json:
        session.print_json(document)
    else:
        from agentscope.reports.probed import probe_view

        session.show(probe_view(document))
        session.say(f"written: {folder.path} ({', '.join(['report.html', 'report.json', *files])})")


@main.command(help=f"Measure a text of your own, STRATEGY, against the network.\n\n{AGENT_HELP}")
@agent_options
@click.argument("strategy", type=click.Path(dir_okay=False))
@click.option("--fail-below", type=click.FloatRange(0, 1), metavar="SHARE",
              help="Exit with 1 if the agreement on the network's states is below this share.")  # fmt: skip
@run_options
@print_options
@click.pass_context
def compare(
    context: click.Context,
    /,
    *,
    strategy: str,
    fail_below: float | None,
    seed: int,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    from agentscope import pipeline, reports

    session: Session = context.obj.use(as_json=as_json, quiet=quiet)
    text = read_program(strategy)
    opened, folder, budget = open_run(session, options)
    with session.watch() as progress:
        comparison = pipeline.compare_agent(opened, text, Path(strategy).name, budget, seed=seed, progress=progress)
    report = reports.write_comparison(
        folder, pipeline.start_report(opened, command=command_line(context), seed=seed, budget=budget.name), comparison
    )
    folder.append_log([command_line(context), *session.log])
    document = reports.compare_document(report, comparison)
    if as_json:
        session.print_json(document)
    else:
        from agentscope.reports.terminal import comparison_view

        session.show(*comparison_view(document["comparisons"][0]))
    reached = comparison.fidelity.network
    if fail_below is not None and (reached is None or reached.agreement < fail_below):
        found = "was not measured" if reached is None else f"is {reached.agreement:.4f}"
        session.say(f"bar missed: agreement on the network's states {found}, asked was {fail_below}")
        context.exit(1)


@main.command(help=f"Say why the strategy acts as it does in one step of one episode.\n\n{AGENT_HELP}")
@agent_options
@click.option("--episode", type=click.IntRange(0), required=True, help="Number of the episode, from 0.")
@click.option("--step", type=click.IntRange(0), required=True, help="Step in that episode, from 0.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Of the episodes  [default: the run folder's]")
@click.option("--out", type=click.Path(file_okay=False), metavar="DIR", help="Run folder that `inspect` wrote.")
@print_options
@click.pass_obj
def explain(
    session: Session, /, *, episode: int, step: int, seed: int | None, as_json: bool, quiet: bool, **options: Any
) -> None:
    from agentscope import pipeline

    session.use(as_json=as_json, quiet=quiet)
    opened, folder, _ = open_run(session, options)
    text = folder.read_strategy()
    used = folder.run_seed() if seed is None else seed
    document = pipeline.explain_step(opened, text, episode, step, seed=used)
    session.show_document(document, title="why this action")


def _print_rows(session: Session, title: str, rows: list[dict[str, Any]]) -> None:
    """A list as JSON or as a table; an empty one says so."""
    if session.as_json:
        session.print_json(rows)
    elif rows:
        from agentscope.reports.tables import records_table

        session.show(records_table(title, rows))
    else:
        session.say(f"no {title}")
