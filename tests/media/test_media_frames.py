"""Video decoding: containers, turning, timestamps, odd formats, damage."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from media_making import corner_picture, corners_of, grey_number, make_sound, make_video, sine
from PIL import Image

from deepfake_hf.errors import MediaError, UnsupportedMediaError, UsageError
from deepfake_hf.media import AtRate, EveryNth, Limits, Uniform, probe, read_audio, read_frames
from deepfake_hf.types import MediaKind

CONTAINERS = [
    ("mp4", "libx264", "aac"),
    ("mov", "libx264", "aac"),
    ("mkv", "libx264", "libopus"),
    ("webm", "libvpx-vp9", "libopus"),
    ("avi", "mpeg4", "libmp3lame"),
    ("ts", "libx264", "aac"),
]


@pytest.mark.parametrize(("ending", "codec", "sound_codec"), CONTAINERS)
def test_every_container_gives_its_frames_and_times(tmp_path: Path, ending: str, codec: str, sound_codec: str) -> None:
    path = make_video(tmp_path / f"clip.{ending}", 25, codec=codec, sound_codec=sound_codec)
    path = path.rename(tmp_path / "no_ending_at_all")
    info = probe(path)
    assert (info.kind, info.width_px, info.height_px, info.rotation_deg) == (MediaKind.VIDEO, 64, 48, 0)
    assert info.fps == pytest.approx(25, abs=0.1)
    assert info.duration_s == pytest.approx(1.0, abs=0.1)
    assert (info.num_video_streams, info.num_audio_streams, info.sampling_rate) == (1, 1, 48000)
    reader = read_frames(path, EveryNth(1))
    frames = list(reader)
    assert [frame.index for frame in frames] == list(range(25))
    assert [grey_number(frame.rgb) for frame in frames] == pytest.approx(list(range(25)), abs=1)
    start_s = frames[0].pts_s
    assert 0 <= start_s < 0.1
    slack_s = 0.041 if ending == "avi" else 0.0015  # FFmpeg's AVI writer drops in an empty frame after the first
    assert [frame.pts_s - start_s for frame in frames] == pytest.approx([i / 25 for i in range(25)], abs=slack_s)
    assert reader.damaged is None
    assert reader.decoded_until_s == pytest.approx(1.0 + start_s, abs=max(slack_s, 0.01))
    sound = list(read_audio(path, 16000))
    assert sum(track.duration_s for track in sound) == pytest.approx(1.0, abs=0.08)


@pytest.mark.parametrize(
    ("rotation_deg", "mirrored", "clockwise", "corners"),
    [
        (0, False, 0, ["red", "green", "blue", "white"]),
        (90, False, 270, ["green", "white", "red", "blue"]),
        (180, False, 180, ["white", "blue", "green", "red"]),
        (270, False, 90, ["blue", "red", "white", "green"]),
        (0, True, 0, ["green", "red", "white", "blue"]),
    ],
)
def test_rotation_is_applied(
    tmp_path: Path, rotation_deg: int, mirrored: bool, clockwise: int, corners: list[str]
) -> None:
    picture = corner_picture()
    path = make_video(tmp_path / "a.mp4", 3, pictures=picture, rotation_deg=rotation_deg, mirrored=mirrored)
    info = probe(path)
    frame = next(read_frames(path, EveryNth(1)))
    assert corners_of(frame.rgb) == corners
    assert info.rotation_deg == clockwise
    assert frame.rgb.shape[:2] == (info.height_px, info.width_px)
    assert frame.rgb.shape == ((64, 48, 3) if clockwise % 180 else (48, 64, 3))
    small = next(read_frames(path, EveryNth(1), max_side_px=32))
    assert max(small.rgb.shape) == 32 and corners_of(small.rgb) == corners


@pytest.mark.parametrize(("aspect", "shape"), [(Fraction(4, 3), (48, 85, 3)), (Fraction(1, 2), (96, 64, 3))])
def test_pixels_become_square(tmp_path: Path, aspect: Fraction, shape: tuple[int, int, int]) -> None:
    path = make_video(tmp_path / "a.mp4", 3, pixel_aspect=aspect)
    assert next(read_frames(path, EveryNth(1))).rgb.shape == shape
    assert (probe(path).height_px, probe(path).width_px) == shape[:2]


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_variable_frame_rate_keeps_true_times(tmp_path: Path, ending: str) -> None:
    times_ms = [0, 20, 40, 400, 420, 1000, 1010, 2500, 2540, 4000]
    path = make_video(tmp_path / f"a.{ending}", 10, pts_ms=times_ms)
    frames = list(read_frames(path, EveryNth(1)))
    assert [frame.pts_s for frame in frames] == pytest.approx([t / 1000 for t in times_ms], abs=0.002)
    assert [frame.index for frame in read_frames(path, AtRate(1))] == [0, 5, 7, 9]
    assert [frame.index for frame in read_frames(path, Uniform(3))] == [0, 7, 9]


@pytest.mark.parametrize("frames", [1, 2, 7, 25, 100])
def test_uniform_reaches_the_last_frame(tmp_path: Path, frames: int) -> None:
    path = make_video(tmp_path / "a.mp4", 25)
    indices = [frame.index for frame in read_frames(path, Uniform(frames))]
    assert len(indices) == min(frames, 25)
    assert all(a < b for a, b in pairwise(indices))
    assert frames == 1 or (indices[0], indices[-1]) == (0, 24)


@pytest.mark.parametrize("container_format", ["webm", "h264", "matroska"])
def test_uniform_without_a_stated_duration(tmp_path: Path, container_format: str) -> None:
    codec = "libvpx-vp9" if container_format == "webm" else "libx264"
    options = {"bf": "0"} if codec == "libx264" else {}
    path = make_video(tmp_path / "a.bin", 25, codec=codec, container_format=container_format, options=options)
    if container_format != "h264":
        data = path.read_bytes()
        place = data.index(b"\x44\x89\x88")  # the Duration element of Matroska's Info, made into a Void one
        path.write_bytes(data[:place] + b"\xec\x89" + bytes(9) + data[place + 11 :])
        assert probe(path).duration_s is None
    indices = [frame.index for frame in read_frames(path, Uniform(5))]
    assert indices == [0, 6, 12, 18, 24]


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "size", "ending"),
    [
        ("libx264", "yuv422p", (64, 48), "mp4"),
        ("libx264", "yuv420p10le", (64, 48), "mp4"),
        ("libx264", "yuv444p", (63, 47), "mp4"),
        ("libx265", "yuv420p", (64, 64), "mp4"),
        ("prores_ks", "yuv422p10le", (64, 48), "mov"),
        ("ffv1", "yuv422p10le", (61, 37), "mkv"),
        ("libvpx", "yuv420p", (35, 51), "webm"),
    ],
)
def test_unusual_formats(tmp_path: Path, codec: str, pix_fmt: str, size: tuple[int, int], ending: str) -> None:
    options = {"log-level": "error"} if codec == "libx265" else {}
    picture = corner_picture(*size)
    path = make_video(
        tmp_path / f"a.{ending}", 3, size, codec=codec, pix_fmt=pix_fmt, pictures=picture, options=options
    )
    frames = list(read_frames(path, EveryNth(1)))
    assert len(frames) == 3
    assert frames[0].rgb.shape == (size[1], size[0], 3) and frames[0].rgb.dtype == np.uint8
    assert corners_of(frames[0].rgb) == ["red", "green", "blue", "white"]


def test_max_side_shrinks_and_never_enlarges(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", 2, (128, 64), pictures=corner_picture(128, 64))
    assert next(read_frames(path, EveryNth(1), max_side_px=32)).rgb.shape == (16, 32, 3)
    assert next(read_frames(path, EveryNth(1), max_side_px=4000)).rgb.shape == (64, 128, 3)
    with pytest.raises(UsageError):
        read_frames(path, EveryNth(1), max_side_px=0)


@pytest.mark.parametrize("ending", ["gif", "webp", "png", "avif"])
def test_animations_are_videos(tmp_path: Path, ending: str) -> None:
    pictures = [Image.fromarray(np.roll(corner_picture(), 4 * i, axis=1)) for i in range(5)]
    path = tmp_path / "moving"
    pictures[0].save(path, ending, save_all=True, append_images=pictures[1:], duration=[100, 200, 100, 100, 500])
    info = probe(path)
    assert (info.kind, info.width_px, info.height_px, info.duration_s) == (MediaKind.VIDEO, 64, 48, pytest.approx(1.0))
    frames = list(read_frames(path, EveryNth(1)))
    assert [frame.pts_s for frame in frames] == pytest.approx([0, 0.1, 0.3, 0.4, 0.5])
    assert corners_of(frames[0].rgb) == ["red", "green", "blue", "white"]
    assert [frame.index for frame in read_frames(path, Uniform(2), max_side_px=32)] == [0, 4]


def test_a_still_picture_is_one_frame(tmp_path: Path) -> None:
    Image.fromarray(corner_picture()).save(tmp_path / "a.gif")
    assert probe(tmp_path / "a.gif").kind is MediaKind.IMAGE
    frames = list(read_frames(tmp_path / "a.gif", Uniform(8)))
    assert [(frame.pts_s, frame.index) for frame in frames] == [(0.0, 0)]


def test_a_late_sound_keeps_its_place(tmp_path: Path) -> None:
    for ending in ("mp4", "mkv"):
        path = make_video(tmp_path / f"a.{ending}", 50, sound_codec="aac", sound_start_s=0.7, sound_s=1.0)
        assert next(read_frames(path, EveryNth(1))).pts_s == pytest.approx(0, abs=0.03)
        assert next(read_audio(path, 16000)).start_s == pytest.approx(0.7, abs=0.03)


def noisy_clip(path: Path, seconds: int = 8) -> Path:
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    options = {"movflags": "faststart", "g": "25"}
    return make_video(path, 25 * seconds, pictures=noise, options=options, sound_codec="aac")


@pytest.mark.parametrize("ending", ["mkv", "avi", "ts", "mp4"])
def test_a_cut_file_gives_what_decodes(tmp_path: Path, ending: str) -> None:
    path = noisy_clip(tmp_path / f"a.{ending}")
    data = path.read_bytes()
    if ending == "mp4":  # the index moved to the front, as files for streaming have it
        import av

        fast = tmp_path / "fast.mp4"
        with av.open(str(path)) as source, av.open(str(fast), "w", options={"movflags": "faststart"}) as target:
            copies = {s.index: target.add_stream_from_template(s) for s in source.streams}
            for packet in source.demux():
                if packet.dts is not None:
                    packet.stream = copies[packet.stream.index]
                    target.mux(packet)
        data = fast.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    reader = read_frames(path, Uniform(20))
    frames = list(reader)
    assert 10 <= len(frames) <= 20
    assert 2.0 < reader.decoded_until_s < 7.5
    assert frames[-1].pts_s == pytest.approx(reader.decoded_until_s, abs=0.2)
    if ending != "ts":  # a transport stream states no length
        assert reader.damaged is not None


def test_scrambled_bytes_in_the_middle_are_told(tmp_path: Path) -> None:
    path = noisy_clip(tmp_path / "a.mkv")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = np.random.default_rng(1).bytes(3000)
    path.write_bytes(data)
    reader = read_frames(path, EveryNth(1))
    frames = list(reader)
    assert len(frames) > 100
    assert all(a.pts_s < b.pts_s for a, b in pairwise(frames))
    assert reader.decoded_until_s == pytest.approx(8.0, abs=0.2)


def test_limits_hold_while_decoding(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", 50)
    info = probe(path)
    with pytest.raises(UnsupportedMediaError, match="max_duration_s"):
        list(read_frames(path, EveryNth(1), Limits(max_duration_s=1.0), info))
    with pytest.raises(UnsupportedMediaError, match="max_duration_s"):
        list(read_frames(path, Uniform(2), Limits(max_duration_s=1.0), info))
    with pytest.raises(UnsupportedMediaError, match="max_pixels"):
        list(read_frames(path, EveryNth(1), Limits(max_pixels=1000), info))


def test_sound_has_no_frames(tmp_path: Path) -> None:
    path = make_sound(tmp_path / "a.wav", sine(0.5, 16000), 16000)
    with pytest.raises(MediaError, match="no pictures"):
        read_frames(path, EveryNth(1))


def test_closing_early_lets_go(tmp_path: Path) -> None:
    reader = read_frames(make_video(tmp_path / "a.mp4", 25), EveryNth(1))
    next(reader)
    reader.close()
    assert list(reader) == []
