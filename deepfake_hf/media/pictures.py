"""Still pictures through Pillow: upright RGB from any of jpg, png, webp, heic, avif, gif, bmp, tiff, jp2."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from deepfake_hf.errors import MediaError, UnsupportedMediaError
from deepfake_hf.media.container import name_of
from deepfake_hf.media.limits import Limits
from deepfake_hf.media.signature import HEAD_BYTES, Signature, check_file, signature_of
from deepfake_hf.types import Frame

# Named one by one ("JPEG" opens MPO too), so that Pillow's rarer readers (EPS runs Ghostscript) stay shut.
_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF", "JPEG2000")
_STRIP_PIXELS: Final = 1 << 22  # converted at once: copies of a strip, not of the picture, stand in memory
_OPENING: Final = Lock()
_ANIMATED: Final = frozenset({"GIF", "WEBP", "PNG", "AVIF"})  # MPO, TIFF and HEIF hold pages, not motion


@cache
def _register_heif() -> None:
    from pillow_heif import register_heif_opener

    register_heif_opener()


def is_animated(picture: Image.Image) -> bool:
    """Whether an open picture file holds motion: an animated GIF, WebP, PNG or AVIF."""
    return picture.format in _ANIMATED and getattr(picture, "n_frames", 1) > 1


def _opened(source: str | os.PathLike[str] | io.BytesIO) -> Image.Image:
    """Read a picture's header without Pillow's own limit on pixels, which is the whole process's: ours decides."""
    with _OPENING:
        usual, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(source, formats=_FORMATS)
        finally:
            Image.MAX_IMAGE_PIXELS = usual


@contextmanager
def open_picture(source: str | os.PathLike[str] | bytes, limits: Limits) -> Iterator[Image.Image]:
    """Open a picture file without decoding its pixels, and turn every failure inside the block into ours.

    Args:
        source: A path, or the file's bytes.
        limits: Those of a still picture are applied before any pixel is decoded.

    Raises:
        MediaError: Not a picture, cut or damaged.
        UnsupportedMediaError: Over a limit.
    """
    name = name_of(source)
    _register_heif()
    try:
        with _opened(io.BytesIO(source) if isinstance(source, bytes) else source) as picture:
            limits.check_size(name, *picture.size, still=True)
            yield picture
    except Image.DecompressionBombError as error:
        raise UnsupportedMediaError(
            name,
            f"one of its frames asks for far more pixels than the limit of {limits.max_pixels / 1e6:.1f} million",
            "scale it down; a frame of this size is refused before it is decoded",
        ) from error
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, RuntimeError, TypeError) as error:
        raise MediaError(
            name, f"the picture is cut or damaged, or none at all ({error})", "copy or convert it again"
        ) from error


def upright_rgb(picture: Image.Image, name: str) -> NDArray[np.uint8]:
    """Decode an open picture.

    Args:
        picture: Any mode: grey, palette, CMYK, 16 bit; alpha is laid on white; EXIF orientation 1 to 8 is applied.
        name: For the error.

    Returns:
        uint8 (H, W, 3), RGB, upright.

    Raises:
        UnsupportedMediaError: A 32-bit or floating-point picture, whose range nothing states.
    """
    picture.load()
    # of a picture that needs no turn, exif_transpose would make a copy
    upright = picture.getexif().get(ExifTags.Base.Orientation, 1) == 1
    turned = picture if upright else ImageOps.exif_transpose(picture)
    mode = turned.mode
    if mode in ("F", "I") and not (mode == "I" and picture.format == "PNG"):
        raise UnsupportedMediaError(
            name, f"its pixels are of mode {mode!r}, whose range nothing states", "save it with 8 or 16 bits a channel"
        )
    width_px, height_px = turned.size
    rgb = np.empty((height_px, width_px, 3), np.uint8)
    step = max(1, _STRIP_PIXELS // width_px)
    for top in range(0, height_px, step):
        bottom = min(top + step, height_px)
        rgb[top:bottom] = _flat_rgb(turned.crop((0, top, width_px, bottom)))
    return rgb


def _flat_rgb(picture: Image.Image) -> NDArray[np.uint8]:
    """Any mode but floats to uint8, (H, W, 3) or, of 16 bits, (H, W, 1); alpha is laid on white."""
    mode = picture.mode
    if mode.startswith("I"):
        deep = np.asarray(picture).astype(np.uint32)  # (H, W), 0 to 65535
        return ((deep * 255 + 32767) // 65535).astype(np.uint8)[:, :, None]
    if mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        if mode in ("RGBa", "La"):
            picture = picture.convert(mode.upper())
        layers = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", layers.size, (255, 255, 255, 255)), layers)
    return np.asarray(picture.convert("RGB"), dtype=np.uint8)  # (H, W, 3)


def read_image(source: str | os.PathLike[str] | bytes, limits: Limits | None = None) -> Frame:
    """Read one picture.

    Args:
        source: A path, or the file's bytes. Of an animated file, the first frame.
        limits: Defaults to ``Limits()``.

    Returns:
        Frame with ``rgb`` uint8 (H, W, 3), upright, and ``pts_s`` 0.

    Raises:
        MediaError: Missing, empty, cut, damaged or not a picture.
        UnsupportedMediaError: An archive, or over a limit.
    """
    limits = limits or Limits()
    name = name_of(source)
    if isinstance(source, bytes):
        limits.check_bytes(name, len(source))
        head = source[:HEAD_BYTES]
    else:
        _, head = check_file(source, limits)
    if signature_of(name, head) is not Signature.PICTURE:
        raise MediaError(name, "its first bytes are those of no picture format", "give a jpg, png, webp, heic or avif")
    with open_picture(source, limits) as picture:
        return Frame(rgb=upright_rgb(picture, name), pts_s=0.0, index=0)
