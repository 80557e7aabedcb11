"""Strips: PNG files of the right size with the right cells outlined, SVG that holds the same pictures."""

import base64
import io
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
from PIL import Image

from agentscope.drawing import Box, Frame, StripRow, picture_uri, state_pictures, strip_png, strip_svg
from agentscope.drawing.images import GAP, HEADING, NARROWEST

GREY = (90, 120, 90)
TOP = GAP // 2 + 2 * HEADING  # of the first picture: title and heading lie above it


def grey(height=160, width=160):
    return np.full((height, width, 3), GREY, dtype=np.uint8)


def decoded(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def outlined(pixels, x, y):
    """Whether the outline's black lies on this point of the first picture."""
    return tuple(pixels[TOP + y, GAP + x]) == (17, 17, 17)


def test_a_strip_is_as_wide_as_its_pictures_and_as_high_as_its_rows():
    one, two = (decoded(strip_png([StripRow("a", (Frame(grey()),) * n)], title="t")) for n in (2, 4))
    assert two.shape[1] - one.shape[1] == 2 * (NARROWEST + GAP)
    assert one.shape[0] == two.shape[0] == TOP + 160 + GAP + GAP // 2
    double = decoded(strip_png([StripRow("a", (Frame(grey()),) * 2)] * 2, title="t"))
    assert double.shape[0] - one.shape[0] == HEADING + 160 + GAP


def test_small_pictures_are_enlarged_by_a_whole_factor():
    pixels = decoded(strip_png([StripRow("a", (Frame(grey(40, 20)),))], title="t"))
    picture = (pixels == GREY).all(axis=2)
    assert picture.sum() == 160 * 80


def test_a_box_is_outlined_at_its_edges_and_nowhere_else():
    pixels = decoded(strip_png([StripRow("a", (Frame(grey(), boxes=(Box(40, 80, 20, 20),)),))], title="t"))
    for x, y in ((40, 90), (60, 90), (50, 80), (50, 100)):
        assert outlined(pixels, x, y)
    assert tuple(pixels[TOP + 90, GAP + 50]) == GREY
    dark = np.argwhere((pixels[TOP : TOP + 160, GAP : GAP + 160] == 17).all(axis=2))
    assert dark.min(axis=0).tolist() == [79, 39] and dark.max(axis=0).tolist() == [101, 61]


def test_neighbouring_boxes_share_one_outline():
    boxes = (Box(40, 80, 20, 20), Box(60, 80, 20, 20))
    pixels = decoded(strip_png([StripRow("a", (Frame(grey(), boxes=boxes),))], title="t"))
    assert not outlined(pixels, 60, 90)
    assert outlined(pixels, 40, 90) and outlined(pixels, 80, 90)


def test_what_no_box_covers_is_faded_where_asked():
    boxes = (Box(40, 80, 20, 20),)
    pixels = decoded(strip_png([StripRow("a", (Frame(grey(), boxes=boxes, faded=True),))], title="t"))
    assert tuple(pixels[TOP + 90, GAP + 50]) == GREY
    assert tuple(pixels[TOP + 30, GAP + 30]) == (110, 124, 110)


def test_captions_stay_under_their_own_picture():
    text = "a caption with many words that does not fit into one line under its picture"
    plain = decoded(strip_png([StripRow("a", (Frame(grey()), Frame(grey())))], title="t"))
    captioned = decoded(strip_png([StripRow("a", (Frame(grey(), (text,)), Frame(grey())))], title="t"))
    assert captioned.shape[1] == plain.shape[1] and captioned.shape[0] > plain.shape[0]
    ink = np.argwhere((captioned[TOP + 161 :] != 255).any(axis=2))
    assert ink[:, 1].max() < GAP + NARROWEST + GAP


def test_svg_holds_the_same_pictures_and_is_well_formed():
    pixels = np.random.default_rng(0).integers(0, 255, size=(8, 6, 3)).astype(np.uint8)
    svg = strip_svg([StripRow("<b>", (Frame(pixels, ("&",), (Box(0, 0, 2, 2),)),))], title="t")
    tree = ElementTree.fromstring(svg)
    (image,) = tree.findall(".//image")
    data = base64.b64decode(image.get("href").removeprefix("data:image/png;base64,"))
    assert np.array_equal(decoded(data), pixels)
    assert len(tree.findall(".//path")) == 2 and "<b>" not in svg
    assert not re.search(r"https?://", svg)


def test_pictures_of_few_and_of_many_colours_are_kept_to_the_bit():
    few = np.zeros((64, 64, 3), dtype=np.uint8)
    few[::2] = (1, 2, 3)
    many = np.random.default_rng(0).integers(0, 255, size=(64, 64, 3)).astype(np.uint8)
    for pixels in (few, many):
        assert np.array_equal(decoded(base64.b64decode(picture_uri(pixels).split(",")[1])), pixels)
    assert len(picture_uri(few)) < 400


def boards(count=6, shape=(4, 5)):
    return np.random.default_rng(0).integers(2, size=(count, *shape)).astype(np.uint8)


def rendered(cells, side=8):
    return [
        np.repeat(np.kron(cell, np.ones((side, side)))[..., None] * 200, 3, axis=2).astype(np.uint8) for cell in cells
    ]


def test_what_the_environment_draws_is_used_where_its_tiles_are_the_cells():
    found = state_pictures(boards(), images=rendered(boards()))
    assert found.kind == "rendered" and np.array_equal(found.pictures[3], rendered(boards())[3])
    assert found.box((2, 3)) == Box(24, 16, 8, 8)


def test_a_picture_of_another_view_or_size_is_not_used():
    turned = [picture[::-1] for picture in rendered(boards())]
    taller = [np.concatenate([picture, picture]) for picture in rendered(boards())]
    for images in (turned, taller, []):
        assert state_pictures(boards(), images=images).kind == "observed"


def test_a_board_is_drawn_from_its_observation_cell_by_cell():
    cells = np.zeros((1, 2, 3, 4), dtype=np.uint8)
    cells[0, 0, 1, 2] = cells[0, 1, 2, 0] = 1
    for observation, last in ((cells, False), (np.moveaxis(cells, 1, 3), True)):
        found = state_pictures(observation, channels_last=last)
        middle = {}
        for row in range(3):
            for column in range(4):
                box = found.box((row, column))
                middle[row, column] = tuple(found.pictures[0][box.top + box.height // 2, box.left + box.width // 2])
        ground = middle[0, 0]
        assert {cell for cell, colour in middle.items() if colour != ground} == {(1, 2), (2, 0)}
        assert middle[1, 2] != middle[2, 0]


def test_a_row_of_lamps_is_pointed_at_by_component():
    lamps = boards(shape=(1, 8))
    found = state_pictures(lamps[:, 0], images=rendered(lamps))
    assert found.kind == "rendered" and found.box((5,)) == Box(40, 0, 8, 8)


def test_components_become_bars_as_long_as_their_values():
    values = np.array([[1.0, -0.5], [0.5, 0.5], [0.0, 0.0]])
    found = state_pictures(values, names=("first", "second"))
    assert found.kind == "components"

    def blue(state, component):
        box = found.box((component,))
        part = found.pictures[state][box.top : box.top + box.height]
        return (part == (0x3B, 0x6E, 0xA5)).all(axis=2).any(axis=0).sum()

    assert 1.8 < blue(0, 0) / blue(1, 0) < 2.2
    assert abs(int(blue(0, 1)) - int(blue(1, 1))) <= 1
    assert blue(2, 0) <= 1


def test_many_components_become_a_board_of_shades():
    values = np.arange(60.0).reshape(2, 30)
    found = state_pictures(values)
    assert found.kind == "components" and found.columns == 6
    box = found.box((29,))
    assert found.pictures[1][box.top + 3, box.left + 3].sum() > found.pictures[0][3, 3].sum()
