"""The page's handlers, without a browser."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import gradio as gr
import pytest

from deepfake_hf.errors import BundleError, UsageError
from deepfake_hf.synthesis.examples import Example
from deepfake_hf.types import MediaKind, Verdict
from space import handlers
from space.app import build_app, main
from space.cards import EMPTY_CARD, preview, verdict_card
from tests.space.making import FakeDetector, abstention, scored_picture, scored_video


def test_a_scored_video_fills_every_part() -> None:
    detector = FakeDetector(scored_video())
    heard: list[tuple[float, str]] = []
    card, table, plot, why = handlers.analyse(
        detector, "/somewhere/clip.mp4", "fpr5", lambda share, what: heard.append((share, what))
    )
    assert detector.asked == [("/somewhere/clip.mp4", "fpr5")]
    assert heard == [(0.5, "faces, 3 s")]
    assert 'data-verdict="fake"' in card and ">0.940<" in card and "0.900 to 0.970" in card
    assert table.count('<th scope="row">') == 4 and "The face is too small" in table and "Sound" in table
    assert plot.count("<img") == 4
    assert "0.5 to 3.2 s, face 0" in why or "0.5 to 3.3 s, face 0" in why


def test_the_download_is_the_result_under_the_files_own_name() -> None:
    why = handlers.analyse(FakeDetector(scored_video()), "/somewhere/clip.mp4", "fpr1")[3]
    data = re.search(r'href="data:application/json;base64,([^"]+)"', why)
    assert data is not None and 'download="clip.deepfake_hf.json"' in why
    stored = json.loads(base64.b64decode(data[1]))
    assert stored["path"] == "clip.mp4" and stored["p_fake"] == 0.94
    assert "somewhere" not in json.dumps(stored)


def test_a_picture_has_no_times() -> None:
    card, table, plot, why = handlers.analyse(FakeDetector(scored_picture()), "/somewhere/face.png", "fpr1")
    assert 'data-verdict="uncertain"' in card and "in the picture" in table and plot
    assert "Stretches" not in why


def test_an_abstention_bears_no_number_and_no_verdict() -> None:
    card, table, plot, why = handlers.analyse(FakeDetector(abstention()), "/somewhere/wall.png", "fpr1")
    assert 'data-state="abstained"' in card and 'data-status="no_face"' in card
    assert "data-verdict" not in card and "P(fake)" not in card and "dh-meter" not in card
    assert "/somewhere" not in card
    assert (table, plot) == ("", "")
    assert "Download the result as JSON" in why


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_has_its_word_icon_and_colour_class(verdict: Verdict) -> None:
    card = verdict_card(scored_video(verdict=verdict), "clip.mp4")
    assert f'data-verdict="{verdict.value}"' in card and f"dh-{verdict.value}" in card
    assert "<svg" in card and f"{verdict.value.capitalize()}</h2>" in card


def test_random_weights_are_called_so() -> None:
    assert "untrained" in verdict_card(scored_video(weights="tiny random sha256:0"), "clip.mp4")
    assert "untrained" not in verdict_card(scored_video(), "clip.mp4")


def test_errors_are_sentences() -> None:
    with pytest.raises(gr.Error, match="Choose a file"):
        handlers.analyse(FakeDetector(scored_video()), None, "fpr1")
    ours = UsageError("/somewhere/a.mp4", "<b>a cause</b>", "mend it")
    with pytest.raises(gr.Error) as told:
        handlers.analyse(FakeDetector(ours), "/somewhere/a.mp4", "fpr1")
    assert "a.mp4: &lt;b&gt;a cause&lt;/b&gt;. Mend it." in told.value.message
    assert "somewhere" not in told.value.message


def test_a_fault_of_ours_shows_no_stack_trace(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(gr.Error) as told:
        handlers.analyse(FakeDetector(RuntimeError("secret detail")), "/somewhere/a.mp4", "fpr1")
    assert "secret detail" not in told.value.message and "RuntimeError" in told.value.message
    assert "secret detail" in caplog.text


def test_names_cannot_break_the_page() -> None:
    name = '"><script>x</script>?#.png'
    for text in (preview(f"/tmp/{name}"), verdict_card(scored_video(), name)):
        assert "<script>" not in text
    assert "%3F%23.png" in preview(f"/tmp/{name}")


def test_preview_by_kind() -> None:
    assert preview(None) == ""
    assert preview("/tmp/a.MP4").startswith("<video") and preview("/tmp/a.wav").startswith("<audio")
    assert preview("/tmp/a.png").startswith("<img") and "no preview" in preview("/tmp/a.avi")


def test_choosing_a_file_clears_the_last_report() -> None:
    assert handlers.choose("/tmp/a.wav")[1:] == (EMPTY_CARD, "", "", "")


def test_the_page_is_built_and_offers_only_the_analysis_as_api(tmp_path: Path) -> None:
    example = Example(tmp_path / "a.mp4", MediaKind.VIDEO, "genuine", "A", "A credit")
    app = build_app(FakeDetector(scored_video()), [example])
    assert [name for name in app.get_api_info()["named_endpoints"]] == ["/analyse"]
    labels = [block.value for block in app.blocks.values() if isinstance(block, gr.Button)]
    assert "Video, genuine" in labels


def test_missing_weights_are_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_weights() -> None:
        raise BundleError("/x is not a detector bundle", "it has no detector.json", "name another folder")

    monkeypatch.setattr("space.app.build_app", no_weights)
    assert main(["--port", "7999"]) == 1
    assert "it has no detector.json" in capsys.readouterr().err
