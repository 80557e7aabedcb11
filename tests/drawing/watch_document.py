"""A hand-made run to step through, of which everything is known, and a page with nothing but the viewer on it.

The board has 3x4 cells of 8 pixels under a strip of 8. The network's choice in a step is `step % 4`; scores are minus
the distance from it; actions 1 and 3 are equivalent in step 8, and action 2 is illegal there. The strategy differs
exactly in DIFFERING, its line 3 decides even steps and line 4 odd ones; `distance()` is the step.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from agentscope.drawing.assets import viewer_script, viewer_style
from agentscope.drawing.images import picture_uri

Document = dict[str, Any]
ROWS, COLUMNS, TILE = 3, 4, 8
ACTIONS = ["north", "east", "south", "<b>west</b>"]
LENGTHS = {"0": 100, "1": 5, "finding-1.1-shown": 3}
DIFFERING = (3, 4, 90)
TIE = 4
PART = 6  # first step in which the text's own game differs
LINES = [
    '<span class="k">def</span> <span class="nf">strategy</span>(state):',
    '    <span class="k">if</span> distance() &lt; <span class="mi">3</span>:',
    '        <span class="k">return</span> east',
    '    <span class="k">return</span> argmax(a, after(a, holes))',
]  # fmt: skip
PROGRAM = [
    *("def unit_1(state):", "    return cell(1, 2)"), "",
    *("def unit_2(state):", "    return 3 * cell(0, 0)"), "", *LINES,
]  # fmt: skip
MARKS = (("disagreement", "0", 90), ("disagreement", "0", 3), ("finding", "finding-1.1-shown", 0), ("death", "1", 4))
SETTING = """
const held = JSON.parse(document.getElementById("watch-data").textContent);
const embedded = AgentScope.embeddedSource(held);
const asked = [];
const source = window.served ? served(embedded, held, asked) : embedded;
AgentScope.mount(document.getElementById("viewer"), source, {theme: document.getElementById("theme")});
if (window.served) AgentScope.mountEditor(document.getElementById("editor"), source);
window.asked = asked;
"""
# A source as the server's is: it answers late, makes edits, and writes down what it was asked
SERVED = """
const pause = (time) => new Promise((done) => setTimeout(done, time));
window.served = (embedded, held, asked) => ({
  ...embedded, tracks: undefined,
  async steps(...place) { asked.push(["steps", ...place]); await pause(30); return embedded.steps(...place); },
  async why(episode, step, track) {
    asked.push(["why", episode, step]); await pause(60);
    const functions = [{line: 4, text: "unit_2(0..1)", values: [step, step + 1], of: 2}];
    return {...held.why["0/3"], episode, step, searched: step, functions};
  },
  async place(episode, step, track, edits) {
    asked.push(["place", episode, step, JSON.stringify(edits)]);
    return window.placed(held, step, edits);
  },
});
window.placed = (held, step, edits) => {
  const base = held.steps["0"].steps[step];
  const said = base.levels.strategy;
  const values = [{...said.values[0], value: step + 100 * edits.length}, said.values[1]];
  const levels = {...base.levels, strategy: {...said, values}};
  const action = edits.length ? (base.action + 1) % 4 : base.action;
  return {
    edits, labels: edits.map(([feature, value]) => `cell ${feature} = ${value}`), step: {...base, action, levels},
    before: {action: base.action, strategy: said.action},
    cells: {"1,2": [{feature: 6, value: 1, label: "cell(1,2) = 1"}],
      "0,0": [{feature: 0, value: 1, label: "cell(0,0) = 1"}, {feature: 0, value: 2, label: "cell(0,0) = 2"}]},
    features: [{feature: 12, name: "piece", current: "T", values: [{value: 0, label: "I"}, {value: 3, label: "O"}]}],
    why: {},
  };
};
"""


def picture(step: int) -> str:
    """The board of a step: its cells grey, one of them blue that walks on with the steps."""
    pixels = np.full(((ROWS + 1) * TILE, COLUMNS * TILE, 3), 235, np.uint8)
    row, column = divmod(step % (ROWS * COLUMNS), COLUMNS)
    pixels[(row + 1) * TILE : (row + 2) * TILE, column * TILE : (column + 1) * TILE] = (0, 114, 178)
    return picture_uri(pixels)


def step_document(step: int, *, differs: bool = False) -> Document:
    """One decision."""
    action = step % 4
    said = (action + 1) % 4 if differs else action
    scores: list[float | None] = [-abs(other - action) for other in range(4)]
    if step == 8:
        scores[2] = None
    line = 3 if step % 2 == 0 else 4
    values = [
        {"line": 2, "text": "distance()", "value": step},
        {"line": 4, "text": "after(a, holes)", "at_text": 1, "at_network": 2},
    ]
    strategy = {"action": said, "same": not differs, "regret": 1.25 if differs else 0.0, "line": line,
                "through": [1] if step % 2 else [], "values": values, "scores": None}  # fmt: skip
    return {
        "step": step, "picture": picture(step), "alt": f"step {step}", "action": action, "reward": 0.5,
        "return": step / 2, "value": 1.5, "value_of": "critic", "scores": scores,
        "same_as": [0, 1, 2, 1] if step == 8 else None, "gap": 0.01 if step == TIE else 1.0, "near_tie": step == TIE,
        "levels": {"strategy": strategy, "program": {**strategy, "line": line + 6, "values": []}},
    }  # fmt: skip


def steps_document(episode: str, track: str = "network") -> Document:
    """All steps of an episode; the text's own game is as long and differs from step PART on."""
    shift = 1 if track == "text" else 0
    steps = [
        step_document(step + (shift if step >= PART else 0), differs=episode == "0" and step in DIFFERING)
        | {"step": step}
        for step in range(LENGTHS[episode])
    ]
    final = {"picture": picture(LENGTHS[episode]), "alt": "the end", "return": LENGTHS[episode] / 2, "end": "over"}
    return {"episode": episode, "track": track, "from": 0, "steps": steps, "final": final}


def why_document(step: int) -> Document:
    """One nearest change for the network, none for the text, two successors."""
    flip = {"feature": "cell(1,2)", "feature_index": 6, "to": 1, "to_label": "wall", "action": 2, "size": 1.0,
            "picture": picture(7)}  # fmt: skip
    rows = [
        {"action": 3, "picture": picture(1), "score": 0.0, "network": True, "text": False,
         "terms": [["-3 * after(a, holes)", -9.0]], "total": -9.0},
        {"action": 0, "picture": picture(2), "score": -3.0, "network": False, "text": True, "terms": None,
         "total": None},
    ]  # fmt: skip
    return {
        "episode": "0", "step": step, "track": "network", "searched": 12, "legal_only": True,
        "flips": {"network": flip, "strategy": None}, "toward": None, "afterstates": rows,
        "why": {"flips.strategy": "the text never changes here"},
    }  # fmt: skip


def run_document() -> Document:
    """Episodes, levels, bookmarks and geometry."""
    spans = [
        {"name": "unit_1", "start": 1, "end": 2, "opaque": True},
        {"name": "unit_2", "start": 4, "end": 5, "opaque": False},
        {"name": "strategy", "start": 7, "end": 10, "opaque": False},
    ]
    return {
        "schema": "agentscope/watch/1", "agent": {"name": "hand made", "sha256": "0" * 64, "algorithm": "PPO"},
        "environment": {"id": "Hand-v0", "kwargs": {}}, "actions": ACTIONS, "other": None,
        "levels": [
            {"key": "gist", "title": "gist", "sentences": ["It walks <i>on</i>.", "It stops."]},
            {"key": "strategy", "title": "strategy", "lines": LINES, "why": None, "agreement": 0.97},
            {"key": "grounded", "title": "grounded", "lines": [], "why": "no layer was read", "agreement": None},
            {"key": "program", "title": "decompilation", "lines": PROGRAM, "functions": spans, "why": None,
             "agreement": 0.9},
        ],
        "episodes": [
            {"episode": key, "kind": "witness" if key.startswith("finding") else "exam", "title": f"episode {key}",
             "steps": steps, "return": steps / 2, "end": "over", "disagreements": 3 if key == "0" else 0,
             "first_divergence": None, "success": None}
            for key, steps in LENGTHS.items()
        ],
        "bookmarks": [
            {"kind": kind, "episode": episode, "step": step, "label": f"{kind} <u>{step}</u>", "value": 1.0}
            for kind, episode, step in MARKS
        ],
        "board": {"rows": ROWS, "columns": COLUMNS, "left": 0, "top": TILE, "tile": TILE, "width": COLUMNS * TILE,
                  "height": (ROWS + 1) * TILE},
        "unit": 1.0, "why": {"other": "no other agent was opened"},
    }  # fmt: skip


def watch_document() -> Document:
    """What a report embeds: the run, its steps, the text's own game of episode 0, reasons of step 3."""
    beside = {"episode": "0", "track": "text", "steps": LENGTHS["0"], "return": 50.0, "end": "over",
              "first_divergence": PART, "cut": False}  # fmt: skip
    return {
        "run": run_document(), "steps": {key: steps_document(key) for key in LENGTHS},
        "tracks": {"text": {"0": {"beside": beside, "steps": steps_document("0", "text")}}},
        "why": {"0/3": why_document(3)},
    }  # fmt: skip


def write_page(folder: Path, *, served: bool = False) -> str:
    """The address of a page with the viewer, under the report's own policy: scripts by hash, no request at all.

    Args:
        served: with the source that answers late and takes edits, beside an editor.
    """
    script = f"{viewer_script()}\n{SERVED if served else ''}\n{SETTING}"
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    data = json.dumps(watch_document(), allow_nan=False).replace("<", "\\u003c")
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'"
    ground = "body{background:var(--paper);margin:12px;font-family:sans-serif}"
    file = folder / "page.html"
    file.write_text(
        f'<!doctype html><html lang=en><meta charset=utf-8><meta http-equiv="Content-Security-Policy" '
        f'content="{policy}"><meta name=viewport content="width=device-width"><title>viewer</title>'
        f"<style>{ground}{viewer_style()}</style><div id=theme></div><main id=viewer></main><div id=editor></div>"
        f'<script type="application/json" id="watch-data">{data}</script><script>{script}</script>',
        encoding="utf-8",
    )
    return file.as_uri()
