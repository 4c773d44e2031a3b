"""Written videos read back the same; perturbations keep shape and do what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from media_making import chirp, corner_picture, corners_of, grey_level, grey_number

from deepfake_hf.errors import UsageError
from deepfake_hf.media import (
    EveryNth,
    h264_roundtrip,
    probe,
    read_audio,
    read_frames,
    recompress_jpeg,
    resize_factor,
    write_video,
)
from deepfake_hf.types import AudioTrack, Frame


def smooth(height: int = 64, width: int = 80) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height)], -1).astype(np.uint8)


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
def test_write_video_keeps_times_and_sound(tmp_path: Path, ending: str) -> None:
    times_s = [0.0, 0.04, 0.1, 0.5, 0.533, 1.2, 1.9]
    frames = [Frame(np.full((48, 64, 3), grey_level(i), np.uint8), t, i) for i, t in enumerate(times_s)]
    sound = chirp(1.5, 16000)
    path = tmp_path / f"a.{ending}"
    write_video(path, iter(frames), 25, AudioTrack(sound, 16000, start_s=0.3), crf=18)
    back = list(read_frames(path, EveryNth(1)))
    assert [frame.pts_s for frame in back] == pytest.approx(times_s, abs=0.0015)
    assert [grey_number(frame.rgb) for frame in back] == pytest.approx(list(range(7)), abs=1)
    (track,) = read_audio(path, 16000)
    assert track.start_s == pytest.approx(0.3, abs=0.07)  # mp4 shows AAC's 64 ms of silent priming where there is room
    at = round((0.3 - track.start_s) * 16000)
    assert np.corrcoef(track.waveform[at + 2000 : at + 20000], sound[2000:20000])[0, 1] > 0.95


@pytest.mark.parametrize("height", [49, 720])
def test_write_video_keeps_colours_of_either_standard(tmp_path: Path, height: int) -> None:
    picture = corner_picture(65, height)
    write_video(tmp_path / "a.mp4", [(picture, 0.0), (picture, 0.1)], 10, crf=10)
    rgb = next(read_frames(tmp_path / "a.mp4", EveryNth(1))).rgb
    assert rgb.shape == (height // 2 * 2, 64, 3)
    assert corners_of(rgb) == ["red", "green", "blue", "white"]
    assert np.abs(rgb[5, 5].astype(int) - [255, 0, 0]).max() <= 6
    assert np.abs(rgb[5, -5].astype(int) - [0, 255, 0]).max() <= 6


def test_write_video_refuses(tmp_path: Path) -> None:
    picture = corner_picture()
    with pytest.raises(UsageError, match="no frames"):
        write_video(tmp_path / "a.mp4", [], 25)
    with pytest.raises(UsageError, match="rising"):
        write_video(tmp_path / "b.mp4", [(picture, 0.1), (picture, 0.1)], 25)
    with pytest.raises(UsageError, match="another size"):
        write_video(tmp_path / "c.mp4", [(picture, 0.1), (picture[:20], 0.2)], 25)
    with pytest.raises(UsageError, match="mp4"):
        write_video(tmp_path / "d.webm", [(picture, 0.0)], 25)


def test_long_sound_beside_a_video(tmp_path: Path) -> None:
    frames = ((corner_picture(), i / 10) for i in range(40))
    write_video(tmp_path / "a.mp4", frames, 10, AudioTrack(chirp(4.0, 44100), 44100))
    info = probe(tmp_path / "a.mp4")
    assert info.audio_codec == "aac" and info.duration_s == pytest.approx(4.0, abs=0.1)


def test_recompress_jpeg_loses_more_at_lower_quality() -> None:
    rgb = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    losses = [np.abs(recompress_jpeg(rgb, q).astype(int) - rgb).mean() for q in (95, 60, 20)]
    assert losses == sorted(losses) and losses[0] < losses[-1]
    for quality in (0, 101):
        with pytest.raises(UsageError):
            recompress_jpeg(rgb, quality)


@pytest.mark.parametrize("factor", [0.01, 0.25, 0.5, 1.0, 2.0])
def test_resize_factor_keeps_the_size(factor: float) -> None:
    rgb = smooth(37, 51)
    back = resize_factor(rgb, factor)
    assert back.shape == rgb.shape and back.dtype == np.uint8
    if factor >= 0.5:
        assert np.abs(back.astype(int) - rgb).mean() < 3
    with pytest.raises(UsageError):
        resize_factor(rgb, 0)


@pytest.mark.parametrize("shape", [(1, 48, 64), (7, 47, 63), (3, 16, 16)])
def test_h264_roundtrip(shape: tuple[int, int, int]) -> None:
    clip = np.stack([np.roll(smooth(*shape[1:]), 2 * i, axis=1) for i in range(shape[0])])
    near, far = h264_roundtrip(clip, 5), h264_roundtrip(clip, 45, fps=29.97)
    assert near.shape == far.shape == clip.shape and near.dtype == np.uint8
    assert np.abs(near.astype(int) - clip).mean() < np.abs(far.astype(int) - clip).mean()
    assert np.abs(near.astype(int) - clip).mean() < 8
    with pytest.raises(UsageError):
        h264_roundtrip(clip[0], 23)
    with pytest.raises(UsageError):
        h264_roundtrip(clip, 60)
