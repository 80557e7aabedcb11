"""An inert pickle reader: opcodes to plain records. Nothing is imported, nothing is called.

`Name` stands for what GLOBAL would import, `Call` for what REDUCE, NEWOBJ and BUILD would run. Functions and classes
that cloudpickle stored by value come out as such records too: they can be shown, and never do anything.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agentscope.agents.plain import plain_text
from agentscope.errors import RefusedFile

MAX_OPCODES = 40_000  # of one pickle
MAX_BYTES = 8 * 2**20
MAX_DEPTH = 64
MAX_INTEGER_BITS = 1024


@dataclass(frozen=True)
class Name:
    """What a pickle would import."""

    module: str
    name: str

    def __str__(self) -> str:
        return plain_text(f"{self.module}.{self.name}", 200)


@dataclass(eq=False)
class Call:
    """What a pickle would call, with what it would do to the result: set state, append items, set pairs."""

    function: Any
    args: Any
    kwargs: Any = None
    state: list[Any] = field(default_factory=list)
    items: list[Any] = field(default_factory=list)
    pairs: list[tuple[Any, Any]] = field(default_factory=list)

    def __repr__(self) -> str:  # the default would follow shared records exponentially often
        return f"<call of {self.target}>"

    @property
    def target(self) -> str:
        """Name of the called object, or what kind of record stands in its place."""
        return str(self.function) if isinstance(self.function, Name) else f"a {type(self.function).__name__.lower()}"


@dataclass(frozen=True)
class Persistent:
    """A persistent id: in `policy.pth` the storage of a tensor."""

    key: Any


@dataclass(frozen=True)
class Parsed:
    """A pickle's value as records, with everything it would import and call, each once, in order."""

    value: Any
    names: tuple[Name, ...]
    calls: tuple[str, ...]
    opcodes: int


class _Mark:
    pass


_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_LITERALS = {
    "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8",
    "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8", "SHORT_BINSTRING", "BINSTRING",
}  # fmt: skip
_NOTHING = {"PROTO", "FRAME", "STOP"}


def _plain_key(key: Any) -> bool:
    if isinstance(key, tuple):  # a tuple of tuples could take exponentially long to hash
        return len(key) <= 16 and all(not isinstance(part, tuple) and _plain_key(part) for part in key)
    return key is None or isinstance(key, str | bytes | int | float | bool | Name)


class _Machine:
    def __init__(self, what: str, persistent: bool) -> None:
        self.what = what
        self.persistent = persistent
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.names: dict[tuple[str, str], Name] = {}
        self.calls: dict[str, None] = {}

    def refusal(self, problem: str) -> RefusedFile:
        return RefusedFile(f"{self.what} is refused: {problem} (docs/loader.md).")

    def pop(self) -> Any:
        if not self.stack or self.stack[-1] is _Mark:
            raise self.refusal("its pickle takes more from the stack than is there")
        return self.stack.pop()

    def to_mark(self) -> list[Any]:
        for index in range(len(self.stack) - 1, -1, -1):
            if self.stack[index] is _Mark:
                taken = self.stack[index + 1 :]
                del self.stack[index:]
                return taken
        raise self.refusal("its pickle looks for a mark that is not there")

    def top(self) -> Any:
        if not self.stack or self.stack[-1] is _Mark:
            raise self.refusal("its pickle changes an object that is not there")
        return self.stack[-1]

    def step(self, opcode: str, arg: Any) -> None:
        if opcode in _NOTHING:
            return
        if opcode in _LITERALS:
            if isinstance(arg, int) and arg.bit_length() > MAX_INTEGER_BITS:
                raise self.refusal(f"an integer of {arg.bit_length()} bits; {MAX_INTEGER_BITS} are allowed")
            self.stack.append(arg)
        elif opcode in _CONSTANTS:
            self.stack.append(_CONSTANTS[opcode])
        else:
            action = _ACTIONS.get(opcode)
            if action is None:
                raise self.refusal(f"pickle opcode {opcode} is not allowed")
            action(self, arg)

    def global_(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str) or len(module) + len(name) > 300:
            raise self.refusal("it imports by something that is not a name")
        if (module, name) not in self.names:
            self.names[module, name] = Name(module, name)
        self.stack.append(self.names[module, name])

    def call(self, function: Any, args: Any, kwargs: Any = None) -> None:
        if not isinstance(args, tuple):
            raise self.refusal("it calls with arguments that are not a tuple")
        record = Call(function, args, kwargs)
        self.calls[record.target] = None
        self.stack.append(record)

    def build(self) -> None:
        state, target = self.pop(), self.top()
        if isinstance(target, Call):
            target.state.append(state)
            self.calls[f"{target.target}.__setstate__"] = None
        else:
            raise self.refusal("it sets the state of something that it did not make")

    def extend(self, values: list[Any]) -> None:
        target = self.top()
        if isinstance(target, list):
            target.extend(values)
        elif isinstance(target, Call):
            target.items.extend(values)
        else:
            raise self.refusal("it appends to something that is not a list")

    def add(self, values: list[Any]) -> None:
        target = self.top()
        if not isinstance(target, set) or not all(map(_plain_key, values)):
            raise self.refusal("it adds to something that is not a set of plain values")
        target.update(values)

    def set_pairs(self, values: list[Any]) -> None:
        if len(values) % 2:
            raise self.refusal("it sets a key without a value")
        target = self.top()
        pairs = list(zip(values[::2], values[1::2], strict=True))
        if isinstance(target, Call):
            target.pairs.extend(pairs)
        elif isinstance(target, dict) and all(_plain_key(key) for key, _ in pairs):
            target.update(pairs)
        else:
            raise self.refusal("it sets a key that is not plain, or on something that is not a dictionary")

    def get(self, index: int) -> None:
        if index not in self.memo:
            raise self.refusal("its pickle reads a memo entry that is not there")
        self.stack.append(self.memo[index])

    def persistent_id(self) -> None:
        if not self.persistent:
            raise self.refusal("pickle opcode BINPERSID is not allowed")
        self.stack.append(Persistent(self.pop()))

    def take(self, count: int) -> tuple[Any, ...]:
        values = [self.pop() for _ in range(count)]
        return tuple(reversed(values))

    def frozen(self, values: list[Any]) -> None:
        if not all(map(_plain_key, values)):
            raise self.refusal("it makes a set of values that are not plain")
        self.stack.append(frozenset(values))

    def new_dict(self, values: list[Any]) -> None:
        self.stack.append({})
        self.set_pairs(values)


_Action = Callable[[_Machine, Any], Any]


def _put(machine: _Machine, index: int) -> None:
    machine.memo[index] = machine.top()


_ACTIONS: dict[str, _Action] = {
    "MARK": lambda m, _: m.stack.append(_Mark),
    "POP": lambda m, _: m.to_mark() if m.stack and m.stack[-1] is _Mark else m.pop(),
    "POP_MARK": lambda m, _: m.to_mark(),
    "DUP": lambda m, _: m.stack.append(m.top()),
    "EMPTY_TUPLE": lambda m, _: m.stack.append(()),
    "EMPTY_LIST": lambda m, _: m.stack.append([]),
    "EMPTY_DICT": lambda m, _: m.stack.append({}),
    "EMPTY_SET": lambda m, _: m.stack.append(set()),
    "TUPLE": lambda m, _: m.stack.append(tuple(m.to_mark())),
    "TUPLE1": lambda m, _: m.stack.append(m.take(1)),
    "TUPLE2": lambda m, _: m.stack.append(m.take(2)),
    "TUPLE3": lambda m, _: m.stack.append(m.take(3)),
    "LIST": lambda m, _: m.stack.append(m.to_mark()),
    "DICT": lambda m, _: m.new_dict(m.to_mark()),
    "FROZENSET": lambda m, _: m.frozen(m.to_mark()),
    "APPEND": lambda m, _: m.extend([m.pop()]),
    "APPENDS": lambda m, _: m.extend(m.to_mark()),
    "ADDITEMS": lambda m, _: m.add(m.to_mark()),
    "SETITEM": lambda m, _: m.set_pairs(list(m.take(2))),
    "SETITEMS": lambda m, _: m.set_pairs(m.to_mark()),
    "GLOBAL": lambda m, arg: m.global_(*arg.split(" ", 1)) if " " in arg else m.global_(arg, None),
    "STACK_GLOBAL": lambda m, _: m.global_(*m.take(2)),
    "REDUCE": lambda m, _: m.call(*m.take(2)),
    "NEWOBJ": lambda m, _: m.call(*m.take(2)),
    "NEWOBJ_EX": lambda m, _: m.call(*m.take(3)),
    "BUILD": lambda m, _: m.build(),
    "BINPERSID": lambda m, _: m.persistent_id(),
    "MEMOIZE": lambda m, _: _put(m, len(m.memo)),
    "BINPUT": _put,
    "LONG_BINPUT": _put,
    "BINGET": lambda m, index: m.get(index),
    "LONG_BINGET": lambda m, index: m.get(index),
}


def read_pickle(
    data: bytes, what: str = "the pickle", *, persistent: bool = False, opcodes: int = MAX_OPCODES
) -> Parsed:
    """Read one pickle as records.

    Args:
        what: how messages call it.
        persistent: allow BINPERSID, which only `policy.pth` needs.
        opcodes: the most that are allowed.

    Raises: RefusedFile: damaged, or beyond the caps on bytes, opcodes, depth and integer size, or INST, OBJ, EXT,
        PERSID and the text opcodes of protocol 0.
    """
    machine = _Machine(what, persistent)
    if len(data) > MAX_BYTES:
        raise machine.refusal(f"it has {len(data)} bytes, {MAX_BYTES} are allowed")
    stream = io.BytesIO(data)
    done = 0
    try:
        for opcode, arg, _ in pickletools.genops(stream):
            done += 1
            if done > opcodes:
                raise machine.refusal(f"it has more opcodes than the {opcodes} that are left to it")
            machine.step(opcode.name, arg)
    except (ValueError, IndexError, OverflowError, UnicodeError, MemoryError) as error:
        raise machine.refusal(f"its pickle is damaged ({plain_text(error, 80)})") from None
    if len(machine.stack) != 1 or stream.read(1):
        raise machine.refusal("its pickle does not end with exactly one object")
    _check_depth(machine.stack[0], machine)
    return Parsed(machine.stack[0], tuple(machine.names.values()), tuple(machine.calls), done)


def _parts(record: Any) -> list[Any]:
    if isinstance(record, dict):
        return list(record.values())
    if isinstance(record, list | tuple):
        return list(record)
    if isinstance(record, Persistent):
        return [record.key]
    if isinstance(record, Call):
        parts = [record.function, record.args, record.kwargs, record.state, record.items]
        return [*parts, *(part for pair in record.pairs for part in pair)]
    return []


def _check_depth(value: Any, machine: _Machine) -> None:
    """Refuse what is nested too deeply; every record is visited once, shared or not, cyclic or not."""
    level, seen, depth = [value], {id(value)}, 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise machine.refusal(f"its pickle is nested deeper than {MAX_DEPTH}")
        following = []
        for part in (part for record in level for part in _parts(record)):
            if isinstance(part, dict | list | tuple | Call | Persistent) and id(part) not in seen:
                seen.add(id(part))
                following.append(part)
        level = following
