"""`agentscope view`: the page of a run folder on 127.0.0.1."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agentscope.cli_options import stacked
from agentscope.cli_session import Session
from agentscope.errors import BadOption, RunFolderMismatch

if TYPE_CHECKING:
    from agentscope.viewer.serving import Door

RUNS = Path("runs")  # where runs lie by default
agent_options = stacked(
    click.option("--agent", metavar="AGENT", help="The run's agent, where its name alone does not find it."),
    click.option("--beside", metavar="AGENT", help="Another agent, to be watched on the same seeds."),
    click.option("--env", "env_id", metavar="MODULE:ID", help="The run's environment, of a module that no card names."),
    click.option(
        "--concepts", type=click.Path(dir_okay=False), metavar="FILE", help="The run's own concepts, as TOML."
    ),
    click.option("--vecnormalize", type=click.Path(dir_okay=False), metavar="FILE", help="Statistics of VecNormalize."),
    click.option("--trust", is_flag=True, help="Load the zip by SB3's own loader, which RUNS code from the file."),
)


@click.command(
    help="Open the page of a run folder: step through its episodes, its primitives, its program, its findings, and try "
    "texts and boards of your own. It is served to this machine alone, until Ctrl-C.\n\nRUN is a folder that "
    "`agentscope inspect` wrote."
)
@click.argument("run", metavar="RUN")
@agent_options
@click.option("--port", type=click.IntRange(0, 65535), metavar="N",
              help="Of the page; 0 takes any free one  [default: the first free one from 8050 on]")  # fmt: skip
@click.option("--no-open", is_flag=True, help="Print the address, and open no browser.")
@click.option("--theme", type=click.Choice(["auto", "light", "dark"]), default="auto", show_default=True)
@click.option("--quiet", is_flag=True, help="No progress on standard error.")
@click.pass_obj
def view(
    session: Session,
    /,
    *,
    run: str,
    port: int | None,
    no_open: bool,
    theme: Any,
    quiet: bool,
    **options: Any,
) -> None:
    """Open a run and serve its page."""
    session.use(as_json=False, quiet=quiet)
    folder = find_run(run)
    from agentscope.viewer import serving

    door = serving.open_door(port)
    page = _open_page(session, folder, options, door=door, theme=theme)
    click.echo(door.address)
    session.say("Ctrl-C ends it")
    if not no_open:
        serving.open_browser(door.address)
    threading.Thread(target=page.warm, daemon=True).start()
    try:
        serving.serve(page.server, door)
    finally:
        stopped = page.desk.close()
    session.say("ended")
    if not stopped:  # a thread deep in torch cannot be stopped, and aborts the process when Python tidies up under it
        sys.stdout.flush()
        os._exit(0)


def _open_page(session: Session, folder: Path, options: dict[str, Any], *, door: Door, theme: Any) -> Any:
    """The run with everything that its page is drawn from; the door is shut again if that fails."""
    from agentscope.pipeline.watching.entering import open_watch
    from agentscope.viewer import app

    try:
        with session.watch() as progress:
            watch = open_watch(folder, **options, progress=progress)
            return app.make_page(app.open_shown(watch), door.port, theme=theme)
    except BaseException:
        door.close()
        raise


def find_run(run: str) -> Path:
    """The run folder that is meant.

    Raises: RunFolderMismatch: there is no run there; where the word names an agent, the run that it has is named.
    """
    folder = Path(run)
    if (folder / "report.json").is_file():
        return folder
    if folder.is_dir() and not (folder / "card.toml").is_file():
        raise RunFolderMismatch(f"{run} holds no report.json. Make one with `agentscope inspect AGENT --out {run}`.")
    if folder.is_file() and folder.suffix != ".zip":
        raise BadOption(f"{run} is a file; `view` takes the run folder that it lies in.")
    name = folder.stem if folder.suffix == ".zip" else folder.name
    held = sorted(str(path.parent) for path in RUNS.glob("*/report.json") if path.parent.name[:-9] == name)
    if held:
        raise RunFolderMismatch(
            f"{run} is no run folder. Its runs: {', '.join(held)}, e.g. `agentscope view {held[0]}`."
        )
    raise RunFolderMismatch(f"{run} is no run folder. If it is an agent, run `agentscope inspect {run}` first.")
