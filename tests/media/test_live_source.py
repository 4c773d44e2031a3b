"""Frames at their own pace: nothing piles up, errors come through."""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest

from deepfake_hf.errors import MediaError
from deepfake_hf.media.live_source import MAX_WAITING, FreshFrames, LiveFrame, camera_frames, played_frames
from tests.media.media_making import make_video

GREY = np.full((4, 4, 3), 9, np.uint8)


def test_a_file_is_played_at_its_own_times(tmp_path: Path) -> None:
    pts_ms = [0, 40, 200, 240, 480]
    path = make_video(tmp_path / "a.mp4", len(pts_ms), pts_ms=pts_ms)
    started = time.monotonic()
    frames = list(played_frames(str(path)))
    assert [round(1000 * frame.pts_s) for frame in frames] == pts_ms
    assert 0.48 <= time.monotonic() - started < 2.0
    steps = np.diff([frame.captured_s for frame in frames])
    assert np.allclose(steps, np.diff(pts_ms) / 1000, atol=1e-3)


def test_a_slow_reader_gets_fresh_frames_and_the_rest_is_counted() -> None:
    def camera() -> Generator[LiveFrame, None, None]:
        for index in range(60):
            time.sleep(0.01)
            yield LiveFrame(GREY, index / 100, time.monotonic())

    fresh = FreshFrames(camera(), max_age_s=0.05)
    seen, ages = [], []
    for frame in fresh:
        ages.append(time.monotonic() - frame.captured_s)
        seen.append(frame.pts_s)
        time.sleep(0.1)
    assert seen == sorted(seen) and len(seen) + fresh.dropped == 60 and fresh.dropped > 30
    assert np.median(ages) < 0.06 and MAX_WAITING < 10


def test_a_fast_reader_drops_nothing() -> None:
    fresh = FreshFrames(LiveFrame(GREY, float(i), time.monotonic()) for i in range(5))
    assert [frame.pts_s for frame in fresh] == [0.0, 1.0, 2.0, 3.0, 4.0] and fresh.dropped == 0


def test_errors_of_the_source_are_raised_by_the_next_frame(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no film")
    with pytest.raises(MediaError, match=r"a\.mp4"):
        next(FreshFrames(played_frames(str(tmp_path / "a.mp4"))))


def test_a_camera_that_is_not_there_says_so() -> None:
    with pytest.raises(MediaError, match=r"camera 97.*--input"):
        next(camera_frames(97))


def test_closing_ends_the_thread() -> None:
    def endless() -> Generator[LiveFrame, None, None]:
        while True:
            time.sleep(0.005)
            yield LiveFrame(GREY, 0.0, time.monotonic())

    fresh = FreshFrames(endless())
    next(fresh)
    fresh.close()
    assert not fresh._reader.is_alive()
    with pytest.raises(StopIteration):
        next(fresh)
