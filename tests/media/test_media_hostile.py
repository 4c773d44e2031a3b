"""Bad input: each gives an error of ours that names the file, and nothing hangs."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from media_making import corner_picture, make_sound, make_video, sine
from PIL import Image

from deepfake_hf.errors import MediaError, UnsupportedMediaError, UsageError
from deepfake_hf.media import EveryNth, Limits, probe, read_audio, read_frames, read_image, sha256_of
from deepfake_hf.media.pictures import open_picture


def refused(path: Path, kind: type[MediaError], *words: str) -> None:
    """``probe``, and the readers behind it, refuse the file by name; ``kind`` exactly."""
    for read in (probe, lambda p: list(read_frames(p, EveryNth(1))), read_image):
        with pytest.raises(MediaError) as caught:
            read(path)
        assert str(path) in str(caught.value)
    with pytest.raises(kind) as caught:
        probe(path)
    assert type(caught.value) is kind
    for word in words:
        assert word in str(caught.value)


def test_nothing_there_folder_empty(tmp_path: Path) -> None:
    refused(tmp_path / "none.mp4", MediaError, "no such file")
    refused(tmp_path, MediaError, "folder")
    (tmp_path / "empty.mp4").touch()
    refused(tmp_path / "empty.mp4", MediaError, "empty")
    with pytest.raises(MediaError):
        sha256_of(tmp_path / "none.mp4")


@pytest.mark.parametrize(
    "text",
    [
        "hello world\n" * 50,
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile /etc/passwd\n",
        "1\n00:00:00,000 --> 00:00:02,000\nsubtitle\n\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>',
        "BM is how this text begins",
    ],
)
def test_text_named_mp4(tmp_path: Path, text: str) -> None:
    for name in ("a.mp4", "a.m3u8", "a.srt", "a.jpg"):
        (tmp_path / name).write_text(text)
        refused(tmp_path / name, MediaError)
        with pytest.raises(MediaError):
            list(read_audio(tmp_path / name, 16000))


@pytest.mark.parametrize("seed", range(6))
def test_random_bytes(tmp_path: Path, seed: int) -> None:
    (tmp_path / "a.mp4").write_bytes(np.random.default_rng(seed).bytes(20_000))
    refused(tmp_path / "a.mp4", MediaError)


def test_a_zip_bomb_is_never_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.mp4"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(50_000_000))
    refused(path, UnsupportedMediaError, "zip archive")


def png_header(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [15000, 60000])
def test_picture_bomb(tmp_path: Path, side: int) -> None:
    (tmp_path / "a.png").write_bytes(png_header(side, side))
    refused(tmp_path / "a.png", UnsupportedMediaError, "million")


def test_the_largest_pictures_of_phones_are_opened_and_larger_films_are_not(tmp_path: Path) -> None:
    """Over 179 million pixels Pillow itself would refuse; its limit stays the process's own."""
    usual = Image.MAX_IMAGE_PIXELS
    with open_picture(png_header(16_384, 12_288), Limits()) as picture:
        assert picture.size == (16_384, 12_288)
    assert usual == Image.MAX_IMAGE_PIXELS
    with pytest.raises(UnsupportedMediaError, match=r"201\.3 million.*Limits\(max_still_pixels=201326592\)"):
        Limits(max_still_pixels=200_000_000).check_size("a.png", 16_384, 12_288, still=True)
    with pytest.raises(UnsupportedMediaError, match=r"Limits\(max_pixels=201326592\)"):
        Limits().check_size("a.mp4", 16_384, 12_288)


def test_gif_bomb(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.fromarray(corner_picture()).save(file, "GIF")
    data = bytearray(file.getvalue())
    data[6:10] = struct.pack("<HH", 65535, 65535)
    (tmp_path / "a.gif").write_bytes(data)
    refused(tmp_path / "a.gif", UnsupportedMediaError, "million")


def test_one_pixel_picture(tmp_path: Path) -> None:
    Image.new("RGB", (1, 1)).save(tmp_path / "a.png")
    refused(tmp_path / "a.png", UnsupportedMediaError, "1 x 1 pixels", "min_side_px=1")
    assert read_image(tmp_path / "a.png", Limits(min_side_px=1)).rgb.shape == (1, 1, 3)


def test_three_hours(tmp_path: Path) -> None:
    path = make_video(tmp_path / "long.mp4", 4, pts_ms=[0, 3_600_000, 7_200_000, 10_800_000])
    refused(path, UnsupportedMediaError, "limit of 7200 s", "max_duration_s=")
    assert probe(path, Limits(max_duration_s=20_000)).duration_s == pytest.approx(10_800, abs=3700)
    sound = make_sound(tmp_path / "long.flac", sine(3.0, 8000), 8000, "flac")
    with pytest.raises(UnsupportedMediaError, match="max_duration_s"):
        probe(sound, Limits(max_duration_s=2.0))


def test_too_many_bytes(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", 5)
    with pytest.raises(UnsupportedMediaError, match="max_bytes=") as caught:
        probe(path, Limits(max_bytes=100))
    assert str(path) in str(caught.value)
    with pytest.raises(UsageError):
        Limits(max_bytes=0)


def test_a_cut_mp4_without_its_index(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", 25)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refused(path, MediaError)


def test_a_video_without_frames(tmp_path: Path) -> None:
    import av

    source = make_video(tmp_path / "full.mp4", 5)
    for ending, options in (("mp4", {"movflags": "empty_moov+frag_keyframe"}), ("mkv", {})):
        path = tmp_path / f"a.{ending}"
        with av.open(str(source)) as full, av.open(str(path), "w", options=options) as container:
            container.add_stream_from_template(full.streams.video[0])
            container.start_encoding()
        refused(path, MediaError, "no frames" if ending == "mp4" else "no known media container")


def test_a_video_whose_packets_are_noise(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", 5)
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    stop = data.index(b"moov") - 4
    data[start:stop] = np.random.default_rng(0).bytes(stop - start)
    path.write_bytes(data)
    refused(path, MediaError)


def test_a_picture_has_no_sound(tmp_path: Path) -> None:
    Image.fromarray(corner_picture()).save(tmp_path / "a.png")
    with pytest.raises(MediaError, match="no sound"):
        read_audio(tmp_path / "a.png", 16000)


def test_names_are_never_patterns(tmp_path: Path) -> None:
    Image.fromarray(corner_picture()).save(tmp_path / "a001.png")
    for name in ("a%03d.png", "a*.png", "file:a001.png", "concat:a001.png"):
        refused(tmp_path / name, MediaError, "no such file")
    odd = make_sound(tmp_path / "plain.wav", sine(0.2, 16000), 16000).rename(tmp_path / "wäv %03d: [x].wav")
    assert probe(odd).sampling_rate == 16000


def test_sha256(tmp_path: Path) -> None:
    data = np.random.default_rng(0).bytes(3_000_000)
    (tmp_path / "a").write_bytes(data)
    assert sha256_of(tmp_path / "a") == hashlib.sha256(data).hexdigest()
