"""Drawings: well-formed SVG whose shapes can be measured, the same every time."""

import xml.etree.ElementTree as ElementTree

import numpy as np

from agentscope.drawing import Bar, Dot, bars_svg, board_svg, frontier_svg, gain_map_svg, image_svg
from agentscope.drawing.theme import DARK, LIGHT
from tests.drawing.test_plots import contrast


def parts(svg, tag):
    return ElementTree.fromstring(svg).findall(f".//{tag}")


def corners(path):
    points = path.get("d").strip("MZ").split("L")
    return [tuple(map(float, point.split())) for point in points]


def mixed(top, ground, share):
    """A colour of this opacity over a ground."""
    channels = [(int(top[at : at + 2], 16), int(ground[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(one * share + other * (1 - share)):02x}" for one, other in channels)


def test_a_bar_is_as_long_as_its_share_and_has_whiskers_only_with_an_interval():
    svg = bars_svg([Bar("a", 0.5, 0.4, 0.6), Bar("b", 1.0)], title="t")
    widths = [float(part.get("width")) for part in parts(svg, "rect")]
    assert widths[1] == 2 * widths[0]
    assert len(parts(svg, "line")) == 5 + 3


def test_the_frontier_has_a_dot_a_text_and_longer_texts_lie_further_right():
    svg = frontier_svg([Dot(1, 0.5, "a"), Dot(8, 0.75, "b", chosen=True)], title="t")
    first, second = [corners(path) for path in parts(svg, "path")][:2]
    assert max(x for x, _ in first) < min(x for x, _ in second)
    assert min(y for _, y in first) > max(y for _, y in second)
    (ring,) = parts(svg, "circle")
    assert abs(float(ring.get("cx")) - sum(x for x, _ in second) / len(second)) < 0.1


def test_forms_differ_in_shape_and_the_legend_shows_it():
    svg = frontier_svg([Dot(1, 0.5, form) for form in "abcdefg"], title="t")
    shapes = [corners(path) for path in parts(svg, "path")]
    marks, legend = shapes[:7], shapes[7:]
    assert len({tuple((round(x - mark[0][0]), round(y - mark[0][1])) for x, y in mark) for mark in marks}) == 7
    assert [len(mark) for mark in marks] == [len(mark) for mark in legend]


def test_figures_on_the_strongest_gains_can_be_read_in_both_themes():
    svg = gain_map_svg(np.array([[9.0, -9.0]]), ["holes"], ["first", "second"], title="t")
    opacities = [float(part.get("style").split("fill-opacity:")[1]) for part in parts(svg, "rect")]
    for colours in (LIGHT, DARK):
        for role, opacity in zip(("bar", "warn"), opacities, strict=True):
            assert contrast(colours["ink"], mixed(colours[role], colours["paper"], opacity)) >= 4.5, role


def test_charts_of_nothing_are_still_pictures():
    for svg in (
        bars_svg([], title="t"),
        frontier_svg([], title="t"),
        gain_map_svg(np.zeros((0, 0)), [], [], title="t"),
    ):
        assert ElementTree.fromstring(svg).tag == "svg"


def test_the_gain_map_leaves_out_what_was_not_measured():
    svg = gain_map_svg(np.array([[0.25, np.nan]]), ["holes"], ["first", "second"], title="t")
    assert len(parts(svg, "rect")) == 1
    assert "+0.25" in svg


def test_an_image_becomes_as_few_rectangles_as_it_has_runs():
    pixels = np.zeros((4, 6, 3), dtype=np.uint8)
    pixels[:2, 3:] = (255, 0, 16)
    svg = image_svg(pixels, title="t", scale=2)
    assert len(parts(svg, "rect")) == 3
    area = sum(float(p.get("width")) * float(p.get("height")) for p in parts(svg, "rect"))
    assert area == 4 * 6 * 2 * 2
    assert "#ff0010" in svg


def test_a_board_has_a_square_a_cell_in_its_colour():
    svg = board_svg(np.array([[0, 1, 2]]), title="t", colours=("#000000", "#111111"))
    fills = [part.get("style") for part in parts(svg, "rect")]
    assert fills == ["fill:#000000", "fill:#111111", "fill:#000000"]


def test_strange_names_are_escaped():
    svg = bars_svg([Bar('<script>"', 0.5, note="&")], title="</svg><b>")
    assert "<script>" not in svg and "<b>" not in svg
    assert ElementTree.fromstring(svg).tag == "svg"
