"""The page's handlers, without a browser and, but for their loading, without weights."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from deepfake_hf.errors import BundleError, UsageError
from deepfake_hf.hub.bundle import EMBEDDED
from deepfake_hf.synthesis.examples import Example
from deepfake_hf.types import MediaKind, Verdict
from space import tab_analyse, tab_compare, tab_model
from space.app import build_app, main
from space.cards import EMPTY_CARD, preview, progress_card, verdict_card
from space.engine import Choice, Engine, Workshop, told
from space.history import History
from space.jobs import Job
from space.limits import PageLimits
from space.shared import Settings, Shared
from space.timeline import timeline
from tests.space.making import POINTS, FakeDetector, abstention, scored_picture, scored_video, served

CARD, PLOT, PARTS, PAGE, RECORD, VIDEO, DRAW, DONE, WORKSHOP, NOTE = range(10)


@pytest.fixture
def picture(tmp_path: Path) -> str:
    path = tmp_path / "wall.png"
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(path)
    return str(path)


def run(shared: Shared, path: str | None, keep: bool = False, session: str = "me") -> list[tuple[Any, ...]]:
    return list(tab_analyse.analyse(shared, path, Settings(), keep, None, session))


def test_an_analysis_tells_progress_then_verdict_then_downloads(picture: str) -> None:
    engine, detector = served(scored_picture())
    steps = run(Shared(engine, None), picture)
    assert 'data-state="busy"' in steps[0][CARD] and 'role="progressbar"' in steps[0][CARD]
    last = steps[-1]
    assert 'data-verdict="uncertain"' in last[CARD] and "wall.png" in last[CARD]
    assert detector.asked == [(picture, "fpr1")]
    assert Path(last[PAGE]["value"]).read_text("utf-8").startswith("<!doctype html>")
    assert Path(last[RECORD]["value"]).name == "wall.deepfake_hf.json"
    assert str(Path(picture).parent) not in Path(last[RECORD]["value"]).read_text("utf-8")
    assert last[DRAW] == gr.update(visible=False)  # a picture has no moving picture
    last[WORKSHOP].close()
    assert not Path(last[PAGE]["value"]).exists()


def test_an_abstention_bears_no_number_and_no_verdict(picture: str) -> None:
    last = run(Shared(served(abstention(picture))[0], None), picture)[-1]
    card = last[CARD]
    assert 'data-state="abstained"' in card and 'data-status="no_face"' in card
    assert "data-verdict" not in card and "P(fake)" not in card and "dh-meter" not in card
    assert str(Path(picture).parent) not in card and last[PLOT] == ""


def test_nothing_chosen_is_told_in_a_sentence() -> None:
    (only,) = run(Shared(served(scored_video())[0], None), None)
    assert "Choose a file or an example first." in only[CARD] and 'role="alert"' in only[CARD]


def test_errors_are_sentences_and_ours_name_no_folder(picture: str) -> None:
    ours = UsageError(picture, "<b>a cause</b>", "mend it")
    card = run(Shared(served(ours)[0], None), picture)[-1][CARD]
    assert escape("wall.png: <b>a cause</b>. Mend it.") in card and str(Path(picture).parent) not in card


def test_a_fault_of_ours_shows_no_stack_trace(picture: str, caplog: pytest.LogCaptureFixture) -> None:
    card = run(Shared(served(RuntimeError("secret detail"))[0], None), picture)[-1][CARD]
    assert "secret detail" not in card and "RuntimeError" in card and "secret detail" in caplog.text


def test_cancelling_stops_the_own_analysis_only(picture: str) -> None:
    engine, detector = served(scored_picture(), concurrency=1)
    detector.gate = threading.Event()
    shared = Shared(engine, None)
    mine: Iterator[tuple[Any, ...]] = tab_analyse.analyse(shared, picture, Settings(), False, None, "me")
    next(mine)
    shared.jobs.cancel("somebody else")
    assert 'data-state="busy"' in next(mine)[CARD]
    shared.jobs.cancel("me")
    last = list(mine)[-1]
    assert 'data-state="cancelled"' in last[CARD] and tab_analyse.CANCELLED in last[CARD]


def test_cancelling_while_waiting_gives_the_place_in_the_line_free(picture: str) -> None:
    engine, _ = served(scored_picture(), queue=1, concurrency=1)
    shared = Shared(engine, None)
    with engine.lent():  # somebody else's
        mine = tab_analyse.analyse(shared, picture, Settings(), False, None, "me")
        next(mine)
        assert "Waiting for the detector" in next(mine)[CARD]
        shared.jobs.cancel("me")
        assert 'data-state="cancelled"' in list(mine)[-1][CARD]
        yours = Job(lambda job: engine.detect(picture, Choice(), job.tell)).start()  # the one place is free again
    list(yours.snapshots())
    assert yours.error is None and yours.result.verdict is Verdict.UNCERTAIN


def test_the_model_tab_never_waits_behind_an_analysis() -> None:
    engine, _ = served(scored_picture(), concurrency=1)
    with engine.lent():
        figures, card = tab_model.show(Shared(engine, None), Settings())
    assert "tiny trained" in figures and "brings no card" in card


def test_two_detectors_work_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=20)
    engine = Engine(PageLimits(concurrency=2), load=lambda name: Meeting(meeting))  # type: ignore[arg-type,return-value]
    jobs = [Job(lambda job, p=p: engine.detect(p, Choice(), job.tell)).start() for p in ("/x/a.png", "/x/b.png")]  # type: ignore[misc]
    for job, name in zip(jobs, ("a.png", "b.png"), strict=True):
        list(job.snapshots())
        assert job.error is None and job.result.path == name


class Meeting(FakeDetector):
    """Goes on only when a second one is at work too."""

    def __init__(self, meeting: threading.Barrier) -> None:
        super().__init__(scored_picture())
        self.meeting = meeting

    def detect(self, medium: str | Path, **_: Any) -> Any:
        self.meeting.wait()
        return scored_video(path=str(medium))


def test_nobody_listening_ends_the_work(picture: str) -> None:
    engine, detector = served(scored_picture())
    detector.gate = threading.Event()
    shared = Shared(engine, None)
    mine: Any = tab_analyse.analyse(shared, picture, Settings(), False, None, "me")
    next(mine)
    next(mine)
    mine.close()  # what Gradio does when the visitor is gone
    with engine.lent() as lent:  # given back
        assert lent is detector


def test_too_many_waiting_are_refused_with_a_sentence(picture: str) -> None:
    engine, detector = served(scored_picture(), queue=1, concurrency=1)
    detector.gate = threading.Event()
    jobs = [Job(lambda job: engine.detect(picture, Choice(), job.tell)).start() for _ in range(2)]
    deadline = time.monotonic() + 5
    while not detector.asked and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    with pytest.raises(UsageError, match="the page is busy: 1 requests wait already"):
        engine.detect(picture, Choice())
    detector.gate.set()
    for job in jobs:
        list(job.snapshots())
        assert job.error is None


def test_time_left_is_told_once_it_is_known() -> None:
    assert "left" not in progress_card("a", 0.01, "faces", None)
    assert "about 7 s left" in progress_card("a", 0.4, "faces", 7.2)
    assert "about 3 min left" in progress_card("a", 0.1, "faces", 170)


def test_the_result_is_kept_only_if_asked(picture: str, tmp_path: Path) -> None:
    shared = Shared(served(scored_picture())[0], History(tmp_path / "past" / "history.sqlite3"))
    assert shared.history is not None
    run(shared, picture)
    assert not shared.history.path.exists()
    last = run(shared, picture, keep=True)[-1]
    assert "Kept in the history" in last[NOTE]
    (entry,) = shared.history.search("wall")
    assert (entry.name, entry.verdict, entry.p_fake) == ("wall.png", "uncertain", 0.71)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_has_its_word_icon_and_colour_class(verdict: Verdict) -> None:
    card = verdict_card(scored_video(verdict=verdict), "clip.mp4")
    assert f'data-verdict="{verdict.value}"' in card and f"dh-{verdict.value}" in card
    assert "<svg" in card and f"{verdict.value.capitalize()}</h2>" in card
    assert "0.900 to 0.970" in card and "0.940" in card


def test_random_weights_and_warnings_are_told() -> None:
    assert "untrained" in verdict_card(scored_video(weights="tiny random sha256:0"), "clip.mp4")
    assert "untrained" not in verdict_card(scored_video(), "clip.mp4")
    assert "The picture is damaged." in verdict_card(scored_video(warnings=("the picture is damaged",)), "clip.mp4")


def test_the_timeline_has_lanes_limits_of_each_branch_and_jumps() -> None:
    drawn = timeline(scored_video(), POINTS)
    assert drawn.count('role="slider"') == 3 and 'aria-valuemax="6.0"' in drawn
    assert 'data-at="0.500"' in drawn and "0.5 to 3.2 s, face 0, P(fake) 0.95" in drawn
    assert 'y1="14.0"' in drawn and 'y1="7.0"' in drawn  # 0.86 of faces, 0.93 of sound
    assert drawn.index("Face 0") < drawn.index("Sound")  # the most suspicious first
    assert timeline(scored_picture(), POINTS) == "" and timeline(abstention(), POINTS) == ""


def test_names_cannot_break_the_page() -> None:
    name = '"><script>x</script>?#.png'
    for text in (preview(f"/tmp/{name}"), verdict_card(scored_video(), name), progress_card(name, 0.5, name, None)):
        assert "<script>" not in text
    assert "%3F%23.png" in preview(f"/tmp/{name}")


def test_preview_by_kind() -> None:
    assert preview(None) == ""
    assert preview("/tmp/a.MP4").startswith("<video") and preview("/tmp/a.wav").startswith("<audio")
    assert preview("/tmp/a.png").startswith("<img") and "no preview" in preview("/tmp/a.avi")


def test_choosing_a_file_clears_the_last_report_and_cancels() -> None:
    shared = Shared(served(scored_video())[0], None)
    stuck = shared.jobs.begin("me", Job(lambda job: [job.tell(0.1, "x") or time.sleep(0.01) for _ in range(1000)]))
    shown, card, plot, parts, *_ = tab_analyse.choose(shared, "/tmp/a.wav", "me")
    assert shown.startswith("<audio") and (card, plot, parts) == (EMPTY_CARD, "", "")
    list(stuck.snapshots())
    assert stuck.cancelled


def test_two_sides_are_compared_and_what_is_missing_is_told(picture: str) -> None:
    shared = Shared(served(scored_picture())[0], None)
    steps = list(tab_compare.compare(shared, picture, picture, "", Settings(), "me"))
    state, one, other, *_ = steps[-1]
    assert "Difference" in state and "+0.000" in state and "wall.png" in one and "wall.png" in other
    assert tab_compare.sides(None, None, "", Settings()) == "Choose the first file."
    assert "second file" in str(tab_compare.sides(picture, None, "", Settings()))
    (alone,) = tab_compare.compare(shared, picture, None, "no id", Settings(), "me")
    assert "it is not owner/name" in alone[0]


def test_settings_are_read_and_wrong_ones_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tab_model.settings_of("box", "", "fpr5", None, 5) == Settings(Choice("fpr5", None), 0.05)
    assert tab_model.settings_of("box", "", "own", 0.8, 5).choice.threshold == "0.8"
    assert tab_model.settings_of("folder", str(tmp_path), "fpr1", None, 5).choice.bundle == str(tmp_path)
    assert tab_model.settings_of("hub", "owner/name", "fpr1", None, 5).choice.bundle == "owner/name"
    for source, name, point, own in [
        ("folder", "/not/there", "fpr1", None), ("hub", "../../etc", "fpr1", None), ("box", "", "own", 1.5),
    ]:  # fmt: skip
        with pytest.raises(UsageError):
            tab_model.settings_of(source, name, point, own, 5)
    monkeypatch.setenv("SPACE_ID", "someone/space")
    with pytest.raises(UsageError, match="another machine"):
        tab_model.settings_of("folder", str(tmp_path), "fpr1", None, 5)


def test_bundles_that_were_not_used_for_long_go(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str | None] = []
    engine = Engine(
        served(scored_video())[0].limits, load=lambda name: loaded.append(name) or served(scored_video())[1]
    )
    for name in (None, "a/b", None, "c/d", None):
        with engine.lent(name):
            pass
    assert loaded == [None, "a/b", "c/d"]


def test_faults_of_weights_show_when_the_page_starts(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(EMBEDDED, tmp_path / "weights"))
    (copy / "speech" / "model.safetensors").write_bytes(b"none")
    with pytest.raises(BundleError, match="cannot be loaded"):
        Engine(PageLimits(), str(copy)).warm()


def test_a_fault_without_a_file_has_a_sentence_too() -> None:
    assert "could not be done" in told(RuntimeError("x"), "")


def test_a_workshop_leaves_nothing() -> None:
    workshop = Workshop()
    (workshop.path / "a").write_text("x")
    workshop.close()
    assert not workshop.path.exists()


def test_the_page_is_built_and_offers_only_named_endpoints(tmp_path: Path) -> None:
    example = Example(tmp_path / "a.mp4", MediaKind.VIDEO, "genuine", "A", "A credit")
    app = build_app(served(scored_video())[0], [example])
    wanted = {"/detect", "/detect_batch", "/report", "/annotate", "/model_card", "/limits"}
    assert set(app.get_api_info()["named_endpoints"]) == wanted
    assert app.get_api_info()["unnamed_endpoints"] == {}
    labels = [block.value for block in app.blocks.values() if isinstance(block, gr.Button)]
    assert "Analyse video, genuine" in labels


def test_missing_weights_and_wrong_options_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_weights(self: Engine) -> None:
        raise BundleError("/x is not a detector bundle", "it has no detector.json", "name another folder")

    monkeypatch.setattr("space.app.Engine.warm", no_weights)
    assert main(["--port", "7999"]) == 1
    assert "it has no detector.json" in capsys.readouterr().err
    assert main(["--auth", "anna"]) == 2
    assert "NAME:PASSWORD" in capsys.readouterr().err
    monkeypatch.setenv("DEEPFAKE_HF_SPACE_QUEUE", "many")
    assert main([]) == 1
    assert "DEEPFAKE_HF_SPACE_QUEUE=many: it is no number above 0" in capsys.readouterr().err
