"""Boards and charts as SVG text: no scripts, no requests, colours that follow the page."""

from agentscope.drawing.boards import board_svg, image_svg
from agentscope.drawing.charts import Bar, Dot, bars_svg, frontier_svg, gain_map_svg

__all__ = ["Bar", "Dot", "bars_svg", "board_svg", "frontier_svg", "gain_map_svg", "image_svg"]
