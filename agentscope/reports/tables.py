"""Tables for the terminal as rich renderables: no side borders, cells that are never read as markup."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from agentscope.reports.figures import Row, cell, columns_of, shown


def titled_table(title: str, *, head: str = "set") -> Table:
    """A table without side borders whose title reads as a heading."""
    heading = Text("\n" + shown(title), style="bold")
    width = min(100, len(title) + 2)  # a table narrower than its title would break the title
    table = Table(title=heading, title_justify="left", box=None, padding=(0, 2, 0, 0), pad_edge=False, min_width=width)
    table.add_column(Text(shown(head)), overflow="fold")
    return table


def add_row(table: Table, *cells: str | Text) -> None:
    """A row whose strings are text: rich would read brackets in them as markup."""
    table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in cells))


def columns_table(title: str, head: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table of rows that are strings already, all but their names on the right."""
    table = titled_table(title, head=head)
    for name in columns:
        table.add_column(name, justify="right")
    for row in rows:
        add_row(table, *row)
    return table


def records_table(title: str, rows: Sequence[Row]) -> Table:
    """Records as a table, their keys as its head; what takes several lines, as drawn states do, is left out."""
    drawn = {key for row in rows for key, value in row.items() if isinstance(value, str) and "\n" in value}
    columns = [key for key in columns_of(rows) if key not in drawn] or columns_of(rows)
    table = titled_table(title, head=columns[0].replace("_", " "))
    for name in columns[1:]:
        numeric = all(isinstance(row.get(name), int | float | None) for row in rows)
        table.add_column(Text(shown(name.replace("_", " "))), justify="right" if numeric else "left")
    for row in rows:
        add_row(table, *(cell(row.get(name)) for name in columns))
    return table
