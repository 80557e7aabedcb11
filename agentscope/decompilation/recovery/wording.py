"""Wording: families as functions of the pseudocode language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agentscope.decompilation.recovery.families import ABOVE, AT_LEAST, Families, Family
from agentscope.decompilation.recovery.patterns import Say
from agentscope.decompilation.recovery.rolling import Box
from agentscope.integers import SEEN

LETTERS = {1: ("i",), 2: ("r", "c"), 3: ("p", "r", "c")}


@dataclass(frozen=True)
class Dimension:
    """One argument of a function: its letter, and the axis of the environment that it runs along ("" for none)."""

    letter: str
    axis: str = ""


@dataclass
class Wording:
    """Turns families into text, each function once, in the order in which they are asked for.

    Attributes:
        axes: length of each axis of the environment by name; shown: names of the axes of `seen`.
        readers: text of functions that read other cells than `seen`, by source.
        uses: how often each family is read; a small one that is read once is written where it is read.
    """

    families: Families
    axes: Mapping[str, int]
    shown: Sequence[str]
    readers: Mapping[str, str] = field(default_factory=dict)
    roots: frozenset[str] = frozenset()
    functions: dict[str, str] = field(default_factory=dict)
    tables: dict[tuple[int, ...], str] = field(default_factory=dict)
    uses: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for family in self.families.found.values():
            for box in family.boxes:
                name = self.families.family(box.family).name
                self.uses[name] = self.uses.get(name, 0) + 1

    def dimensions(self, family: Family) -> tuple[Dimension, ...]:
        """The arguments of a family, named after what they index."""
        if family.kind == "cell":
            letters = LETTERS.get(len(family.sizes), ("i", "j", "k", "m")[: len(family.sizes)])
            letters = ("i", "j", "k") if family.name != SEEN else letters
            names = self.shown if family.name == SEEN else ("",) * len(letters)
            return tuple(Dimension(letter, axis) for letter, axis in zip(letters, names, strict=True))
        found: dict[int, Dimension] = {}
        says = list(family.pattern.says)
        for box in family.boxes:
            own, says = says[: len(box.numbers)], says[len(box.numbers) :]
            inner = self.dimensions(self.families.family(box.family))
            for position, say in enumerate(own):
                dim = position // 2
                if say.parameter >= 0 and say.parameter not in found:
                    found[say.parameter] = inner[dim] if dim < len(inner) else Dimension("t")
                if say.row >= 0 and say.row not in found:
                    found[say.row] = Dimension("d")
        chosen: list[Dimension] = []
        for parameter in range(len(family.sizes)):
            one = found[parameter]
            taken = {other.letter for other in chosen}
            letter = next(x for x in (one.letter, *"uvwxyz") if x not in taken)
            chosen.append(Dimension(letter, one.axis))
        return tuple(chosen)

    def call(self, name: str, arguments: Sequence[str], *, flag: bool) -> str:
        """A member as an expression; `flag`: as a condition, else as a number."""
        family = self.families.family(name)
        if family.kind == "cell" and family.name == SEEN:
            text = f"seen({', '.join(arguments)})"
        elif self._inline(family):
            text = f"({self.body(family, arguments)})"
        else:
            self.define(family)
            text = f"{family.name}({', '.join(arguments)})"
        mark = name[len(family.name) :]
        if mark.startswith(AT_LEAST):
            return f"({text} >= {mark.removeprefix(AT_LEAST)})"
        if mark:
            return f"max(0, {add_up([(1, text)], -int(mark.removeprefix(ABOVE)))})"
        return f"{text} > 0" if flag and family.kind == "cell" else text

    def _inline(self, family: Family) -> bool:
        loops = any(box.loops for box in family.boxes)
        return family.kind == "step" and not loops and self.uses.get(family.name) == 1 and family.name not in self.roots

    def define(self, family: Family) -> None:
        """Add the function of a family, after all that it calls."""
        if family.name in self.functions:
            return
        if family.kind == "cell":
            self.functions[family.name] = self.readers[family.name]
            return
        letters = [dimension.letter for dimension in self.dimensions(family)]
        body = self.body(family, letters)
        self.functions[family.name] = f"def {family.name}({', '.join(letters)}):\n    return {body}\n"

    def body(self, family: Family, arguments: Sequence[str]) -> str:
        """What a member is, with these arguments."""
        parts, says = [], list(family.pattern.says)
        for box in family.boxes:
            own, says = says[: len(box.numbers)], says[len(box.numbers) :]
            parts.append(_Part(self, family, box, tuple(own), tuple(arguments)))
        formula = self._formula(family, parts) if family.kind == "step" else ""
        if formula:
            return formula
        total = add_up(self.sums(parts))
        if family.kind == "sum":
            return total
        if family.kind == "step":
            return f"{total} >= {family.threshold}"
        return f"max(0, {total}{f' - {family.threshold}' if family.threshold else ''})"

    def _formula(self, family: Family, parts: Sequence[_Part]) -> str:
        """`and`, `or`, `any` of flags, where the step says that."""
        if not all(part.is_flag and part.weighs_one for part in parts):
            return ""
        single = [part for part in parts if not part.box.loops]
        positive = sum(part.box.base > 0 for part in parts)
        if len(single) == len(parts):
            texts = [part.element(flag=True, negated=part.box.base < 0) for part in parts]
            if family.threshold == positive:
                return " and ".join(texts)
            texts = [part.element(flag=True, negated=part.box.base < 0) for part in parts]
            return " or ".join(texts) if family.threshold == 1 + positive - len(parts) else ""
        if positive == len(parts) and family.threshold == 1:
            return " or ".join(
                f"any({part.element(flag=True)}{part.loops()})" if part.box.loops else part.element(flag=True)
                for part in parts
            )
        return ""

    def sums(self, parts: Sequence[_Part]) -> list[tuple[int, str]]:
        """(weight, text) of each summand; boxes with the same loops are one sum."""
        found: list[tuple[int, str]] = []
        groups: dict[str, list[_Part]] = {}
        for part in parts:
            if part.box.loops:
                groups.setdefault(part.loops(), []).append(part)
            else:
                found.append(part.weighed())
        for loops, members in groups.items():
            found.append(self._looped(loops, members))
        return found

    def _looped(self, loops: str, members: Sequence[_Part]) -> tuple[int, str]:
        """Boxes with the same loops as one sum; a weight that they share is said once."""
        factor = min(members[0].factor(), members[0].opposite(), key=lambda text: text.count("-"))
        signs = [1 if member.factor() == factor else -1 for member in members]
        if any(factor not in (member.factor(), member.opposite()) for member in members):
            return 1, f"sum({add_up([member.weighed() for member in members])}{loops})"
        signed = sorted(zip(signs, members, strict=True), key=lambda pair: -pair[0])
        if signed[0][0] < 0:
            weight, signed = -1, [(1, member) for _, member in signed]
        else:
            weight = 1
        inner = add_up([(sign, member.element(flag=False)) for sign, member in signed])
        inner = f"({inner})" if len(members) > 1 and factor != "1" else inner
        if factor.isdigit():
            return weight * int(factor), f"sum({inner}{loops})"
        return weight, f"sum({factor} * {inner}{loops})"

    def table(self, numbers: tuple[int, ...]) -> str:
        """The name of a table of these numbers."""
        return self.tables.setdefault(numbers, f"TABLE{len(self.tables) + 1}")

    def outside(self, plane: Sequence[str], family: Family) -> str:
        """A function that reads a cell, or True beyond the edges of what is seen."""
        name = f"cell{'_'.join(plane)}"
        if name not in self.functions:
            cells = self.families.found[SEEN]
            letters = [dimension.letter for dimension in self.dimensions(cells)][len(plane) :]
            sizes = cells.sizes[len(plane) :]
            inside = " and ".join(f"{x} >= 0 and {x} <= {last}" for x, (_, last) in zip(letters, sizes, strict=True))
            arguments = ", ".join((*plane, *letters))
            self.functions[name] = (
                f"def {name}({', '.join(letters)}):\n    return seen({arguments}) > 0 if {inside} else True\n"
            )
        return name


@dataclass(frozen=True)
class _Part:
    """One box of a family, with the family's arguments."""

    wording: Wording
    family: Family
    box: Box
    says: tuple[Say, ...]
    arguments: tuple[str, ...]

    @property
    def inner(self) -> Family:
        return self.wording.families.family(self.box.family)

    @property
    def is_flag(self) -> bool:
        return self.inner.flags if self.box.family == self.inner.name else AT_LEAST in self.box.family

    @property
    def weighs_one(self) -> bool:
        """Whether the weight is 1 or -1, of every member of the family."""
        say = self.says[2 * len(self.box.ranges)]
        return abs(say.constant) == 1 and say.parameter < 0 and say.table < 0 and not any(self.box.slopes)

    def number(self, position: int, plus: int = 0) -> str:
        """A number of the box as an expression."""
        say = self.says[position]
        terms = [self.arguments[say.parameter]] if say.parameter >= 0 else []
        if say.table >= 0:
            table = self.wording.table(self.family.pattern.tables[say.table])
            terms.append(f"{table}[{self.arguments[say.row]}]")
        constant = say.constant + plus
        if not terms:
            return str(constant)
        sign = f" {'+' if constant > 0 else '-'} {abs(constant)}" if constant else ""
        return " + ".join(terms) + sign

    def letters(self) -> list[str]:
        """Loop variables, which do not hide the family's arguments."""
        taken = {letter for argument in self.arguments for letter in argument if letter.isalpha()}
        found: list[str] = []
        for dimension in self.wording.dimensions(self.inner):
            letter = next(x for x in (dimension.letter, *"abefghlmnoquvwxyz") if x not in taken and x not in found)
            found.append(letter)
        return found

    def loops(self) -> str:
        """` for r in rows for c in columns`, "" without a loop."""
        text, letters = "", self.letters()
        for dim in self.box.loops:
            axis = self.wording.dimensions(self.inner)[dim].axis
            low, high = self.number(2 * dim), self.number(2 * dim + 1)
            last = self.box.ranges[dim][1] if high.isdigit() else self.inner.sizes[dim][1]
            length = self.wording.axes.get(axis, 0)
            if last >= length or (not high.isdigit() and last != length - 1):
                axis, length = "", last + 1
            text += f" for {letters[dim]} in {axis or f'range({length})'}"
            tests = [f"{letters[dim]} >= {low}"] if low != "0" else []
            tests += [f"{letters[dim]} <= {high}"] if high != str(length - 1) else []
            text += f" if {' and '.join(tests)}" if tests else ""
        return text

    def index(self) -> list[str]:
        """The index of the member that the loop variables and arguments point at."""
        letters, found = self.letters(), []
        for dim in range(len(self.box.ranges)):
            found.append(letters[dim] if dim in self.box.loops else self.number(2 * dim))
        link = self.box.link
        if link is not None:
            shift = self.number(len(self.says) - 1)
            moved = found[link.on] if shift == "0" else f"{found[link.on]} + {shift}"
            found[link.dim] = f"({moved}) % {link.modulus}"
        return found

    def element(self, *, flag: bool, negated: bool = False) -> str:
        """The member, without its weight."""
        index = self.index()
        if self.family.outside is not None and self.inner.kind == "cell" and self._may_leave():
            fixed = [place for place, dimension in zip(index, self.wording.dimensions(self.inner), strict=True)
                     if dimension.letter == "p"]  # fmt: skip
            text = f"{self.wording.outside(fixed, self.family)}({', '.join(index[len(fixed) :])})"
        else:
            text = self.wording.call(self.box.family, index, flag=flag)
        return f"not {f'({text})' if ' ' in text and not text.startswith('(') else text}" if negated else text

    def _may_leave(self) -> bool:
        """Whether the box's index is moved away from the family's own parameters."""
        return any(say.table >= 0 or (say.constant and say.parameter >= 0) for say in self.says)

    def factor(self) -> str:
        """The weight, as an expression of the loop variables."""
        return self._linear(1)

    def opposite(self) -> str:
        return self._linear(-1)

    def _linear(self, sign: int) -> str:
        letters, place = self.letters(), 2 * len(self.box.ranges)
        say = self.says[place]
        terms = [(sign * slope, letters[dim]) for dim, slope in enumerate(self.box.slopes) if slope]
        if say.parameter >= 0 or say.table >= 0:
            terms.append((sign, f"({self.number(place)})"))
        elif not terms:
            return str(sign * say.constant)
        else:
            terms += [(1 if sign * say.constant > 0 else -1, str(abs(say.constant)))] if say.constant else []
        terms.sort(key=lambda term: term[0] < 0)
        text = add_up(terms)
        return f"({text})" if len(terms) > 1 or text.startswith("-") else text

    def weighed(self) -> tuple[int, str]:
        """(whole weight, text) of the member with all the rest of its weight."""
        factor = self.factor()
        element = self.element(flag=False)
        if factor.lstrip("-").isdigit():
            return int(factor), element
        return 1, f"{factor} * {element}"


def add_up(terms: Sequence[tuple[int, str]], constant: int = 0) -> str:
    """`2 * a - b + 3`."""
    text = ""
    for weight, one in terms:
        if not weight:
            continue
        size = one if abs(weight) == 1 else f"{abs(weight)} * {one}"
        text += f" {'-' if weight < 0 else '+'} {size}" if text else f"{'-' if weight < 0 else ''}{size}"
    if constant or not text:
        text += f" {'-' if constant < 0 else '+'} {abs(constant)}" if text else str(constant)
    return text
