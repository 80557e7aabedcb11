"""Trees: exact costs, improvement that never harms, and layouts that say the same."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as some
from sklearn.tree import DecisionTreeClassifier

from agentscope.strategies.cart import grow_cart
from agentscope.strategies.conditions import Condition
from agentscope.strategies.fitting import fit_tree, prune
from agentscope.strategies.layout import WIDTH, block, decision_of
from agentscope.strategies.trees import Branch, Leaf, cost_of, group_rows, grow, improve, leaves, predict, tidy


def _problem(seed: int, states: int = 300, tests: int = 8, answers: int = 3):
    generator = np.random.default_rng(seed)
    return generator.random((states, tests)) < 0.5, generator.random((states, answers)), generator


@given(some.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_grouping_keeps_costs(seed):
    truth, cost, _ = _problem(seed)
    rows = group_rows(truth, cost)
    tree = grow(rows, 6)
    given_ = predict(tree, truth.astype(np.float32))
    assert np.isclose(cost_of(tree, rows), cost[np.arange(len(cost)), given_].sum())
    assert (rows.truth[rows.group] == truth).all()


@given(some.integers(0, 10_000), some.integers(2, 10))
@settings(max_examples=20, deadline=None)
def test_improving_never_raises_the_cost_and_size_is_kept(seed, size):
    truth, cost, generator = _problem(seed)
    rows = group_rows(truth, cost)
    grown = grow(rows, size)
    better = improve(grown, rows)
    assert leaves(better) <= leaves(grown) <= size
    assert cost_of(better, rows) <= cost_of(grown, rows) + 1e-6
    found = fit_tree(rows, size, generator, start=better)
    assert leaves(found) <= size and cost_of(found, rows) <= cost_of(better, rows) + 1e-6
    assert leaves(prune(found, rows, 2)) <= 2


def test_exclusive_or_is_found_although_no_single_question_helps():
    truth = np.array(list(product([False, True], repeat=5)) * 4)
    wrong = truth[:, 1] ^ truth[:, 3]
    cost = np.stack([wrong, ~wrong], axis=1).astype(float)
    rows = group_rows(truth, cost)
    tree = fit_tree(rows, 8, np.random.default_rng(0))
    assert cost_of(tree, rows) <= 0.25 * len(truth)


def test_rows_that_are_content_with_several_answers_need_no_leaf():
    truth = np.array([[True], [False]])
    rows = group_rows(truth, np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]))
    assert fit_tree(rows, 4, np.random.default_rng(0)) == Leaf(2)


def test_tidy_drops_questions_already_answered():
    inner = Branch(0, Leaf(1), Leaf(2))
    assert tidy(Branch(0, inner, Leaf(3))) == Branch(0, Leaf(1), Leaf(3))
    assert tidy(Branch(1, Leaf(3), Leaf(3))) == Leaf(3)


@given(some.integers(0, 10_000), some.integers(2, 40))
@settings(max_examples=30, deadline=None)
def test_layout_says_what_the_tree_says(seed, size):
    """The printed statements, run as Python on the toy's truth values, give the tree's answers."""
    truth, cost, generator = _problem(seed, states=400, answers=4)
    tree = fit_tree(group_rows(truth, cost), size, generator, shakes=0)
    tests = [Condition(f"question_{test}_about_something()") for test in range(truth.shape[1])]
    lines = ["def strategy():", *block(decision_of(tree, tests, ("left", "right", "forward", "toggle")))]
    assert all(len(line) <= WIDTH for line in lines)
    names = {"left": 0, "right": 1, "forward": 2, "toggle": 3}
    for row in range(0, 400, 25):
        space = dict(names)
        for test in range(truth.shape[1]):
            space[f"question_{test}_about_something"] = lambda answer=truth[row, test]: bool(answer)
        exec("\n".join(lines), space)
        assert space["strategy"]() == predict(tree, truth[row : row + 1])[0]


def test_smaller_carts_are_cut_from_one_and_equal_those_grown_alone():
    generator = np.random.default_rng(0)
    truth = generator.random((2_000, 20)) < 0.5
    labels = (truth[:, 0] * 1 + (truth[:, 3] & truth[:, 5]) * 2 + (generator.random(2_000) < 0.2)) % 3
    cart = grow_cart(truth, labels, 64)
    for size in (2, 3, 8, 33, 64):
        alone = DecisionTreeClassifier(max_leaf_nodes=size, random_state=0).fit(truth, labels)
        assert leaves(cart.tree(size)) <= size
        assert (predict(cart.tree(size), truth) == alone.predict(truth)).all()
    assert cart.tree(1) == Leaf(int(np.bincount(labels).argmax()))


def test_layout_of_a_large_tree_ends():
    """Expressions are laid out once each: without that, a tree of this size takes hours."""
    truth, cost, _ = _problem(1, states=3_000, tests=30, answers=4)
    tree = grow(group_rows(truth, cost), 1_000)
    tests = [Condition(f"q{test}()") for test in range(truth.shape[1])]
    assert leaves(tree) > 500
    assert len(block(decision_of(tree, tests, ("left", "right", "forward", "toggle")))) <= 2 * leaves(tree)
