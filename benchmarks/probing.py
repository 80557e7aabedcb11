"""All concepts x layers of a Tetris DQN on a million states in one pass, beside scikit-learn, concept by concept.

`python -m benchmarks.probing [STATES]`. Both sides see the same games and are scored on the same held-out games; every
state is seen TIMES times, since playing and labelling cost more than all that is measured here. scikit-learn gets what
favours it: features already standardised, the penalty that our validation chose, one fit of all values of a concept.
Seconds are CPU seconds, which other work on the machine does not stretch. Each side runs in a process of its own, so
that its peak of memory is its own.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

from agentscope.agents import finding, load_network
from agentscope.contracts import InspectableEnv, Layer, action_concepts_of, concepts_of
from agentscope.probes import LabelledStates, LayerReadout, StreamedProbe
from agentscope.probes.ridge import STRENGTHS
from agentscope.probes.sources import View, view_of
from agentscope.probes.targets import action_layout
from agentscope.rollouts import NetworkPolicy, Streams, collect_states, make_environment, moments

AGENT = "tetris-dqn"
STATES = 1_000_000
TIMES = 4
HELD_OUT, HELD_OUT_GAMES = 10_000, 100
MOST_STEPS = 200  # pieces of a game: it ends early enough for these games to stay side by side
CHUNK = 2_048
SIDE_BY_SIDE = 256
# One of each kind and of each way to be read; one of the actions. Every layer is fitted to each on all states.
COMPARED = ("piece", "piece_is_T", "holes", "height", "landing_height")
LOGISTIC = ("surface", "piece_is_T")  # layer and concept that the usual, iterative probe of a flag is timed on
Key = tuple[str, str]  # layer, concept


@dataclass(frozen=True)
class Pass:
    """One pass of ours: CPU seconds of each part, the peak of memory in MB, and the readouts.

    Attributes:
        fitting: solving for every readout and scoring it, at the end.
        network: the network's own pass over all states, all layers at once.
        playing: of playing the games and labelling their states.
    """

    states: int
    counting: float
    fitting: float
    network: float
    playing: float
    peak: float
    readouts: Mapping[Key, LayerReadout]


@dataclass(frozen=True)
class Fit:
    """One concept fitted from one layer by scikit-learn."""

    score: float
    seconds: float


class Games:
    """Labelled states of the agent's own fresh games, some concepts or all of them."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        source = finding.find_agent(AGENT)
        assert source.card is not None
        self.network: Any = load_network(source.zip_path, name=AGENT)
        self.env: InspectableEnv = make_environment(source.card.environment.id, source.card.environment.kwargs)
        self.policy = NetworkPolicy(self.network, self.env)
        self.streams = Streams(0)
        everything = (*concepts_of(self.env), *action_concepts_of(self.env))
        self.concepts = tuple(concept for concept in everything if not names or concept.name in names)

    def label(self, states: np.ndarray, episodes: np.ndarray) -> LabelledStates:
        """The states as the network sees them, and their concepts' values."""
        values = {concept.name: np.asarray(concept.measure(states)) for concept in self.concepts}
        return LabelledStates(self.env.observe(states), self.concepts, values, episodes, *action_layout(self.env))

    def held_out(self) -> LabelledStates:
        """A bounded set of states of games of their own."""
        found = collect_states(
            self.policy, self.env, self.streams.episode_seeds("benchmark.held", HELD_OUT_GAMES), max_states=HELD_OUT,
            generator=self.streams.generator("benchmark.held"), max_steps=MOST_STEPS,
        )  # fmt: skip
        return self.label(found.states, found.episode)

    def probe(self) -> StreamedProbe:
        """An empty probe: the same split of the held-out games each time."""
        return StreamedProbe(self.network, self.held_out(), generator=self.streams.generator("benchmark.split"))

    def chunks(self, count: int) -> Iterator[LabelledStates]:
        """Exactly `count` states in chunks; no state is kept once the next chunk is asked for."""
        seeds = self.streams.episode_seeds("benchmark", 2**20)
        waiting: list[tuple[np.ndarray, np.ndarray]] = []
        for start in range(0, len(seeds), SIDE_BY_SIDE):
            group = seeds[start : start + SIDE_BY_SIDE]
            for moment in moments(self.policy, self.env, group, max_steps=MOST_STEPS):
                waiting.append((moment.states, group[moment.episode]))
                size = sum(len(states) for states, _ in waiting)
                if size < min(CHUNK, count):
                    continue
                states, episodes = (np.concatenate(parts)[:count] for parts in zip(*waiting, strict=True))
                count -= len(states)
                waiting = []
                yield self.label(states, episodes)
                if not count:
                    return


def peak_memory() -> float:
    """The most memory that this process has ever held, in MB (Linux counts in KiB, macOS in bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


class Clock:
    """Calls a function, and adds up the CPU seconds of its calls."""

    def __init__(self, work: Callable[..., Any]) -> None:
        self.work, self.seconds = work, 0.0

    def __call__(self, *arguments: Any) -> Any:
        started = time.process_time()
        result = self.work(*arguments)
        self.seconds += time.process_time() - started
        return result


def one_pass(count: int) -> Pass:
    """Count all concepts x layers in one pass over `count` states, then fit and score every readout."""
    games = Games()
    probe = games.probe()
    network = Clock(probe.source.activations)
    probe.source = replace(probe.source, activations=network)
    counting = Clock(probe.count)
    started = time.process_time()
    for chunk in games.chunks(count // TIMES):
        for _ in range(TIMES):
            counting(chunk)
    playing = time.process_time() - started - counting.seconds
    assert probe.states == count // TIMES * TIMES
    spent = network.seconds
    fitting = Clock(probe.readouts)
    readouts = fitting()
    return Pass(probe.states, counting.seconds - spent, fitting.seconds, spent, playing, peak_memory(), readouts)


def scikit_learn(count: int, strengths: Mapping[Key, float]) -> tuple[dict[Key, Fit], Fit, float]:
    """Fits of COMPARED from every layer, the logistic one, and the peak of memory; `strengths` relative to rows."""
    games = Games(COMPARED)
    probe = games.probe()
    held, scored = probe.plan.data, probe.plan.split.scored
    parts = [(chunk.observations, chunk.labels) for chunk in games.chunks(count // TIMES)]
    observations = np.concatenate([part[0] for part in parts])
    labels = {name: np.concatenate([part[1][name] for part in parts] * TIMES) for name in COMPARED}
    parts.clear()
    fits: dict[Key, Fit] = {}
    usual = Fit(float("nan"), float("nan"))
    for layer in games.network.layers:
        activations = games.network.activations(observations, layer.name)
        held_activations = games.network.activations(held.observations[scored], layer.name)
        for view, names in ways_to_read(layer, probe).items():
            x, held_x = standardised(view.arrange(activations), view.arrange(held_activations))
            for name in names:
                wanted = (outputs(labels[name], view), outputs(held.labels[name][scored], view))
                alpha = strengths[layer.name, name] * len(x)
                fits[layer.name, name] = fitted(probe.targets[name].concept.kind, x, held_x, wanted, alpha)
                if (layer.name, name) == LOGISTIC:
                    model, seconds = timed(LogisticRegression(C=1.0), x, wanted[0].ravel().astype(int))
                    usual = Fit(float(roc_auc_score(wanted[1].ravel(), model.decision_function(held_x))), seconds)
            del x
    return fits, usual, peak_memory()


def ways_to_read(layer: Layer, probe: StreamedProbe) -> Mapping[View, list[str]]:
    """The compared concepts by how ours reads them from this layer: as a whole, or shared over the columns."""
    ways: dict[View, list[str]] = defaultdict(list)
    for name in COMPARED:
        ways[view_of(layer, probe.targets[name].axes)].append(name)
    return ways


def standardised(x: np.ndarray, held: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(rows, features) with unit variance; a shared readout has an intercept for each position, so each is centred."""
    mean = x.mean(axis=0, dtype=np.float64).astype(x.dtype)
    rows, held_rows = ((part - mean).reshape(-1, x.shape[2]) for part in (x, held))
    rows = np.tile(rows, (TIMES, 1))
    scaler = StandardScaler(copy=False).fit(rows)
    return scaler.transform(rows), scaler.transform(held_rows)


def outputs(labels: np.ndarray, view: View) -> np.ndarray:
    """(states, positions, outputs): columns are positions where a readout is shared over them."""
    if not view.axes:
        return labels.reshape(len(labels), 1, -1)
    return np.moveaxis(labels.reshape(len(labels), -1, view.positions), 2, 1)


def fitted(kind: str, x: np.ndarray, held: np.ndarray, wanted: Sequence[np.ndarray], alpha: float) -> Fit:
    """One concept, all its values at once, by the closed form that the concept's kind asks for; scored as ours is."""
    labels, truth = wanted
    if kind in ("flag", "choice"):
        model, seconds = timed(RidgeClassifier(alpha=alpha), x, labels.ravel().astype(int))
        if kind == "flag":
            return Fit(float(roc_auc_score(truth.ravel(), model.decision_function(held))), seconds)
        return Fit(float(f1_score(truth.ravel(), model.predict(held), average="macro")), seconds)
    mean = labels.mean(axis=0, dtype=np.float64)
    model, seconds = timed(Ridge(alpha=alpha), x, (labels - mean).astype(np.float32).reshape(len(x), -1))
    found = model.predict(held).reshape(truth.shape) + mean
    apart = truth - truth.mean(axis=0)
    return Fit(1.0 - float(((found - truth) ** 2).sum() / (apart**2).sum()), seconds)


def timed(model: Any, x: np.ndarray, y: np.ndarray) -> tuple[Any, float]:
    """The fitted model and the CPU seconds that `fit` took."""
    clock = Clock(model.fit)
    return clock(x, y), clock.seconds


def alone(work: Callable[..., Any], *arguments: Any) -> Any:
    """The result of work in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def rows(states: int = STATES) -> Iterator[str]:
    """Seconds, memory and scores of both sides, and the ratio for each readout."""
    few, many = (alone(one_pass, count) for count in (states // 10, states))
    readouts: Mapping[Key, LayerReadout] = many.readouts
    concepts, layers = (len({key[place] for key in readouts}) for place in (1, 0))
    first = next(iter(readouts.values()))
    yield (f"{AGENT}: {concepts} concepts x {layers} layers = {len(readouts)} readouts; each state seen {TIMES} times; "
           f"scored on {first.states:,} held-out states of {first.episodes} games; CPU seconds")  # fmt: skip
    for each in (few, many):
        yield (f"one pass over {each.states:>9,} states: counting {each.counting:7.1f} s, fitting and scoring "
               f"{each.fitting:5.1f} s, peak {each.peak:,.0f} MB")  # fmt: skip
    yield f"peak memory grows from {few.states:,} to {many.states:,} states by {many.peak - few.peak:,.0f} MB"
    yield (f"charged to neither side: the network's pass {many.network:.1f} s, playing and labelling "
           f"{many.playing:.1f} s")  # fmt: skip
    strengths = {key: found.strength for key, found in readouts.items()}
    fits, usual, peak = alone(scikit_learn, states, strengths)
    yield (f"scikit-learn: {len(fits)} of the {len(readouts)} readouts, each on all {states:,} states, "
           f"peak {peak:,.0f} MB")  # fmt: skip
    yield from score_rows(readouts, fits, usual)
    yield from ratio_rows(many, fits)


def score_rows(ours: Mapping[Key, LayerReadout], fits: Mapping[Key, Fit], usual: Fit) -> Iterator[str]:
    """Both scores side by side, and the seconds of each fit."""
    yield f"{'layer':12s} {'concept':16s} {'metric':9s} {'AgentScope':>10s} {'scikit-learn':>13s} {'its fit':>10s}"
    for (layer, name), fit in fits.items():
        found = ours[layer, name]
        yield f"{layer:12s} {name:16s} {found.metric:9s} {found.score:10.4f} {fit.score:13.4f} {fit.seconds:8.2f} s"
    layer, name = LOGISTIC
    yield f"{layer:12s} {name:16s} {'AUC':20s} {usual.score:13.4f} {usual.seconds:8.2f} s by LogisticRegression"
    behind = max(fit.score - ours[key].score for key, fit in fits.items())
    yield f"the most that a score of ours lies below scikit-learn's: {max(behind, 0.0):.4f}"


def ratio_rows(ours: Pass, fits: Mapping[Key, Fit]) -> Iterator[str]:
    """Seconds a readout of both: all of ours, and scikit-learn's scaled from those that were measured."""
    measured: dict[tuple[Any, ...], list[float]] = defaultdict(list)
    for (layer, name), fit in fits.items():
        found = ours.readouts[layer, name]
        for alike in ((layer, found.read), (layer, found.read, found.metric)):
            measured[alike].append(fit.seconds)
    theirs = sum(
        float(np.mean(measured.get((layer, found.read, found.metric)) or measured[layer, found.read]))
        for (layer, _), found in ours.readouts.items()
    )
    count, mine = len(ours.readouts), ours.counting + ours.fitting
    yield f"{'AgentScope':14s} {mine:10.1f} s for all {count} readouts {mine / count:10.3f} s each"
    yield (f"{'scikit-learn':14s} {theirs:10.1f} s for all {count} readouts {theirs / count:10.3f} s each "
           f"{theirs / mine:8.1f} x ({(theirs + ours.network) / (mine + ours.network):.1f} x if each side is also "
           "charged one pass of the network)")  # fmt: skip
    tried = theirs * len(STRENGTHS)
    yield (f"{'scikit-learn':14s} {tried:10.1f} s fitting all {len(STRENGTHS)} penalties that ours chooses from   "
           f"{tried / mine:13.1f} x")  # fmt: skip
    yield (f"  scaled: {len(fits)} measured; each other counts as the mean of those of its layer, metric and "
           "way of reading (whole, or shared over columns)")  # fmt: skip


if __name__ == "__main__":
    for row in rows(*map(int, sys.argv[1:])):
        print(row, flush=True)
