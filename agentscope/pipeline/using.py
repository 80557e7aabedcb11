"""Use: whether the network acts on what it can be read to hold, for many concepts at once or for one in depth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from agentscope import probes, rollouts
from agentscope.concepts import Concept
from agentscope.contracts import action_concepts_of, concepts_of, equivalent_actions_of, legal_actions_of
from agentscope.measures import paired_difference
from agentscope.pipeline.opening import OpenAgent
from agentscope.pipeline.running import Run
from agentscope.probes import alignment
from agentscope.probes.bench import Bench, testable_layers
from agentscope.probes.circuits import find_circuit
from agentscope.probes.directions import swap_readouts
from agentscope.probes.erasing import Eraser, label_columns
from agentscope.probes.swapping import play_scene, set_stage
from agentscope.probes.using import Trial, told_use, try_concept, try_trained, use_of, with_erasure
from agentscope.records import Primitive, StateSet

EDITS, ACTION_EDITS = 5, 0.5  # pairs a lesson state; those of action concepts are measured for every action
FITTED = 0.75  # states and edits a lesson state that the swapped readouts are fitted on
VISITED = 3_000  # visited states on which concepts are erased
PLAYED, STEPS = 5, 10  # of the exam's episodes one in so many is played with a concept erased, for a share of the steps
TWIN_EDITS = 3  # untrained twins are looked at on one pair in so many
NO_EDITS = "the environment offers no edits, so there are no pairs to swap between"


@dataclass(frozen=True)
class Tested:
    """One concept's tests for use: its record, what they were about, and where it was erased."""

    primitive: Primitive
    trial: Trial
    eraser: Eraser | None = None


class UseTests:
    """The tests of one agent: the pairs and the untrained twins are prepared once, concepts are tested as asked."""

    def __init__(self, agent: OpenAgent, visited: StateSet, twins: Sequence[Any], run: Run) -> None:
        self.agent, self.twins, self.run = agent, twins, run
        self.visited = visited
        rows = np.linspace(0, len(visited) - 1, min(len(visited), VISITED)).astype(np.int64)
        self.states = visited.states[rows]
        self.benches: dict[bool, Bench | None] = {}
        self.action_concepts: tuple[Concept, ...] = ()

    def test(self, primitives: Sequence[Primitive], actions: Sequence[str] = ()) -> tuple[Tested, ...]:
        """Every concept of states among these records, and those concepts of actions that are named.

        Concepts of actions cost a measurement of every action of every edit, so only those that are asked for run.
        """
        declared = {concept.name: concept for concept in concepts_of(self.agent.env)}
        wanted = {c.name: c for c in action_concepts_of(self.agent.env) if c.name in actions}
        self.action_concepts = tuple(wanted.values())
        found = []
        for index, primitive in enumerate(primitives):
            self.run.progress("tests for use", index, len(primitives))
            concept = declared.get(primitive.concept) or wanted.get(primitive.concept)
            if concept is None:
                trial = Trial(replace(primitive.evidence, why="no text calls it: not tested"))
                found.append(Tested(_with(primitive, trial), trial))
            else:
                found.append(self._one(primitive, concept, of_actions=concept.name in wanted))
        self.run.progress("tests for use", len(primitives), len(primitives))
        return tuple(found)

    def _one(self, primitive: Primitive, concept: Concept, *, of_actions: bool) -> Tested:
        bench = self.bench(of_actions)
        if bench is None:
            none = Trial(replace(primitive.evidence, why=NO_EDITS))
            return Tested(_with(primitive, none), none)
        generator = self.run.streams.generator(f"use.{concept.name}")
        trial = try_concept(bench, concept, generator=generator)
        layer = trial.evidence.layer or primitive.layer
        eraser = None
        if layer in bench.layers and primitive.score is not None:
            columns = label_columns(np.asarray(concept.measure(self.states)), concept.kind)
            evidence, eraser = with_erasure(bench, trial.evidence, layer, columns, generator)
            trial = replace(trial, evidence=evidence)
        return Tested(_with(primitive, trial), trial, eraser)

    def bench(self, of_actions: bool) -> Bench | None:
        """Pairs, readouts and twins; those with concepts of actions are a smaller set of their own."""
        if of_actions not in self.benches:
            self.benches[of_actions] = self._prepared(of_actions)
        return self.benches[of_actions]

    def _prepared(self, of_actions: bool) -> Bench | None:
        env, network = self.agent.env, self.agent.network
        generator = self.run.streams.generator("use.pairs")
        size = self.run.budget.lesson_states
        start = rollouts.states_to_edit(env, self.visited, generator)
        pool = rollouts.edit_pool(env, start, generator, most=int(size * (ACTION_EDITS if of_actions else EDITS)))
        if pool is None:
            return None
        concepts = (*concepts_of(env), *(self.action_concepts if of_actions else ()))
        stage = set_stage(env, pool, concepts, generator)
        if len(np.unique(stage.base_episode[~stage.base_tests])) < 3:
            return None
        layers = testable_layers(network)
        lessons = stage.lessons(int(size * FITTED))
        seeds = self.run.streams.generator("use.readouts")
        readouts = swap_readouts(network, lessons, layers, generator=seeds)
        thin = stage.thinned(TWIN_EDITS)
        twins = [(play_scene(twin, thin), swap_readouts(twin, lessons, layers, generator=seeds))
                 for twin in self.twins]  # fmt: skip
        return Bench(
            play_scene(network, stage), readouts, twins, env.observe(self.states), legal_actions_of(env, self.states),
            equivalent_actions_of(env, self.states),
        )  # fmt: skip

    def deepen(self, tested: Tested, *, of_actions: bool) -> tuple[Tested, dict[str, Any]]:
        """One concept further: trained subspaces, the circuit, and play with the concept erased."""
        bench = self.bench(of_actions)
        if bench is None:
            return tested, {}
        name = tested.primitive.concept
        concept = next(one for one in bench.scene.stage.concepts if one.name == name)
        generator = self.run.streams.generator(f"use.deep.{name}")
        effort = alignment.QUICK if self.run.budget.name != "full" else alignment.Effort()
        trained = try_trained(bench, concept, effort=effort, generator=generator)
        used = tested.primitive.use == "used"  # what does nothing has no circuit
        circuit = find_circuit(bench, name, tested.trial, generator=generator) if used else None
        evidence = replace(tested.trial.evidence, trained=trained)
        units = tested.primitive.units or (() if circuit is None else circuit.units)
        primitive = replace(tested.primitive, evidence=evidence, circuit=circuit, units=units)
        found = replace(tested, primitive=primitive, trial=replace(tested.trial, evidence=evidence))
        return found, self._played(tested, bench)

    def _played(self, tested: Tested, bench: Bench) -> dict[str, Any]:
        """Return of the network with the concept erased from its layer, and with a random erasure of equal rank."""
        eraser, layer = tested.eraser, tested.trial.evidence.erasure_layer
        if eraser is None or layer is None:
            return {}
        episodes, steps = max(self.run.budget.exam // PLAYED, 2), max(self.run.budget.steps // STEPS, 1)
        seeds = self.run.streams.episode_seeds("use.play", episodes)
        generator = self.run.streams.generator("use.play.random")
        erasers = {"erased": eraser, "random": bench.whitening(layer).random_eraser(eraser.rank, generator)}
        plain = rollouts.play(self.agent.policy, self.agent.env, seeds, max_steps=steps)
        told: Mapping[str, Any] = {"play": "network", "return": float(plain.returns.mean()), "episodes": episodes}
        rows = [told]
        for name, one in erasers.items():
            patched = rollouts.NetworkPolicy(self.agent.network.with_patch(layer, one), self.agent.env)
            played = rollouts.play(patched, self.agent.env, seeds, max_steps=steps)
            lost = paired_difference(
                played.returns, plain.returns, generator=self.run.streams.generator(f"bootstrap.use.{name}")
            )
            told = {"play": f"{name} ({eraser.rank} of {layer})", "return": float(played.returns.mean())}
            rows.append({**told, "difference": lost.mean, "low": lost.low, "high": lost.high, "episodes": episodes})
        return {"play_without": rows, "steps": steps}


def study_use(
    agent: OpenAgent, visited: StateSet, twins: Sequence[Any], primitives: Sequence[Primitive], run: Run
) -> Iterator[tuple[Primitive, dict[str, Any]]]:
    """Each of these concepts tested in depth: its record, and the rows that `probe` shows of it."""
    tests = UseTests(agent, visited, twins, run)
    actions = [primitive.concept for primitive in primitives]
    for tested in tests.test(primitives, actions=actions):
        of_actions = any(concept.name == tested.primitive.concept for concept in tests.action_concepts)
        deeper, played = tests.deepen(tested, of_actions=of_actions)
        yield deeper.primitive, use_rows(deeper, played)


def _with(primitive: Primitive, trial: Trial) -> Primitive:
    """The record with its evidence, its verdicts, and the units that are functions of the concept."""
    units: tuple[str, ...] = ()
    if trial.subspace is not None and trial.subspace.kind == "units":
        units = tuple(f"{trial.subspace.layer}[{i}]" for i in np.flatnonzero(trial.subspace.basis.any(axis=1)))
    told = told_use(trial.evidence)
    use = use_of(trial.evidence)
    return probes.settle(replace(primitive, evidence=trial.evidence, use=use, use_decided=told, units=units))


def use_rows(tested: Tested, played: Mapping[str, Any]) -> dict[str, Any]:
    """What `probe` tells of the tests for use beside the verdict: lines and tables, in the order of their weight."""
    circuit, evidence = tested.primitive.circuit, tested.trial.evidence
    rows: dict[str, Any] = {}
    if evidence.erasure is not None:
        rows["erasure"] = [{
            "layer": evidence.erasure_layer, "rank": evidence.erasure_rank, "choices_changed": evidence.erasure,
            "random": evidence.erasure_control, "whole_layer": evidence.erasure_ceiling,
        }]  # fmt: skip
    rows |= played
    if circuit is not None:
        rows["circuit"] = [{
            "layer": circuit.layer, "units": len(circuit.units), "effect": circuit.effect, "wanted": circuit.wanted,
            "random_units": circuit.random, "complete": circuit.complete, "minimal": circuit.minimal,
            "stability": circuit.stability,
        }]  # fmt: skip
        rows["units"] = list(circuit.single)
        if circuit.edges is not None:
            rows["edges"] = [circuit.edges]
    rows["subspaces_tried"] = list(evidence.tried)
    rows["trained_subspaces"] = list(evidence.trained)
    return {name: value for name, value in rows.items() if value}
