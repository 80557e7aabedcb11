"""Features extractors of our agents. Their class paths are frozen: SB3 zips name them.

Each is built from scalar keyword arguments only, so that a zip states it in plain JSON, and lists its named layers
for probes: (name, module, axis names of the output's dimensions after the batch).
"""

from __future__ import annotations

from collections.abc import Sequence

import gymnasium
import numpy as np
import torch
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn
from torch.nn import functional

from agentscope.agents.grids import AGENT, centred_windows
from agentscope.agents.stages import finished, rearranged, weighed
from agentscope.integers import CODING, SCORES, SEEN, arrays_of, read_plan, shapes_of

NamedLayer = tuple[str, nn.Module, tuple[str, ...]]


DOOR = 4  # MiniGrid's id of a door, the one object whose state matters


class GridExtractor(BaseFeaturesExtractor):
    """A learned description of each cell of a MiniGrid encoding (object, colour, state), or its one-hot planes.

    The observation is channel-first (3, rows, columns) with ids, not intensities: dividing ids by 255, as SB3 does
    to images, would make them nearly equal.

    Args:
        objects, colours, states: number of ids of each kind; 0 leaves the kind out.
        channels: length of the learned description, the same for every cell (an embedding); 0 gives the one-hot
            planes as they are.
        reach: above 0, first shift and turn the grid so that the agent looks up from the middle and sees so many
            cells in each direction, as in MiniGrid's own view; cells outside the grid are the id 0 (unseen).
    """

    def __init__(
        self,
        observation_space: gymnasium.spaces.Box,
        objects: int = 11,
        colours: int = 6,
        states: int = 4,
        channels: int = 0,
        reach: int = 0,
    ) -> None:
        _, rows, columns = observation_space.shape
        side = (2 * reach + 1, 2 * reach + 1) if reach else (rows, columns)
        super().__init__(observation_space, (channels or objects + colours + states) * side[0] * side[1])
        self.sizes, self.side, self.reach, self.channels = (objects, colours, states), side, reach, channels
        kinds = max(objects, 1) * max(colours, 1) * max(states, 1)
        start = starting_descriptions(max(objects, 1), kinds, channels) if channels else None
        self.cells: nn.Module = nn.Identity() if start is None else nn.Embedding.from_pretrained(start, freeze=False)
        if reach:
            self.register_buffer("windows", centred_windows(rows, columns, reach), persistent=False)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        ids = observations.long()
        if self.reach:
            ids = self.centre(ids)
        if not self.channels:
            return torch.as_tensor(self.cells(one_hot_cells(ids, self.sizes)).flatten(1))
        read = [(ids[:, kind].clamp(max=size - 1), size) for kind, size in enumerate(self.sizes) if size]
        code = torch.zeros_like(read[0][0])
        for values, size in read:
            code = code * size + values
        return torch.as_tensor(self.cells(code).flatten(1))

    def centre(self, ids: torch.Tensor) -> torch.Tensor:
        """The same ids as the agent sees them: itself in the middle, ahead upwards."""
        cells = ids.flatten(2)
        position = (cells[:, 0] == AGENT).int().argmax(dim=1)
        heading = cells[torch.arange(len(ids)), 2, position].clamp(max=3)
        window = self.get_buffer("windows")[heading, position]
        padded = functional.pad(cells, (0, 1))  # the last index stands for "outside"
        seen = padded.gather(2, window.unsqueeze(1).expand(-1, 3, -1))
        return seen.view(len(ids), 3, *self.side)

    def named_layers(self) -> list[NamedLayer]:
        """Layers that probes may address, from the input on."""
        axes = ("", "", "") if self.reach else ("rows", "columns", "")
        return [("cells", self.cells, axes)]


class GridConvolutions(BaseFeaturesExtractor):
    """A small convolutional network on the one-hot planes of a MiniGrid encoding: what it sees, it sees anywhere.

    Args:
        objects, colours, states: number of ids of each kind; 0 leaves the kind out.
        channels: of each convolution.
        depth: how many convolutions, 3 x 3 each; outside the grid all planes are 0.
    """

    def __init__(
        self,
        observation_space: gymnasium.spaces.Box,
        objects: int = 11,
        colours: int = 6,
        states: int = 4,
        channels: int = 16,
        depth: int = 1,
    ) -> None:
        _, rows, columns = observation_space.shape
        super().__init__(observation_space, channels * rows * columns)
        self.sizes = (objects, colours, states)
        widths = [sum(self.sizes), *[channels] * depth]
        layers = [(nn.Conv2d(width, channels, 3, padding=1), nn.ReLU()) for width in widths[:-1]]
        self.convolutions = nn.Sequential(*(module for layer in layers for module in layer))

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        planes = one_hot_cells(observations.long(), self.sizes).permute(0, 3, 1, 2)
        features: torch.Tensor = self.convolutions(planes.contiguous()).flatten(1)
        return features

    def named_layers(self) -> list[NamedLayer]:
        """Layers that probes may address, from the input on."""
        return [("convolutions", self.convolutions, ("", "rows", "columns"))]


def one_hot_cells(ids: torch.Tensor, sizes: tuple[int, int, int]) -> torch.Tensor:
    """(states, rows, columns, ids of all kinds): 1 for the object, the colour and the state of each cell."""
    read = [functional.one_hot(ids[:, kind].clamp(max=size - 1), size) for kind, size in enumerate(sizes) if size]
    return torch.cat(read, dim=-1).float()


def starting_descriptions(objects: int, kinds: int, channels: int) -> torch.Tensor:
    """Where the learned descriptions start: ground (unseen, empty) at zero, all else at signed unit vectors.

    Random vectors would make every empty cell shout: MLPs on them stayed at .70 optimal moves (decisions/0003).
    """
    start = torch.zeros(kinds, channels)
    per_object = kinds // objects
    things = [kind for kind in range(2 * per_object, kinds) if kind % per_object == 0 or kind // per_object == DOOR]
    for rank, kind in enumerate(things):
        start[kind, rank % channels] = 1.0 if (rank // channels) % 2 == 0 else -1.0
    return start


class PlacementExtractor(BaseFeaturesExtractor):
    """Scores of all placements (rotation x column) from a board plane and a plane with the falling piece.

    Rows are channels and columns are positions: every column is described by the same weights (tied), from its
    own cells, its neighbours' and the share of filled cells in each row; the piece is recognised by 4x4 filters
    wherever it lies (maximum over positions) and gates the columns' description; two convolutions along the columns
    then compare neighbours. Beyond the side walls stands a learned constant. Further planes, each with one piece (the
    next ones, the past ones) or empty, are recognised by the same filters and gate the columns by a layer of their own.

    The output has 4 x columns features in the order of the actions (rotation x columns + column).

    Args:
        channels: width of each column's description.
        piece_channels: number of 4x4 filters on the piece plane.
        kernel: columns that the two later convolutions see (odd).
        others: number of further planes; a network with none has no weights for them.

    Raises: ValueError: the observation has more planes than are read, or fewer.
    """

    def __init__(
        self,
        observation_space: gymnasium.spaces.Box,
        channels: int = 64,
        piece_channels: int = 32,
        kernel: int = 5,
        others: int = 0,
    ) -> None:
        planes, rows, columns = observation_space.shape
        if others < 0 or planes != 2 + others:
            raise ValueError(f"{planes} planes with others={others}: board, falling piece and {others} more are read")
        super().__init__(observation_space, 4 * columns)
        self.reach = kernel // 2
        self.columns = nn.Sequential(nn.Conv1d(2 * rows, channels, 3, padding=1), nn.ReLU())
        self.piece_filters = nn.Sequential(nn.Conv2d(1, piece_channels, 4, padding=(0, 3)), nn.ReLU())
        self.piece = nn.Sequential(nn.Linear(piece_channels, piece_channels), nn.ReLU())
        self.piece_gate = nn.Linear(piece_channels, channels)
        self.wall = nn.Parameter(torch.zeros(2, channels))
        self.surface_convolution = nn.Conv1d(channels, channels, kernel)
        self.surface = nn.ReLU()
        self.placement = nn.Sequential(nn.Conv1d(channels, channels, kernel), nn.ReLU())
        self.rotations = nn.Conv1d(channels, 4, 1)
        self.other_pieces = nn.Identity()
        self.other_gate = nn.Linear(others * piece_channels, channels) if others else None

    def between_walls(self, columns: torch.Tensor, index: int) -> torch.Tensor:
        """Put the learned constant of the walls at both ends."""
        wall = self.wall[index].view(1, -1, 1).expand(len(columns), -1, self.reach)
        return torch.cat([wall, columns, wall], dim=2)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        planes = observations.float()
        board = planes[:, 0]
        fill = board.mean(dim=2, keepdim=True).expand_as(board)
        columns = self.columns(torch.cat([board, fill], dim=1))
        piece = self.piece(self.piece_filters(planes[:, 1:2, :4]).amax(dim=(2, 3)))
        surface = self.surface_convolution(self.between_walls(columns, 0)) + self.piece_gate(piece).unsqueeze(2)
        if self.other_gate is not None:
            surface = surface + self.other_gate(self.other_pieces(self.describe_others(planes))).unsqueeze(2)
        placement = self.placement(self.between_walls(self.surface(surface), 1))
        scores: torch.Tensor = self.rotations(placement).flatten(1)
        return scores

    def describe_others(self, planes: torch.Tensor) -> torch.Tensor:
        """(states, planes x piece channels): each further plane as the falling piece's is described."""
        alone = planes[:, 2:, :4].flatten(0, 1).unsqueeze(1)
        # forward, not a call: who listens to the layer `piece` must hear of the falling piece only
        described = self.piece.forward(self.piece_filters(alone).amax(dim=(2, 3)))
        return described.view(len(planes), -1)

    def named_layers(self) -> list[NamedLayer]:
        """Layers that probes may address, from the input on."""
        others = [] if self.other_gate is None else [("other_pieces", self.other_pieces, ("",))]
        return [
            ("columns", self.columns, ("", "columns")),
            ("piece", self.piece, ("",)),
            *others,
            ("surface", self.surface, ("", "columns")),
            ("placement", self.placement, ("", "columns")),
            ("rotations", self.rotations, ("rotations", "columns")),
        ]


class QuantisedExtractor(BaseFeaturesExtractor):
    """An integer network (`agentscope.integers`): float32 arithmetic that equals int64 arithmetic exactly.

    The weights are whole numbers in buffers; whoever makes them keeps every partial sum below 2**24, so that the order
    of summation does not matter. The last layer of the policy is a plain Linear of whole numbers, or the identity.

    Args:
        plan: the stages, one line each.

    Raises: BadOption: the plan is unsound, or does not fit the observations.
    """

    def __init__(self, observation_space: gymnasium.spaces.Box, plan: Sequence[str]) -> None:
        stages = read_plan(plan)
        shapes = shapes_of(stages, tuple(observation_space.shape))
        super().__init__(observation_space, int(np.prod(shapes[stages[-1].name])))
        self.stages, self.shapes = stages, shapes
        self.outputs = nn.ModuleList(nn.Identity() for _ in stages)
        self.coded = frozenset(stage.name for stage in stages if stage.kind in CODING)
        for name, shape in arrays_of(self.stages, tuple(observation_space.shape)).items():
            self.register_buffer(name.replace(".", "__"), torch.zeros(shape))

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        values = {SEEN: observations.float()}
        for stage, output in zip(self.stages, self.outputs, strict=True):
            sources, arrays = [values[source] for source in stage.sources], self.arrays(stage.name)
            if stage.weighs:
                values[stage.name] = output(finished(stage, weighed(stage, sources, arrays)))
            else:
                values[stage.name] = output(rearranged(stage, sources[0], arrays))
        return values[self.stages[-1].name].flatten(1)

    def arrays(self, stage: str) -> dict[str, torch.Tensor]:
        """The arrays of one stage by their names."""
        start = f"{stage}__"
        return {name[len(start) :]: value for name, value in self.named_buffers() if name.startswith(start)}

    def named_layers(self) -> list[NamedLayer]:
        """Layers that probes may address, from the input on; scores are those of the policy's last layer."""
        outputs = zip(self.stages, self.outputs, strict=True)
        return [
            (stage.name, output, _axes(len(self.shapes[stage.name])))
            for stage, output in outputs
            if stage.name != SCORES
        ]


def _axes(dimensions: int) -> tuple[str, ...]:
    """Axes of a stage's output: tensors of columns have the columns last, planes of cells rows and columns."""
    return {2: ("", "columns"), 3: ("", "rows", "columns")}.get(dimensions, ("",) * dimensions)
