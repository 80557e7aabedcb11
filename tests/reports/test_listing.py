"""The list of agents: a heading and a count for each family, a line for each agent, whatever the width."""

import io

import pytest
from rich.console import Console

from agentscope.reports.listing import agents_view

ROWS = [
    {"name": "tetris-dqn", "algorithm": "DQN", "environment": "agentscope_envs:AgentScope/Tetris-v0", "return": 8.8731,
     "family": "clean", "title": "A [bold]title[/bold] of " + 30 * "words "},
    {"name": "a-much-longer-name", "algorithm": "MaskablePPO", "environment": "gymnasium:CartPole-v1", "return": None,
     "family": "clean", "title": "short"},
    {"name": "odd", "algorithm": "PPO", "environment": "X-v0", "return": 1.0, "family": "", "title": ""},
]  # fmt: skip


def drawn(width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(agents_view(ROWS, {"clean": "nothing planted"}))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [80, 100, 120])
def test_each_agent_has_one_line_that_only_its_title_is_cut_from(width: int) -> None:
    lines = drawn(width)
    assert "clean (2): nothing planted" in lines and "no family (1)" in lines
    first, second = (next(line for line in lines if line.startswith(name)) for name in ("tetris-dqn", "a-much"))
    assert first.split()[:4] == ["tetris-dqn", "DQN", "Tetris-v0", "8.873"] and "[bold]" in first
    assert len(first) == width and first.endswith("\N{HORIZONTAL ELLIPSIS}")
    assert second.split() == ["a-much-longer-name", "MaskablePPO", "CartPole-v1", "-", "short"]
    assert lines[-1].startswith("3 agents.") and len(lines) == 9
