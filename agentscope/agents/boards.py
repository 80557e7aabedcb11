"""A features extractor for boards with a falling piece on a plane of its own. Its class path is frozen, as all are."""

from __future__ import annotations

import gymnasium
import torch
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn
from torch.nn import functional


class BoardExtractor(BaseFeaturesExtractor):
    """Two 3 x 3 convolutions over the cells of all planes, then a description of each column with weights of its rows.

    Plane 0 is the board: beside it and below it the convolutions see filled cells (walls and floor), above it empty
    ones. On the other planes, e.g. the falling piece where it is, all around is empty.

    The output has column_channels x columns features.

    Args:
        channels_1, channels_2: of the two convolutions.
        column_channels: length of each column's description.
    """

    def __init__(
        self,
        observation_space: gymnasium.spaces.Box,
        channels_1: int = 8,
        channels_2: int = 16,
        column_channels: int = 32,
    ) -> None:
        planes, rows, columns = observation_space.shape
        super().__init__(observation_space, column_channels * columns)
        self.convolution_1 = nn.Sequential(nn.Conv2d(planes, channels_1, 3), nn.ReLU())
        self.convolution_2 = nn.Sequential(nn.Conv2d(channels_1, channels_2, 3, padding=1), nn.ReLU())
        self.columns = nn.Sequential(nn.Conv2d(channels_2, column_channels, (rows, 1)), nn.ReLU())
        self.register_buffer("walls", walls_of(planes, rows, columns), persistent=False)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        planes = functional.pad(observations.float(), (1, 1, 1, 1)) + self.get_buffer("walls")
        features: torch.Tensor = self.columns(self.convolution_2(self.convolution_1(planes))).flatten(1)
        return features

    def named_layers(self) -> list[tuple[str, nn.Module, tuple[str, ...]]]:
        """Layers that probes may address, from the input on."""
        return [
            ("convolution_1", self.convolution_1, ("", "rows", "columns")),
            ("convolution_2", self.convolution_2, ("", "rows", "columns")),
            ("columns", self.columns, ("", "", "columns")),
        ]


def walls_of(planes: int, rows: int, columns: int) -> torch.Tensor:
    """(1, planes, rows + 2, columns + 2): 1 on plane 0 beside and below the board, else 0."""
    walls = torch.zeros(1, planes, rows + 2, columns + 2)
    walls[:, 0, :, [0, -1]] = 1.0
    walls[:, 0, -1] = 1.0
    return walls
