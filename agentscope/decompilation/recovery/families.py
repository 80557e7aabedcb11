"""Families: atoms of a circuit that are one function of a few whole numbers, found from the bottom up.

Each atom's terms are rolled up into boxes of families that are known already; atoms whose boxes differ in numbers only
are one family, and the numbers become its parameters. An atom that a family would give for parameters just beyond its
own (the first cell of a column for "any cell so far", the walker alone where the next cell lies outside) is an *alias*:
in a sum it counts as a member where that makes the sum shorter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from agentscope.decompilation.recovery.circuits import Circuit, Form
from agentscope.decompilation.recovery.patterns import Pattern, pattern_of
from agentscope.decompilation.recovery.rolling import Box, Index, Ranges, boxes_of

AT_LEAST, ABOVE = ">=", ">"  # in the name of a family that is a step or ramp of another one: "number1>=3", "number1>3"


@dataclass
class Family:
    """One function of the text.

    Attributes:
        kind: sum, step or ramp (of `boxes`, at `threshold`); cell for what is seen.
        boxes: of its first member, whose numbers `pattern` replaces.
        atoms: by index. sizes: (first, last) of each index. outside: value of cells beyond the edges of what is seen,
            None where none is read there.
        flags: whether every member is 0 or 1.
    """

    name: str
    kind: str
    sizes: Ranges
    atoms: dict[Index, int]
    flags: bool
    threshold: int = 0
    boxes: tuple[Box, ...] = ()
    pattern: Pattern = field(default_factory=lambda: Pattern(((),), ()))
    outside: int | None = None
    aliases: dict[int, list[Index]] = field(default_factory=dict)


@dataclass(frozen=True)
class Rolled:
    """A weighted sum of families, rolled up, plus a constant."""

    boxes: tuple[Box, ...]
    constant: int = 0


@dataclass
class Families:
    """All families of a circuit, and where each atom belongs.

    Attributes:
        turns: which box of a family comes first, and gives it its parameters; 0 where nothing is said.
        beyond: families of which members beyond their own parameters are asked for.
    """

    circuit: Circuit
    turns: Mapping[str, int] = field(default_factory=dict)
    found: dict[str, Family] = field(default_factory=dict)
    places: dict[int, tuple[str, Index]] = field(default_factory=dict)
    beyond: set[str] = field(default_factory=set)

    def place(self, atom: int) -> tuple[str, Index]:
        """Family and index of an atom; a step of a named sum belongs to the sum's comparison."""
        if atom in self.places:
            return self.places[atom]
        one = self.circuit.atoms[atom]
        name, index = self.places[one.of]
        mark = AT_LEAST if one.kind == "step" else ABOVE
        return f"{name}{mark}{one.threshold}", index

    def family(self, name: str) -> Family:
        """A family by name; of a comparison the family that is compared."""
        return self.found[name.split(ABOVE)[0]]

    def rolled(self, terms: Mapping[int, int], constant: int = 0) -> Rolled:
        """Terms as boxes, aliases counted in where that is shorter."""
        points: dict[str, dict[Index, int]] = {}
        for atom, weight in terms.items():
            name, index = self.place(atom)
            points.setdefault(name, {})[index] = weight
        boxes = self._boxes(points)
        for name in list(points):
            other = self._with_aliases(name, points, terms)
            if other is None:
                continue
            shorter = self._boxes(other[0])
            if len(shorter) < len(boxes):
                points, boxes = other[0], shorter
                family = self.found[name]
                family.outside = 1 if other[1] else family.outside
                if not all(_within(index, family.sizes) for index in points[name]):
                    self.beyond.add(name)
        return Rolled(boxes, constant)

    def _boxes(self, points: Mapping[str, Mapping[Index, int]]) -> tuple[Box, ...]:
        found: list[Box] = []
        for name in sorted(points):
            found += boxes_of(name, points[name], self.family(name).sizes) if points[name] else ()
        return tuple(found)

    def _with_aliases(
        self, name: str, points: Mapping[str, Mapping[Index, int]], terms: Mapping[int, int]
    ) -> tuple[dict[str, dict[Index, int]], bool] | None:
        """The points with every term that is an alias of a member of this family moved there."""
        family = self.found.get(name)
        if family is None or not family.aliases or len(set(points[name].values())) > 1:
            return None
        own = list(points[name])
        weight = points[name][own[0]]
        fixed = {dim: own[0][dim] for dim in range(len(own[0])) if len({index[dim] for index in own}) == 1}
        moved = {key: dict(value) for key, value in points.items()}
        outside = False
        for atom in terms:
            fitting = [i for i in family.aliases.get(atom, []) if all(i[dim] == value for dim, value in fixed.items())]
            if terms[atom] == weight and len(fitting) == 1:
                home, index = self.place(atom)
                del moved[home][index]
                moved[name][fitting[0]] = weight
                outside = outside or not self._inside(family, fitting[0])
        return moved, outside

    def _inside(self, family: Family, index: Index) -> bool:
        return all(self._known(box.family, place) for box, place in _instances(family, index))

    def _known(self, name: str, index: Index) -> bool:
        return index in self.family(name).atoms

    def add_aliases(self, family: Family) -> None:
        """Find parameters just beyond the family's own for which it would give an atom that exists already."""
        if family.kind != "step" or not family.sizes:
            return
        wider = [range(first - 1, last + 2) for first, last in family.sizes]
        for index in product(*wider):
            if index in family.atoms:
                continue
            atom = self._alone(family, index)
            if atom is not None:
                family.aliases.setdefault(atom, []).append(index)

    def _alone(self, family: Family, index: Index) -> int | None:
        """The one flag that the member would be equal to; a cell beyond the edges counts as 1."""
        try:
            terms = list(_instances(family, index))
        except IndexError:
            return None
        inside = [(box, place) for box, place in terms if self._known(box.family, place)]
        beyond = len(terms) - len(inside)
        if len(inside) != 1 or family.threshold - beyond != 1 or any(box.base != 1 for box, _ in terms):
            return None
        if any(self.family(box.family).kind != "cell" for box, place in terms if not self._known(box.family, place)):
            return None
        box, place = inside[0]
        home = self.family(box.family)
        return home.atoms[place] if home.flags and box.family == home.name else None


def _instances(family: Family, index: Index) -> list[tuple[Box, Index]]:
    """(box, index) of every term of a member; a table that has no such row raises IndexError."""
    if any(say.row >= 0 and index[say.row] < 0 for say in family.pattern.says):
        raise IndexError
    numbers, found = list(family.pattern.numbers(index)), []
    for box in family.boxes:
        own, numbers = numbers[: len(box.numbers)], numbers[len(box.numbers) :]
        ranges = [(own[2 * dim], own[2 * dim + 1]) for dim in range(len(box.ranges))]
        for place in product(*(range(first, last + 1) for first, last in ranges)):
            found.append((box, place))
    return found


def families_of(circuit: Circuit, roots: Sequence[int]) -> Families:
    """All families of the atoms that these depend on.

    Args:
        roots: atoms that are asked for. Where such a step compares a number, that number is a family of its own; where
            it is a formula of flags, the step is.
    """
    families = _families(circuit, roots, {})
    for name in sorted(families.beyond):
        for turn in range(1, len(families.found[name].boxes)):
            other = _families(circuit, roots, {**families.turns, name: turn})
            families = other if len(other.beyond) < len(families.beyond) else families
    return families


def _families(circuit: Circuit, roots: Sequence[int], turns: Mapping[str, int]) -> Families:
    families = Families(circuit, turns)
    needed = circuit.needed([Form(dict.fromkeys(roots, 1), 0)])
    for atom in sorted(needed):
        if circuit.atoms[atom].kind == "cell":
            _add_cell(families, atom)
    nodes = _nodes(circuit, needed, roots)
    terms = {node: circuit.atoms[node if circuit.atoms[node].kind == "sum" else circuit.atoms[node].of].terms
             for node in nodes}  # fmt: skip
    depth = _depths(circuit, needed)
    numbers = {"sum": 0, "step": 0, "ramp": 0}
    for level in sorted({depth[node] for node in nodes}):
        kinds: dict[tuple[object, ...], list[tuple[int, Rolled]]] = {}
        for node in (node for node in nodes if depth[node] == level):
            rolled = families.rolled(dict(terms[node]))
            one = circuit.atoms[node]
            shape = (one.kind, one.threshold, *(box.shape for box in rolled.boxes))
            kinds.setdefault(shape, []).append((node, rolled))
        for _, members in sorted(kinds.items(), key=lambda item: str(item[0])):
            kind = circuit.atoms[members[0][0]].kind
            numbers[kind] += 1
            _add_family(families, f"{_WORDS[kind]}{numbers[kind]}", members)
    return families


_WORDS = {"sum": "number", "step": "flag", "ramp": "excess"}


def _add_cell(families: Families, atom: int) -> None:
    one, circuit = families.circuit.atoms[atom], families.circuit
    if one.source not in families.found:
        everyone = [(a.indices, i) for i, a in enumerate(circuit.atoms) if a.kind == "cell" and a.source == one.source]
        sizes = tuple((min(column), max(column)) for column in zip(*(index for index, _ in everyone), strict=True))
        flags = all(circuit.is_flag(i) for _, i in everyone)
        families.found[one.source] = Family(one.source, "cell", sizes, dict(everyone), flags)
        families.places |= {i: (one.source, index) for index, i in everyone}


def _nodes(circuit: Circuit, needed: set[int], roots: Sequence[int]) -> list[int]:
    """Sums that more than one reader reads, or that are read whole; steps and ramps of all other sums."""
    readers: dict[int, set[int]] = {}
    whole = set(roots)
    for atom in needed:
        one = circuit.atoms[atom]
        whole |= {inner for inner, _ in one.terms}
        if one.of >= 0:
            readers.setdefault(one.of, set()).add(atom)
    whole |= {circuit.atoms[atom].of for atom in roots if circuit.atoms[atom].of >= 0 and not is_formula(circuit, atom)}
    sums = {atom for atom in needed if circuit.atoms[atom].kind == "sum"}
    named = {atom for atom in sums if atom in whole or len(readers.get(atom, ())) > 1}
    return sorted(named | {atom for atom in needed if circuit.atoms[atom].of in sums - named})


def is_formula(circuit: Circuit, atom: int) -> bool:
    """Whether a step says `and`, `or` or `any` of flags, rather than that a number is large."""
    one = circuit.atoms[atom]
    if one.kind != "step" or circuit.atoms[one.of].kind != "sum":
        return False
    terms = circuit.atoms[one.of].terms
    if not all(abs(weight) == 1 and circuit.is_flag(inner) for inner, weight in terms):
        return False
    positive = sum(weight > 0 for _, weight in terms)
    return one.threshold in (positive, 1 + positive - len(terms))


def _depths(circuit: Circuit, needed: set[int]) -> dict[int, int]:
    depth: dict[int, int] = {}
    for atom in sorted(needed):  # an atom is made after all that it is made of
        one = circuit.atoms[atom]
        inner = [depth[i] for i, _ in one.terms] + ([depth[one.of]] if one.of >= 0 else [])
        depth[atom] = 1 + max(inner, default=-1)
    return depth


def _add_family(families: Families, name: str, members: Sequence[tuple[int, Rolled]]) -> None:
    """The family whose boxes, in whichever order, need the fewest parameters."""
    count = max(len(members[0][1].boxes), 1)
    turns = [families.turns[name]] if name in families.turns else range(count if len(members) > 1 else 1)
    tried = [_family(families, name, [(node, one.boxes[turn:] + one.boxes[:turn]) for node, one in members])
             for turn in turns]  # fmt: skip
    best = min(tried, key=lambda family: len(family.sizes))
    families.found[name] = best
    families.places |= {node: (name, index) for index, node in best.atoms.items()}


def _family(families: Families, name: str, members: Sequence[tuple[int, tuple[Box, ...]]]) -> Family:
    circuit = families.circuit
    first, boxes = members[0]
    pattern = pattern_of([[number for box in own for number in box.numbers] for _, own in members])
    sizes = tuple((min(column), max(column)) for column in zip(*pattern.members, strict=True))
    atoms = dict(zip(pattern.members, (node for node, _ in members), strict=True))
    one = circuit.atoms[first]
    flags = all(circuit.is_flag(node) for node, _ in members)
    family = Family(name, one.kind, sizes, atoms, flags, one.threshold, boxes, pattern)
    families.add_aliases(family)
    return family


def _within(index: Index, sizes: Ranges) -> bool:
    return all(first <= place <= last for place, (first, last) in zip(index, sizes, strict=True))
