"""How large a text may be, before and after it is parsed; every limit is checked before the work that it bounds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Caps on a text: a stranger's strategy costs no more than these, whatever it says.

    Attributes:
        characters: length of the text in UTF-8 bytes.
        tokens: names, numbers, operators and brackets.
        nesting: open brackets, indented blocks, runs of prefix operators, and depth of the tree.
        digits: significant digits of one number, its exponent left out.
        operations: loop bounds x call tree: elementary operations for one state.
        lane_bytes: memory that one state may take while it is evaluated.
        analysis_steps: work of the checker, which follows loops until the bounds of their values settle.
        tabulated: helpers of at most so many combinations of arguments, and that cannot fail, are evaluated once for
            all of them and then looked up; 0: none, each call is evaluated where it stands, and traced there.
    """

    characters: int = 256 * 1024
    tokens: int = 40_000
    nesting: int = 64
    digits: int = 18
    operations: int = 100_000
    lane_bytes: int = 16 * 1024 * 1024
    analysis_steps: int = 200_000
    tabulated: int = 0


STRATEGY_LIMITS = Limits()
DECOMPILATION_LIMITS = Limits(
    characters=8 * 1024 * 1024,
    tokens=4_000_000,
    operations=20_000_000,
    lane_bytes=64 * 1024 * 1024,
    analysis_steps=4_000_000,
    tabulated=16_384,
)

IDENTIFIER_LENGTH = 64
LOOSE_TUPLE = 256  # numbers in a tuple that is computed, assigned or of several kinds; tables may be longer
LOOP_AXES = 16  # generator expressions inside each other: each is an axis, and numpy broadcasts 32
UNBOUNDED = 2**31  # bound of a count or choice concept that declares none; measured values are checked against it
EXACT_IN_FLOAT = 2**53  # every integer of smaller magnitude is a float64 exactly
INT64_LOW, INT64_HIGH = -(2**63), 2**63 - 1
CHUNK_STATES = 4_096  # states evaluated at once: fits the caches, and bounds memory
CHUNK_BYTES = 256 * 1024 * 1024  # memory that one chunk may take
