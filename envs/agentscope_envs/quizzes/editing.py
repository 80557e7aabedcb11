"""Which questions differ from which in one feature only."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int


class Neighbours:
    """For each question, the others that differ in one feature.

    Args:
        features: values from 0 on; no two questions have the same in all of them.
    """

    def __init__(self, features: Int[np.ndarray, "questions features"]) -> None:
        self.features = features.astype(np.int64)
        self.sizes = self.features.max(axis=0) + 1
        self.strides = np.append(np.cumprod(self.sizes[::-1])[-2::-1], 1)  # questions as numbers of mixed radix
        self.keys = self.features @ self.strides
        self.order = np.argsort(self.keys)
        assert (np.diff(self.keys[self.order]) > 0).all(), "two questions have the same features"

    def of(self, questions: Int[np.ndarray, "states"]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Of all neighbours, parent by parent: position of the parent, question, feature and its new value."""
        feature = np.repeat(np.arange(len(self.sizes)), self.sizes)
        value = np.concatenate([np.arange(size) for size in self.sizes])
        old = self.features[questions][:, feature]
        wanted = self.keys[questions][:, None] + (value - old) * self.strides[feature]
        known = self.keys[self.order]
        place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        parent, column = np.nonzero((known[place] == wanted) & (value != old))
        return parent, self.order[place[parent, column]], feature[column], value[column]
