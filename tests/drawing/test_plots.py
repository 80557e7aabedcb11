"""Plots of the page: they hold the numbers that they were given, in both themes, and send nothing anywhere."""

import json
import math
from itertools import product

import pytest

from agentscope.drawing.call_trees import ROOT, call_tree
from agentscope.drawing.plots import (
    HUES_DARK,
    HUES_LIGHT,
    PLOT_CONFIG,
    SHAPES,
    fidelity,
    frontier,
    gain_map,
    gaps,
    short,
)
from agentscope.drawing.theme import DARK, LIGHT, theme

THEMES = pytest.mark.parametrize("dark", [False, True])
PRIMITIVES = [
    {"concept": "holes", "metric": "R2", "use": "used", "layers": [
        {"layer": "a", "gain": 0.25, "gain_low": 0.125, "gain_high": 0.375, "score": 0.875, "input": 0.5,
         "untrained": 0.625, "random": None, "task": -0.25},
        {"layer": "b", "gain": -0.75, "score": 0.25}]},
    {"concept": "<a href='http://x'>T</a>", "metric": "AUC", "use": "unused",
     "layers": [{"layer": "b", "gain": math.nan}]},
]  # fmt: skip
POINTS = [
    {"form": "tree", "lines": 3, "constants": 1, "bits": 40, "agreement": 0.875, "without_near_ties": 0.9375},
    {"form": "linear test", "lines": 1, "constants": 2, "bits": 30, "agreement": 0.75, "without_near_ties": None},
    {"form": "tree", "lines": 9, "constants": 4, "bits": 90, "agreement": math.nan},
]
SETS = [
    {"set": "unseen_levels", "agreement": 0.5, "low": 0.25, "high": 0.625, "states": 1000, "episodes": 40},
    {"set": "reachable", "agreement": 0.9996, "low": None, "high": None, "states": 300, "episodes": 1},
]
STEPS = [
    {"step": 0, "gap": 0.5, "same": True},
    {"step": 1, "gap": None, "same": False},
    {"step": 2, "gap": 0.25, "same": False},
]


def function(name, calls, **changed):
    plain = {"name": name, "calls": calls, "units": [1, 2], "stage": "hidden", "opaque": False, "in_budget": True}
    sizes = {"inputs": 3, "weights": 4, "largest_weight": 5, "operations": 6, "rows": 0, "effect": 0.25}
    return plain | sizes | changed


FUNCTIONS = [
    function("top", ["left", "right", "top"]),
    function("left", ["leaf"], in_budget=False),
    function("right", ["leaf"], opaque=True, in_budget=False, effect=None),
    function("leaf", ["top"]),
    function("lonely", []),
]


def all_plots(dark):
    return {
        "gain_map": gain_map(PRIMITIVES, dark=dark),
        "frontier": frontier(POINTS, dark=dark, chosen=POINTS[0], levels={"student": 0.9, "twin": None}),
        "fidelity": fidelity(SETS, dark=dark),
        "gaps": gaps(STEPS, dark=dark),
        "call_tree": call_tree(FUNCTIONS, ["top"], dark=dark),
    }


def no_constant(constant):
    raise AssertionError(f"JSON does not know {constant}")


def of_nothing(dark):
    return [gain_map([], dark=dark), frontier([], dark=dark), fidelity([], dark=dark), gaps([], dark=dark),
            call_tree([], [], dark=dark)]  # fmt: skip


def test_no_plot_has_a_button_that_uploads_and_none_knows_a_server():
    assert PLOT_CONFIG["showSendToCloud"] is False and PLOT_CONFIG["displaylogo"] is False
    assert PLOT_CONFIG["plotlyServerURL"] == "" and not PLOT_CONFIG["showEditInChartStudio"]
    assert "http" not in json.dumps(PLOT_CONFIG)


@THEMES
def test_every_plot_wears_the_theme_and_is_json_without_nan(dark):
    for name, figure in all_plots(dark).items():
        document = json.loads(figure.to_json(), parse_constant=no_constant)
        assert document["layout"]["font"]["color"] == theme(dark=dark)["ink"], name
        assert document["layout"]["paper_bgcolor"] == "rgba(0,0,0,0)", name
        for trace in document["data"]:
            trace.pop("customdata", None)  # names for the page's script, shown nowhere
        assert "<a " not in json.dumps(document), name
    assert all(figure.layout.height > 0 for figure in of_nothing(dark))


@THEMES
def test_the_gain_map_holds_the_gains_and_tells_score_and_every_control(dark):
    (heat,) = gain_map(PRIMITIVES, dark=dark).data
    assert [list(row) for row in heat.z] == [[0.25, -0.75], [None, None]]
    assert heat.zmin == -heat.zmax and heat.zmid == 0
    for words in ("holes", "+0.250 (+0.125 to +0.375)", "score 0.875 R2", "raw input: 0.500", "untrained twins: 0.625",
                  "random features: -", "control task: -0.250", "use: used"):  # fmt: skip
        assert words in heat.text[0][0], words
    assert list(heat.customdata[0]) == ["holes", "holes"]


@THEMES
def test_the_frontier_tells_forms_apart_by_shape_and_rings_the_printed_text(dark):
    figure = frontier(POINTS, dark=dark, chosen=POINTS[0], levels={"student": 0.9, "twin": None})
    traces = {trace.name: trace for trace in figure.data}
    assert list(traces) == ["tree", "linear test", "printed text", "student 0.900"]
    assert list(traces["tree"].x) == [3] and list(traces["tree"].y) == [0.875]
    assert traces["tree"].marker.symbol != traces["linear test"].marker.symbol
    assert list(traces["printed text"].x) == [3] and traces["printed text"].marker.symbol == "circle-open"
    assert list(traces["student 0.900"].y) == [0.9, 0.9] and figure.layout.xaxis.type == "log"
    assert "without near-ties 0.938" in traces["tree"].text[0]


def test_many_forms_still_differ_from_each_other():
    looks = [(SHAPES[i % len(SHAPES)], HUES_LIGHT[i % len(HUES_LIGHT)]) for i in range(20)]
    assert len(set(looks)) == len(looks)


@THEMES
def test_a_state_set_has_its_interval_and_an_exhaustive_one_has_none(dark):
    (bars,) = fidelity(SETS, dark=dark).data
    assert list(bars.x) == [0.5, 0.9996] and list(bars.text) == ["0.500", ">.999"]
    assert list(bars.error_x.array) == [0.125, 0.0] and list(bars.error_x.arrayminus) == [0.25, 0.0]
    assert "0.250 to 0.625" in bars.hovertext[0] and "every state" in bars.hovertext[1]


@THEMES
def test_gaps_mark_the_steps_where_the_text_acts_otherwise(dark):
    line, marks = gaps(STEPS, dark=dark).data
    assert list(line.y) == [0.5, None, 0.25] and list(marks.x) == [1, 2] and list(marks.y) == [0.0, 0.25]


@THEMES
def test_the_call_tree_has_every_function_once_under_its_first_caller(dark):
    (tree,) = call_tree(FUNCTIONS, ["top"], dark=dark).data
    colours = theme(dark=dark)
    assert dict(zip(tree.ids, tree.parents, strict=True)) == {
        ROOT: "", "top": ROOT, "left": "top", "right": "top", "leaf": "left",
    }  # fmt: skip
    fills = dict(zip(tree.ids, tree.marker.colors, strict=True))
    assert fills["right"] == colours["opaque"] and fills["top"] == colours["bar"] and fills["left"] == colours["panel"]
    told = dict(zip(tree.ids, tree.hovertext, strict=True))
    assert "OPAQUE" in told["right"] and "not measured" in told["right"] and "0.250" in told["left"]
    assert "weights: 4" in told["left"] and "units: 2 of hidden" in told["left"]
    assert list(tree.customdata) == list(tree.ids)


def test_a_function_that_bears_the_name_of_the_root_does_no_harm():
    (tree,) = call_tree([function(ROOT, ["a"]), function("a", [ROOT])], [ROOT, "a"], dark=False).data
    assert list(tree.ids) == [ROOT, "a"]


def test_a_long_label_is_cut_but_never_inside_an_escaped_letter():
    assert short("a" * 24) == "a" * 24 and len(short("a" * 30)) == 24
    assert short("x" * 21 + "&amp;" + "y" * 9) == "x" * 21 + "…"
    assert short("x&amp;" + "y" * 30) == "x&amp;" + "y" * 17 + "…"


def luminance(colour):
    """Relative luminance of #rrggbb (WCAG 2.2)."""
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_the_formula_of_the_guidelines():
    assert contrast("#000000", "#ffffff") == pytest.approx(21) and contrast("#777777", "#ffffff") < 4.5 < contrast(
        "#767676", "#ffffff"
    )


@THEMES
def test_text_can_be_read_on_paper_and_on_panels_and_marks_can_be_seen(dark):
    colours = theme(dark=dark)
    grounds = [colours["paper"], colours["panel"]]
    for role, ground in product(set(colours) - {"paper", "panel", "rule"}, grounds):
        assert contrast(colours[role], ground) >= 4.5, (role, ground)
    for hue in HUES_DARK if dark else HUES_LIGHT:
        assert contrast(hue, colours["paper"]) >= 3, hue
    for role in ("bar", "opaque"):  # labels of the call tree and of bars stand on these
        assert contrast(colours["paper"], colours[role]) >= 4.5, role


def test_both_themes_have_the_same_roles():
    assert set(LIGHT) == set(DARK)
