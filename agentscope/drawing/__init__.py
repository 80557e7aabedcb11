"""Boards, charts and strips of states as SVG and PNG: no scripts, no requests, colours that follow the page."""

from agentscope.drawing.boards import board_svg, image_svg
from agentscope.drawing.charts import Bar, Dot, bars_svg, frontier_svg, gain_map_svg
from agentscope.drawing.images import Box, Frame, StripRow, picture_uri, strip_png, strip_svg
from agentscope.drawing.states import StatePictures, state_pictures

__all__ = [
    "Bar",
    "Box",
    "Dot",
    "Frame",
    "StatePictures",
    "StripRow",
    "bars_svg",
    "board_svg",
    "frontier_svg",
    "gain_map_svg",
    "image_svg",
    "picture_uri",
    "state_pictures",
    "strip_png",
    "strip_svg",
]
