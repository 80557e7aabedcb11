"""What the wheel holds: every package, and beside each shipped agent its simplified networks."""

import fnmatch
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]


def test_every_package_is_listed():
    found = set()
    for name, folder in SETTINGS["package-dir"].items():
        for init in (ROOT / folder).rglob("__init__.py"):
            inner = init.parent.relative_to(ROOT / folder).parts
            found.add(".".join((name, *inner)))
    assert found == set(SETTINGS["packages"])


def test_shipped_files_are_package_data():
    patterns = SETTINGS["package-data"]["agentscope_trained"]
    for path in ("tetris-dqn/model.zip", "tetris-dqn/close.zip", "tetris-dqn/small.zip", "tetris-dqn/simplified.toml"):
        assert (ROOT / "trained_agents" / path).is_file()
        assert any(fnmatch.fnmatch(path, pattern) for pattern in patterns), path
