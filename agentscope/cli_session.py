"""What every verb shares: one line an error, progress on standard error, results on standard output."""

from __future__ import annotations

import ast
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

import agentscope
from agentscope.errors import AgentScopeError, BadOption, RefusedFile

if TYPE_CHECKING:
    from rich.console import RenderableType

    from agentscope.contracts import ProgressCallback

BAD_USE, INTERNAL, INTERRUPTED = 2, 70, 130  # 70: EX_SOFTWARE of sysexits.h; 130: 128 + SIGINT, as shells have it
TEXT_CAP = 8 * 2**20
Scalar = bool | int | float | str


class Session:
    """Where one command prints: results on standard output, all else on standard error."""

    def __init__(self) -> None:
        self.as_json = False
        self.quiet = False
        self.folder: Path | None = None
        self.log: list[str] = []

    def use(self, *, as_json: bool, quiet: bool) -> Session:
        """The session with the verb's printing options."""
        self.as_json, self.quiet = as_json, quiet
        return self

    def show(self, *views: RenderableType) -> None:
        """Rich renderables on standard output, 100 columns wide where it is not a terminal."""
        from rich.console import Console

        console = Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else 100)
        for view in views:
            console.print(view)

    def print_json(self, document: Any) -> None:
        """The one document of --json."""
        from agentscope.reports import printed, to_plain

        click.echo(printed(to_plain(document, "document", {})), nl=False)

    def show_document(self, document: dict[str, Any], *, title: str) -> None:
        """A verb's own document as JSON or as a view."""
        if self.as_json:
            self.print_json(document)
        else:
            from agentscope.reports.terminal import document_view

            self.show(document_view(document, title=title))

    def say(self, line: str) -> None:
        """One line on standard error."""
        click.echo(one_line(line), err=True)

    @contextmanager
    def watch(self) -> Iterator[ProgressCallback]:
        """A progress callback that draws rate and time left on a terminal, and notes each stage for log.txt."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
                   TextColumn("{task.fields[rate]}"), TimeRemainingColumn())  # fmt: skip
        bars = Progress(*columns, console=Console(stderr=True), disable=self.quiet or not sys.stderr.isatty())
        tasks: dict[str, Any] = {}
        begun: dict[str, float] = {}

        def note(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                begun[stage] = time.monotonic()
                tasks[stage] = bars.add_task(one_line(stage), total=total, rate="")
            seconds = time.monotonic() - begun[stage]
            rate = f"{done / seconds:,.0f}/s" if seconds > 0 and done else ""
            bars.update(tasks[stage], completed=done, total=total, rate=rate)
            if done >= total:
                self._finish_stage(stage, total, seconds)

        with bars:
            yield note

    def _finish_stage(self, stage: str, total: int, seconds: float) -> None:
        """One line for log.txt, and on standard error where no bar can be drawn."""
        line = f"{one_line(stage)}: {total:,} in {seconds:.1f} s"
        self.log.append(line)
        if not self.quiet and not sys.stderr.isatty():
            self.say(line)


class ErrorsInOneLine(click.Group):
    """A group whose every failure is one line on standard error and an exit code that means something."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words before the verb; a wrong one is told in one line, none at all shows the help."""
        given = bool(args)  # parsing empties the list
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as problem:
            if not given:
                raise
            self._fail(ctx, f"{problem.format_message()} See `agentscope --help`.", BAD_USE)

    def invoke(self, context: click.Context) -> Any:
        """Run the verb; say what went wrong, what was kept, or where to report it."""
        try:
            check_distribution()
            return super().invoke(context)
        except click.UsageError as problem:
            command = problem.ctx.command_path if problem.ctx else "agentscope"
            self._fail(context, f"{problem.format_message()} See `{command} --help`.", BAD_USE)
        except AgentScopeError as problem:
            self._fail(context, str(problem), BAD_USE)
        except KeyboardInterrupt:
            self._fail(context, kept(context.obj), INTERRUPTED, word="interrupted")
        except (click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as problem:
            if os.environ.get("AGENTSCOPE_DEBUG"):
                raise
            told = f"{type(problem).__name__}: {problem} (a fault of AgentScope: please report this line with the "
            told += "command; AGENTSCOPE_DEBUG=1 shows the traceback)"
            self._fail(context, told, INTERNAL, word="internal error")

    def _fail(self, context: click.Context, message: str, code: int, word: str = "error") -> NoReturn:
        click.echo(f"{word}: {one_line(message)}", err=True)
        context.exit(code)


def one_line(text: str) -> str:
    """Text without control or formatting characters, on one line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def kept(session: Session | None) -> str:
    """What an interrupted run leaves behind: files are written whole or not at all."""
    folder = session.folder if session else None
    files = sorted(path.name for path in folder.iterdir()) if folder and folder.is_dir() else []
    return f"kept is what {folder} held: {', '.join(files)}" if files else "nothing was written"


def environment_arguments(pairs: Sequence[str]) -> dict[str, Scalar]:
    """`size:9` and `start:anywhere` as {"size": 9, "start": "anywhere"}.

    Raises: BadOption: a pair has no colon, no name, or a value that is not one scalar.
    """
    arguments: dict[str, Scalar] = {}
    for pair in pairs:
        name, colon, text = pair.partition(":")
        if not colon or not name.isidentifier():
            raise BadOption(f"--env-kwargs takes NAME:VALUE, found {pair!r}; e.g. --env-kwargs size:9.")
        arguments[name] = _scalar(name, text)
    return arguments


def _scalar(name: str, text: str) -> Scalar:
    """A Python literal as its value, any other word as itself."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        value = ast.literal_eval(text) if len(text) <= 100 else text
    except (ValueError, SyntaxError):
        return text
    if not isinstance(value, bool | int | float | str):
        raise BadOption(f"--env-kwargs {name} takes a number, true, false or a word, found {text!r}.")
    return value


def read_program(path: str) -> str:
    """A user's text.

    Raises:
        BadOption: there is no such file.
        RefusedFile: it is too large, or not UTF-8.
    """
    file = Path(path)
    if not file.is_file():
        raise BadOption(
            f"There is no file {path}. `compare` takes a text in the pseudocode language, as in strategy.py."
        )
    if file.stat().st_size > TEXT_CAP:
        raise RefusedFile(f"{file.name} has {file.stat().st_size:,} bytes; at most {TEXT_CAP:,} are read.")
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as problem:
        raise RefusedFile(f"{file.name} is not UTF-8 text ({problem.reason}).") from problem


def check_distribution() -> None:
    """Make sure that no other project's `agentscope` lies over ours: both would own the same folder.

    Raises: BadOption: the imported package is another, or a distribution named `agentscope` shares our folder.
    """
    ours = Path(__file__).resolve().parent
    advice = "Use a fresh environment: `pip uninstall agentscope` and `pip install --force-reinstall agentscope-rl`."
    imported = [Path(folder).resolve() for folder in agentscope.__path__]
    if imported[:1] != [ours]:
        raise BadOption(f"The imported `agentscope` lies in {imported[0]}, not in {ours} (agentscope-rl). {advice}")
    try:
        other = metadata.distribution("agentscope")
    except metadata.PackageNotFoundError:
        return
    if Path(str(other.locate_file("agentscope"))).resolve() == ours:
        raise BadOption(
            f"The distribution `agentscope` {other.version}, another project, lies over agentscope-rl. {advice}"
        )
