"""A program read back out of a network that is one in disguise: functions over what is seen, then a short decision."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Shaped

from agentscope.contracts import InspectableEnv
from agentscope.decompilation.circuits import Circuit, Form, circuit_of
from agentscope.decompilation.deciding import determining, rules_of
from agentscope.decompilation.families import Families, Family, Rolled, families_of, is_formula
from agentscope.decompilation.looking import looking_text
from agentscope.decompilation.patterns import pattern_of
from agentscope.decompilation.running import run
from agentscope.decompilation.wording import Wording, add_up
from agentscope.integers import SEEN, IntegerNetwork
from agentscope.language import vocabulary_of, with_cells

MOST_MEMBERS = 16  # a condition that is one of more alike is a detail of something else
FLAG_BITS, FORMULA_BITS = 30.0, 60.0
MOST_ROWS = 4_096
_DEFINED = re.compile(r"^(?:def )?([A-Za-z_0-9]+)(?:\(| =)", re.MULTILINE)


@dataclass(frozen=True)
class Recovered:
    """A text and how it was found.

    Attributes:
        form: rules (a decision list), table, argmax (of one key) or scores (one sum for each action).
        families: its functions over the circuit; atoms of a family are its values in every state.
        looking: names of functions and tables that only look at what is seen.
    """

    text: str
    form: str
    families: Families
    looking: tuple[str, ...] = ()


@dataclass(frozen=True)
class Condition:
    """Something that a rule may ask: a step, or that a number lies between two thresholds."""

    atom: int
    low: int | None
    high: int | None
    values: np.ndarray
    cost: float


def recovered(
    network: IntegerNetwork, env: InspectableEnv, observations: Shaped[np.ndarray, "states ..."]
) -> Recovered:
    """The program of a network of whole numbers, as short as it is found; it acts alike in every state given.

    Args:
        network: as `exact_integers` gives it.
        observations: of every state of the environment. Thresholds that none of them reaches may be left out, and rules
            are fitted to them; the functions themselves are the network's own sums and steps.

    Raises: BadOption: a stage that is not read as a circuit.
    """
    values = run(network, observations)
    rearranged = {stage.name: values[stage.name] for stage in network.stages if not stage.weighs}
    circuit = circuit_of(network, {SEEN: observations, **rearranged})
    vocabulary = vocabulary_of(with_cells(env))
    signature = vocabulary.signature(SEEN)
    shown = tuple(signature.axis) if signature else ()
    names = Names({name: len(labels) for name, labels in vocabulary.axes.items()}, shown, tuple(env.action_names))
    readers = {stage.name: looking_text(network, stage) for stage in network.stages if stage.kind == "lookup"}
    return recover(circuit, names, readers)


def actions_of(circuit: Circuit) -> np.ndarray:
    """The greedy action of every state."""
    return np.stack([circuit.value_of(form) for form in circuit.scores], axis=1).argmax(axis=1)


def is_choice(circuit: Circuit) -> bool:
    """Whether the scores are one number for the action that is taken and another for all others."""
    scores = np.stack([circuit.value_of(form) for form in circuit.scores], axis=1)
    return len(np.unique(scores)) == 2 and bool(np.all((scores == scores.max()).sum(axis=1) == 1))


def conditions_of(circuit: Circuit) -> list[Condition]:
    """The fewest steps, those nearest to the observation, that decide the action together."""
    needed = circuit.needed()
    steps = sorted(atom for atom in needed if circuit.atoms[atom].kind == "step")
    families = families_of(circuit, list(needed))
    small = [atom for atom in steps if len(families.family(families.place(atom)[0]).atoms) <= MOST_MEMBERS
             or families.family(families.place(atom)[0]).kind == "cell"]  # fmt: skip
    depth = _step_depths(circuit, needed)
    actions = actions_of(circuit)
    for limit in sorted({depth[atom] for atom in small}):
        chosen = [atom for atom in small if depth[atom] <= limit]
        flags = np.stack([circuit.values[atom] > 0 for atom in chosen], axis=1)
        order = sorted(range(len(chosen)), key=lambda i: (-depth[chosen[i]], -_support(circuit, chosen[i])))
        kept = determining(flags, actions, order)
        if kept is not None:
            return _conditions(circuit, [chosen[i] for i in kept], steps)
    return []


def _step_depths(circuit: Circuit, needed: set[int]) -> dict[int, int]:
    depth: dict[int, int] = {}
    for atom in sorted(needed):
        one = circuit.atoms[atom]
        inner = [depth[i] for i, _ in one.terms] + ([depth[one.of]] if one.of >= 0 else [])
        depth[atom] = max(inner, default=0) + (one.kind != "sum" and one.kind != "cell")
    return depth


def _support(circuit: Circuit, atom: int) -> int:
    return len(circuit.needed([Form({atom: 1}, 0)]))


def _conditions(circuit: Circuit, kept: Sequence[int], steps: Sequence[int]) -> list[Condition]:
    """The steps themselves, and of a number with several thresholds the values between two of them."""
    found = [Condition(atom, None, None, circuit.values[atom] > 0, FLAG_BITS) for atom in kept]
    by_number: dict[int, list[int]] = {}
    for atom in kept:
        by_number.setdefault(circuit.atoms[atom].of, []).append(circuit.atoms[atom].threshold)
    for number, thresholds in by_number.items():
        edges = [circuit.low[number], *sorted(thresholds), circuit.high[number] + 1]
        if len(thresholds) < 2 or (is_formula(circuit, kept[0]) and circuit.is_flag(number)):
            continue
        for low, high in list(zip(edges[:-1], edges[1:], strict=True))[1:-1]:  # the outer two are steps themselves
            values = (circuit.values[number] >= low) & (circuit.values[number] < high)
            found.append(Condition(number, low, high, values, FLAG_BITS))
    return found


def recover(circuit: Circuit, names: Names, readers: Mapping[str, str]) -> Recovered:
    """The shortest text found whose action is the circuit's in every state that it holds.

    Args:
        names: what a text may call.
        readers: functions that read other cells than `seen`, by source.
    """
    candidates = [_by_scores(circuit, names, readers)]
    if is_choice(circuit):
        candidates += [found for found in (_by_rules(circuit, names, readers), _by_table(circuit, names)) if found]
    best = min(candidates, key=lambda found: len(found.text))
    looking = [name for text in readers.values() for name in _DEFINED.findall(text)]
    return replace(best, looking=tuple(looking))


@dataclass(frozen=True)
class Names:
    """What a text may call: the environment's axes by length, those of `seen`, and its actions by name."""

    axes: Mapping[str, int]
    shown: tuple[str, ...]
    actions: tuple[str, ...]

    def action(self, action: int) -> str:
        """An action as a text writes it."""
        name = self.actions[action]
        return name if re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name) else str(action)


def _wording(
    circuit: Circuit, families: Families, names: Names, readers: Mapping[str, str], roots: Sequence[int]
) -> Wording:
    asked = frozenset(families.family(families.place(atom)[0]).name for atom in roots)
    return Wording(families, names.axes, names.shown, readers, asked)


def _text(wording: Wording, strategy: str) -> str:
    tables = "".join(f"{name} = {_row(numbers)}\n" for numbers, name in wording.tables.items())
    return "\n".join([*([tables] if tables else []), *wording.functions.values(), strategy])


def _row(numbers: Sequence[int]) -> str:
    return f"({', '.join(map(str, numbers))}{',' if len(numbers) == 1 else ''})"


def _by_rules(circuit: Circuit, names: Names, readers: Mapping[str, str]) -> Recovered | None:
    """A decision list over the network's own conditions."""
    conditions = conditions_of(circuit)
    if not conditions:
        return None
    flags = np.stack([one.values for one in conditions], axis=1)
    rules = rules_of(flags, actions_of(circuit), np.array([one.cost for one in conditions]))
    if rules is None:
        return None
    used = sorted({flag for rule in rules for flag, _ in rule.flags})
    roots = [conditions[flag].atom for flag in used]
    families = families_of(circuit, roots)
    wording = _wording(circuit, families, names, readers, roots)
    lines = ["def strategy(state):"]
    for rule in rules:
        tests = [_test(wording, circuit, conditions[flag], wanted) for flag, wanted in rule.flags]
        action = names.action(rule.action)
        lines += [f"    if {' and '.join(tests)}:", f"        return {action}"] if tests else [f"    return {action}"]
    return Recovered(_text(wording, "\n".join(lines) + "\n"), "rules", families)


def _test(wording: Wording, circuit: Circuit, condition: Condition, wanted: bool) -> str:
    families = wording.families
    if condition.low is None:
        name, index = families.place(condition.atom)
        family = families.family(name)
        text = wording.call(name, [str(i) for i in index], flag=True)
        if name == family.name:
            return text if wanted else f"not {text}"
        threshold = circuit.atoms[condition.atom].threshold
        value = wording.call(family.name, [str(i) for i in index], flag=False)
        return f"{value} >= {threshold}" if wanted else f"{value} < {threshold}"
    name, index = families.place(condition.atom)
    value = wording.call(name, [str(i) for i in index], flag=False)
    assert condition.high is not None
    if condition.high - condition.low == 1:
        return f"{value} {'==' if wanted else '!='} {condition.low}"
    text = f"{condition.low} <= {value} and {value} < {condition.high}"
    return text if wanted else f"not ({text})"


def _by_table(circuit: Circuit, names: Names) -> Recovered | None:
    """A table of actions, where the network reads a few numbers only."""
    cells = sorted(atom for atom in circuit.needed() if circuit.atoms[atom].kind == "cell")
    if any(circuit.atoms[atom].source != SEEN for atom in cells) or not cells:
        return None
    lengths = [circuit.high[atom] + 1 for atom in cells]
    if math.prod(lengths) > MOST_ROWS:
        return None
    table = np.zeros(lengths, dtype=np.int64)
    table[tuple(circuit.values[atom] for atom in cells)] = actions_of(circuit)
    families = families_of(circuit, cells)
    reads = [f"seen({', '.join(map(str, circuit.atoms[atom].indices))})" for atom in cells]
    index = "".join(f"[{read}]" for read in reads)
    text = f"ACTIONS = {_nested(table)}\n\ndef strategy(state):\n    return ACTIONS{index}\n"
    return Recovered(text, "table", families)


def _nested(table: np.ndarray) -> str:
    inner = [str(int(one)) if table.ndim == 1 else _nested(one) for one in table]
    return f"({', '.join(inner)}{',' if len(inner) == 1 else ''})"


def _by_scores(circuit: Circuit, names: Names, readers: Mapping[str, str]) -> Recovered:
    """The action with the greatest score, the scores one function of the action where they can be."""
    roots = sorted({atom for form in circuit.scores for atom in form.terms})
    families = families_of(circuit, roots)
    wording = _wording(circuit, families, names, readers, roots)
    rolled = [families.rolled(form.terms, form.constant) for form in circuit.scores]
    scores = np.stack([circuit.value_of(form) for form in circuit.scores], axis=1)
    taken = scores.argmax(axis=1)
    last = max(int(taken.max()), 0)
    same = {tuple(box.shape for box in one.boxes) for one in rolled[: last + 1]}
    if len(same) == 1 and last > 0:
        numbers = [[n for box in one.boxes for n in box.numbers] + [one.constant] for one in rolled[: last + 1]]
        pattern = pattern_of(numbers)
        if len(pattern.members[0]) == 1:
            return _by_key(wording, rolled, last, names)
    lines = []
    for action, one in enumerate(rolled):
        family = Family(
            "", "sum", (), {}, False, boxes=one.boxes, pattern=pattern_of([[n for b in one.boxes for n in b.numbers]])
        )
        body = wording.body(family, ()) if one.boxes else "0"
        whole = add_up([(1, body)] if body != "0" else [], one.constant)
        lines.append(
            f"    if a == {action}:\n        return {whole}\n" if action < len(rolled) - 1 else f"    return {whole}\n"
        )
    text = "def score(a):\n" + "".join(lines)
    strategy = "def strategy(state):\n    return argmax(actions, key=lambda a: score(a))\n"
    return Recovered(_text(wording, f"{text}\n{strategy}"), "scores", families)


def _by_key(wording: Wording, rolled: Sequence[Rolled], last: int, names: Names) -> Recovered:
    """One key for all actions; n * key - a, which only puts the first of equals ahead, is the key."""
    constants = [one.constant for one in rolled[: last + 1]]
    bases = [box.base for one in rolled[: last + 1] for box in one.boxes]
    divisor = int(np.gcd.reduce(bases))
    slopes = any(any(box.slopes) for one in rolled for box in one.boxes)
    first = constants[0]
    ranks = [constant - first for constant in constants] == [-action for action in range(last + 1)]
    if ranks and divisor > last and not slopes:
        rolled = [Rolled(tuple(replace(box, base=box.base // divisor) for box in one.boxes), 0) for one in rolled]
    numbers = [[n for box in one.boxes for n in box.numbers] + [one.constant] for one in rolled[: last + 1]]
    pattern = pattern_of(numbers)
    family = Family("", "sum", ((0, last),), {}, False, boxes=rolled[0].boxes, pattern=pattern)
    key = wording.body(family, ("a",))
    domain = "actions" if last + 1 == len(names.actions) else f"range({last + 1})"
    strategy = f"def strategy(state):\n    return argmax({domain}, key=lambda a: {key})\n"
    return Recovered(_text(wording, strategy), "argmax", wording.families)
