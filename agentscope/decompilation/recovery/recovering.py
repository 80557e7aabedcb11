"""A program read back out of a network that is one in disguise: functions over what is seen, then a short decision."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Shaped

from agentscope.contracts import InspectableEnv
from agentscope.decompilation.recovery.asking import Asking, flags_of
from agentscope.decompilation.recovery.circuits import Circuit, circuit_of
from agentscope.decompilation.recovery.combining import Combined, combined
from agentscope.decompilation.recovery.deciding import rules_of, tree_of
from agentscope.decompilation.recovery.families import Families, Family, Rolled, families_of
from agentscope.decompilation.recovery.looking import looking_text
from agentscope.decompilation.recovery.patterns import pattern_of
from agentscope.decompilation.recovery.wording import Wording, add_up
from agentscope.decompilation.running import run
from agentscope.integers import SEEN, IntegerNetwork
from agentscope.language import DECOMPILATION_LIMITS, parse, print_program, vocabulary_of, with_cells

QUESTION_BITS = 15.0
MOST_LISTED = 1_500  # combinations for which decision lists are searched
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


def recovered(
    network: IntegerNetwork, env: InspectableEnv, observations: Shaped[np.ndarray, "states ..."]
) -> Recovered:
    """The program of a network of whole numbers, as short as it is found; it acts alike in every state given.

    Args:
        network: as `exact_integers` gives it.
        observations: of every state of the environment. Thresholds that none of them reaches may be left out, and a
            table of actions is filled from them; functions, rules and trees are the network's own sums and logic.

    Raises: BadOption: a stage that is not read as a circuit. TextError: a name that the text needs is taken.
    """
    values = run(network, observations)
    rearranged = {stage.name: values[stage.name] for stage in network.stages if not stage.weighs}
    circuit = circuit_of(network, {SEEN: observations, **rearranged})
    vocabulary = vocabulary_of(with_cells(env))
    signature = vocabulary.signature(SEEN)
    shown = tuple(signature.axis) if signature else ()
    names = Names({name: len(labels) for name, labels in vocabulary.axes.items()}, shown, tuple(env.action_names))
    readers = {stage.name: looking_text(network, stage) for stage in network.stages if stage.kind == "lookup"}
    found = recover(circuit, names, readers)
    return replace(found, text=print_program(parse(found.text, vocabulary, DECOMPILATION_LIMITS)))


def actions_of(circuit: Circuit) -> np.ndarray:
    """The greedy action of every state."""
    return np.stack([circuit.value_of(form) for form in circuit.scores], axis=1).argmax(axis=1)


def is_choice(circuit: Circuit) -> bool:
    """Whether the scores are one number for the action that is taken and another for all others."""
    scores = np.stack([circuit.value_of(form) for form in circuit.scores], axis=1)
    return len(np.unique(scores)) == 2 and bool(np.all((scores == scores.max()).sum(axis=1) == 1))


def recover(circuit: Circuit, names: Names, readers: Mapping[str, str]) -> Recovered:
    """The shortest text found whose action is the circuit's in every state that it holds.

    Args:
        names: what a text may call.
        readers: functions that read other cells than `seen`, by source.
    """
    candidates = [_by_scores(circuit, names, readers)]
    if is_choice(circuit):
        tables = _by_table(circuit, names)
        candidates += [*_by_questions(circuit, names, readers), *([tables] if tables else [])]
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


def _by_questions(circuit: Circuit, names: Names, readers: Mapping[str, str]) -> list[Recovered]:
    """A decision list and a tree over what the decision rests on, right in every combination of it."""
    found = combined(circuit)
    if found is None or not found.questions:
        return []
    flags = np.stack([question.holds for question in found.questions], axis=1)
    costs = np.array([QUESTION_BITS * (1 + len(question.ranges)) for question in found.questions])
    texts = []
    if len(flags) <= MOST_LISTED:
        rules = rules_of(flags, found.actions, costs)
        if rules is not None:
            asked = {flag for rule in rules for flag, _ in rule.flags}
            asking = _asking(circuit, found, names, readers, asked)
            texts.append(("rules", asking, asking.rules(rules)))
    tree = tree_of(flags, found.actions, found.bases, costs)
    if tree is not None:
        asking = _asking(circuit, found, names, readers, set(flags_of(tree)))
        texts.append(("tree", asking, asking.tree(tree)))
    return [Recovered(_text(asking.wording, body), form, asking.wording.families) for form, asking, body in texts]


def _asking(
    circuit: Circuit, found: Combined, names: Names, readers: Mapping[str, str], asked: Collection[int]
) -> Asking:
    roots = sorted({found.questions[flag].atom for flag in asked})
    wording = _wording(circuit, families_of(circuit, roots), names, readers, roots)
    return Asking(wording, circuit, found.questions, names.action)


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
