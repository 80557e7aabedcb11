"""Parsing: a text becomes a checked program, or a TextError that says where and why."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace

from agentscope.errors import TextError
from agentscope.language import tree
from agentscope.language.checking import check_expression, check_program
from agentscope.language.converting import block, expression
from agentscope.language.costs import cost_of_expression, cost_of_program, refuse_recursion
from agentscope.language.headers import read_header
from agentscope.language.limits import STRATEGY_LIMITS, Limits
from agentscope.language.marks import read_marks
from agentscope.language.names import Scope, fail, place
from agentscope.language.printing import lines_of_returns, notes_above
from agentscope.language.proving import plan_of
from agentscope.language.scanning import scan
from agentscope.language.tables import table_value
from agentscope.language.vocabulary import Vocabulary


def parse(text: str, vocabulary: Vocabulary, limits: Limits = STRATEGY_LIMITS) -> tree.Program:
    """Read a text with a `def strategy(state)`; nothing of it is executed.

    Raises: TextError: with line, column and what is allowed, for whatever is wrong with the text.
    """
    text = scan(text, limits)
    module = _python_tree(text, "exec")
    assert isinstance(module, ast.Module)
    scope = Scope(vocabulary, limits)
    tables = _tables(module, scope)
    functions = notes_above(_functions(module, scope), text)
    program = _checked(tree.Program(read_header(text), tables, functions, vocabulary), limits)
    calls = (
        node.name for part in functions for node in tree.walk(part) if isinstance(node, tree.ConceptCall | tree.After)
    )
    program = replace(program, marks=read_marks(text, calls))
    arrays = {table.name: table_value(table.value) for table in tables}
    return replace(program, return_lines=lines_of_returns(program), arrays=arrays)


def _checked(program: tree.Program, limits: Limits) -> tree.Program:
    """The program with its bounds: of all calls where they stand, or with the helpers that become tables."""
    plan = None
    if limits.tabulated:
        refuse_recursion(program.functions, limits)
        plan = plan_of(program, limits)
    cost = cost_of_program(program.functions, program.tables, limits, plan)
    if plan is None:
        check_program(program, limits)
    tabulated = {} if plan is None else plan.tabulated
    return replace(program, lane_bytes=cost.lane_bytes, operations=cost.operations, tabulated=tabulated)


def parse_expression(
    text: str,
    vocabulary: Vocabulary,
    limits: Limits = STRATEGY_LIMITS,
    *,
    variables: Mapping[str, str] | None = None,
) -> tree.Expression:
    """Read one expression over concepts: a guard (bool) or a quantity (int or float).

    Args:
        variables: names that the expression may use, each with the domain that it runs over: an axis or `actions`.
    Raises: TextError: as `parse`.
    """
    text = scan(text, limits)
    module = _python_tree(text.strip(), "eval")
    assert isinstance(module, ast.Expression)
    scope = Scope(vocabulary, limits)
    loops = tuple((name, scope.domain(ast.Name(domain))) for name, domain in (variables or {}).items())
    scope.locals = {scope.declare(name, module.body) for name, _ in loops}
    value = expression(module.body, scope)
    cost = cost_of_expression(value, limits, [domain.length for _, domain in loops])
    found = check_expression(value, vocabulary, limits, dict(loops))
    return tree.Expression(
        value, found.kind, vocabulary, cost.lane_bytes, loops, found.low, found.high, cost.operations
    )  # fmt: skip


def _python_tree(text: str, mode: str) -> ast.AST:
    """Python's parser gives up in many ways; here they are all one error."""
    try:
        return ast.parse(text, mode=mode)
    except SyntaxError as error:
        raise TextError(f"this is no well-formed text: {error.msg}", error.lineno or 1, error.offset or 1) from None
    except (RecursionError, MemoryError):
        raise TextError("an expression or elif chain is too long; name its parts") from None
    except (ValueError, OverflowError, UnicodeError, SystemError) as error:
        raise TextError(f"this is no well-formed text: {error}") from None


def _tables(module: ast.Module, scope: Scope) -> tuple[tree.Table, ...]:
    tables: list[tree.Table] = []
    for node in module.body:
        match node:
            case ast.FunctionDef():
                continue
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                literal = expression(value, Scope(scope.vocabulary, scope.limits))
                if not _is_literal(literal):
                    fail("a table holds numbers, constants and tuples of them only", value)
                scope.declare(name, node)
                scope.tables.add(name)
                tables.append(tree.Table(name, literal, **place(node)))
            case _:
                fail("a text consists of tables (NAME = ...) and defs", node)
    return tuple(tables)


def _is_literal(value: tree.Expr) -> bool:
    if isinstance(value, tree.Unary):
        return value.operator == "-" and isinstance(value.operand, tree.Number) and value.operand.kind != "bool"
    return isinstance(value, tree.Number | tree.Constant) or (
        isinstance(value, tree.Tuple) and all(map(_is_literal, value.items))
    )


def _functions(module: ast.Module, scope: Scope) -> tuple[tree.Function, ...]:
    """Helpers in the order of the text, then the strategy; returns are numbered in that order."""
    found = [node for node in module.body if isinstance(node, ast.FunctionDef)]
    strategies = [node for node in found if node.name == "strategy"]
    if len(strategies) != 1:
        raise TextError(f"a text has one `def strategy(state)`, found {len(strategies)}", 1, 1)
    helpers = [node for node in found if node.name != "strategy"]
    for node in helpers:
        scope.functions[scope.declare(node.name, node)] = len(node.args.args)
    return tuple(_function(node, scope) for node in [*helpers, *strategies])


def _function(node: ast.FunctionDef, scope: Scope) -> tree.Function:
    given = node.args
    if given.posonlyargs or given.kwonlyargs or given.vararg or given.kwarg or given.defaults or node.decorator_list:
        fail("a def has plain parameters without defaults, and no decorators", node)
    names = [argument.arg for argument in given.args]
    if any(argument.annotation is not None for argument in given.args) or len(set(names)) < len(names):
        fail("parameters are different names without annotations", node)
    if node.name == "strategy":
        returned = node.returns is None or (isinstance(node.returns, ast.Name) and node.returns.id == "action")
        if names != ["state"] or not returned:
            fail("the entry point is written `def strategy(state):`", node)
        scope.locals = set()
    else:
        if node.returns is not None:
            fail("a helper has no annotation", node)
        scope.locals = {scope.declare(name, node) for name in names}
        if "state" in names:
            fail("helpers read the state through concepts and take no `state`", node)
    return tree.Function(node.name, tuple(names), block(node.body, scope), line=node.lineno, column=1)
