"""The gallery's photographs and entries; the whole run takes minutes and is not a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepfake_hf.cli.gallery import _entry, _without_blank_end, photograph
from deepfake_hf.errors import MissingDependencyError
from deepfake_hf.report.pdf import find_browser
from tests.report.test_detection_page import case


def test_blank_ends_are_cut() -> None:
    page = np.full((500, 100, 3), 255, np.uint8)
    page[50:120, 10:60] = 0
    assert _without_blank_end(Image.fromarray(page)).size == (100, 160 - 1)
    assert _without_blank_end(Image.fromarray(page[:130])).size == (100, 130)


def test_an_entry_says_what_was_done_and_what_was_found() -> None:
    text = _entry("3_two_people", "Two people.", case().result, "a.webp", "b.webp")
    assert "## Two people" in text and "Two people. **The report says: fake, P(fake) 0.950" in text
    assert "face 1 from 0.2 to 6.0 s" in text and "(a.webp)" in text and "(b.webp)" in text


@pytest.mark.browser
def test_a_page_is_photographed_light_and_dark(tmp_path: Path) -> None:
    try:
        browser = find_browser()
    except MissingDependencyError as error:
        pytest.skip(str(error))
    page = tmp_path / "a.html"
    page.write_text(
        "<style>body{background:#fff;margin:0}p{width:50px;height:300px;background:#c00;margin:0}"
        "@media (prefers-color-scheme: dark){body{background:#000}}</style><p></p>"
    )
    for dark, ground in ((False, 255), (True, 0)):
        picture = np.asarray(photograph(browser, page, (600, 900), dark=dark))
        assert picture.shape[1] == 600 and 300 <= picture.shape[0] <= 345
        assert (picture[100, 300] == ground).all() and (picture[100, 20] == (204, 0, 0)).all()
