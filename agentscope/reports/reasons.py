"""Why a part of a report is null: every null has its reason, at its own path or at that of a part around it."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from agentscope.reports.sanitising import Json

LATER = "not part of this version of AgentScope yet"
FALLBACKS = (
    ("residual", "no strategy was measured: run `agentscope inspect`"),
    ("residual.structure", "there is next to no residual to predict"),
    ("residual.shared", "the agent has no twin that was trained from another seed"),
    ("decompilation.*agreement.reachable.*", "the set holds every state, so there is nothing to estimate"),
    ("decompilation.*episodes_paired.*", "no pair of episodes diverged, or the environment does not say"),
    ("decompilation.recovered", "the weights are learned, or the states cannot be listed: no program is read back"),
    ("decompilation.close", "this point was not asked for"),
    ("decompilation.small", "this point was not asked for"),
    ("decompilation.*.return_ratio*", "the network plays no better than chance, so that a ratio has no meaning"),
    ("decompilation.*.recipe", "the simplified network ships with the agent, or is the network itself"),
    ("decompilation.*.curve", "the simplified network ships with the agent, or is the network itself"),
    ("decompilation.*opaque_effect", "nothing is OPAQUE, or nothing but the scores"),
    ("decompilation.*.effect", "the function stands for no units that could be ablated"),
    ("decompilation.*.name", "no evidence names the unit"),
    ("decompilation.*.substituted_changed", "nothing comes behind the scores"),
    ("decompilation", "the network is not decompiled in this run: `agentscope decompile` does it"),
    ("vocabulary", "nothing was inspected yet: run `agentscope inspect`"),
    ("vocabulary.ceiling", "concept vectors are mostly unique, so black_box stands in its place"),
    ("vocabulary.black_box", "the ceiling is known, so no stand-in was fitted"),
    ("vocabulary.distinct_share", "no ceiling was measured"),
    ("strategy", "no strategy was extracted: run `agentscope inspect`"),
    ("strategy.baseline", "the environment knows no optimal values to fit a baseline to"),
    ("fidelity", "no strategy was measured: run `agentscope inspect`"),
    ("noise_floor", "not measured: run `agentscope inspect`"),
    ("noise_floor.student", "no student was trained in this run"),
    ("noise_floor.other_seed", "the agent has no twin that was trained from another seed"),
    ("primitives", "no concept was probed: run `agentscope inspect` or `agentscope probe`"),
    ("primitives.*.evidence.*", f"{LATER}: whether a concept is used is untested"),
    ("primitives.*.controls.*", "this control does not apply to the concept or was not run"),
    ("primitives.*", "the concept could not be scored: it does not vary, or it is found in no layer"),
    ("groups", "no groups of units were looked for: run `agentscope inspect`"),
    ("groups.layers.*", "no groups were found"),
    ("groups.clusterability.cuts.*.z", "the shuffles do not vary"),
    ("groups.candidates.*.cut", "the unit has more than two values"),
    ("groups.candidates.*", "there were no such states, or too few episodes for an interval"),
    ("pictures", "no picture was drawn: run `agentscope probe`"),
    ("pictures.*.found*", "the environment offers no edits, so there was nothing to search"),
    ("pictures.*", "it does not apply to this picture"),
    ("levels", "no strategy was measured: run `agentscope inspect`"),
    ("levels.*.agreement", "level 0 is the gist, which has no agreement of its own"),
    ("audit.made_with.concepts_file", "no file of the user's own concepts was given"),
    ("audit.*", "not measured"),
    ("audit", "no audit was run: `agentscope audit` does it"),
    ("findings.*witnesses.*.plain", "there is no state beside it without what makes the difference"),
    ("findings.*witnesses.*.hidden", "the environment has no hidden performance"),
    ("findings.*where.*", "it was not placed"),
    ("findings", "no audit was run: `agentscope audit` does it"),
    ("findings.*", "this finding has no such part"),
    ("environment.concepts_file", "no file of the user's own concepts was given"),
    ("environment.reward_concepts", "the environment does not say which concepts its reward contains"),
    ("*fidelity.reachable", "the environment cannot enumerate its states"),
    ("*fidelity.unseen_levels", "the environment has no levels that training never shows"),
    ("*fidelity.edited", "the environment declares no edits"),
    ("*fidelity.*.low", "the set holds every state, so there is nothing to estimate"),
    ("*fidelity.*.high", "the set holds every state, so there is nothing to estimate"),
    ("*fidelity.*.without_near_ties", "every state of the set is a near-tie"),
    ("*fidelity.*.equally_good", "the environment knows no optimal values"),
    ("*fidelity.*.optimal_states", "the environment knows no optimal values"),
    ("*fidelity.*.good_where_optimal", "the environment knows no optimal values"),
    ("*fidelity.episodes.first_divergence", "no pair of episodes diverged"),
    ("*fidelity.episodes.mass", "the policy is not sampled"),
    ("*fidelity.episodes.network_success", "the environment does not say what success is"),
    ("*fidelity.episodes.strategy_success", "the environment does not say what success is"),
    ("comparisons.*.worst_line", "no line decided wrongly"),
    ("*", "not measured in this run"),
)  # the first pattern that fits is taken, so the general ones stand last
LEVELS_LATER = {
    "levels.2": "the text was not read from the network's own activations in this run",
    "levels.3": "the network is not decompiled in this run: `agentscope decompile` does it",
}


def nulls(value: Json, path: str = "") -> Iterator[str]:
    """Dotted paths of all nulls in a document; positions in lists are numbers."""
    if value is None:
        yield path
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from nulls(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from nulls(item, f"{path}.{index}")


def starred(path: str) -> str:
    """The path with every list position as `*`: one reason serves all items of a list."""
    return ".".join("*" if step.isdigit() else step for step in path.split("."))


def reason(why: dict[str, str], path: str) -> str | None:
    """The reason that `why` gives for a null: at the path, at its starred form, or at a part around it."""
    steps = path.split(".")
    for length in range(len(steps), 0, -1):
        around = ".".join(steps[:length])
        for name in (around, starred(around)):
            if name in why:
                return why[name]
    return None


def with_reasons(document: dict[str, Json]) -> dict[str, Json]:
    """The document with `why` completed: a reason for each null that had none, none for parts that are there now."""
    why: dict[str, str] = dict(document["why"])
    rest = {key: value for key, value in document.items() if key != "why"}
    missing = set(nulls(rest))
    around = {".".join(path.split(".")[:length]) for path in missing for length in range(1, path.count(".") + 2)}
    covered = around | {starred(path) for path in around}
    why = {path: text for path, text in why.items() if path in covered or _absent(rest, path)}
    for path in sorted(missing):
        if reason(why, path) is None:
            fallback = next(text for pattern, text in FALLBACKS if fnmatchcase(path, pattern))
            why[starred(path)] = fallback
    if document.get("levels") is not None:
        shown = {f"levels.{row['level']}" for row in document["levels"]}  # type: ignore[index,union-attr]
        why |= {path: text for path, text in LEVELS_LATER.items() if path not in why and path not in shown}
    return {**document, "why": dict(sorted(why.items()))}


def _absent(document: dict[str, Json], path: str) -> bool:
    """Whether the path leads nowhere in the document: a reason for what is not even listed, e.g. levels.2."""
    value: Json = document
    for step in path.split("."):
        if step == "*":
            return False
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return True
    return False
