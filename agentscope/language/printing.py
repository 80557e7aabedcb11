"""The canonical print: one layout for each tree, at most 100 columns, parsed back to the same tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agentscope.language import tree
from agentscope.language.headers import header_length, plain_line, write_header
from agentscope.language.marks import marked

COLUMNS = 100
_PRECEDENCE = {"or": 1, "and": 2, "not": 3}
_PRODUCTS = (" * ", " / ", " // ", " % ")
_CHOOSE, _COMPARE, _SUM, _PRODUCT, _MINUS, _ATOM = 0, 4, 5, 6, 7, 8


@dataclass
class _Page:
    """Lines so far, where each return stands, and the marks that are still to be set."""

    indent: int
    marks: dict[str, str]
    lines: list[str] = field(default_factory=list)
    returns: list[int] = field(default_factory=list)


def print_program(program: tree.Program, marks: Mapping[str, str] | None = None) -> str:
    """The text of a program, header first; `parse(print_program(p, marks)) == p`.

    Args:
        marks: what is said of a concept beside its first call, e.g. "input only, gain .02"; None: the program's own.
    """
    return "\n".join(_page_of(program, program.marks if marks is None else marks).lines) + "\n"


def lines_of_returns(program: tree.Program) -> tuple[int, ...]:
    """Line of each return in the canonical print, by the return's number."""
    return tuple(_page_of(program, program.marks).returns)


def print_expression(value: tree.Expr | tree.Expression) -> str:
    """An expression on one line."""
    return "".join(_tokens(value.value if isinstance(value, tree.Expression) else value, 0))


def _page_of(program: tree.Program, marks: Mapping[str, str]) -> _Page:
    deepest = max(_depth(function.body) for function in program.functions)
    page = _Page(4 if deepest <= 12 else 2 if deepest <= 24 else 1, dict(marks))
    if program.header is not None:
        page.lines.extend(write_header(program.header).splitlines())
    for table in program.tables:
        _table(table, page)
    for function in program.functions:
        if program.tables or function.notes or function is not program.functions[0]:
            page.lines.extend([""] * (1 if page.lines else 0))
        _notes(function, page)
        arrow = " -> action" if function.name == "strategy" else ""
        names = ", ".join(function.parameters)
        page.lines.append(f"def {function.name}({names}){arrow}:")
        _block(function.body, 1, page)
    return page


def _notes(function: tree.Function, page: _Page) -> None:
    """Comments above a def; a first line that would read as a header is no first line."""
    lines = [f"# {plain_line(note)}".rstrip() for note in function.notes]
    if lines and not page.lines and header_length(lines[0]):
        page.lines.append("")
    page.lines.extend(lines)


def notes_above(functions: Sequence[tree.Function], text: str) -> tuple[tree.Function, ...]:
    """The functions of a text with the comment lines that stand directly above each `def`."""
    lines, first = text.split("\n"), header_length(text)
    found = []
    for function in functions:
        start = end = function.line - 1
        while start > first and lines[start - 1].startswith("#"):
            start -= 1
        notes = tuple(plain_line(line[1:].lstrip()) for line in lines[start:end])
        found.append(replace(function, notes=notes) if notes else function)
    return tuple(found)


def _depth(body: Sequence[tree.Statement]) -> int:
    inner = [0]
    for statement in body:
        if isinstance(statement, tree.If):
            inner.extend(_depth(branch.body) for branch in statement.branches)
            inner.append(_depth(statement.otherwise))
        elif isinstance(statement, tree.For):
            inner.append(_depth(statement.body))
    return 1 + max(inner)


def _block(body: Sequence[tree.Statement], depth: int, page: _Page) -> None:
    for statement in body:
        match statement:
            case tree.Assign():
                _write(f"{statement.name} = ", statement.value, "", depth, page)
            case tree.Return():
                page.returns.append(len(page.lines) + 1)
                page.returns[-1] += _write("return ", statement.value, "", depth, page)
            case tree.For():
                domain = _domain(statement.domain)
                page.lines.append(f"{' ' * page.indent * depth}for {statement.variable} in {domain}:")
                _block(statement.body, depth + 1, page)
            case tree.If():
                for number, branch in enumerate(statement.branches):
                    _write("elif " if number else "if ", branch.condition, ":", depth, page)
                    _block(branch.body, depth + 1, page)
                if statement.otherwise:
                    page.lines.append(f"{' ' * page.indent * depth}else:")
                    _block(statement.otherwise, depth + 1, page)


def _write(before: str, value: tree.Expr, after: str, depth: int, page: _Page) -> int:
    """One statement with its marks; returns how many lines of marks stand above it."""
    lines = list(_laid_out(before, value, after, " " * page.indent * depth))
    above = 0
    if page.marks:
        lines, above = marked(lines, value, page.marks, COLUMNS)
        for node in tree.walk(value):
            if isinstance(node, tree.ConceptCall | tree.After):
                page.marks.pop(node.name, None)
    page.lines.extend(lines)
    return above


def _laid_out(before: str, value: tree.Expr, after: str, margin: str) -> Iterator[str]:
    """One statement: on one line if it fits, else filled inside its own brackets or added ones."""
    tokens = list(_tokens(value, 0))
    flat = margin + before + "".join(tokens) + after
    if len(flat) <= COLUMNS:
        yield flat
        return
    bracketed = isinstance(value, tree.ArgMax | tree.Aggregate | tree.Tuple | tree.ConceptCall | tree.FunctionCall
                           | tree.After | tree.Builtin)  # fmt: skip
    if not bracketed:
        tokens = ["(", *tokens, ")"]
    yield from _filled([margin + before, *tokens, after], margin + "    ")


def _filled(tokens: Sequence[str], margin: str) -> Iterator[str]:
    """Greedy fill: a new line wherever the next stretch would not fit.

    A stretch ends at a space or comma of the outermost bracket; products and inner brackets stay whole unless long.
    """
    stretches: list[str] = [""]
    long = (COLUMNS - len(margin)) // 2
    depth = 0
    for number, token in enumerate(tokens):
        depth += token.endswith("(") or token == "["
        depth -= token in (")", "]")
        if number > 0 and token.startswith(" ") and _may_end(stretches[-1], depth, token in _PRODUCTS, long):
            stretches.append("")
        stretches[-1] += token
        if number > 0 and token.endswith(", ") and _may_end(stretches[-1], depth, False, long):
            stretches.append("")
    line = stretches[0]
    for stretch in stretches[1:]:
        if len(line) + len(stretch.rstrip()) > COLUMNS:
            yield line.rstrip()
            line = margin + stretch.lstrip()
        else:
            line += stretch
    yield line.rstrip()


def _may_end(stretch: str, depth: int, product: bool, long: int) -> bool:
    return depth > 0 and ((depth == 1 and not product) or len(stretch) > long)


def _table(table: tree.Table, page: _Page) -> None:
    """A table of tuples has one row a line, unless all of it fits on one."""
    flat = f"{table.name} = {print_expression(table.value)}"
    rows = isinstance(table.value, tree.Tuple) and any(isinstance(row, tree.Tuple) for row in table.value.items)
    if len(flat) <= COLUMNS or not rows:
        _write(f"{table.name} = ", table.value, "", 0, page)
        return
    assert isinstance(table.value, tree.Tuple)
    page.lines.append(f"{table.name} = (")
    for row in table.value.items:
        page.lines.extend(_filled(["    ", *_tokens(row, 0), ","], "        "))
    page.lines.append(")")


def _domain(domain: tree.Domain) -> str:
    return f"range({domain.length})" if domain.name == "range" else domain.name


def _listed(items: Sequence[tree.Expr]) -> Iterator[str]:
    for number, item in enumerate(items):
        if number:
            yield ", "
        yield from _tokens(item, 0)


def _level(node: tree.Expr) -> int:
    match node:
        case tree.Choose():
            return _CHOOSE
        case tree.Logic() | tree.Unary(operator="not"):
            return _PRECEDENCE[node.operator]
        case tree.Compare():
            return _COMPARE
        case tree.Arithmetic():
            return _SUM if node.steps[0][0] in ("+", "-") else _PRODUCT
        case tree.Unary():
            return _MINUS
    return _ATOM


def _tokens(node: tree.Expr, needed: int) -> Iterator[str]:
    """The pieces of an expression; brackets where its precedence is below what its place needs."""
    level = _level(node)
    if level < needed:
        yield "("
        yield from _bare(node)
        yield ")"
    else:
        yield from _bare(node)


def _bare(node: tree.Expr) -> Iterator[str]:
    match node:
        case tree.Number():
            yield repr(node.value)
        case tree.Constant() | tree.Variable() | tree.TableName():
            yield node.name
        case tree.Unary(operator="not"):
            yield "not "
            yield from _tokens(node.operand, _PRECEDENCE["not"])
        case tree.Unary():
            yield "-"
            yield from _tokens(node.operand, _MINUS)
        case tree.Arithmetic() | tree.Compare():
            level = _level(node) + 1
            yield from _tokens(node.first, level)
            for operator, operand in node.steps:
                yield f" {operator} "
                yield from _tokens(operand, level)
        case tree.Logic():
            for number, operand in enumerate(node.operands):
                if number:
                    yield f" {node.operator} "
                yield from _tokens(operand, _PRECEDENCE[node.operator] + 1)
        case tree.Choose():
            yield from _tokens(node.yes, 1)
            yield " if "
            yield from _tokens(node.condition, 1)
            yield " else "
            yield from _tokens(node.no, 0)
        case tree.Tuple():
            yield "("
            yield from _listed(node.items)
            yield "," if len(node.items) == 1 else ""
            yield ")"
        case tree.Index():
            yield from _tokens(node.container, _ATOM)
            yield "["
            yield from _tokens(node.index, 0)
            yield "]"
        case _:
            yield from _called(node)


def _called(node: tree.Expr) -> Iterator[str]:
    match node:
        case tree.ConceptCall() | tree.FunctionCall() | tree.Builtin():
            yield f"{node.name}("
            yield from _listed(node.arguments)
        case tree.After():
            yield "after("
            yield from _tokens(node.action, 0)
            yield f", {node.name}"
            for argument in node.arguments:
                yield ", "
                yield from _tokens(argument, 0)
        case tree.ArgMax():
            yield "argmax("
            yield f"{_domain(node.domain)}, "
            yield f"key=lambda {node.variable}: "
            yield from _tokens(node.key, 0)
        case tree.Aggregate():
            yield f"{node.name}("
            yield from _tokens(node.element, 0)
            for clause in node.clauses:
                yield f" for {clause.variable} in {_domain(clause.domain)}"
                for condition in clause.conditions:
                    yield " if "
                    yield from _tokens(condition, 1)
    yield ")"
