"""Streams joined without decoding, and masks without loss."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from deepfake_hf.errors import MediaError, UsageError
from deepfake_hf.media import EveryNth, read_audio, read_frames, write_audio, write_video
from deepfake_hf.media.remux import join_streams
from deepfake_hf.media.write_mask import MaskWriter
from deepfake_hf.types import AudioTrack

RATE = 16_000


def _sound(hz: float, start_s: float = 0.0) -> AudioTrack:
    return AudioTrack((0.3 * np.sin(2 * np.pi * hz * np.arange(RATE) / RATE)).astype(np.float32), RATE, start_s)


def _film(path: Path, audio: AudioTrack | None, first: int = 40) -> Path:
    frames = [(np.full((48, 64, 3), first + 8 * index, np.uint8), index / 25) for index in range(20)]
    write_video(path, frames, 25, audio=audio)
    return path


def _packets(path: Path, kind: str) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(**{kind: 0}) if packet.size]


def test_pictures_of_one_and_sound_of_another_bit_for_bit(tmp_path: Path) -> None:
    first, second = _film(tmp_path / "a.mp4", _sound(300)), _film(tmp_path / "b.mp4", _sound(500), first=90)
    join_streams(tmp_path / "c.mp4", first, second)
    assert _packets(tmp_path / "c.mp4", "video") == _packets(first, "video")
    assert _packets(tmp_path / "c.mp4", "audio") == _packets(second, "audio")
    times = [[frame.pts_s for frame in read_frames(path, EveryNth(1))] for path in (first, tmp_path / "c.mp4")]
    np.testing.assert_allclose(times[0], times[1], atol=1e-3)


def test_sound_keeps_its_place_and_can_end_early(tmp_path: Path) -> None:
    film = _film(tmp_path / "a.mp4", _sound(300, start_s=0.3))
    join_streams(tmp_path / "b.mp4", film, film, until_s=0.7)
    whole, cut = (list(read_audio(path, RATE)) for path in (film, tmp_path / "b.mp4"))
    assert abs(cut[0].start_s - whole[0].start_s) < 0.03
    end_s = cut[-1].start_s + cut[-1].duration_s
    assert 0.6 < end_s < 0.8 < whole[-1].start_s + whole[-1].duration_s


def test_what_cannot_be_joined_is_said(tmp_path: Path) -> None:
    silent, speech = _film(tmp_path / "a.mp4", None), tmp_path / "s.wav"
    write_audio(speech, _sound(300), codec="wav")
    with pytest.raises(MediaError, match="no sound stream"):
        join_streams(tmp_path / "c.mp4", silent, silent)
    with pytest.raises(MediaError, match="no video stream"):
        join_streams(tmp_path / "c.mp4", speech, speech)
    with pytest.raises(UsageError, match="pcm_s16le"):
        join_streams(tmp_path / "c.mp4", silent, speech)
    with pytest.raises(UsageError, match="mp4"):
        join_streams(tmp_path / "c.mkv", silent, silent)


def test_masks_come_back_exactly(tmp_path: Path) -> None:
    masks = np.random.default_rng(0).random((5, 31, 46)).astype(np.float32)
    for name in ("a.mkv", "b.mkv"):
        with MaskWriter(tmp_path / name, 30) as writer:
            for index, mask in enumerate(masks):
                writer.write(mask, 0.1 + index / 30)
    with av.open(str(tmp_path / "a.mkv")) as container:
        read = [(frame.time, frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]
    np.testing.assert_allclose([time for time, _ in read], 0.1 + np.arange(5) / 30, atol=1e-3)
    np.testing.assert_array_equal(np.stack([grey for _, grey in read]), np.rint(masks[:, :30, :46] * 255))
    assert (tmp_path / "a.mkv").read_bytes() == (tmp_path / "b.mkv").read_bytes()
    with pytest.raises(UsageError, match="mkv"):
        MaskWriter(tmp_path / "a.mp4", 30)
