"""Verdicts on agents of known truth: what is held is computed, nothing else is, and the untrained learned nothing."""

import pytest

from benchmarks.known_where import HEIGHTS, Verdict, f1, known, truths_of, untrained_verdicts, verdicts


@pytest.mark.parametrize(
    "name", ["trigger-dqn-relu-l0", "greedy-ppo-tanh-l1", "columns-dqn-relu-l1", "lookup-ppo-tanh-l0"]
)
def test_what_units_carry_is_computed_and_what_none_carries_is_not(name):
    found = verdicts(name)
    assert [(each.primitive.concept, each.truth) for each in found if each.wrong] == []
    assert all(each.primitive.decided for each in found)


def test_a_concept_that_goes_with_a_carried_one_is_partly_readable_and_absent():
    """The number of changes along the lamps is odd exactly where the ends differ, which the network computes."""
    (changes,) = (each for each in verdicts("trigger-dqn-relu-l0") if each.primitive.concept == "changes")
    assert changes.truth == "absent" and changes.primitive.score > 0.15 and not changes.claimed
    assert "partly readable" in changes.primitive.decided


@pytest.mark.parametrize("name", ["trigger-ppo-tanh-shuffled", "columns-dqn-relu-random", "follower-dqn-relu-random"])
def test_a_negative_has_learned_nothing(name):
    found = verdicts(name)
    assert found and not any(each.primitive.learned for each in found)


def test_heights_of_an_untrained_network_are_the_inputs_or_absent():
    found = {each.concept: each for each in untrained_verdicts("tetris-small-dqn")}
    assert {found[name].where for name in HEIGHTS} <= {"input", "absent"}
    assert not any(each.learned for each in found.values())


def test_the_truth_is_found_without_our_readouts():
    truths, level = truths_of("trigger-dqn-relu-l1")
    assert level == "L1" and len(known("trigger").observations) == 256
    assert truths == {"lamp": "input", "lit": "input", "armed": "input", "ends_differ": "computed", "changes": "absent"}
    truths, _ = truths_of("convolution-dqn-relu-l0")
    assert truths["holes_in"] == "computed" and truths["holes"] == "set aside" and truths["wells"] == "absent"


def test_f1_counts_both_kinds_of_error(found_verdicts):
    score, counts = f1(found_verdicts)
    assert dict(counts) == {"right": 1, "missed": 1, "false": 1, "none": 1, "aside": 1} and score == 0.5
    assert f1(found_verdicts, strict=True)[1]["false"] == 2


@pytest.fixture
def found_verdicts():
    like = {each.claimed: each.primitive for each in verdicts("trigger-dqn-relu-l0")}
    pairs = (("computed", True), ("computed", False), ("absent", True), ("input", False), ("set aside", True))
    return [Verdict("made", "L0", like[claimed], truth) for truth, claimed in pairs]
