"""The convolutional network for grids: the same sum at every cell, computed here by hand."""

import numpy as np
import torch

from agentscope.agents.extractors import GridConvolutions, one_hot_cells
from agentscope_envs.gridworlds import Supervisor

WORLD = Supervisor(size=5)


def test_each_cell_has_the_sum_over_its_neighbourhood_by_the_same_weights() -> None:
    torch.manual_seed(1)
    extractor = GridConvolutions(WORLD.observation_space, states=0, channels=3)
    seen = WORLD.observe(WORLD.enumerate()[::7])
    found = extractor(torch.as_tensor(seen)).detach().numpy().reshape(len(seen), 3, 5, 5)
    weight, bias = (part.detach().numpy() for part in extractor.convolutions[0].parameters())
    assert weight.shape == (3, 11 + 6, 3, 3)
    for row, column in ((0, 0), (2, 2), (3, 4)):
        expected = np.tile(bias, (len(seen), 1)).astype(np.float64)
        for down in (-1, 0, 1):
            for across in (-1, 0, 1):
                y, x = row + down, column + across
                if 0 <= y < 5 and 0 <= x < 5:
                    tap = weight[:, :, down + 1, across + 1]
                    expected += tap[:, seen[:, 0, y, x]].T + tap[:, 11 + seen[:, 1, y, x]].T
        np.testing.assert_allclose(found[:, :, row, column], np.maximum(expected, 0), atol=1e-5)


def test_one_hot_planes_hold_one_of_each_kind() -> None:
    seen = WORLD.observe(WORLD.reset(np.arange(50)))
    planes = one_hot_cells(torch.as_tensor(seen).long(), (11, 6, 0)).numpy()
    assert planes.shape == (50, 5, 5, 17) and (planes.sum(axis=3) == 2).all()
    assert (planes[..., :11].argmax(axis=3) == seen[:, 0]).all() and (
        planes[..., 11:].argmax(axis=3) == seen[:, 1]
    ).all()


def test_the_layer_is_named_with_its_rows_and_columns() -> None:
    ((name, module, axes),) = GridConvolutions(WORLD.observation_space, depth=2).named_layers()
    assert name == "convolutions" and axes == ("", "rows", "columns")
    assert sum(isinstance(part, torch.nn.Conv2d) for part in module) == 2
