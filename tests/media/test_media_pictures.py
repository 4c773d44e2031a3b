"""Still pictures: formats, orientation, modes, damage."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from media_making import corner_picture, corners_of
from PIL import Image
from pillow_heif import register_heif_opener

from deepfake_hf.errors import MediaError, UnsupportedMediaError
from deepfake_hf.media import Limits, probe, read_image
from deepfake_hf.types import MediaKind

register_heif_opener()
UPRIGHT = ["red", "green", "blue", "white"]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF", "GIF", "BMP", "TIFF", "JPEG2000"])
def test_every_format_by_path_and_by_bytes(tmp_path: Path, form: str) -> None:
    path = tmp_path / "wrong_name.mp4"
    Image.fromarray(corner_picture()).save(path, form)
    for source in (path, str(path), path.read_bytes()):
        frame = read_image(source)
        assert frame.rgb.shape == (48, 64, 3) and frame.rgb.dtype == np.uint8 and frame.rgb.flags["C_CONTIGUOUS"]
        assert corners_of(frame.rgb) == UPRIGHT
        assert (frame.pts_s, frame.index) == (0.0, 0)
    info = probe(path)
    assert (info.kind, info.width_px, info.height_px, info.duration_s) == (MediaKind.IMAGE, 64, 48, None)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "HEIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path: Path, form: str, orientation: int) -> None:
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # PIL's transpositions that store the picture turned away
    picture = Image.fromarray(corner_picture())
    if orientation > 1:
        picture = picture.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture.save(tmp_path / "a", form, exif=exif.tobytes())
    frame = read_image(tmp_path / "a")
    assert corners_of(frame.rgb) == UPRIGHT
    info = probe(tmp_path / "a")
    assert (info.height_px, info.width_px) == frame.rgb.shape[:2] == (48, 64)


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "YCbCr", "LA", "RGBA"])
def test_modes(mode: str) -> None:
    file = io.BytesIO()
    form = "JPEG" if mode in ("CMYK", "YCbCr") else "PNG"
    Image.fromarray(corner_picture()).convert(mode).save(file, form, quality=95)
    rgb = read_image(file.getvalue()).rgb
    assert rgb.shape == (48, 64, 3)
    assert rgb[-5, -5].tolist() == pytest.approx([255, 255, 255], abs=3)
    if mode in ("P", "CMYK", "YCbCr", "RGBA"):
        assert corners_of(rgb) == UPRIGHT


def test_transparency_is_laid_on_white() -> None:
    layers = np.zeros((20, 20, 4), np.uint8)
    layers[:10] = (255, 0, 0, 128)
    for picture in (Image.fromarray(layers), Image.fromarray(layers).quantize(4)):
        file = io.BytesIO()
        picture.save(file, "PNG")
        rgb = read_image(file.getvalue()).rgb
        assert rgb[15, 5].tolist() == [255, 255, 255]
        assert rgb[5, 5].tolist() == pytest.approx([255, 127, 127], abs=2)


def test_sixteen_bit_grey_is_scaled() -> None:
    deep = np.linspace(0, 65535, 32 * 32).reshape(32, 32).astype(np.uint16)
    file = io.BytesIO()
    Image.fromarray(deep).save(file, "PNG")
    rgb = read_image(file.getvalue()).rgb
    assert np.abs(rgb[..., 0].astype(float) - deep / 257).max() <= 0.51


def test_a_range_that_nothing_states_is_not_guessed() -> None:
    file = io.BytesIO()
    Image.fromarray(np.ones((20, 20), np.float32)).save(file, "TIFF")
    with pytest.raises(UnsupportedMediaError, match="range"):
        read_image(file.getvalue())


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF"])
def test_a_cut_picture_is_unreadable(tmp_path: Path, form: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    path = tmp_path / f"cut.{form}"
    Image.fromarray(noise).save(path, form)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    for read in (read_image, probe):
        with pytest.raises(MediaError, match="cut"):
            read(path)


def test_bytes_have_limits_too() -> None:
    file = io.BytesIO()
    Image.fromarray(corner_picture()).save(file, "PNG")
    with pytest.raises(UnsupportedMediaError, match="max_bytes"):
        read_image(file.getvalue(), Limits(max_bytes=10))
    with pytest.raises(MediaError):
        read_image(b"")
    with pytest.raises(MediaError, match="no picture format"):
        read_image(b"hello")


def test_a_phone_picture_with_two_pages_is_a_picture(tmp_path: Path) -> None:
    pages = [Image.fromarray(corner_picture()) for _ in range(2)]
    pages[0].save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=pages[1:])
    assert probe(tmp_path / "a.jpg").kind is MediaKind.IMAGE
    assert corners_of(read_image(tmp_path / "a.jpg").rgb) == UPRIGHT
