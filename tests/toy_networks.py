"""Networks for tests: whoever needs one adds `observation_shape`, `actions`, and what it is asked for."""


class ClosedNetwork:
    """A network that has nothing to show: no layers, no weights, no scores."""

    name, sha256, algorithm, parameters = "closed", "0" * 64, "PPO", 8
    layers, architecture, notices = (), {}, ()

    def scores(self, observations, legal=None):
        raise KeyError("scores")

    def activations(self, observations, layer):
        raise KeyError(layer)

    def activations_of(self, observations, layers):
        return {layer: self.activations(observations, layer) for layer in layers}

    def scores_with(self, observations, outputs, legal=None):
        raise KeyError("scores")

    def pull_back(self, observations, layer, outputs, cotangents):
        raise KeyError(layer)

    def with_patch(self, layer, patch):
        raise KeyError(layer)

    def dense_after(self, layer):
        return None

    def weights(self):
        return {}
