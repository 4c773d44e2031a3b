"""The page of one medium, its record and its pictures, without a model."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepfake_hf.errors import MissingDependencyError, UsageError
from deepfake_hf.report import pdf
from deepfake_hf.report.detection_page import Case, banner_of, deciding_branch, facts_of, rarity_text, sections_of
from deepfake_hf.report.page import page_html
from deepfake_hf.report.record import (
    differences,
    digest_of,
    exact_hash,
    make_record,
    named,
    read_record,
    write_record,
)
from deepfake_hf.report.sync_figure import sync_figure
from deepfake_hf.report.thumbnails import choose_windows, jpeg, track_thumbnails
from deepfake_hf.report.words import MEANING, meaning_of, score_text
from deepfake_hf.scoring.aggregation import per_second
from deepfake_hf.scoring.calibration import NullDistribution, sigmoid
from deepfake_hf.scoring.decision import BranchCalibration
from deepfake_hf.types import (
    BranchResult,
    DetectionResult,
    Finding,
    MediaKind,
    OperatingBand,
    Segment,
    Status,
    Strength,
    SyncCurve,
    TrackResult,
    Verdict,
    WindowScore,
)
from tests.media.media_making import make_video
from tests.report.test_page import Balanced

BAND = OperatingBand("fpr1", 0.9, 0.5)
NULL = NullDistribution.fit(np.random.default_rng(0).normal(-2, 1, 400))
CALIBRATIONS = {"face": BranchCalibration(NULL), "speech": BranchCalibration(NULL)}


def window(start_s: float, track: int | None, margin: float, length_s: float = 0.25) -> WindowScore:
    branch = "speech" if track is None else "face"
    box = None if track is None else (10.0, 8.0, 40.0, 38.0)
    return WindowScore(start_s, start_s + length_s, branch, track, margin, sigmoid(margin), box)


def case(**changes: Any) -> Case:
    windows = tuple(window(i / 4, i % 2, 3.0 if i % 2 else -1.0) for i in range(24))
    windows += (window(0.0, None, -1.0, 4.0), window(2.0, None, 1.0, 4.0))
    scored = (Status.SCORED, "scored", Verdict.FAKE, 0.95, (0.9, 0.97), 1.0, 24, "face of tiny")
    values: dict[str, Any] = {
        "path": "<b>clip</b>.mp4", "status": Status.SCORED, "verdict": Verdict.FAKE, "p_fake": 0.95,
        "reason": "face 1: P(fake) 0.950 is at or above the fake limit 0.900", "kind": MediaKind.VIDEO,
        "duration_s": 6.0, "interval": (0.9, 0.97), "coverage": 1.0, "band": BAND,
        "branches": (
            BranchResult("face", *scored),
            BranchResult("speech", Status.SCORED, "4 s", Verdict.REAL, 0.2, None, 0.6, 2, "speech of tiny"),
        ),
        "tracks": tuple(
            TrackResult(t, 0.0, 6.0, 12, 12, Status.SCORED, "12 of 12", v, p)
            for t, v, p in ((0, Verdict.REAL, 0.3), (1, Verdict.FAKE, 0.95))
        ),
        "windows": windows, "segments": (Segment(0.25, 6.0, "face", 1, 0.95),), "rule": "the rule", "sha256": "0" * 64,
        "weights": "tiny random sha256:00", "versions": {"numpy": "2"},
        "warnings": ("the picture is damaged after 5.5 s: <i>cut</i>",), "seconds": 1.5,
    }  # fmt: skip
    result = DetectionResult(**{**values, **changes})
    findings = (
        Finding("container", "Frame rate", "constant & even", Strength.NEUTRAL, "a", "b", facts=(("rate", "25"),)),
        Finding("provenance", "C2PA manifest", None, None, "", "", abstained="not installed"),
    )
    record = make_record(
        result,
        findings,
        file={"name": result.path, "sha256": "0" * 64, "size_bytes": 5},
        settings={"threshold": "fpr1"},
        weights={"label": "tiny", "sha256": "1" * 64},
        environment={"versions": {"numpy": "2"}, "machine": {"threads": 1}},
        made_at="2026-01-01T00:00:00+00:00",
    )
    return Case(result, record, findings, (), CALIBRATIONS, {"face": {"auc": 0.9, "auc_95": [0.8, 0.95], "ece": 0.02}})


def test_a_stretch_is_not_passed_over_where_the_whole_reads_genuine() -> None:
    whole = case(verdict=Verdict.REAL, p_fake=0.2).result
    assert "a part of it stands out" in meaning_of(whole)
    assert "a part of it stands out" in meaning_of(dataclasses.replace(whole, verdict=Verdict.UNCERTAIN))
    assert meaning_of(dataclasses.replace(whole, segments=())) == MEANING[Verdict.REAL]
    assert meaning_of(case().result) == MEANING[Verdict.FAKE]


def test_lips_and_sound_are_drawn_where_they_were_compared() -> None:
    offsets = 40 * np.arange(-15, 16)
    distances = np.where(offsets == -200, 1.0, 2.0)
    curve = SyncCurve(offsets, distances, distances - 0.1, distances + 0.1, 1.0, 0.004)
    page = page_of(dataclasses.replace(case(), sync=curve))
    assert "Lips and sound" in page and "90 % of what the same sound gives" in page and "sync-" in page
    assert "Lips and sound" not in page_of(case())
    axes = sync_figure(curve).axes[0]
    assert "ms" in axes.get_xlabel() and "distance" in axes.get_ylabel()
    assert [text.get_text() for text in axes.texts] == ["-200 ms, p = 0.004"]


def page_of(shown: Case) -> str:
    return page_html("Report", facts_of(shown), sections_of(shown), banner_of(shown.result))


def test_the_page_is_one_silent_well_formed_file() -> None:
    page = page_of(case())
    parser = Balanced()
    parser.feed(page)
    assert parser.open == [] and len(parser.ids) == len(set(parser.ids))
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in parser.links)
    assert not re.search(r"<script|@import|url\((?!#)|https?://(?!www\.w3\.org)", page)
    assert "<b>clip" not in page and "&lt;b&gt;clip" in page and "<i>cut" not in page


def test_the_page_reads_from_the_lay_person_to_the_expert() -> None:
    page = page_of(case())
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert titles == [
        "Why", "What this cannot tell", "Through time", "Suspicious stretches", "Faces and sound, one by one",
        "Evidence: the file", "Calibration of these weights", "To run it again",
    ]  # fmt: skip
    assert page.index('class="word">Fake') < page.index("<h2>Why")
    for words in (
        "random and untrained", "Strength: neutral", "No answer", "Not installed", "0.800 to 0.950", "report, digest",
        "0" * 64, "1" * 64, "coverage", "operating point", "numpy",
    ):  # fmt: skip
        assert words in page, words
    assert page.count('class="narrow"') == 2  # the scale and the timeline are drawn for phones too


def test_without_a_verdict_there_is_no_number() -> None:
    blank = case(
        status=Status.NO_FACE, verdict=None, p_fake=None, interval=None, band=None, windows=(), segments=(),
        branches=(), tracks=(), reason="could not score, because no face was found",
    )  # fmt: skip
    page = page_of(blank)
    assert "No verdict" in page and "Why there is no verdict" in page and 'class="card"' not in page
    assert "no all-clear" in page and "Through time" not in page


def test_a_picture_has_no_time() -> None:
    faces = (window(0.0, 0, 3.0, 0.0), window(0.0, 1, 1.0, 0.0))
    page = page_of(case(kind=MediaKind.IMAGE, duration_s=None, windows=faces, segments=()))
    assert "in the picture" in page and "seconds" not in page and "Score of each face" in page
    alone = page_of(case(kind=MediaKind.IMAGE, duration_s=None, windows=faces[:1], segments=()))
    assert "Score of each face" not in alone  # the scale on top says it already


def test_who_decided_and_how_rare_it_is() -> None:
    result = case().result
    assert deciding_branch(result) == "face"
    assert deciding_branch(dataclasses.replace(result, reason="the sound, the most suspicious")) == "speech"
    assert deciding_branch(dataclasses.replace(result, verdict=None)) is None
    at_limit = dataclasses.replace(result, p_fake=CALIBRATIONS["face"].operating_points["fpr5"])
    assert str(rarity_text(at_limit, CALIBRATIONS)).startswith("About 5 in 100")
    assert rarity_text(result, {}) is None


def test_seconds_are_means_of_their_windows() -> None:
    rows = per_second([window(0.0, 0, 1.0), window(0.5, 0, 3.0), window(2.0, 0, 5.0), window(0.5, None, 4.0, 2.0)])
    assert [(row.branch, row.start_s, row.logit_fake) for row in rows] == [
        ("face", 0.0, 2.0), ("face", 2.0, 5.0), ("speech", 0.0, 4.0), ("speech", 1.0, 4.0), ("speech", 2.0, 4.0),
    ]  # fmt: skip
    assert per_second([window(0.0, 0, 1.0, 0.0)]) == ()


def test_no_score_is_rounded_to_a_certainty() -> None:
    assert [score_text(p) for p in (None, 0.99999, 0.9994, 0.5, 0.0001)] == [
        "none", "> 0.999", "0.999", "0.500", "< 0.001",
    ]  # fmt: skip


def test_thumbnails_are_the_frames_that_were_scored(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", num_frames=50, size=(64, 48))
    windows = tuple(window(i * 0.2, 0, float(i == 7)) for i in range(10))
    from deepfake_hf.media import AtRate

    seen: list[tuple[int, int]] = []
    [row] = track_thumbnails(
        path, case(windows=windows).result, AtRate(5), looks=[lambda rgb, box, track, _: seen.append((len(rgb), track))]
    )
    assert seen == [(48, 0)] * 6
    captions = [caption for _, caption in row.pictures]
    assert row.title == "Face 0" and len(captions) == 6 and "1.40 s\nP(fake) 0.73" in captions
    assert all(content.startswith(b"\xff\xd8") for content, _ in row.pictures)
    assert [w.start_s for w in choose_windows(windows, 2)] == [0.0, 7 * 0.2]
    page = page_of(dataclasses.replace(case(), thumbnails=(row,)))
    assert page.count("data:image/jpeg;base64,") == 6
    assert jpeg(np.zeros((8, 8, 3), np.uint8))[:2] == b"\xff\xd8"


def test_a_record_is_read_again_as_it_was_and_shows_every_edit(tmp_path: Path) -> None:
    record = dict(case().record)
    path = tmp_path / "new" / "a.json"
    write_record(path, record)
    assert read_record(path) == record and digest_of(record) == record["digest"]
    for key in record:
        if key != "digest":
            assert digest_of({**record, key: "edited"}) != record["digest"], key
    assert record["per_second"][0] == {"branch": "face", "track": 0, "start_s": 0.0, "p_fake": 0.2689}


def test_the_exact_hash_knows_the_last_bit_and_no_clock() -> None:
    result = case().result
    same = dataclasses.replace(result, path="other", seconds=9.0, timings={"a": 1.0})
    assert exact_hash(same) == exact_hash(result)
    assert exact_hash(dataclasses.replace(result, p_fake=float(np.nextafter(0.95, 1)))) != exact_hash(result)


def test_differences_are_said() -> None:
    result = case().result
    plain = json.loads(json.dumps(result.to_dict()))
    assert differences(plain, plain) == ([], 0.0)
    other = dataclasses.replace(result, verdict=Verdict.REAL, p_fake=0.94, windows=result.windows[1:])
    said, worst = differences(plain, other.to_dict())
    assert "verdict was fake, is real" in said and "number of windows was 26, is 25" in said and worst >= 0.01


def test_bad_records_are_refused_with_a_sentence(tmp_path: Path) -> None:
    for text, why in (("{", "no JSON"), ("[]", "does not say format"), ('{"format": "deepfake_hf report"}', "version")):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(UsageError, match=why):
            read_record(tmp_path / "a.json")
    with pytest.raises(UsageError, match="cannot be read"):
        read_record(tmp_path / "none.json")


def test_folders_do_not_enter_a_report() -> None:
    result = dataclasses.replace(case().result, path="/home/me/a.mp4", reason="/home/me/a.mp4: it is empty")
    shown = named(result, "/home/me/a.mp4", "a.mp4")
    assert shown.path == "a.mp4" and shown.reason == "a.mp4: it is empty"


def test_without_a_browser_there_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MissingDependencyError, match="no browser is on the PATH"):
        pdf.find_browser()


@pytest.mark.browser
def test_the_page_prints(tmp_path: Path) -> None:
    try:
        browser = pdf.find_browser()
    except MissingDependencyError as error:
        pytest.skip(str(error))
    (tmp_path / "a.html").write_text(page_of(case()), encoding="utf-8")
    pdf.write_pdf(tmp_path / "a.html", tmp_path / "new" / "a.pdf", browser)
    content = (tmp_path / "new" / "a.pdf").read_bytes()
    assert content.startswith(b"%PDF") and len(content) > 20_000
