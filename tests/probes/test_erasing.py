"""What is erased no linear readout finds again, with the least change; random erasures leave the concept there."""

import numpy as np
from sklearn.linear_model import LinearRegression

from agentscope.probes.erasing import Whitening, label_columns


def data(states=2_000):
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(states, 6))
    mixed = (hidden @ rng.normal(size=(6, 10))).astype(np.float32) + 3.0
    return hidden, mixed


def r2(features, target):
    return LinearRegression().fit(features, target).score(features, target)


def test_after_erasure_no_linear_readout_beats_a_constant_and_others_keep_theirs():
    hidden, mixed = data()
    eraser = Whitening(mixed).eraser(hidden[:, :1])
    erased = eraser(mixed)
    assert eraser.rank == 1
    assert r2(mixed, hidden[:, 0]) > 0.999 and r2(erased, hidden[:, 0]) < 1e-6
    assert r2(erased, hidden[:, 1]) > 0.99


def test_it_is_the_least_change_of_all_that_erase():
    hidden, mixed = data()
    whitening = Whitening(mixed)
    erased = whitening.eraser(hidden[:, :1])(mixed)
    readout = LinearRegression().fit(mixed, hidden[:, 0]).coef_
    along = mixed - np.outer((mixed - mixed.mean(axis=0)) @ readout, readout) / (readout @ readout)
    change = ((mixed - erased) ** 2).sum(axis=1).mean()
    # removing the readout's own direction changes less but leaves the concept readable: that is why LEACE is oblique
    assert r2(along, hidden[:, 0]) > 0.1 and change > ((mixed - along) ** 2).sum(axis=1).mean()


def test_choices_are_erased_class_by_class():
    rng = np.random.default_rng(1)
    choice = rng.integers(3, size=1_500)
    features = (np.eye(3)[choice] @ rng.normal(size=(3, 5)) + 0.1 * rng.normal(size=(1_500, 5))).astype(np.float32)
    whitening = Whitening(features)
    full = whitening.eraser(label_columns(choice, "choice"))
    as_number = whitening.eraser(choice[:, None].astype(float))
    assert full.rank == 2 and as_number.rank == 1
    assert max(r2(full(features), choice == code) for code in range(3)) < 1e-3
    assert max(r2(as_number(features), choice == code) for code in range(3)) > 0.1


def test_random_erasures_have_the_rank_and_leave_most_of_the_concept():
    hidden, mixed = data()
    whitening = Whitening(mixed)
    random = whitening.random_eraser(1, np.random.default_rng(3))
    assert random.rank == 1 and r2(random(mixed), hidden[:, 0]) > 0.2
    assert not np.array_equal(random(mixed), whitening.random_eraser(1, np.random.default_rng(4))(mixed))


def test_constant_labels_erase_nothing():
    columns = label_columns(np.ones((50, 3)), "number")
    assert columns.shape == (50, 0)
    _, mixed = data(50)
    assert Whitening(mixed).eraser(np.zeros((50, 1))).rank == 0
