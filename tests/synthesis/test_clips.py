"""A face followed through a clip and changed frame by frame; the finder is a script, so that all is known."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from deepfake_hf.errors import MediaError, UsageError
from deepfake_hf.media import EveryNth, probe, read_frames, write_video
from deepfake_hf.synthesis.astronaut import LANDMARKS_XY
from deepfake_hf.synthesis.clip_faces import FacePath, FindFaces, choose_face, follow_face
from deepfake_hf.synthesis.clip_runner import change_clip, read_sound, replace_sound
from deepfake_hf.types import AudioTrack, Face, Frame

RATE = 16_000
SMALL = (LANDMARKS_XY / 2).astype(np.float32)  # on pictures of 256 x 256


def _face(points: np.ndarray) -> tuple[Face, np.ndarray]:
    return Face(np.concatenate([points.min(axis=0), points.max(axis=0)]).astype(np.float32), 0.9), points


def _scripted(frames: list[list[np.ndarray]]) -> FindFaces:
    """Finds in the n-th picture it is shown what the n-th entry says."""
    rest = iter(frames)
    return lambda rgb: [_face(points.astype(np.float32)) for points in next(rest)]


def _film(path: Path, times_s: list[float], sound: bool = True) -> Path:
    noise = np.random.default_rng(0).integers(60, 200, (256, 258, 3), dtype=np.uint8)
    wave = (0.3 * np.sin(np.arange(RATE) / 9)).astype(np.float32)
    frames = [(np.roll(noise, index, axis=1), time_s) for index, time_s in enumerate(times_s)]
    write_video(path, frames, 10, audio=AudioTrack(wave, RATE) if sound else None)
    return path


TENTHS = [index / 10 for index in range(20)]


def test_short_gaps_are_filled_and_long_ones_are_not(tmp_path: Path) -> None:
    script = [[SMALL + index] for index in range(20)]
    for index in (4, 5, *range(10, 16)):
        script[index] = []
    faces = follow_face(_film(tmp_path / "a.mp4", TENTHS), _scripted(script))
    assert faces.num_found == 12 and list(np.flatnonzero(~faces.present)) == list(range(10, 16))
    for index in (2, 4, 5, 7, 17):
        np.testing.assert_allclose(faces.at(index), SMALL + index, atol=0.05)
    assert faces.at(12) is None and faces.at(99) is None


def test_jitter_is_smoothed(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    script = [[SMALL + index + rng.normal(0, 1, (68, 2))] for index in range(20)]
    faces = follow_face(_film(tmp_path / "a.mp4", TENTHS), _scripted(script))
    raw = np.array([script[index][0] - SMALL - index for index in range(20)])
    kept = faces.landmarks_xy - SMALL - np.arange(20)[:, None, None]
    assert kept[3:-3].std() < 0.7 * raw[3:-3].std()


def test_the_largest_face_or_the_one_asked_for(tmp_path: Path) -> None:
    film = _film(tmp_path / "a.mp4", TENTHS)
    left, right = SMALL * 0.6, SMALL + 60
    script = [[right + 0.0, left + 0.0] for _ in range(20)]
    np.testing.assert_allclose(follow_face(film, _scripted(script)).at(9), right, atol=0.01)
    np.testing.assert_allclose(follow_face(film, _scripted(script), 0).at(9), left, atol=0.01)
    np.testing.assert_allclose(follow_face(film, _scripted(script), 1).at(9), right, atol=0.01)
    with pytest.raises(UsageError, match="2 faces"):
        follow_face(film, _scripted(script), 2)
    pair = [_face(right), _face(left)]
    assert choose_face(pair, None)[1] is right and choose_face(pair, 0)[1] is left
    with pytest.raises(UsageError, match="--face 2"):
        choose_face(pair, 2)


def test_no_face_and_tiny_faces_are_said(tmp_path: Path) -> None:
    film = _film(tmp_path / "a.mp4", TENTHS)
    with pytest.raises(MediaError, match="no face"):
        follow_face(film, _scripted([[]] * 20))
    with pytest.raises(MediaError, match="less than 24"):
        follow_face(film, _scripted([[SMALL * 0.2]] * 20))
    with pytest.raises(MediaError, match="no face"):
        choose_face([], None)
    with pytest.raises(MediaError, match="less than 24"):
        choose_face([_face(SMALL * 0.2)], None)


def _darken(frame: Frame, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rgb, mask = frame.rgb.copy(), np.zeros(frame.rgb.shape[:2], np.float32)
    x, y = points.mean(axis=0).astype(int)
    rgb[y - 20 : y + 20, x - 20 : x + 20], mask[y - 20 : y + 20, x - 20 : x + 20] = 0, 0.5
    return rgb, mask


def _faces(times_s: list[float], absent: range) -> FacePath:
    points = np.repeat(SMALL[None], len(times_s), axis=0)
    points[list(absent)] = np.nan
    return FacePath(np.array(times_s), points, len(times_s) - len(absent))


def test_only_frames_with_the_face_change_and_times_and_sound_stay(tmp_path: Path) -> None:
    times_s = [0.0, 0.04, 0.15, 0.2, 0.33, 0.4, 0.47, 0.6]  # no steady rate
    film = _film(tmp_path / "a.mp4", times_s)
    reports = []
    for name in ("b", "c"):
        reports.append(
            change_clip(
                read_frames(film, EveryNth(1)), 10, tmp_path / f"{name}.mp4", _faces(times_s, range(3, 5)), _darken,
                mask_out=tmp_path / f"{name}.mkv", sound_from=film,
            )
        )  # fmt: skip
    for suffix in ("mp4", "mkv"):
        assert (tmp_path / f"b.{suffix}").read_bytes() == (tmp_path / f"c.{suffix}").read_bytes()
    assert reports[0] == reports[1]
    assert (reports[0].num_frames, reports[0].num_changed) == (8, 6)
    np.testing.assert_allclose(reports[0].changed_s, [(0.0, 0.2), (0.4, 0.7)], atol=1e-3)
    made = list(read_frames(tmp_path / "b.mp4", EveryNth(1)))
    np.testing.assert_allclose([frame.pts_s for frame in made], times_s, atol=1e-3)
    before = [frame.rgb for frame in read_frames(film, EveryNth(1))]
    x, y = SMALL.mean(axis=0).astype(int)
    for index, frame in enumerate(made):
        changed = np.abs(frame.rgb.astype(int) - before[index])[y - 15 : y + 15, x - 15 : x + 15].mean()
        assert changed > 80 if index not in (3, 4) else changed < 12
    with av.open(str(tmp_path / "b.mkv")) as container:
        masks = [picture.to_ndarray(format="gray") for picture in container.decode(video=0)]
    assert [int(mask.max()) for mask in masks] == [128, 128, 128, 0, 0, 128, 128, 128]
    assert masks[0].shape == made[0].rgb.shape[:2] and masks[0][y, x] == 128 and masks[0][0, 0] == 0
    sounds = []
    for path in (film, tmp_path / "b.mp4"):
        with av.open(str(path)) as container:
            sounds.append([bytes(packet) for packet in container.demux(audio=0) if packet.size])
    assert sounds[0] == sounds[1]


def test_a_clip_may_be_silent_and_end_early(tmp_path: Path) -> None:
    film = _film(tmp_path / "a.mp4", TENTHS, sound=False)
    report = change_clip(read_frames(film, EveryNth(1)), None, tmp_path / "b.mp4", until_s=0.75)
    info = probe(tmp_path / "b.mp4")
    assert report.num_frames == 8 and report.changed_s == () and info.num_audio_streams == 0
    with pytest.raises(MediaError, match="no sound"):
        read_sound(film)


def test_new_sound_leaves_the_pictures_bit_for_bit(tmp_path: Path) -> None:
    film = _film(tmp_path / "a.mp4", TENTHS)
    track = read_sound(film)
    replace_sound(film, tmp_path / "b.mp4", AudioTrack(-track.waveform, track.sampling_rate, track.start_s))
    packets = []
    for path in (film, tmp_path / "b.mp4"):
        with av.open(str(path)) as container:
            packets.append([bytes(packet) for packet in container.demux(video=0) if packet.size])
    assert packets[0] == packets[1]
    again = read_sound(tmp_path / "b.mp4")
    offset = round((track.start_s - again.start_s) * RATE)
    both = min(len(track.waveform), len(again.waveform) - offset, 12_000)
    heard = again.waveform[offset + 4000 : offset + both]
    assert np.corrcoef(heard, -track.waveform[4000:both])[0, 1] > 0.99
