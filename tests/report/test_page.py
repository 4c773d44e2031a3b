"""The pages and pictures: whole, silent, readable in both modes."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from deepfake_hf.errors import DataError
from deepfake_hf.evaluation.cases import SpeechCase
from deepfake_hf.evaluation.measure import Wanted, measure
from deepfake_hf.evaluation.scores import Score
from deepfake_hf.report.evaluation_page import evaluation_sections
from deepfake_hf.report.page import Card, Section, page_html, write_page
from deepfake_hf.report.style import DARK, LIGHT, css_variables, inline_svg, new_figure
from deepfake_hf.report.training_curves import read_log, training_figures


class Balanced(HTMLParser):
    """Fails where a tag is closed that is not open; gathers ids and addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br", "link"):
            self.open.append(tag)
        self.note(attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.note(attrs)

    def note(self, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.links += [value or "" for name, value in attrs if name in ("href", "xlink:href", "src")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page() -> str:
    rng = np.random.default_rng(0)
    scores = []
    for i in range(80):
        label = i % 2
        p_fake = None if i == 7 else float(1 / (1 + np.exp(-rng.normal(2 * label - 1, 1))))
        status = "scored" if p_fake is not None else "no_face"
        method = ("<b>swap</b>", "blend")[i % 4 // 2] if label else ""
        more = {"status": status, "reason": "no face & no one", "groups": {"group_sex": "fm"[i % 3 == 0]}}
        scores.append(Score("video", f"/{i}.mp4", label, p_fake, "set", method, str(i), **more))  # type: ignore[arg-type]
    other = [s for s in scores if s.p_fake is not None]
    wanted = Wanted(0.5, ("group_sex",), against={"other": other}, models={"one": scores, "two": other})
    metrics, curves = measure(scores, wanted)
    wave = rng.normal(0, 0.1, 16_000).astype(np.float32)
    cases = [SpeechCase("/a.wav", 1, 0.9, True, 0.5, wave), SpeechCase("/b.wav", 0, 0.8, False, 0.0, wave)]
    log = [{"step": i, "loss": 1 / (i + 1), "auc": 0.5 + i / 20, "lr": 1e-3} for i in range(8)]
    sections = evaluation_sections(json.loads(json.dumps(metrics)), curves, cases, log)
    return page_html("A page", (("Media", "m.csv"),), sections)


def test_the_page_is_one_silent_file(page: str) -> None:
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    assert len(parser.ids) == len(set(parser.ids))
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in parser.links)
    assert not re.search(r"<script|@import|url\((?!#)", page)
    targets = {link[1:] for link in parser.links if link.startswith("#")}
    assert targets <= set(parser.ids)


def test_the_page_shows_everything_and_escapes_words(page: str) -> None:
    for title in (
        "Confusion matrix", "ROC", "Precision and recall", "DET", "Calibration", "Scores", "Risk and coverage",
        "Coverage", "By method", "Slices by sex", "Against other", "Trained on, tested on",
        "Genuine, wrongly called fake", "Loss",
    ):  # fmt: skip
        assert f">{title}<" in page, title
    assert "&lt;b&gt;swap&lt;/b&gt;" in page and "<b>swap" not in page
    assert "no face &amp; no one" in page
    assert page.count('role="img"') == page.count("<svg")


def test_figures_take_the_pages_colours(page: str) -> None:
    drawings = "".join(re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL))
    assert not any(colour in drawings for colour in css_variables(LIGHT))
    used = set(re.findall(r"var\((--fig-\w+)\)", drawings))
    assert {"--fig-ink", "--fig-muted", "--fig-grid", "--fig-fake", "--fig-line0"} <= used
    for palette in (LIGHT, DARK):
        assert all(f"{name}: {colour};" in page for colour, name in css_variables(palette).items())


def test_an_inline_figure_scales_and_says_what_it_shows() -> None:
    figure = new_figure(4, 3)
    figure.subplots().plot([0, 1], color=LIGHT.ink)
    text = inline_svg(figure, "x", 'A "line" & more')
    head = text[: text.index(">")]
    assert 'viewBox="0 0 288 216"' in head and "height" not in head and " width" not in head
    assert 'aria-label="A &quot;line&quot; &amp; more"' in head


def test_a_page_is_written_with_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "new" / "index.html"
    write_page(path, "T", (), (Section("One", cards=(Card("AUROC", "0.9", "0.8–1.0"),)),))
    assert "0.8–1.0" in path.read_text()


def test_training_curves(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(
        '{"step": 1, "loss": 2.0, "f1": 0.5}\n{"note": "x"}\n{"step": 2, "loss": 1.0}\n'
    )
    figures = training_figures(read_log(tmp_path))
    assert list(figures) == ["Loss", "Figures on the part set aside"]
    [line] = figures["Loss"].axes[0].lines
    assert line.get_xydata().tolist() == [[1, 2.0], [2, 1.0]]
    with pytest.raises(DataError, match="cannot be read"):
        read_log(tmp_path / "none")
