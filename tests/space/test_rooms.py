"""What lies under the tabs: limits, batches, history, uploads, live sessions."""

from __future__ import annotations

import base64
import csv
import json
import re
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio.utils import get_upload_folder

from deepfake_hf.errors import DeepfakeHFError, UnsupportedMediaError, UsageError
from deepfake_hf.types import SeenFace, Verdict
from space import limits, tab_batch, tab_history, tab_live
from space.batch import Row, unpack, write_rows
from space.history import History
from space.limits import PageLimits
from space.live import LiveRoom, words_html
from space.microphone import RATE, Ear
from space.model_figures import worth
from space.shared import Settings, Shared
from space.uploads import Uploads
from tests.space.making import abstention, scored_picture, scored_video, served


def test_every_limit_can_be_set_by_the_environment_and_wrong_ones_are_told() -> None:
    names = [name for name, _, _ in PageLimits().words()]
    assert len(names) == 8 and all(name.startswith("DEEPFAKE_HF_SPACE_") for name in names)
    changed = PageLimits.from_environment(dict.fromkeys(names, "3"))
    assert [value for _, value, _ in changed.words()] == [3] * 8
    for wrong in ("", "0", "-1", "many", "nan"):
        with pytest.raises(UsageError, match="MAX_FILES"):
            PageLimits.from_environment({"DEEPFAKE_HF_SPACE_MAX_FILES": wrong})


def test_size_and_length_reach_the_decoder() -> None:
    media = PageLimits(max_mb=0.001, max_minutes=0.5).media()
    with pytest.raises(UnsupportedMediaError, match="over the limit"):
        media.check_bytes("a.mp4", 1001)
    with pytest.raises(UnsupportedMediaError, match="over the limit of 30 s"):
        media.check_duration("a.mp4", 31)


def test_no_history_on_a_space(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DEEPFAKE_HF_CACHE", str(tmp_path))
    assert limits.history_file() == tmp_path / "history.sqlite3"
    monkeypatch.setenv("SPACE_ID", "someone/space")
    assert limits.history_file() is None


def pack(path: Path, files: dict[str, bytes]) -> str:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return str(path)


def test_a_zip_is_unpacked_beside_files_and_its_names_lead_nowhere(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    packed = pack(tmp_path / "many.zip", {"a/one.mp4": b"1", "../../evil.png": b"2", "__MACOSX/x": b"3", ".hid": b"4"})
    found = unpack([packed, str(tmp_path / "alone.wav")], folder, PageLimits())
    assert [name for _, name in found] == ["a/one.mp4", "../../evil.png", "alone.wav"]
    assert all(Path(path).parent == folder for path, _ in found[:2]) and len(list(folder.iterdir())) == 2


def test_zips_over_a_limit_or_broken_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    bomb = pack(tmp_path / "bomb.zip", {"a.mp4": b"0" * 200_000})
    many = pack(tmp_path / "many.zip", {f"{n}.mp4": b"0" for n in range(4)})
    (tmp_path / "broken.zip").write_bytes(b"PK nothing")
    for path, why, held in [
        (bomb, "unpacks to more than 0.1 MB", PageLimits(max_mb=0.1)),
        (many, "holds 4 files and a batch may hold 3", PageLimits(max_files=3)),
        (str(tmp_path / "broken.zip"), "can't be unpacked", PageLimits()),
    ]:
        with pytest.raises(UsageError, match=why):
            unpack([path], folder, held)
    with pytest.raises(UsageError, match="a batch may hold 3"):
        unpack(["a", "b", "c", "d"], folder, PageLimits(max_files=3))
    with pytest.raises(UsageError, match="holds no file"):
        unpack([pack(tmp_path / "empty.zip", {})], folder, PageLimits())


def test_a_batch_goes_on_after_a_broken_file(tmp_path: Path) -> None:
    engine, detector = served(scored_video())
    answers: list[Any] = [scored_video(), RuntimeError("boom"), abstention("/x/wall.png")]
    detector.detect = lambda medium, **_: _next(answers)  # type: ignore[method-assign]
    steps = list(
        tab_batch.batch(Shared(engine, None), ["/x/=1+1.mp4", "/x/b.mp4", "/x/wall.png"], Settings(), None, "me")
    )
    state, table, *files, workshop = steps[-1]
    assert 'data-state="done"' in state and "Fake: 1; Failed: 1; No face was found: 1" in state
    cells = re.findall(r'<td data-label="([^"]+)" data-key="([^"]*)" [^>]*>(.*?)</td>', table)
    names, readings, scores, reasons = (
        [(key, shown) for label, key, shown in cells if label == wanted]
        for wanted in ("File", "Reading", "P(fake)", "Why")
    )
    assert names == [(name, name) for name in ("=1+1.mp4", "b.mp4", "wall.png")]
    assert scores == [("0.94", "0.940"), ("-1", ""), ("-1", "")]
    for (_, shown), kind, word in zip(
        readings, ("fake", "none", "none"), ("Fake", "Failed", "No face was found"), strict=True
    ):
        assert f"dh-{kind}" in shown and f"{word}</span>" in shown
    assert "RuntimeError" in reasons[1][1] and "boom" not in reasons[1][1]
    stored = [Path(file["value"]) for file in files]
    assert [path.name for path in stored] == ["results.csv", "results.jsonl", "results.html"]
    rows = list(csv.reader(stored[0].open(encoding="utf-8")))
    assert rows[1][:3] == ["'=1+1.mp4", "Fake", "0.94"]  # no spreadsheet runs it
    lines = [json.loads(line) for line in stored[1].read_text("utf-8").splitlines()]
    assert [line["status"] for line in lines] == ["scored", "failed", "no_face"]
    assert "wall.png" in stored[2].read_text("utf-8")
    workshop.close()


def _next(answers: list[Any]) -> Any:
    answer = answers.pop(0)
    if isinstance(answer, Exception):
        raise answer
    return answer


def test_cancelling_a_batch_keeps_what_was_done(tmp_path: Path) -> None:
    engine, detector = served(scored_picture())
    detector.gate = threading.Event()
    shared = Shared(engine, None)
    going = tab_batch.batch(shared, ["/x/a.png", "/x/b.png"], Settings(), None, "me")
    next(going)
    shared.jobs.cancel("me")
    assert 'data-state="cancelled"' in list(going)[-1][0]
    assert "Choose several files" in next(tab_batch.batch(shared, None, Settings(), None, "me"))[0]


def test_rows_without_a_score_bear_no_number(tmp_path: Path) -> None:
    page = write_rows([Row("wall.png", abstention()), Row("b", None, "broken")], tmp_path)[2].read_text("utf-8")
    assert "none" in page and "broken" in page and "0.94" not in page


def test_history_keeps_searches_and_deletes(tmp_path: Path) -> None:
    history = History(tmp_path / "history.sqlite3")
    assert history.search() == [] and history.result(1) is None and not history.path.exists()
    first = history.keep(scored_video(path="holiday.mp4"), b"jpeg")
    second = history.keep(abstention("wall.png"), None)
    assert [entry.id for entry in history.search()] == [second, first]
    assert [entry.name for entry in history.search("fake holi")] == ["holiday.mp4"]
    assert history.search("holiday real") == [] and history.search("'; DROP TABLE results; --") == []
    found = history.result(first)
    assert found is not None and found["p_fake"] == 0.94
    shown = tab_history.entries_html(history.search())
    assert "holiday.mp4" in shown and "No face was found" in shown and "data:image/jpeg" in shown
    assert history.delete(first) and not history.delete(first)
    assert b"holiday" not in history.path.read_bytes()  # overwritten
    assert history.count() == 1 and history.clear() == 1 and history.clear() == history.count() == 0
    assert not history.path.exists() and "Nothing is kept" in tab_history.entries_html(history.search())


@pytest.fixture
def upload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    assert get_upload_folder() == str(tmp_path)

    def make(name: str) -> str:
        path = tmp_path / f"hash of {name}" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
        return str(path)

    return make


def test_uploads_go_with_their_visitor_and_stay_for_others(upload: Callable[[str], str], tmp_path: Path) -> None:
    uploads = Uploads()
    one, two = upload("a.mp4"), upload("b.mp4")
    outside = tmp_path.parent / "own.mp4"
    outside.write_text("x")
    uploads.hold("me", [one])
    uploads.hold("you", [one])
    uploads.hold("me", [two])
    assert Path(one).exists()  # the other still has it
    uploads.leave("you")
    assert not Path(one).parent.exists() and Path(two).exists()
    uploads.hold("me", [str(outside)])
    assert not Path(two).exists()
    uploads.leave("me")
    assert outside.exists()  # none of Gradio's


class FakeWatch:
    def __init__(self, sampling_rate: int) -> None:
        self.rate, self.times, self.samples = sampling_rate, list[float](), 0

    def push_frame(self, rgb: Any, pts_s: float) -> tuple[SeenFace, ...]:
        self.times.append(pts_s)
        return (SeenFace(0, (4, 4, 40, 40), 0.97, Verdict.FAKE, ""), SeenFace(1, (50, 4, 60, 20), None, None, "18 px"))

    def push_samples(self, samples: Any) -> None:
        assert samples.dtype == np.float32
        self.samples += len(samples)

    def result(self) -> Any:
        return scored_video()


class LiveDetector:
    def live(self, *, threshold: str, sampling_rate: int) -> FakeWatch:
        return FakeWatch(sampling_rate)


def room(most: int = 2) -> tuple[LiveRoom, list[float]]:
    clock = [0.0]
    return LiveRoom(LiveDetector, most, 10, lambda: clock[0]), clock  # type: ignore[arg-type]


FRAME = np.zeros((80, 80, 3), np.uint8)


def test_live_sessions_are_apart_measured_and_end_when_idle() -> None:
    held, clock = room()
    for step in range(5):
        clock[0] = step * 0.5
        drawn, mine = held.push_frame("me", FRAME, "fpr1")
    _, yours = held.push_frame("you", FRAME, "fpr1")
    assert mine is not yours and mine.watch is not yours.watch and len(mine.scores) == 5 and len(yours.scores) == 1
    assert mine.fps == pytest.approx(2.0) and drawn.shape == FRAME.shape and drawn.any()
    with pytest.raises(UsageError, match="all 2 places are taken"):
        held.push_frame("third", FRAME, "fpr1")
    clock[0] = 2.0 + 10.5
    held.push_frame("third", FRAME, "fpr1")  # the idle ones have ended
    assert len(held) == 1


def test_the_live_tab_says_word_score_speed_and_faults() -> None:
    held, _ = room(1)
    drawn, words, plot = tab_live.frame(held, FRAME, Settings(), "me")
    assert 'data-verdict="fake"' in words and "0.970" in words and "18 px" in words and "data-fps" in words
    assert "dh-dot-fake" in plot and drawn.shape == FRAME.shape
    _, told, _ = tab_live.frame(held, FRAME, Settings(), "you")
    assert "places are taken" in told and "Traceback" not in told
    heard, _ = tab_live.sound(held, piece_of(np.zeros(24_000, np.int16), 48_000, 7), Settings(), "me")
    assert "sound" in heard and 'data-verdict="fake"' in heard and 'data-piece="7"' in heard


def piece_of(samples: Any, rate: int, number: int = 0) -> dict[str, Any]:
    return {"piece": number, "rate": rate, "pcm": base64.b64encode(samples.tobytes()).decode()}


def test_the_first_piece_of_sound_begins_a_stream_and_no_sound_is_told() -> None:
    held, _ = room()
    half = np.full(8_000, 3_000, np.int16)
    for number in (0, 1, 0):
        tab_live.sound(held, piece_of(half, RATE, number), Settings(), "me")
    assert held.push_sound("me", RATE, half, "fpr1")[0] is not None and len(held) == 1
    assert held.push_sound("me", RATE, half, "fpr1")[1].heard_s == pytest.approx(1.5)
    long = piece_of(np.zeros(41 * RATE, np.int16), RATE, 3)
    for wrong in ({}, {"piece": 1, "rate": 16_000, "pcm": "?"}, {"rate": 7, "pcm": ""}, {"rate": RATE, "pcm": "AA=="}):
        told, plot = tab_live.sound(held, wrong, Settings(), "me")
        assert "the page sent what is no sound" in told and plot == ""
    told, _ = tab_live.sound(held, long, Settings(), "me")
    assert "longer than 40 s" in told and 'data-piece="3"' in told


def test_before_the_first_reading_the_page_says_how_long_it_takes() -> None:
    held, _ = room()
    _, session = held.push_sound("me", RATE, np.zeros(RATE, np.int16), "fpr1")
    words = words_html(session, abstention())
    assert "Listening; a first reading takes 3.8 s, 1.0 s were heard." in words and "P(fake)" not in words
    session.heard_s = 5.0
    assert "no face was found" in words_html(session, abstention())


@pytest.mark.parametrize("rate", [48_000, 44_100, 16_000, 8_000])
def test_sound_of_any_rate_has_no_seams_between_its_pieces(rate: int) -> None:
    tone = np.rint(np.sin(np.arange(2 * rate) / rate * 2 * np.pi * 440) * 32_000).astype(np.int16)
    ear, step = Ear(), rate // 7
    heard = np.concatenate([ear.hear(tone[at : at + step], rate) for at in range(0, len(tone), step)])
    assert heard.dtype == np.float32 and len(heard) == pytest.approx(2 * RATE, abs=0.01 * RATE)
    middle = heard[RATE // 2 : RATE + RATE // 2]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)))) ** 2
    outside = spectrum.copy()
    outside[440 - 4 : 440 + 5] = 0
    assert np.argmax(spectrum) == 440 and outside.sum() / spectrum.sum() < 1e-5
    assert np.abs(middle).max() == pytest.approx(32_000 / 32_768, abs=0.02)


def test_errors_of_a_live_session_are_ours() -> None:
    held, _ = room(1)
    held.push_frame("me", FRAME, "fpr1")
    with pytest.raises(DeepfakeHFError):
        held.push_frame("you", FRAME, "fpr1")


def test_what_the_word_fake_is_worth_where_fakes_are_rare() -> None:
    figures = {"tpr_at_stored_fpr1": 0.5, "fpr_at_stored_fpr1": 0.0, "n_real": 100}
    assert worth(figures, "fpr1", 0.5) == pytest.approx(0.5 / (0.5 + 0.01))  # none among 100 counts as one
    assert worth(figures | {"fpr_at_stored_fpr1": 0.05}, "fpr1", 0.01) == pytest.approx(0.005 / (0.005 + 0.0495))
    assert worth({}, "fpr1", 0.5) is None and worth(figures, "0.8", 0.5) is None
