"""A MiniGrid encoding as its agent sees it: the agent in the middle, ahead upwards."""

from __future__ import annotations

import torch

AGENT = 10  # MiniGrid's id of the agent, whose state channel holds its heading: 0 right, 1 down, 2 left, 3 up


def centred_windows(rows: int, columns: int, reach: int) -> torch.Tensor:
    """For each heading and agent cell, the cell seen at each place of the centred window; rows * columns is outside."""
    ahead, right = torch.meshgrid(torch.arange(reach, -reach - 1, -1), torch.arange(-reach, reach + 1), indexing="ij")
    steps = torch.tensor([[0, 1], [1, 0], [0, -1], [-1, 0]])  # (row, column) of one step ahead, by heading
    tables = []
    for heading in range(4):
        (row_ahead, column_ahead), (row_right, column_right) = steps[heading], steps[(heading + 1) % 4]
        down = ahead * row_ahead + right * row_right
        across = ahead * column_ahead + right * column_right
        cells = torch.arange(rows * columns)
        row = cells[:, None] // columns + down.flatten()
        column = cells[:, None] % columns + across.flatten()
        inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
        tables.append(torch.where(inside, row * columns + column, rows * columns))
    return torch.stack(tables)
