"""`agentscope decompile`: the network as an exact program, or a run folder's program proved again."""

from __future__ import annotations

from typing import Any

import click

from agentscope.cli_options import (
    AGENT_HELP,
    agent_options_optional,
    command_line,
    open_run,
    print_options,
    refresh_episodes,
    run_options,
)
from agentscope.cli_session import Session


@click.command(
    help="Print the network as an exact program of whole numbers: simplify it, write its text, prove the two equal.\n\n"
    f"{AGENT_HELP}\n\nWith --verify RUN a run folder's text is proved again, and no AGENT is named."
)
@agent_options_optional
@click.option(
    "--verify",
    type=click.Path(file_okay=False),
    metavar="RUN",
    help="Prove again what a run folder says, from its zip and its text alone.",
)
@click.option(
    "--point",
    "points",
    type=click.Choice(["close", "small"]),
    multiple=True,
    help="Which simplified network; may be repeated  [default: both]",
)
@click.option("--fresh", is_flag=True, help="Teach anew, although simplified networks lie beside the agent.")
@click.option(
    "--states",
    type=click.IntRange(1, 10_000_000),
    default=100_000,
    show_default=True,
    help="On how many different states equality is proved, where they cannot be listed.",
)
@run_options
@print_options
@click.pass_context
def decompile(
    context: click.Context,
    /,
    *,
    verify: str | None,
    points: tuple[str, ...],
    fresh: bool,
    states: int,
    seed: int,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    from agentscope import pipeline, reports

    session: Session = context.obj.use(as_json=as_json, quiet=quiet)
    if (options["agent"] is None) == (verify is None):
        raise click.UsageError("name an AGENT, or a run folder with --verify RUN")
    if verify is not None:
        with session.watch() as progress:
            document = pipeline.verify_run(verify, states=states, seed=seed, progress=progress)
        session.show_document(document, title="proved again")
        context.exit(0 if document["equal"] else 1)
    opened, folder, budget = open_run(session, options)
    with session.watch() as progress:
        found = pipeline.decompile_agent(
            opened,
            budget,
            points=points or ("close", "small"),
            fresh=fresh,
            states=states,
            seed=seed,
            progress=progress,
        )
    report = reports.write_decompilation(
        folder,
        pipeline.start_report(opened, command=command_line(context), seed=seed, budget=budget.name),
        found.block,
        found.files,
        found.timings,
    )
    refresh_episodes(session, folder, opened)
    folder.append_log([command_line(context), *session.log])
    if as_json:
        session.print_json(reports.decompile_document(report))
    else:
        from agentscope.reports.decompiled import decompilation_view

        session.show(*decompilation_view(report["decompilation"]))
        session.say(f"written: {folder.path} ({', '.join(['report.html', 'report.json', *found.files])})")
    if not found.equal:
        session.say("not equal: text and simplified network differ, see the table of the proof")
        context.exit(1)
