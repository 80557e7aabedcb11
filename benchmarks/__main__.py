"""Run every benchmark and print its rows: `python -m benchmarks [NAME...]`."""

from __future__ import annotations

import importlib
import sys

NAMES = ("tetris", "agreement", "hostile", "probing", "decompiling", "known_where", "known_use", "viewing")


def main(names: list[str]) -> None:
    """Print the rows of the named benchmarks, of all when none is named."""
    for name in names or NAMES:
        print(f"\n## {name}")
        for row in importlib.import_module(f"benchmarks.{name}").rows():
            print(row, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
