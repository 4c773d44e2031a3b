"""Sound that goes along with new pictures."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from media_making import chirp, make_video

from deepfake_hf.errors import UsageError
from deepfake_hf.media import EveryNth, read_audio, read_frames, write_video
from deepfake_hf.types import AudioTrack

RATE = 16_000


def again(source: Path, target: Path) -> Path:
    write_video(target, read_frames(source, EveryNth(1)), 25, sound_of=source)
    return target


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def samples(path: Path) -> tuple[np.ndarray, float]:
    blocks = list(read_audio(path, RATE))
    return np.concatenate([block.waveform for block in blocks]), blocks[0].start_s


def test_aac_is_copied_bit_for_bit_at_its_place(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4", 50, sound_codec="aac", sound_start_s=0.4)
    made = again(source, tmp_path / "b.mp4")
    assert packets(made) == packets(source)
    assert abs(samples(made)[1] - samples(source)[1]) < 0.002


def test_pcm_becomes_aac_at_its_place(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mov", 75, sound_codec="pcm_s16le", sound_start_s=0.2)
    made = again(source, tmp_path / "b.mp4")
    with av.open(str(made)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
    (one, one_s), (other, other_s) = samples(source), samples(made)
    assert abs(len(one) - len(other)) < 0.05 * RATE and abs(one_s - other_s) < 0.03
    assert 0.8 < np.sqrt((other**2).mean() / (one**2).mean()) < 1.25


def test_uneven_times_are_kept(tmp_path: Path) -> None:
    pts_ms = [0, 40, 47, 200, 233, 1000, 1001, 1500]
    source = make_video(tmp_path / "a.mkv", len(pts_ms), pts_ms=pts_ms, sound_codec="aac")
    made = again(source, tmp_path / "b.mp4")
    assert [round(1000 * frame.pts_s) for frame in read_frames(made, EveryNth(1))] == pts_ms


def test_pictures_that_begin_after_the_sound_stay_there(tmp_path: Path) -> None:
    wave = chirp(2.0, RATE)
    frames = [(np.full((48, 64, 3), 90, np.uint8), 0.5 + i / 25) for i in range(30)]
    write_video(tmp_path / "a.mkv", frames, 25, audio=AudioTrack(wave, RATE))
    made = again(tmp_path / "a.mkv", tmp_path / "b.mp4")
    first = [next(iter(read_frames(path, EveryNth(1)))).pts_s for path in (tmp_path / "a.mkv", made)]
    assert abs(first[0] - first[1]) < 0.03 and first[1] > 0.45


def test_no_sound_and_two_sounds(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4", 10)
    with av.open(str(again(source, tmp_path / "b.mp4"))) as container:
        assert not container.streams.audio
    track = AudioTrack(chirp(1.0, RATE), RATE)
    with pytest.raises(UsageError, match="Leave one"):
        write_video(tmp_path / "c.mp4", [], 25, audio=track, sound_of=source)
