"""The timeline figure."""

from __future__ import annotations

import dataclasses

import pytest

from deepfake_hf.report.figures import timeline_figure, timeline_svg
from tests.space.making import POINTS, abstention, scored_picture, scored_video


def test_one_panel_a_branch_and_zones_with_names() -> None:
    figure = timeline_figure(scored_video(), operating_points=POINTS)
    assert figure is not None
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Faces", "Sound"]
    words = [text.get_text() for text in figure.axes[0].texts]
    assert words == ["fake", "real", "uncertain"]
    assert figure.axes[1].get_xlim() == (0.0, 6.0)
    # Lines are told apart by marker as well as colour.
    lines = [line for line in figure.axes[0].lines if line.get_label() in ("face 0", "face 1")]
    assert len({line.get_marker() for line in lines}) == 2


def test_each_panel_has_its_own_branchs_limits() -> None:
    figure = timeline_figure(scored_video(), operating_points=POINTS)
    assert figure is not None
    heights = [{line.get_ydata()[0] for line in axes.lines if len(set(line.get_ydata())) == 1} for axes in figure.axes]
    assert {0.86, 0.62} <= heights[0] and {0.93, 0.7} <= heights[1]


def test_without_a_table_of_limits_two_branches_get_no_zones() -> None:
    figure = timeline_figure(scored_video())
    assert figure is not None and not figure.axes[0].texts and not figure.axes[1].texts


def test_a_picture_and_an_abstention() -> None:
    assert timeline_figure(scored_picture()) is not None
    assert timeline_figure(abstention()) is None
    assert timeline_svg(abstention()) is None


@pytest.mark.parametrize("dark", [False, True])
def test_svg_is_reproducible_and_needs_no_font(dark: bool) -> None:
    first = timeline_svg(scored_video(), operating_points=POINTS, dark=dark)
    assert first == timeline_svg(scored_video(), operating_points=POINTS, dark=dark)
    assert first is not None and "<text" not in first


def test_many_faces_still_fit() -> None:
    result = scored_video()
    windows = tuple(dataclasses.replace(window, track=index) for index, window in enumerate(result.windows))
    assert timeline_figure(dataclasses.replace(result, windows=windows)) is not None
