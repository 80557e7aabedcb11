"""`agentscope audit`: one agent in depth, many in a table, or recorded witnesses played again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agentscope.cli_options import AGENT_HELP, command_line, environment_options, print_options, run_options
from agentscope.cli_session import BAD_USE, Session, environment_arguments

if TYPE_CHECKING:
    from agentscope.pipeline import Audited, AuditOrder

SEVERITIES = (
    "info",
    "low",
    "medium",
    "high",
)  # the least first, as in agentscope.audits, which is too heavy for --help
EVERY = "all"  # findings, for --replay without a number


@click.command(
    help="Look for behaviour that should not be there: when it shows, where it sits, what it costs, and witnesses that "
    f"replay.\n\n{AGENT_HELP} With several agents --out is the folder that holds their run folders. No finding is no "
    "proof of safety: what was searched is printed in any case."
)
@click.argument("agents", nargs=-1, metavar="[AGENT]...")
@click.option("--family", metavar="NAME", help="All shipped agents of this family, e.g. clean.")
@click.option("--fail-on", type=click.Choice(SEVERITIES), help="Exit with 1 if a finding is as severe as this.")
@click.option("--jobs", type=click.IntRange(1, 256), default=1, show_default=True, help="Agents audited at once.")
@click.option("--hide-declared", is_flag=True, help="Hide what the environment declares of its concepts.")
@click.option("--fresh", is_flag=True, help="Audit again, although the run folder holds the very same audit.")
@click.option(
    "--replay",
    is_flag=False,
    flag_value=EVERY,
    metavar="[N]",
    help="Play the recorded witnesses of finding N again, or of all; exit with 1 if anything differs.",
)
@environment_options
@run_options
@print_options
@click.pass_context
def audit(
    context: click.Context,
    /,
    *,
    agents: tuple[str, ...],
    family: str | None,
    fail_on: str | None,
    jobs: int,
    replay: str | None,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Audit agents, or play witnesses again."""
    session: Session = context.obj.use(as_json=as_json, quiet=quiet)
    number = _finding_number(replay)
    names = _names(agents, family)
    if replay is not None:
        _replay(context, session, names, number, options)
    elif len(names) == 1 and family is None:
        found = [_audit_one(session, _order(names[0], options, command_line(context)))]
        _end(context, session, found, fail_on)
    else:
        orders = [_order(name, options, command_line(context), several=True) for name in names]
        _end(context, session, _audit_many(session, orders, jobs), fail_on)


def _names(agents: tuple[str, ...], family: str | None) -> list[str]:
    """The agents that were named and those of the family, each once."""
    from agentscope import pipeline

    listed = [] if family is None else [str(row["name"]) for row in pipeline.list_agents(family)]
    names = list(dict.fromkeys([*agents, *listed]))
    if not names:
        raise click.UsageError("name an AGENT or more, or a family with --family NAME")
    return names


def _finding_number(replay: str | None) -> int | None:
    """The number behind --replay; None for all."""
    if replay in (None, EVERY):
        return None
    if not replay.isdecimal() or not 1 <= int(replay) <= 10_000:
        raise click.UsageError(f"--replay takes the number of a finding, found {replay!r}; for all, put it last")
    return int(replay)


def _order(name: str, options: dict[str, Any], command: str, *, several: bool = False) -> AuditOrder:
    from agentscope import pipeline

    return pipeline.AuditOrder(
        name, env_id=options["env_id"], env_kwargs=environment_arguments(options["env_kwargs"]),
        vecnormalize=options["vecnormalize"], trust=options["trust"], concepts=options["concepts"],
        budget=options["budget_name"], seed=options["seed"], declared=not options["hide_declared"],
        out=None if several else options["out"], inside=options["out"] if several else None, fresh=options["fresh"],
        command=command,
    )  # fmt: skip


def _audit_one(session: Session, order: AuditOrder) -> Audited:
    """One agent: everything that was found, or searched."""
    from agentscope import pipeline, reports
    from agentscope.reports.audited import audit_view, edited_name

    with session.watch() as progress:
        found = pipeline.audit_order(order, progress=progress)
    assert found.report is not None
    session.folder = Path(found.folder)
    if session.as_json:
        session.print_json(reports.audit_document(found.report))
    else:
        session.show(*audit_view(found.report))
    if found.row["kept"]:
        session.say(f"{found.folder} held this very audit already, so it was not done again; --fresh does it again")
    else:
        pages = [f"finding-{number}.html" for number in range(1, len(found.row["findings"]) + 1)[:3]]
        zips = [name for row in found.report["findings"] or [] if (name := edited_name(row))]
        files = ["report.html", "report.json", "findings.json", *pages, *zips]
        session.say(f"written: {found.folder} ({', '.join(files)})")
    return found


def _audit_many(session: Session, orders: list[AuditOrder], jobs: int) -> list[Audited]:
    """Several agents, a row each in the order in which they were named."""
    from agentscope import pipeline

    session.folder = Path(orders[0].inside or "runs")
    found: dict[int, Audited] = {}
    with session.watch() as progress:
        for index, audited in pipeline.audit_orders(orders, jobs=jobs, progress=progress):
            found[index] = audited
            if not session.quiet:
                session.say(_told(audited.row))
    rows = [found[index] for index in sorted(found)]
    if session.as_json:
        session.print_json({"schema": "agentscope/audits/1", "agents": [audited.row for audited in rows]})
    else:
        from agentscope.reports.audited import agents_table

        session.show(*agents_table([audited.row for audited in rows]))
    return rows


def _told(row: Any) -> str:
    """One agent in a line, as soon as it is done."""
    if row["error"]:
        return f"{row['name']}: error: {row['error']}"
    before = " (audited before, not done again; --fresh does it again)" if row["kept"] else ""
    return f"{row['name']}: {row['worst'] or 'no finding'}{before}"


def _end(context: click.Context, session: Session, found: list[Audited], fail_on: str | None) -> None:
    """Exit with 2 if an agent was refused, with 1 if a finding is severe enough, else go on."""
    refused = [audited.row["name"] for audited in found if audited.row["error"]]
    if refused:
        session.say(f"{len(refused)} of {len(found)} agents could not be audited: {', '.join(refused)}")
        context.exit(BAD_USE)
    worst = [audited.row["worst"] for audited in found if audited.row["worst"] is not None]
    if fail_on is not None:
        count = sum(SEVERITIES.index(severity) >= SEVERITIES.index(fail_on) for severity in worst)
        if count:
            session.say(f"bar missed: {count} of {len(found)} agents have a finding of severity {fail_on} or above")
            context.exit(1)


def _replay(
    context: click.Context, session: Session, names: list[str], number: int | None, options: dict[str, Any]
) -> None:
    """Recorded beside replayed; the run folder's findings.json is all that is read of it."""
    from agentscope import pipeline

    if len(names) > 1:
        raise click.UsageError("--replay takes one AGENT")
    document = pipeline.replay_findings(_order(names[0], options, command_line(context)), number)
    if session.as_json:
        session.print_json(document)
    else:
        from agentscope.reports.audited import replay_view

        session.show(*replay_view(document))
    if not document["same"]:
        session.say("not as recorded: the agent or its environment acts otherwise than when the finding was written")
        context.exit(1)
