"""Level 0: at most ten plain sentences, every number of which stands in the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

LIMIT = 10
SET_NAMES = {
    "network": "the states that the network visits",
    "strategy": "the states that the text visits",
    "edited": "edited states",
    "reachable": "all reachable states",
    "unseen_levels": "levels that neither has seen",
}


def write_gist(report: Mapping[str, Any]) -> list[str]:
    """Say in plain words what the agent fails to do, what it plays like, and how far the text can be trusted.

    Args:
        report: a finished report; no number is computed here that cannot be read off it.
    Returns: at most ten sentences, failures first.
    """
    writers = (_failure, _unexplained, _parting, _play, _strategy, _grounding, _residual, _seeing, _optimal, _reward,
               _bounds, _findings)  # fmt: skip
    said = {writer: sentence for writer in writers if (sentence := writer(report))}
    for spared in (_reward, _bounds):  # what says least of the network goes first
        if len(said) > LIMIT:
            said.pop(spared, None)
    return list(said.values())[:LIMIT]


def percent(share: float) -> str:
    """A share as per cent with one decimal; only what is exactly all or nothing is printed as 100% or 0%."""
    held = share if share in (0.0, 1.0) else min(0.999, max(0.001, share))
    return f"{100 * held:.1f}".removesuffix(".0") + "%"


def _failure(report: Mapping[str, Any]) -> str:
    episodes = (report["fidelity"] or {}).get("episodes") or {}
    success = episodes.get("network_success")
    if success is None or success >= 1:
        return ""
    return f"The agent fails in {percent(1 - success)} of {episodes['n']:,} episodes."


def _unexplained(report: Mapping[str, Any]) -> str:
    figures = (report["fidelity"] or {}).get("network")
    if not report["strategy"] or not figures:
        return "No strategy was found that could be measured, so nothing below explains what the agent does."
    where = f"{figures['states']:,} states of {figures['episodes']:,} episodes"
    if figures["agreement"] == 1:
        return f"The text chose as the network did in all {where} that the network visited."
    interval = ""
    if figures["low"] is not None and figures["high"] is not None:
        low, high = percent(1 - figures["high"]), percent(1 - figures["low"])
        interval = f", 95% interval {low} to {high}"
    unexplained = percent(1 - figures["agreement"])
    return f"The text does not explain {unexplained} of the network's choices ({where}{interval})."


def _parting(report: Mapping[str, Any]) -> str:
    sets = {name: part for name, part in (report["fidelity"] or {}).items() if part and "agreement" in part}
    if not report["strategy"] or not sets:
        return ""
    worst = min(sets, key=lambda name: (sets[name]["agreement"], name))
    text = f"They part most on {SET_NAMES[worst]}, where they agree in {percent(sets[worst]['agreement'])}"
    features = [row for row in sets.get("edited", {}).get("by_feature", []) if row.get("agreement") is not None]
    if features:
        feature = min(features, key=lambda row: (row["agreement"], str(row.get("feature"))))
        text += f", and among edits when {feature.get('feature')} changes ({percent(feature['agreement'])})"
    network = sets.get("network")
    if network and network["without_near_ties"] is not None:
        text += (f"; without the {percent(network['near_tie_share'])} near-ties of the network's own states "
                 f"it is {percent(network['without_near_ties'])}")  # fmt: skip
    return text + "."


def _play(report: Mapping[str, Any]) -> str:
    episodes = (report["fidelity"] or {}).get("episodes")
    if not episodes:
        return ""
    network, text, difference = (episodes[k] for k in ("network_return", "strategy_return", "difference"))
    sentence = (f"On the same {episodes['n']:,} seeds the network returns {figure(network['mean'])} and the text "
                f"{figure(text['mean'])}")  # fmt: skip
    if difference["low"] is not None and difference["high"] is not None:
        sentence += f" (difference {difference['mean']:+.4g}, {difference['low']:+.4g} to {difference['high']:+.4g})"
    sentence += f"; {percent(episodes['identical'])} of the episodes are identical"
    if episodes["first_divergence"] is not None:
        sentence += f", the others part at step {figure(episodes['first_divergence'])} in the median"
    return sentence + "."


def figure(value: float) -> str:
    """A number with at most four digits that mean something."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _strategy(report: Mapping[str, Any]) -> str:
    strategy = report["strategy"]
    if not strategy:
        return ""
    sentence = (f"The strategy is a {strategy['form']} of {counted(strategy['lines'], 'line')} and "
                f"{counted(strategy['constants'], 'constant')}")  # fmt: skip
    names = strategy["primitives"]
    if names:
        sentence += f" over {listed(names)}"
    if strategy["opaque"]:
        sentence += f"; {counted(len(strategy['opaque']), 'part')} of it stay OPAQUE"
    return sentence + "."


def _grounding(report: Mapping[str, Any]) -> str:
    row = next((row for row in report["levels"] or [] if row["level"] == 2 and row["agreement"] is not None), None)
    if row is None:
        return ""
    sentence = (
        f"With its primitives read from the network's own activations the text agrees in {percent(row['agreement'])}"
    )
    if row.get("level_1") is not None:
        sentence += f" of these states, from the state in {percent(row['level_1'])}"
    perception = row.get("perception") or []
    costly = min(perception, key=lambda each: (each["alone"], each["concept"]), default=None)
    if costly is not None and len(perception) > 1 and costly["alone"] < row["level_1"]:
        sentence += f"; alone, {costly['concept']} costs most ({percent(costly['alone'])})"
    if row.get("read_from_state"):
        sentence += f"; {listed(row['read_from_state'])} could not be read and came from the state"
    return sentence + "."


def _residual(report: Mapping[str, Any]) -> str:
    residual = report["residual"]
    if not residual:
        return ""
    if residual["verdict"] == "nothing left":
        return "Beside the text there is next to nothing left in the network's scores."
    said = {"structure": "structure", "noise": "noise", "undecided": "neither clearly structure nor clearly noise"}
    sentence = f"What the text leaves of the scores ({percent(residual['share'])} of their variance) is "
    sentence += said[residual["verdict"]]
    structure = residual["structure"]
    if structure:
        sentence += f": concepts predict {structure['r2']:.3f} of it (R2) on held-out {structure['held_out']}"
    if residual["shared"]:
        sentence += f", and another seed's network has it with correlation {residual['shared']['correlation']:.3f}"
    played = residual["ablated_return"]
    return (f"{sentence}; without it the return is {figure(played['strategy'])}, without its unpredicted part "
            f"{figure(played['strategy_and_predicted'])}, with all of it {figure(played['network'])}.")  # fmt: skip


def _seeing(report: Mapping[str, Any]) -> str:
    primitives = report["primitives"]
    if not primitives:
        return "Nothing was probed, so it is not known what the network sees."
    where = Counter(row["where"] for row in primitives)
    use = Counter(row["use"] for row in primitives)
    total = counted(len(primitives), "probed concept")
    sentence = (
        f"Of {total}, the network computes {where['computed']}, {where['input']} can be read from the input as it is, "
        f"and {where['absent']} cannot be read anywhere"
    )
    tested = "whether it uses them is untested" if use["untested"] == len(primitives) else f"{use['used']} are used"
    return f"{sentence}; {tested}."


def _optimal(report: Mapping[str, Any]) -> str:
    fidelity, strategy = report["fidelity"] or {}, report["strategy"] or {}
    name = "reachable" if fidelity.get("reachable") else "network"
    part = fidelity.get(name)
    if not part or part["equally_good"] is None:
        return ""
    sentence = f"On {SET_NAMES[name]} the text is equal or equally good in {percent(part['equally_good'])}"
    if part.get("good_where_optimal") is not None:
        sentence += f" ({percent(part['good_where_optimal'])} where the network acts optimally)"
    rival = (strategy.get("baseline") or {}).get("agreement_without_near_ties")
    if rival is not None and part["without_near_ties"] is not None:
        sentence += (f"; without near-ties it agrees in {percent(part['without_near_ties'])}, the best text fitted to "
                     f"the optimal values alone in {percent(rival)}")  # fmt: skip
    return sentence + "."


def _reward(report: Mapping[str, Any]) -> str:
    contained = report["environment"].get("reward_concepts")
    if contained is None:
        return "The environment does not say which concepts its reward contains."
    if not contained:
        return "The reward contains none of the named concepts: what the network has of them, it found by itself."
    return f"The reward contained by hand: {listed(contained)}."


def _bounds(report: Mapping[str, Any]) -> str:
    clauses = []
    floor, vocabulary = report["noise_floor"] or {}, report["vocabulary"] or {}
    student = floor.get("student")
    if student and student.get("agreement") is not None:
        size = f" of {student['parameters']:,} parameters" if student.get("parameters") is not None else ""
        cut = (
            f" (no bar: stopped after {student['updates']:,} updates, before its plateau)"
            if _cut_short(student)
            else ""
        )
        clauses.append(f"a neural student{size}{cut} agrees with the network in {percent(student['agreement'])}")
    if floor.get("other_seed") is not None:
        clauses.append(f"the same agent from another seed in {percent(floor['other_seed'])}")
    if vocabulary.get("ceiling"):
        best = percent(vocabulary["ceiling"]["agreement"])
        clauses.append(f"no function of these concepts could agree in more than {best}")
    elif vocabulary.get("black_box") is not None:
        clauses.append(f"boosted trees over the same concepts reach {percent(vocabulary['black_box'])}")
    return "For scale, " + ", ".join(clauses) + "." if clauses else ""


def _cut_short(student: Mapping[str, Any]) -> bool:
    """Whether the student's training ended before it stood still: it could then agree more than it does."""
    return student.get("updates") is not None and not student.get("plateau")


def _findings(report: Mapping[str, Any]) -> str:
    findings = report["findings"] or []
    serious = [row for row in findings if row["severity"] != "info"]
    if not serious:
        return ""
    return f"To look at twice: {counted(len(serious), 'finding')}, the first: {serious[0]['summary'].rstrip('.')}."


def counted(count: int, noun: str) -> str:
    """A count with its noun in the right number."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def listed(names: Sequence[str], *, most: int = 8) -> str:
    """Names in one line; beyond `most` the rest are counted."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
