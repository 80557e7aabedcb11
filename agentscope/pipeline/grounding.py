"""Level 2: the text with each primitive read from the network's own activations, and what perception costs it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from agentscope import language, rollouts
from agentscope.contracts import Network, States
from agentscope.errors import EmptySample, TextError
from agentscope.measures import episode_interval, same_class
from agentscope.pipeline.opening import OpenAgent
from agentscope.pipeline.readings import ChosenReadouts, LayerActivations, content_hash, readout_arrays
from agentscope.pipeline.running import Run
from agentscope.probes.grounding import Grounded, fit_grounded, label_called
from agentscope.records import StateSet

FIT_STATES = 6_000  # of all states, where the environment lists them, and as many at most that the network visits
FIT_LESSONS = 5_000  # states, where it does not list them
VISITS = 1_000  # episodes of the latter
FEWEST_LEVELS = 10  # below it, readouts are fitted on lessons even where all states are listed
CHOOSING, CHOOSING_AFTER = 2_000, 150  # states that choose among readouts; fewer where the text looks at afterstates
EXAM_AFTER = 600  # exam states of a text that looks at afterstates: each state is a score of observations
NEAR = 0.001  # agreement given up for a linear readout, or one from a later layer
PASSES = 2  # over all primitives, each choosing its readout beside those of the others


@dataclass(frozen=True)
class Grounding:
    """Level 2 of a text.

    Attributes:
        levels: rows for `levels`; why: dotted path -> reason, where level 2 has no figure.
        readouts: arrays for readouts.npz, under level2.<concept>.
    """

    levels: tuple[Mapping[str, Any], ...]
    readouts: Mapping[str, np.ndarray] = field(default_factory=dict)
    why: Mapping[str, str] = field(default_factory=dict)


def ground_strategy(agent: OpenAgent, text: str, lessons: StateSet, exam: StateSet, run: Run) -> Grounding:
    """Bind the text to the network's activations, and measure on the exam's network states what that costs.

    Readouts are fitted on lessons, or on all states where the environment lists them, as texts are; of each primitive
    one is chosen on states that the network visits, by the agreement of the text: among those that differ by less than
    NEAR the latest layer first, and linear before non-linear.
    """
    program = language.parse(text, language.vocabulary_of(agent.env))
    names = language.called_concepts(program)
    layers = hidden_layers(agent.network)
    grounder = _Grounder(agent, program, lessons, run)
    if not names:  # there is nothing to misread: level 2 is level 1
        return Grounding((grounder.measure({}, {}, exam),))
    if not layers:
        return Grounding((), {}, {"levels.2": "the network has no layer between input and scores"})
    try:
        readouts = grounder.fit(names, layers)
        if not readouts:
            return Grounding((), {}, {"levels.2": "none of the text's primitives could be read from any layer"})
        both = {form: grounder.choose(_only(readouts, form)) for form in ("any", "linear")}
        row = grounder.measure(both["any"], both["linear"], exam)
    except (TextError, EmptySample) as error:
        return Grounding((), {}, {"levels.2": str(error)})
    arrays = readout_arrays(both["any"])
    return Grounding(({**row, "readouts_sha256": content_hash(arrays)},), arrays)


def hidden_layers(network: Network) -> tuple[str, ...]:
    """Layers that a primitive may be read from: neither what is still the input nor what is already the scores.

    A first layer as wide as the input may be the input itself, from which a readout can compute what the network does
    not; it is left out where another follows. So are last layers that differ from the scores in shape only.
    """
    layers = list(network.layers)
    while layers and int(np.prod(layers[-1].shape)) == network.actions:
        layers.pop()
    if len(layers) > 1 and int(np.prod(layers[0].shape)) >= int(np.prod(network.observation_shape)):
        layers.pop(0)
    return tuple(layer.name for layer in layers)


class _Grounder:
    """One text of one agent, and the states that readouts are fitted on and chosen on."""

    def __init__(self, agent: OpenAgent, program: language.Program, lessons: StateSet, run: Run) -> None:
        self.agent, self.program, self.run, self.lessons = agent, program, run, lessons
        self.here, self.after = language.calls_by_place(program)
        listed = rollouts.enumerated_states(agent.env)
        many = listed is not None and len(np.unique(listed.episode)) >= FEWEST_LEVELS
        self.listed = listed if many else None

    def fit(self, names: Sequence[str], layers: Sequence[str]) -> dict[str, list[Grounded]]:
        """Readouts of each concept that has some, the latest layer first and linear before non-linear."""
        env, visited, listed = self.agent.env, self.visited, self.listed
        fits = ~self.choosing if not self.choosing.all() else self.choosing
        states, episodes = visited.states[fits], visited.episode[fits]
        if listed is not None:
            rows = np.linspace(0, len(listed) - 1, min(len(listed), FIT_STATES)).astype(np.int64)
            states = np.concatenate([listed.states[rows], states])
            episodes = rollouts.levels_of(states)
        data = label_called(env, states, episodes, names)
        generator = self.run.streams.generator("grounding")
        found = fit_grounded(self.agent.network, data, layers, generator=generator)
        order = {layer: place for place, layer in enumerate(layers)}
        ranked = sorted(found, key=lambda each: (-order[each.layer], each.form))
        return {name: of for name in names if (of := [each for each in ranked if each.concept == name])}

    @cached_property
    def visited(self) -> StateSet:
        """States that the network visits: the lessons, or where all states fit, different ones of more episodes."""
        if self.listed is None:
            rows = np.linspace(0, len(self.lessons) - 1, min(len(self.lessons), FIT_LESSONS)).astype(np.int64)
            return _rows(self.lessons, rows)
        found = self.run.states(self.agent, "grounding", VISITS, FIT_STATES)
        shown = self.agent.env.observe(found.states).reshape(len(found), -1)
        rows = np.sort(np.unique(shown, axis=0, return_index=True)[1])
        return _rows(found, rows)

    @cached_property
    def choosing(self) -> np.ndarray:
        """Which of them choose among readouts: a quarter of the episodes, which does not fit them.

        Where all states are listed, all that are visited do both: held-out quarters of so few chose worse (.90 against
        .93 agreement on keydoor-ppo), and the text was fitted to all states anyhow.
        """
        episodes = np.unique(self.visited.episode)
        if self.listed is not None or len(episodes) < 8:
            return np.ones(len(self.visited), dtype=bool)
        generator = self.run.streams.generator("grounding.choose")
        return np.isin(self.visited.episode, generator.permutation(episodes)[: len(episodes) // 4])

    def choose(self, readouts: Mapping[str, Sequence[Grounded]]) -> dict[str, Grounded]:
        """One readout for each concept: begun with the best alone and with the best known, then beside the others."""
        rows = np.flatnonzero(self.choosing)
        most = CHOOSING_AFTER if self.after else CHOOSING
        states = self.visited.states[rows[np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(np.int64)]]
        decisions = self.agent.decide(states)
        state = self.batch(language.bind_state(self.agent.env), states)
        tried = self._batches(readouts, states)

        def share(batch: language.Batch) -> float:
            actions = language.evaluate(self.program, state.binding, batch).actions
            return float(same_class(decisions.actions, actions, decisions.equivalent).mean())

        def beside(chosen: Mapping[str, int], left_out: str = "") -> language.Batch:
            batch = state
            for other, place in chosen.items():
                if other != left_out:
                    batch = batch.mixed(tried[other][place], {other})
            return batch

        def best(name: str, others: language.Batch) -> int:
            shares = [share(others.mixed(batch, {name})) for batch in tried[name]]
            return next(place for place, found in enumerate(shares) if found >= max(shares) - NEAR)

        alone = {name: best(name, state) for name in readouts}
        known = {name: int(np.argmax([each.score for each in of])) for name, of in readouts.items()}
        starts = (alone, known)
        for chosen in starts:
            for name in [*readouts] * PASSES:
                chosen[name] = best(name, beside(chosen, name))
        chosen = max(starts, key=lambda each: share(beside(each)))
        return {name: readouts[name][place] for name, place in chosen.items()}

    def _batches(self, readouts: Mapping[str, Sequence[Grounded]], states: States) -> dict[str, list[language.Batch]]:
        """For each concept, a batch with the values of each of its readouts."""
        layers = tuple(dict.fromkeys(each.layer for of in readouts.values() for each in of))
        remembered = LayerActivations(self.agent.network, layers, batches=10_000)
        tried: dict[str, list[language.Batch]] = {name: [] for name in readouts}
        for place in range(max(len(of) for of in readouts.values())):
            now = {name: of[place] for name, of in readouts.items() if place < len(of)}
            batch = self.batch(self.bind(now, remembered), states, now)
            for name in now:
                tried[name].append(batch)
        return tried

    def bind(self, readouts: Mapping[str, Grounded], read: language.ReadLayer | None = None) -> language.NetworkBinding:
        """The text's environment with these primitives read from the network, all others from the state."""
        missing = set(language.called_concepts(self.program)) - set(readouts)
        if read is None:
            layers = tuple(dict.fromkeys(readout.layer for readout in readouts.values()))
            read = LayerActivations(self.agent.network, layers, batches=2)
        return language.bind_network(
            self.agent.network, self.agent.env, ChosenReadouts(readouts), from_state=missing, read_layer=read
        )

    def batch(self, binding: language.Binding, states: States, names: Collection[str] | None = None) -> language.Batch:
        """States with all that the text calls measured at once, or only these concepts."""
        batch = language.Batch(binding, states, lane_bytes=self.program.lane_bytes)
        here, after = ([name for name in of if names is None or name in names] for of in (self.here, self.after))
        batch.measure(here, after)
        return batch

    def measure(self, chosen: Mapping[str, Grounded], linear: Mapping[str, Grounded], exam: StateSet) -> dict[str, Any]:
        """The row of level 2: agreement, loss, and the loss of each primitive alone and of all but it."""
        most = EXAM_AFTER if self.after else len(exam)
        rows = np.linspace(0, len(exam) - 1, min(len(exam), most)).astype(np.int64)
        states, decisions = exam.states[rows], self.agent.decide(exam.states[rows])
        state = self.batch(language.bind_state(self.agent.env), states)

        def same(batch: language.Batch) -> np.ndarray:
            actions = language.evaluate(self.program, state.binding, batch).actions
            return same_class(decisions.actions, actions, decisions.equivalent)

        network = state.mixed(self.batch(self.bind(chosen), states, chosen), chosen)
        found = same(network)
        generator = self.run.streams.generator("bootstrap.level2")
        interval = episode_interval(found, exam.episode[rows], generator=generator)
        level_1 = float(same(state).mean())
        plain = state.mixed(self.batch(self.bind(linear), states, linear), linear)
        return {
            "level": 2, "set": "network", "agreement": interval.mean, "states": len(rows),
            "low": interval.low, "high": interval.high, "level_1": level_1, "loss": level_1 - interval.mean,
            "linear_agreement": float(same(plain).mean()),
            "fitted_on": "lessons" if self.listed is None else "all states",
            "read_from_state": [name for name in language.called_concepts(self.program) if name not in chosen],
            "perception": [
                {
                    "concept": name, "layer": readout.layer, "readout": readout.form, "score": readout.score,
                    "alone": float(same(state.mixed(network, {name})).mean()),
                    "without": float(same(network.mixed(state, {name})).mean()),
                }
                for name, readout in chosen.items()
            ],
        }  # fmt: skip


def _rows(states: StateSet, rows: np.ndarray) -> StateSet:
    return replace(states, states=states.states[rows], episode=states.episode[rows], step=states.step[rows])


def _only(readouts: Mapping[str, Sequence[Grounded]], form: str) -> dict[str, Sequence[Grounded]]:
    """The readouts of one form; "any" leaves all."""
    kept = {name: [each for each in of if form == "any" or each.form.startswith(form)] for name, of in readouts.items()}
    return {name: of for name, of in kept.items() if of}
