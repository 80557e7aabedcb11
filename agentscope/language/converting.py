"""From Python's tree to ours: only what the language has, every name resolved."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from agentscope.language import tree
from agentscope.language.names import Scope, fail, place

_BINARY: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//",
                                          ast.Mod: "%"}  # fmt: skip
_COMPARE: dict[type[ast.cmpop], str] = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==",
                                        ast.NotEq: "!="}  # fmt: skip
_ADDITIVE = ("+", "-")
AGGREGATES = ("sum", "min", "max", "any", "all", "count")


def expression(node: ast.expr, scope: Scope) -> tree.Expr:
    """One expression; refuses what the language lacks."""
    with scope.deeper(node):
        match node:
            case ast.Constant():
                return _literal(node)
            case ast.Name():
                return scope.resolve(node)
            case ast.UnaryOp(op=ast.USub() | ast.Not()):
                operator = "-" if isinstance(node.op, ast.USub) else "not"
                return tree.Unary(operator, expression(node.operand, scope), **place(node))
            case ast.BinOp():
                return _arithmetic(node, scope)
            case ast.Compare():
                return _compare(node, scope)
            case ast.BoolOp():
                operands = tuple(expression(value, scope) for value in node.values)
                return tree.Logic("and" if isinstance(node.op, ast.And) else "or", operands, **place(node))
            case ast.IfExp():
                condition, yes = expression(node.test, scope), expression(node.body, scope)
                return tree.Choose(condition, yes, expression(node.orelse, scope), **place(node))
            case ast.Tuple(elts=items) if items:
                return tree.Tuple(_each(items, scope), **place(node))
            case ast.Subscript(slice=ast.Slice()):
                fail("slices are no part of the language; index one item", node)
            case ast.Subscript():
                return tree.Index(expression(node.value, scope), expression(node.slice, scope), **place(node))
            case ast.Call():
                return _call(node, scope)
    fail(f"{_name_of(node)} is no part of the language (docs/language.md)", node)


def _each(nodes: Sequence[ast.expr], scope: Scope) -> tuple[tree.Expr, ...]:
    return tuple(expression(node, scope) for node in nodes)


def _name_of(node: ast.AST) -> str:
    told = {
        "ListComp": "a list",
        "List": "a list",
        "GeneratorExp": "a generator expression outside sum min max any all count",
        "Lambda": "a lambda outside argmax",
        "UnaryOp": "this operator",
        "Starred": "a starred argument",
        "Tuple": "an empty tuple",
    }
    return told.get(type(node).__name__, type(node).__name__.lower())


def _literal(node: ast.Constant) -> tree.Number:
    for kind, python in (("bool", bool), ("int", int), ("float", float)):
        if type(node.value) is python:
            return tree.Number(kind, node.value, **place(node))
    fail("literals are whole numbers, decimals, True and False", node)


def _arithmetic(node: ast.BinOp, scope: Scope) -> tree.Arithmetic:
    """Fold the left spine of one precedence into one flat node."""
    additive = _BINARY.get(type(node.op)) in _ADDITIVE
    spine: list[tuple[str, ast.expr]] = []
    left: ast.expr = node
    while isinstance(left, ast.BinOp):
        operator = _BINARY.get(type(left.op))
        if operator is None:
            fail("the operators are + - * / // %", left)
        if (operator in _ADDITIVE) != additive:
            break
        spine.append((operator, left.right))
        left = left.left
    first = expression(left, scope)
    return tree.Arithmetic(first, tuple((op, expression(right, scope)) for op, right in reversed(spine)), **place(node))


def _compare(node: ast.Compare, scope: Scope) -> tree.Compare:
    steps = []
    for operator, right in zip(node.ops, node.comparators, strict=True):
        if type(operator) not in _COMPARE:
            fail("the comparisons are < <= > >= == !=", right)
        steps.append((_COMPARE[type(operator)], expression(right, scope)))
    return tree.Compare(expression(node.left, scope), tuple(steps), **place(node))


def _call(node: ast.Call, scope: Scope) -> tree.Expr:
    if not isinstance(node.func, ast.Name):
        fail("only concepts and helpers are called, by their names", node)
    name = node.func.id
    if name == "argmax":
        return _argmax(node, scope)
    if node.keywords:
        fail("arguments are given by position; only argmax takes key=", node.keywords[0].value)
    if name in AGGREGATES and len(node.args) == 1 and isinstance(node.args[0], ast.GeneratorExp):
        return _aggregate(node, node.args[0], scope)
    if name == "after":
        return _after(node, scope)
    if (name in ("min", "max") and len(node.args) >= 2) or (name in ("abs", "floor") and len(node.args) == 1):
        return tree.Builtin(name, _each(node.args, scope), **place(node))
    if name in ("abs", "floor"):
        fail(f"{name} takes one number", node)
    if name in AGGREGATES:
        element = "f(c) > 3" if name in ("any", "all", "count") else "f(c)"
        fail(f"write {name}({element} for c in domain)", node)
    signature = scope.vocabulary.signature(name)
    if signature is not None:
        _count(node, name, len(node.args), len(signature.axis) + signature.of_action)
        return tree.ConceptCall(name, _each(node.args, scope), **place(node))
    if name in scope.functions:
        _count(node, name, len(node.args), scope.functions[name])
        return tree.FunctionCall(name, _each(node.args, scope), **place(node))
    fail(f"there is no concept or helper {name}{scope.vocabulary.near(name)}", node)


def _count(node: ast.AST, name: str, found: int, needed: int) -> None:
    if found != needed:
        fail(f"{name} takes {needed} argument{'s' * (needed != 1)}, found {found}", node)


def _after(node: ast.Call, scope: Scope) -> tree.After:
    named = node.args[1] if len(node.args) >= 2 else None
    if not isinstance(named, ast.Name):
        fail("after(a, concept, index...) takes an action and the name of a concept", node)
    signature = scope.vocabulary.concepts.get(named.id)
    if signature is None:
        if named.id in scope.vocabulary.action_concepts:
            fail(f"after takes concepts of a state; {named.id} is an action concept", named)
        fail(f"there is no concept {named.id}{scope.vocabulary.near(named.id)}", named)
    if signature.chance:
        fail(f"{named.id} is decided by chance after the action, so after() refuses it", named)
    _count(node, f"after(a, {named.id}, ...)", len(node.args), len(signature.axis) + 2)
    action = expression(node.args[0], scope)
    return tree.After(action, named.id, _each(node.args[2:], scope), **place(node))


def _argmax(node: ast.Call, scope: Scope) -> tree.ArgMax:
    key = node.keywords[0].value if len(node.keywords) == 1 and node.keywords[0].arg == "key" else None
    if len(node.args) != 1 or not isinstance(key, ast.Lambda):
        fail("argmax is written argmax(actions, key=lambda a: ...)", node)
    plain = key.args
    if len(plain.args) != 1 or plain.posonlyargs or plain.kwonlyargs or plain.vararg or plain.kwarg or plain.defaults:
        fail("the key of argmax is a lambda of one name", key)
    domain = scope.domain(node.args[0])
    variable = scope.declare(plain.args[0].arg, key)
    with scope.inner(variable):
        return tree.ArgMax(domain, variable, expression(key.body, scope), **place(node))


def _aggregate(call: ast.Call, node: ast.GeneratorExp, scope: Scope) -> tree.Aggregate:
    clauses: list[tree.Clause] = []
    outer = set(scope.locals)
    for clause in node.generators:
        if clause.is_async or not isinstance(clause.target, ast.Name):
            fail("a generator expression is written `... for name in domain`", node)
        variable = scope.declare(clause.target.id, clause.target)
        if variable in {known.variable for known in clauses}:
            fail(f"{variable} runs twice in one generator expression", clause.target)
        domain = scope.domain(clause.iter)
        scope.locals.add(variable)
        clauses.append(tree.Clause(variable, domain, _each(clause.ifs, scope), **place(clause.target)))
    element = expression(node.elt, scope)
    scope.locals = outer
    assert isinstance(call.func, ast.Name)
    return tree.Aggregate(call.func.id, element, tuple(clauses), **place(call))


def block(nodes: Sequence[ast.stmt], scope: Scope) -> tuple[tree.Statement, ...]:
    """The statements of a block."""
    return tuple(_statement(node, scope) for node in nodes)


def _statement(node: ast.stmt, scope: Scope) -> tree.Statement:
    with scope.deeper(node):
        match node:
            case ast.Return(value=ast.expr() as value):
                scope.returns += 1
                number = scope.returns - 1
                return tree.Return(expression(value, scope), number=number, **place(node))
            case ast.Assign(targets=[ast.Name(id=name)]):
                assigned = expression(node.value, scope)
                return tree.Assign(_local(name, node, scope), assigned, **place(node))
            case ast.AugAssign(target=ast.Name()):
                return _augmented(node, scope)
            case ast.If():
                return _if(node, scope)
            case ast.For(target=ast.Name(id=name), orelse=[]):
                domain = scope.domain(node.iter)
                variable = _local(name, node, scope)
                return tree.For(variable, domain, block(node.body, scope), **place(node))
    if isinstance(node, ast.Assign):
        fail("an assignment is written `name = value`", node)
    fail("a statement is an assignment, if, for or return (docs/language.md)", node)


def _local(name: str, node: ast.AST, scope: Scope) -> str:
    scope.locals.add(scope.declare(name, node))
    return name


def _augmented(node: ast.AugAssign, scope: Scope) -> tree.Assign:
    """`total += x` is written out: `total = total + x`."""
    assert isinstance(node.target, ast.Name)
    read = ast.Name(node.target.id, ast.Load())
    whole = ast.copy_location(ast.BinOp(ast.copy_location(read, node.target), node.op, node.value), node)
    value = expression(whole, scope)
    return tree.Assign(_local(node.target.id, node, scope), value, **place(node))


def _if(node: ast.If, scope: Scope) -> tree.If:
    branches: list[tree.Branch] = []
    current = node
    while True:
        condition = expression(current.test, scope)
        branches.append(tree.Branch(condition, block(current.body, scope), **place(current)))
        match current.orelse:
            case [ast.If() as following]:
                current = following
            case rest:
                return tree.If(tuple(branches), block(rest, scope), **place(node))
