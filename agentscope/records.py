"""The frozen records that rooms hand to each other; their fields are the keys of report.json (docs/formats.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from agentscope.contracts import States


@dataclass(frozen=True)
class StateSet:
    """States with the episode each came from: every split and bootstrap goes by episode, never by row.

    Attributes:
        name: network, strategy, edited, reachable or unseen_levels.
        episode: seed of the episode of each state (an edited state keeps its parent's).
        step: index of the state in its episode.
        feature: for edited sets, index of the edited feature; else None.
        feature_names: names of those features.
        exhaustive: every state that exists is here, so that no interval is needed.
    """

    name: str
    states: States
    episode: Int[np.ndarray, "states"]
    step: Int[np.ndarray, "states"]
    feature: Int[np.ndarray, "states"] | None = None
    feature_names: tuple[str, ...] = ()
    exhaustive: bool = False

    def __len__(self) -> int:
        return len(self.states)


@dataclass(frozen=True)
class Interval:
    """A mean with a bootstrap interval over episodes (95 %)."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class ProbeScores:
    """The score of one probe and of its controls, all on the same held-out episodes."""

    input: float | None
    untrained: float | None
    random: float | None
    task: float | None


@dataclass(frozen=True)
class Evidence:
    """Figures of the tests for use, all on episodes that chose nothing; null until they are run.

    Effect pairs are a state and its one-feature edit that differ in the concept and in the network's choice; no-effect
    pairs differ in the choice but not in the concept.

    Attributes:
        erasure: share of states whose choice changes when the concept is erased (LEACE) from the layer;
            erasure_control: the same for random subspaces of equal rank; erasure_ceiling: with the layer resampled.
        erasure_layer, erasure_rank: where, and how many directions were erased.
        interchange: share of effect pairs in which the state with the edit's part of the subspace is decided like the
            edit; interchange_control: the same for random subspaces of equal rank; interchange_untrained: the highest
            of the untrained twins', each with a subspace found in the same way.
        no_effect: share of no-effect pairs that flip all the same.
        layer, subspace, rank: where it was measured, e.g. hidden_1, "readout" or "units", 3.
        trained: a row for each rank of a trained subspace (DAS): shown beside the verdict, never decides it.
        others_changed: how many other concepts the pairs change, on average.
        row_space: share of the subspace that later layers read at all; guarded: interchange by that part alone.
        score_shift: mean share of the edit's whole effect on the scores that the swap brings about.
        pairs, no_effect_pairs: how many were tested.
        tried: a row for each layer and subspace that was tried, on the episodes that chose.
        why: why there is no verdict; empty where there is one.
    """

    erasure: float | None = None
    erasure_control: float | None = None
    interchange: float | None = None
    no_effect: float | None = None
    erasure_ceiling: float | None = None
    erasure_layer: str | None = None
    erasure_rank: int | None = None
    interchange_low: float | None = None
    interchange_high: float | None = None
    interchange_control: float | None = None
    interchange_untrained: float | None = None
    layer: str | None = None
    subspace: str | None = None
    rank: int | None = None
    others_changed: float | None = None
    row_space: float | None = None
    guarded: float | None = None
    score_shift: float | None = None
    pairs: int = 0
    no_effect_pairs: int = 0
    tried: tuple[Mapping[str, Any], ...] = ()
    trained: tuple[Mapping[str, Any], ...] = ()
    why: str = ""


@dataclass(frozen=True)
class Circuit:
    """The smallest set of units of one layer whose swap does what swapping the concept does.

    Attributes:
        units: names, e.g. hidden_1[4], the most important first.
        effect: share of judging effect pairs that follow when these units alone are swapped; whole: when the layer is;
            wanted: the interchange of the concept that it had to keep (KEPT of it).
        kept: effect / wanted. random: mean effect of random sets of as many units.
        complete: 1 - effect of all other units / whole: 1 if nothing is left outside.
        minimal: the least that any one unit adds.
        stability: mean Jaccard of the sets found on resampled pairs.
        edges: of the edges into the next dense layer the fewest that keep the effect, out of how many.
        single: a row for each of the strongest units: share of visited states whose choice changes when it alone is
            resampled, and of the pairs that follow when it alone is swapped.
    """

    layer: str
    units: tuple[str, ...]
    effect: float
    whole: float
    wanted: float
    kept: float | None
    random: float | None
    complete: float | None
    minimal: float | None
    stability: float | None
    edges: Mapping[str, Any] | None = None
    single: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Primitive:
    """One concept as the network may hold it: where it is readable, beside its controls, and whether it is used."""

    concept: str
    kind: str
    layer: str | None
    metric: str
    score: float | None
    controls: ProbeScores
    gain: float | None
    selectivity: float | None
    where: Literal["computed", "input", "absent"]
    use: Literal["used", "unused", "untested"] = "untested"
    evidence: Evidence = field(default_factory=Evidence)
    units: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    states: int = 0
    episodes: int = 0
    layers: tuple[Mapping[str, Any], ...] = ()  # one row a layer: layer, score, and each control with the gain over it
    why: str = ""  # why the concept was not scored; empty when it was
    decided: str = ""  # one line: the figures that decided `where`, and whether it was learned
    use_decided: str = ""  # one line: the figures that decided `use`
    learned: bool = False  # computed, and by training: gain over the untrained twins, or their interchange effect x 3
    gain_low: float | None = None
    gain_high: float | None = None
    selectivity_low: float | None = None
    selectivity_high: float | None = None
    q: float | None = None  # false discovery rate at which the layer beats every control
    significant: bool = False  # q <= .05
    tests: int = 0  # concepts x layers that q allows for
    nonlinear: float | None = None  # the best layer's by a small non-linear readout, where one was fitted
    circuit: Circuit | None = None  # where one was looked for
    code_length: float | None = None  # of the labels given the layer, as a share of what a constant needs (MDL)


@dataclass(frozen=True)
class FrontierPoint:
    """One text of some form: its size and its agreement on held-out network states (not on the exam).

    Attributes:
        without_near_ties: agreement in the states that are no near-ties of the network; None where all are.
    """

    form: str
    lines: int
    constants: int
    bits: int
    agreement: float
    without_near_ties: float | None = None


@dataclass(frozen=True)
class Strategy:
    """A readable decision procedure in the pseudocode language, with its size and what it calls."""

    form: str
    text: str
    lines: int
    conditions: int
    constants: int
    bits: int
    primitives: tuple[str, ...]
    opaque: tuple[str, ...] = ()
    frontier: tuple[FrontierPoint, ...] = ()


@dataclass(frozen=True)
class Agreement:
    """How far a text and a network agree on one state set (design section 5)."""

    states: int
    episodes: int
    agreement: float
    low: float | None
    high: float | None
    raw: float
    without_near_ties: float | None
    near_tie_share: float
    equally_good: float | None
    regret: float
    fitted_on: bool = False
    by_feature: tuple[Mapping[str, Any], ...] = ()
    counterexamples: tuple[Mapping[str, Any], ...] = ()
    optimal_states: int | None = None  # states in which the network acts optimally
    good_where_optimal: float | None = None  # share of those in which the text is equal or equally good


@dataclass(frozen=True)
class PairedEpisodes:
    """Text and network played on the same seeds."""

    n: int
    identical: float
    first_divergence: float | None
    network_return: Interval
    strategy_return: Interval
    difference: Interval
    mass: float | None  # mean probability that a sampled policy gives to the text's action class
    network_success: float | None = None
    strategy_success: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)  # e.g. lines a game


@dataclass(frozen=True)
class Fidelity:
    """Agreement on each state set, and the paired episodes; a set that does not apply is None, its reason in why."""

    network: Agreement | None
    strategy: Agreement | None
    edited: Agreement | None
    reachable: Agreement | None
    unseen_levels: Agreement | None
    episodes: PairedEpisodes | None
    why: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class NoiseFloor:
    """Agreement of a quarter-size neural student, and of the same agent from another seed, on the network's states."""

    student: Mapping[str, Any] | None  # parameters, plateau, agreement, without_near_ties
    other_seed: float | None
    why: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ceiling:
    """The best agreement any function of a vocabulary could reach, or a black-box bound where vectors are unique."""

    distinct_share: float
    agreement: float | None
    states: int
    aliased: tuple[Mapping[str, Any], ...]
    black_box: float | None


@dataclass(frozen=True)
class Finding:
    """One reason to look twice, with witnesses that can be replayed.

    Attributes:
        detector: which one found it; kind: dormant-branch, oversight-conditional, irrelevant-feature, proxy-goal,
            reward-gaming, unexplained-region or file-anomaly.
        guard: when the agent behaves so: a predicate in the pseudocode language.
        otherwise: what it does then, a statement of that language, e.g. "return west"; "" if no one action.
        score: from 0 (nothing) to 1 (certain), for ranking agents by one kind; None where nothing was scored.
        where: layer, units ("layer[index]") and line of the strategy.
        competence_loss: how much of what the agent is worth is lost then; 1: all that it does better than chance.
        searched: the space that was searched, and what was left out.
        evidence: further figures by name, each with what it was measured on.
    """

    detector: str
    kind: str
    severity: Literal["info", "low", "medium", "high"]
    summary: str
    guard: str | None = None
    where: Mapping[str, Any] = field(default_factory=dict)
    competence_loss: float | None = None
    witnesses: tuple[Mapping[str, Any], ...] = ()
    searched: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    otherwise: str = ""
    score: float | None = None


@dataclass(frozen=True)
class Decisions:
    """What a network thinks of a state set: all that fitting and measuring need, computed once.

    Attributes:
        scores: (n, actions) with -inf where illegal.
        actions: greedy, lowest index.
        equivalent: the smallest equivalent action of each action.
        legal: which actions may be taken.
    """

    scores: Float[np.ndarray, "states actions"]
    actions: Int[np.ndarray, "states"]
    equivalent: Int[np.ndarray, "states actions"]
    legal: Bool[np.ndarray, "states actions"]


@dataclass(frozen=True)
class Budget:
    """How much work a run does, in counts and never in seconds."""

    name: str
    lessons: int  # episodes to fit on
    exam: int  # fresh episodes to measure on
    lesson_states: int  # cap on states to fit on
    exam_states: int  # cap on states to measure on
    dagger_rounds: int
    student_updates: int  # the most, where the student is trained to its plateau
    untrained_twins: int
    steps: int  # cap on steps of a paired episode


QUICK = Budget("quick", 100, 100, 8_000, 10_000, 1, 1_000, 5, 1_000)
FULL = Budget("full", 200, 200, 20_000, 20_000, 2, 80_000, 10, 2_000)
BUDGETS = {"quick": QUICK, "full": FULL}


@dataclass(frozen=True)
class Comparison:
    """A text of the user's own, measured against the network like one of ours.

    Attributes:
        name: file name of the text, without its folder.
        sha256: of the text's bytes.
        worst_line: the line that most often decided wrongly: line, text, states, disagreements; None if none did.
    """

    name: str
    sha256: str
    fidelity: Fidelity
    worst_line: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Inspection:
    """Everything that one run of `inspect` found out; reports turn it into report.json and the gist.

    Attributes:
        run: seed, versions, budget (the command line adds the command).
        agent: name, sha256, algorithm, parameters, mode.
        environment: id, kwargs, provides, missing, reward_concepts (None where the environment does not say).
        vocabulary: names of the concepts that a text may call.
        levels: rows of level, set, agreement, states of the levels from 2 on; 0 and 1 are written from `fidelity`.
        residual: what of the network's scores the text leaves: share, verdict, structure, shared, ablated_return.
        groups: of units in the hidden layers, the weights' clusterability, named candidates; None where not looked for.
        baseline: the best text of the same form and size fitted to the optimal values alone:
            agreement_without_near_ties, lines; None where no optimal values are known.
        why: dotted path in report.json -> why that part is null.
        timings: stage -> seconds.
        readouts: arrays of readouts.npz by name.
        exam: the network states that the figures were measured on.
        rollouts: one row a paired episode, for rollouts.csv.
        trails: arrays of trails.npz: every decision of the exam's episodes; watch: a few of them as watch.json holds
            them, to be stepped through in the report.
    """

    run: Mapping[str, Any]
    agent: Mapping[str, Any]
    environment: Mapping[str, Any]
    vocabulary: tuple[str, ...]
    ceiling: Ceiling | None
    primitives: tuple[Primitive, ...]
    strategy: Strategy | None
    fidelity: Fidelity
    noise_floor: NoiseFloor
    levels: tuple[Mapping[str, Any], ...] = ()
    residual: Mapping[str, Any] | None = None
    groups: Mapping[str, Any] | None = None
    findings: tuple[Finding, ...] = ()
    baseline: Mapping[str, Any] | None = None
    why: Mapping[str, str] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)
    readouts: Mapping[str, np.ndarray] = field(default_factory=dict)
    exam: StateSet | None = None
    rollouts: tuple[Mapping[str, Any], ...] = ()
    trails: Mapping[str, np.ndarray] = field(default_factory=dict)
    watch: Mapping[str, Any] = field(default_factory=dict)
