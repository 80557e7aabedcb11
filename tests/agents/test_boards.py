"""The board extractor: walls are filled cells, its layers lie on the board, and its zips load without running code."""

from pathlib import Path

import numpy as np
import pytest
import torch

from agentscope.agents import load_network
from agentscope.agents.boards import BoardExtractor, walls_of
from agentscope.agents.students import student_spec
from tests.agents.little_models import SPACES, make_model, sb3_load, sb3_scores

KWARGS = {"channels_1": 3, "channels_2": 5, "column_channels": 4}


def test_walls_and_floor_are_filled_and_the_sky_and_other_planes_are_empty() -> None:
    walls = walls_of(2, 3, 2)[0].numpy()
    assert walls[0].tolist() == [[1, 0, 0, 1]] * 4 + [[1, 1, 1, 1]]
    assert not walls[1].any()


def test_a_cell_beside_the_wall_looks_like_one_beside_filled_cells() -> None:
    torch.manual_seed(0)
    extractor = BoardExtractor(SPACES["planes"], **KWARGS)

    def seen(planes: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = extractor.convolution_1(
            torch.nn.functional.pad(planes, (1, 1, 1, 1)) + extractor.get_buffer("walls")
        )
        return found[0]

    empty, parted = torch.zeros(1, 2, 8, 6), torch.zeros(1, 2, 8, 6)
    parted[0, 0, :, 3] = 1  # for the cells left of it, a column of filled cells is a wall
    assert torch.allclose(seen(parted)[:, 1:7, 2], seen(empty)[:, 1:7, 5])
    assert not torch.allclose(seen(empty)[:, 1:7, 2], seen(empty)[:, 1:7, 5])


@pytest.mark.parametrize("algorithm", ["DQN", "PPO", "MaskablePPO"])
def test_its_scores_equal_sb3s_bit_by_bit_and_its_layers_have_axes(algorithm: str, tmp_path: Path) -> None:
    path = tmp_path / "board.zip"
    make_model(algorithm, "planes", features_extractor_class=BoardExtractor, features_extractor_kwargs=KWARGS,
               net_arch=[8]).save(path)  # fmt: skip
    network = load_network(path)
    rng = np.random.default_rng(0)
    observations = rng.integers(0, 2, size=(network.chunk, 2, 8, 6)).astype(np.uint8)
    assert np.array_equal(network.scores(observations), sb3_scores(sb3_load(algorithm, path), observations))
    layers = {layer.name: (layer.shape, layer.axis) for layer in network.layers}
    assert layers["convolution_1"] == ((3, 8, 6), ("", "rows", "columns"))
    assert layers["convolution_2"] == ((5, 8, 6), ("", "rows", "columns"))
    assert layers["columns"] == ((4, 1, 6), ("", "", "columns"))
    assert not network.notices


def test_a_student_of_it_is_narrower(tmp_path: Path) -> None:
    path = tmp_path / "board.zip"
    make_model("PPO", "planes", features_extractor_class=BoardExtractor, net_arch=[16]).save(path)
    narrow = student_spec(load_network(path)).extractor_kwargs
    assert narrow["channels_1"] < 8 and narrow["channels_2"] < 16 and narrow["column_channels"] < 32
