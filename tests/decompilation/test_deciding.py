"""Decision lists and trees: exact or not at all, and short where a short one is known."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agentscope.decompilation.recovery.deciding import Split, decided, rules_of, tree_of

EVERY = np.array([[(i >> bit) & 1 for bit in range(4)] for i in range(16)], dtype=bool)
COSTS = np.full(4, 30.0)


def test_a_known_list_is_found():
    a, b, c, _ = EVERY.T
    actions = np.where(a, 2, np.where(b & c, 1, 0))
    rules = rules_of(EVERY, actions, COSTS)
    assert rules is not None and len(rules) <= 4  # one flag a rule, or two in one
    assert np.array_equal(decided(rules, EVERY), actions)
    assert {flag for rule in rules for flag, _ in rule.flags} == {0, 1, 2}


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 2), min_size=8, max_size=8))
def test_every_table_of_three_flags_is_matched(actions):
    flags = EVERY[:8, :3]
    rules = rules_of(flags, np.array(actions), COSTS[:3])
    assert rules is not None
    assert np.array_equal(decided(rules, flags), actions)


def test_flags_that_do_not_decide_give_no_list():
    assert rules_of(EVERY[:, :1], EVERY[:, 1].astype(int), COSTS[:1]) is None


def test_a_tree_asks_first_what_makes_other_questions_needless():
    a, b, c, d = EVERY.T
    actions = np.where(a, b.astype(int), 2 + 2 * c + d)  # with a, only b counts; without it, c and d
    tree = tree_of(EVERY, actions, EVERY.astype(int), COSTS)
    assert isinstance(tree, Split) and tree.flag == 0
    assert tree.yes == Split(1, 1, 0)
    assert isinstance(tree.no, Split) and {tree.no.flag, tree.no.yes.flag} == {2, 3}


def test_flags_that_do_not_decide_give_no_tree():
    assert tree_of(EVERY[:, :1], EVERY[:, 1].astype(int), EVERY[:, :1].astype(int), COSTS[:1]) is None


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 2), min_size=16, max_size=16))
def test_every_table_of_four_flags_is_a_tree(actions):
    tree = tree_of(EVERY, np.array(actions), EVERY.astype(int), COSTS)
    for row, action in zip(EVERY, actions, strict=True):
        node = tree
        while isinstance(node, Split):
            node = node.yes if row[node.flag] else node.no
        assert node == action
