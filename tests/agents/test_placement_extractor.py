"""The extractor of placements: what further planes add, and that without them nothing is added."""

import numpy as np
import pytest
import torch

from agentscope.agents.extractors import PlacementExtractor
from agentscope.agents.loading import load_network, network_from_model
from agentscope.errors import RefusedFile
from agentscope_envs import TetrisSmall
from tests.agents.little_models import make_model

NAMES = (
    "wall", "columns.0.weight", "columns.0.bias", "piece_filters.0.weight", "piece_filters.0.bias", "piece.0.weight",
    "piece.0.bias", "piece_gate.weight", "piece_gate.bias", "surface_convolution.weight", "surface_convolution.bias",
    "placement.0.weight", "placement.0.bias", "rotations.weight", "rotations.bias",
)  # fmt: skip


def made(others, **options):
    env = TetrisSmall(**options)
    torch.manual_seed(4)
    return env, PlacementExtractor(env.observation_space, channels=8, piece_channels=6, others=others)


def observations(env, steps=3):
    states = env.reset(np.arange(300))
    for step in range(steps):
        states = env.step(states, (np.arange(300) * 7 + step) % 24).states
    return states, torch.as_tensor(env.observe(states))


def test_without_further_planes_it_has_the_weights_that_shipped_agents_have():
    _, extractor = made(0)
    assert tuple(extractor.state_dict()) == NAMES
    assert [name for name, _, _ in extractor.named_layers()] == [
        "columns",
        "piece",
        "surface",
        "placement",
        "rotations",
    ]


def test_further_planes_change_no_weight_of_the_others_and_add_one_layer():
    _, plain = made(0)
    _, more = made(3, past=3)
    shared, added = plain.state_dict(), more.state_dict()
    assert set(added) - set(shared) == {"other_gate.weight", "other_gate.bias"}
    assert all(torch.equal(shared[name], added[name]) for name in shared)


def test_a_closed_gate_leaves_the_scores_as_they_are_without_the_planes():
    env, more = made(3, preview=1, past=2)
    _, plain = made(0)
    _, planes = observations(env)
    with torch.no_grad():
        assert not torch.equal(more(planes), plain(planes[:, :2]))
        more.other_gate.weight.zero_()
        more.other_gate.bias.zero_()
        assert torch.equal(more(planes), plain(planes[:, :2]))


def test_each_further_plane_is_described_as_the_falling_piece_is():
    env, extractor = made(2, past=2)
    states, planes = observations(env)
    with torch.no_grad():
        described = extractor.describe_others(planes.float()).view(300, 2, 6)
        for place, name in enumerate(("past_piece", "past_piece2")):
            falling = states.copy()
            falling["piece"], falling["pose_rotation"], falling["pose_column"] = states[name], 0, 0
            alone = torch.as_tensor(env.observe(falling)[:, 1:2, :4]).float()
            once = extractor.piece(extractor.piece_filters(alone).amax(dim=(2, 3)))
            assert torch.allclose(described[:, place], once, atol=1e-6) and once.std(dim=0).max() > 0.01


def small_model():
    arguments = {"features_extractor_class": PlacementExtractor, "features_extractor_kwargs": {"others": 2}}
    return make_model("DQN", "more-planes", net_arch=[], **arguments)


def test_who_listens_to_the_falling_piece_hears_nothing_of_the_others():
    network = network_from_model(small_model())
    seen = np.zeros((40, 4, 8, 6), dtype=np.uint8)
    seen[:, 1, 0, :4] = 1
    seen[::2, 2:, :2, :2] = 1
    piece, others = (network.activations(seen, name) for name in ("piece", "other_pieces"))
    assert piece.shape == (40, 32) and (piece == piece[0]).all()
    assert others.shape == (40, 64) and not (others[0] == others[1]).all()
    closed = network.with_patch("other_pieces", np.zeros_like).scores(seen)
    assert (closed == closed[0]).all() and not (network.scores(seen) == closed).all()


@pytest.mark.parametrize(("others", "past"), [(0, 1), (2, 1), (2, 0), (-1, 0)])
def test_planes_that_nobody_reads_are_refused(others, past):
    with pytest.raises(ValueError, match="planes"):
        made(others, past=past)


def test_a_file_whose_planes_do_not_fit_is_refused(tmp_path):
    path = tmp_path / "agent.zip"
    model = small_model()
    model.policy_kwargs["features_extractor_kwargs"] = {"others": 1}
    model.save(path)
    with pytest.raises(RefusedFile, match="others=1"):
        load_network(path)
