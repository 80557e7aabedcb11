"""`where` on agents whose truth is known: verdicts beside truths, and F1 of the word *computed*.

`python -m benchmarks.known_where [NAME...]` takes the shipped compiled agents (docs/compiling.md), and networks of two
Tetris agents before training. Truth is found without our readouts, over *all* states of the agent's world:

* *input*: the one-hot raw input has it exactly (EXACT), by scikit-learn's least squares or logistic regression;
* *computed*: else, if the record says that units carry it;
* *set aside*: the record knows no units for it, and yet it is exactly linear in some layer, as `holes` is in units that
  carry `holes_in`, or what an extractor shows the program without its asking; in all states, or (scikit-learn's least
  squares, cross-fitted by episode) in those that the agent visits. Counted neither way;
* *absent*: all others. Of a negative (shuffled, random) nothing may be computed *and* learned.

Positive is *computed*. Beside F1 stands its strict reading, in which what is set aside counts as absent.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import f1_score, r2_score, roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.preprocessing import OneHotEncoder

from agentscope.agents import finding, untrained_twins
from agentscope.compiling import subject
from agentscope.contracts import InspectableEnv, action_concepts_of, concepts_of
from agentscope.pipeline import open_agent
from agentscope.pipeline.inspecting import find_primitives, untrained
from agentscope.pipeline.opening import OpenAgent
from agentscope.pipeline.running import Run, in_one_thread
from agentscope.probes import LabelledStates, label_states
from agentscope.probes import find_primitives as primitives_of
from agentscope.probes.verdicts import where_is
from agentscope.records import QUICK, Primitive
from agentscope.rollouts import Streams

EXACT = 0.999  # R2, AUC or macro-F1 of a readout fitted and scored on all states
MOST_STATES = 20_000  # of all states, evenly spaced, where there are more
SHARES = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98)  # for HELD
COMPILED = ("L0", "L1", "L2")
UNTRAINED = ("tetris-dqn", "tetris-small-dqn")
HEIGHTS = ("height", "aggregate_height", "maximum_height", "landing_height")
Values = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Verdict:
    """What was said of one concept of one agent, and what is true.

    Attributes:
        truth: computed, input, set aside or absent.
    """

    agent: str
    level: str
    primitive: Primitive
    truth: str

    @property
    def claimed(self) -> bool:
        """It was called computed."""
        return self.primitive.where == "computed"

    @property
    def wrong(self) -> bool:
        """It was called computed and is not, or the other way round; never of what is set aside."""
        return self.truth != "set aside" and self.claimed != (self.truth == "computed")


@dataclass(frozen=True)
class Known:
    """All states of one program's world, as the programs' records see them."""

    env: InspectableEnv
    observations: np.ndarray
    labels: Values
    kinds: Mapping[str, str]

    @property
    def raw(self) -> np.ndarray:
        """The raw input, one column for each value that a component takes."""
        flat = self.observations.reshape(len(self.observations), -1)
        return np.asarray(OneHotEncoder(sparse_output=False).fit_transform(flat))

    def exact(self, features: np.ndarray, *, skip: Collection[str] = ()) -> set[str]:
        """Concepts that are exactly linear in these features, but those whose names are skipped."""
        features = features.reshape(len(features), -1)
        features = features[:, np.ptp(features, axis=0) > 0]
        return {
            name
            for name, kind in self.kinds.items()
            if name not in skip and is_linear(features, self.labels[name], kind)
        }


def is_linear(features: np.ndarray, labels: np.ndarray, kind: str) -> bool:
    """Whether every value of the concept is a linear function of the features, or separated by them."""
    if not features.shape[1]:
        return False
    columns = labels.reshape(len(labels), -1).astype(np.float64)
    columns = columns[:, np.ptp(columns, axis=0) > 0]
    if not columns.shape[1]:
        return False
    if kind != "choice" and r2_score(columns, LinearRegression().fit(features, columns).predict(features)) >= EXACT:
        return True
    if kind in ("count", "number"):
        return False
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    for column in columns.T:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # separable data have no finite optimum
            model = LogisticRegression(C=1e4, max_iter=300).fit(scaled, column)
        if kind == "flag" and roc_auc_score(column, model.decision_function(scaled)) < EXACT:
            return False
        if kind == "choice" and f1_score(column, model.predict(scaled), average="macro") < EXACT:
            return False
    return True


@cache
def known(program: str) -> Known:
    """The states of one program's world."""
    found = subject(program)
    env = found.world()
    states = found.states(env)
    states = states[:: 1 + (len(states) - 1) // MOST_STATES]
    concepts = (*concepts_of(env), *action_concepts_of(env))
    labels = {concept.name: np.asarray(concept.measure(states)) for concept in concepts}
    return Known(env, env.observe(states), labels, {concept.name: concept.kind for concept in concepts})


@cache
def input_truths(program: str) -> frozenset[str]:
    """Concepts that the raw input has exactly."""
    return frozenset(known(program).exact(known(program).raw))


def truths_of(name: str) -> tuple[dict[str, str], str]:
    """Truth of each concept, and the level."""
    record = json.loads((finding.find_agent(name).zip_path.parent / "record.json").read_text())
    world, raw = known(record["name"]), input_truths(record["name"])
    carried = {row["concept"] for row in record["concepts"] if row["carriers"]}
    network, held = open_agent(name).network, set()
    for layer in network.layers if carried else ():
        held |= world.exact(network.activations(world.observations, layer.name), skip=held | carried | raw)
    truths = {
        key: "input" if key in raw else "computed" if key in carried else "set aside" if key in held else "absent"
        for key in world.kinds
    }
    return truths, record["level"]


def exact_where_visited(agent: OpenAgent, labelled: LabelledStates, concept: str) -> bool:
    """Whether a number or flag is exactly linear in some layer on these states, read by fits on other episodes."""
    labels = np.asarray(labelled.labels[concept])
    columns = labels.reshape(len(labels), -1).astype(np.float64)
    columns = columns[:, np.ptp(columns, axis=0) > 0]
    for layer in agent.network.layers:
        units = agent.network.activations(labelled.observations, layer.name).reshape(len(labels), -1)
        read = cross_val_predict(LinearRegression(), units, columns, groups=labelled.episodes, cv=GroupKFold(5))
        found = roc_auc_score(columns, read) if labels.dtype == bool else r2_score(columns, read)
        if found >= EXACT:
            return True
    return False


@in_one_thread
def verdicts(name: str, *, seed: int = 0) -> list[Verdict]:
    """Verdicts on one compiled agent beside the truth; concepts that could not be scored are left out."""
    truths, level = truths_of(name)
    agent, run = open_agent(name), Run(Streams(seed), QUICK)
    lessons = run.states(agent, "lessons", QUICK.lessons, QUICK.lesson_states)
    labelled = label_states(agent.env, lessons.states, lessons.episode)
    probing = find_primitives(agent, lessons, untrained(agent, run), run)
    found = [each for each in probing.primitives if each.score is not None]
    for each in found:
        doubted = truths[each.concept] == "absent" and each.where == "computed" and each.kind != "choice"
        if level in COMPILED and doubted and exact_where_visited(agent, labelled, each.concept):
            truths[each.concept] = "set aside"
    return [Verdict(name, level, each, truths[each.concept]) for each in found]


@in_one_thread
def untrained_verdicts(name: str, *, seed: int = 0) -> tuple[Primitive, ...]:
    """Verdicts on an untrained network of a trained agent's architecture, on the trained agent's states."""
    agent, run = open_agent(name), Run(Streams(seed), QUICK)
    lessons = run.states(agent, "lessons", QUICK.lessons, QUICK.lesson_states)
    subject_, *twins = untrained_twins(agent.network, 1 + QUICK.untrained_twins, seed=run.number("twins"))
    labelled = label_states(agent.env, lessons.states, lessons.episode)
    return primitives_of(subject_, labelled, twins=twins, generator=run.streams.generator("controls"))


def rejudged(verdict: Verdict, held: float) -> Verdict:
    """The verdict with another share that a layer must close to hold a concept."""
    primitive = verdict.primitive
    row = next(row for row in primitive.layers if row["layer"] == primitive.layer)
    return replace(verdict, primitive=replace(primitive, where=where_is(row, held=held)))


def f1(found: Sequence[Verdict], *, strict: bool = False) -> tuple[float, Counter[str]]:
    """F1 of *computed*, and the counts it comes from; strict: what is set aside counts as absent."""
    counts: Counter[str] = Counter()
    for each in found:
        if each.truth == "set aside" and not strict:
            counts["aside"] += 1
            continue
        true = each.truth == "computed"
        counts["right" if true and each.claimed else "missed" if true else "false" if each.claimed else "none"] += 1
    errors = counts["missed"] + counts["false"]
    return 2 * counts["right"] / max(2 * counts["right"] + errors, 1), counts


def compiled_agents() -> list[str]:
    """Names of the shipped agents that have a record of compilation."""
    return [name for name, folder in finding.shipped_folders().items() if (folder / "record.json").is_file()]


def rows(*names: str) -> Iterator[str]:
    """F1 by level, every error with the figures that decided it, negatives, untrained networks."""
    found = [verdict for name in names or compiled_agents() for verdict in verdicts(name)]
    for title, levels in (("L0, L1", ("L0", "L1")), ("L2", ("L2",))):
        chosen = [each for each in found if each.level in levels]
        for strict in (False, True):
            score, counts = f1(chosen, strict=strict)
            told = "  ".join(f"{name} {counts[name]}" for name in ("right", "missed", "false", "none", "aside"))
            yield f"where, {title + (', strict' if strict else ''):16s} F1 {score:.3f}  {told}"
        others = ((held, f1([rejudged(each, held) for each in chosen])[0]) for held in SHARES)
        yield f"  F1 if HELD were: {', '.join(f'{held:.2f}: {score:.3f}' for held, score in others)}"
    for each in found:
        if each.level in COMPILED and each.wrong:
            yield f"  {each.agent:28s} {each.primitive.concept:20s} in truth {each.truth}: {each.primitive.decided}"
    negatives = [each for each in found if each.level in ("shuffled", "random")]
    wrong = [each for each in negatives if each.claimed and each.primitive.learned]
    yield (f"negatives: {len(negatives)} concepts, {sum(each.claimed for each in negatives)} computed, {len(wrong)} "
           "computed and learned")  # fmt: skip
    yield from (f"  {each.agent:28s} {each.primitive.concept:20s} {each.primitive.decided}" for each in wrong)
    for name in () if names else UNTRAINED:
        for each in untrained_verdicts(name):
            if each.where == "computed" or each.concept in HEIGHTS:
                yield f"untrained {name:20s} {each.concept:20s} {'LEARNED ' if each.learned else ''}{each.decided}"


if __name__ == "__main__":
    for row in rows(*sys.argv[1:]):
        print(row, flush=True)
