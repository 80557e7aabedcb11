"""Networks for tests: whoever needs one adds `scores`, `observation_shape` and `actions`."""


class ClosedNetwork:
    """A network into which nobody looks: it has scores, and neither layers nor weights to show."""

    name, sha256, algorithm, parameters = "closed", "0" * 64, "PPO", 8
    layers, architecture, notices = (), {}, ()

    def activations(self, observations, layer):
        raise KeyError(layer)

    def with_patch(self, layer, patch):
        raise KeyError(layer)

    def weights(self):
        return {}
