"""A run made by hand: two episodes of five steps, and every document that the page asks for."""

import base64
import io
from types import SimpleNamespace

from PIL import Image

from agentscope.errors import ConceptsMissing, EmptySample
from agentscope.reports import empty_report
from agentscope.viewer.data import Shown

ACTIONS = ["west", "east"]
LENGTH = 5
TEXT = "def strategy(state):\n    return west\n"


def picture(shade):
    buffer = io.BytesIO()
    Image.new("RGB", (6, 4), (shade, shade, shade)).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def step(number):
    said = {"action": 0, "same": number % 2 == 0, "regret": 0.1, "line": 2, "values": [], "scores": None}
    return {
        "step": number, "picture": picture(number * 10), "alt": f"step {number}", "action": number % 2,
        "taken": number % 2, "reward": 0.5, "return": number / 2, "value": 1.0, "value_of": "highest score",
        "scores": [1.0, None], "same_as": None, "gap": None if number == 3 else number / 10, "near_tie": False,
        "levels": {"strategy": said},
    }  # fmt: skip


class FakeWatch:
    """Answers as `Watch` does, and keeps what it was asked."""

    def __init__(self):
        self.asked = []
        self.scene = SimpleNamespace(report=fake_report(), folder=None)

    def document(self):
        told = {"kind": "exam", "steps": LENGTH, "return": 2.5, "end": "over", "disagreements": 2,
                "first_divergence": 1, "success": None}  # fmt: skip
        rows = [{"episode": key, "title": f"episode {key}", **told} for key in "01"]
        return {"schema": "agentscope/watch/1", "actions": ACTIONS, "episodes": rows, "levels": [], "bookmarks": []}

    def steps(self, episode, start, stop, *, track="network"):
        self.asked.append(("steps", episode, start, stop, track))
        rows = [step(number) for number in range(start, min(stop, LENGTH))]
        final = {"picture": picture(200), "alt": "the end", "return": 2.5, "end": "over"} if stop >= LENGTH else None
        return {"episode": episode, "track": track, "from": start, "steps": rows, "final": final}

    def leads(self, episode, track):
        self.asked.append(("leads", episode, track))
        return [{"step": row["step"], "gap": row["gap"], "same": True} for row in map(step, range(LENGTH))]

    def beside(self, episode, *, track="text"):
        return {"episode": episode, "track": track, "steps": LENGTH}

    def why(self, episode, number, *, track="network"):
        if number >= LENGTH:
            raise EmptySample(f"episode {episode} has {LENGTH} steps, so there is no step {number}.")
        return {"episode": episode, "step": number, "track": track}

    def place(self, episode, number, *, track="network", edits=()):
        return {"edits": [list(edit) for edit in edits], "step": step(number)}

    def concept(self, name):
        if name != "holes":
            raise ConceptsMissing(f"The run has no concept {name}.")
        return {"primitive": {"concept": name}, "top": [], "near": [], "units": [], "why": {}}

    def unit(self, name):
        return {"unit": name}

    def function(self, point, name):
        return {"point": point, "name": name}

    def check_text(self, text):
        if "return" not in text:
            return {"ok": False, "error": {"message": "no return", "line": 1, "column": 1}}
        return {"ok": True, "lines": ["x"], "size": {"lines": 1}, "primitives": [], "error": None}

    def compare_text(self, text, *, episodes, progress, cancelled):
        progress("playing", episodes, episodes)
        stopped = cancelled()
        return {"name": "yours", "sets": [], "worst_line": None, "return": None, "lines": [], "why": {},
                "cancelled": stopped, "error": None}  # fmt: skip


def fake_report():
    run = {"command": "inspect toy", "seed": 0, "versions": {}, "budget": "quick"}
    agent = {"name": "<b>toy</b>", "sha256": "0" * 64, "algorithm": "DQN", "parameters": 4, "mode": "deterministic"}
    environment = {"id": "toy:Toy-v0", "kwargs": {}, "provides": [], "missing": []}
    return empty_report(run, agent, environment)


def fake_shown(watch=None):
    watch = watch or FakeWatch()
    return Shown(watch, watch.document(), watch.scene.report, {}, watch.leads)
